// Package try boots a throwaway host: a real systemd as pid 1 of new pid, mount, uts, ipc, network and
// cgroup namespaces over an overlay of this machine's own file systems, with every change kept in memory.
//
// It is no sandbox. The throwaway host shares the kernel and its root is the machine's root; what the
// package does keep away is the damage of carelessness: the machine's files (overlays with the upper
// layer on tmpfs), its sysctls (read-only but net), its /sys, clock, modules, secrets and homes.
//
// Three processes carry it, all of them the calling program started again (see Main):
//
//	caller      Boot, Host.Run, Host.Close; may die at any moment, also by SIGKILL
//	  supervisor  a session of its own; owns the cgroup; sees end-of-file when the caller is gone, then
//	    |         kills pid 1, reaps it, removes the cgroup, ends
//	    pid 1     builds the mount tree, then becomes systemd; dies with the supervisor (PR_SET_PDEATHSIG)
//
// Everything else that could stay behind lives in the namespaces and goes with pid 1. If the supervisor
// itself is killed, an empty cgroup remains and the next Boot removes it; where the machine runs systemd
// the cgroup is a transient scope, and the machine's systemd removes it by itself.
//
// The package knows nothing of configurations, plans or containers: it is told which directories to bind
// and which to keep fresh. Start reading at Boot, then supervise (supervise.go), then becomeInit (init.go).
package try
