// Package host holds the doors to the machine, one family of files each: the
// account files, directories, mounts, systemd, the network, the lock. A door
// does what it is told and says truthfully what is there; it keeps nothing in
// memory between calls.
//
// It must not know of resources, plans or configurations: what is ours and what
// should be is decided elsewhere and arrives as plain values. The packages of
// the kinds see a door through a narrow interface of their own, and
// host/hosttest implements the same interfaces in memory.
//
// Start with [Passwd] for a door that edits files which others edit too, and
// with [Dirs] for one that must not be led astray by links.
package host
