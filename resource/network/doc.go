// Package network is the kind of bridges: a Linux bridge with the host's own
// address on it, which the interfaces of network namespaces are plugged into.
//
// network.go is the declaration and everything that can be said of it without
// looking at the host; start with [Spec]. live.go reads and changes the host
// through [Door]. The package knows nothing of netlink, of the language, or of
// what is plugged in.
package network
