// Package uml runs a script on User-mode Linux: a kernel as an ordinary process, with a Debian that runs
// systemd and owns all of cgroup v2. Limits, OOM kills, fork bombs and power cuts are tested there, because
// a throwaway host shares its machine's controllers, and because its kernel is an old one (6.1).
//
// The image is built from Debian's packages once and cached in $XDG_CACHE_HOME/hostctl, else in
// /var/cache/hostctl. A run writes to a layer above it that is thrown away, and takes some ten seconds.
//
// Start reading at Run.
package uml
