package integration

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// calls are system calls, by strace's names; of those that a program makes often, each nth is one of the points.
type calls []struct {
	name  string
	every int
}

// kills are the calls at which a program is killed: those that change the host, or ask somebody to.
var kills = calls{
	{"renameat", 1}, {"renameat2", 1}, {"unlinkat", 1}, {"mkdirat", 1}, {"linkat", 1}, {"symlinkat", 1}, {"mknodat", 1}, {"ftruncate", 1},
	{"openat", 4}, {"write", 1}, {"pwrite64", 1}, {"fsync", 1}, {"fchown", 1}, {"fchownat", 1}, {"fchmod", 1}, {"fchmodat", 1}, {"setxattr", 1}, {"lsetxattr", 1}, {"fsetxattr", 1},
	{"sendto", 1}, {"sendmsg", 1}, {"recvmsg", 4}, {"connect", 1}, {"clone", 1}, {"clone3", 1}, {"execve", 1},
	{"unshare", 1}, {"setns", 1}, {"mount", 1}, {"umount2", 1}, {"fsopen", 1}, {"fsconfig", 4}, {"fsmount", 1}, {"open_tree", 1}, {"mount_setattr", 1}, {"move_mount", 1},
	{"pivot_root", 1}, {"sethostname", 1}, {"prctl", 8}, {"setresuid", 1}, {"capset", 1}, {"seccomp", 1},
}

// failures are the calls that fail, by the error.
var failures = map[string]calls{
	"error=ENOSPC": {{"write", 2}, {"pwrite64", 1}, {"fsync", 2}, {"renameat", 1}, {"mkdirat", 1}, {"linkat", 1}, {"symlinkat", 1}, {"mknodat", 1},
		{"ftruncate", 1}, {"setxattr", 1}, {"lsetxattr", 1}, {"fsetxattr", 1}},
	"error=EIO":    {{"read", 8}, {"getdents64", 4}, {"write", 3}, {"fsync", 3}, {"renameat", 2}, {"unlinkat", 2}, {"fchown", 1}, {"fchmod", 1}},
	"error=EMFILE": {{"openat", 4}, {"openat2", 4}, {"socket", 1}, {"pipe2", 1}, {"dup3", 1}, {"fsmount", 1}, {"open_tree", 1}},
	"error=ENOMEM": {{"openat", 8}, {"sendto", 1}, {"setns", 1}, {"unshare", 1}, {"clone3", 1}, {"mount", 1}, {"fsopen", 1}, {"fsconfig", 4},
		{"mount_setattr", 1}, {"move_mount", 1}, {"pivot_root", 1}, {"capset", 1}, {"seccomp", 1}},
	"error=EINTR":      {{"openat", 8}, {"read", 16}, {"write", 4}, {"fsync", 4}, {"connect", 1}, {"flock", 1}, {"sendto", 4}, {"recvmsg", 16}},
	"error=ECONNRESET": {{"recvmsg", 3}, {"sendmsg", 1}, {"sendto", 2}, {"recvfrom", 4}, {"connect", 1}},
}

// targets are the programs that faults are done to, as faults.sh knows them.
var targets = []string{"apply-b", "apply-a", "create", "destroy", "rollback", "replay", "launcher"}

// point is one fault: the nth time that a thread of the target makes the call. Which thread comes that far first is not known
// beforehand, that one does is.
type point struct {
	target, call, how string
	n                 int
}

func (p point) String() string { return fmt.Sprintf("%s %s %s:when=%d", p.target, p.call, p.how, p.n) }

// points are those of a target that was counted.
func (c calls) points(target, how string, counted map[string]int) (list []point) {
	for _, call := range c {
		for n := 1; n <= counted[call.name]; n += call.every {
			list = append(list, point{target, call.name, how, n})
		}
	}
	return list
}

// spread is an even choice of about so many points of all targets; HOSTCTL_TEST_FAULTS says how many, "all" is every one.
func spread(t *testing.T, list []point) []point {
	most := 49 / len(targets)
	switch s := os.Getenv("HOSTCTL_TEST_FAULTS"); s {
	case "":
	case "all":
		return list
	default:
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal("HOSTCTL_TEST_FAULTS: ", err)
		}
		most = max(1, n/len(targets))
	}
	if len(list) <= most {
		return list
	}
	chosen := make([]point, most)
	for i := range chosen {
		chosen[i] = list[i*len(list)/most]
	}
	return chosen
}

// testFaults does the faults of a table to every target, each on a host of its own.
func testFaults(t *testing.T, table map[string]calls) {
	var met, missed, broken atomic.Int64
	t.Run("targets", func(t *testing.T) {
		for _, target := range targets {
			t.Run(target, func(t *testing.T) {
				h := boot(t)
				h.write("main.hcl", fixture(t, "faults.hcl"))
				h.write("faults.sh", fixture(t, "faults.sh"))
				h.sh("bash faults.sh setup")
				for _, p := range spread(t, h.faults(target, table)) {
					out := h.sh(fmt.Sprintf("bash faults.sh fault %s %s %s:when=%d", p.target, p.call, p.how, p.n))
					if strings.Contains(out, "met\n") || out == "met" {
						met.Add(1)
					} else {
						missed.Add(1)
					}
					if strings.Contains(out, "broken: ") {
						broken.Add(1)
						t.Errorf("%s: %s", p, out)
					}
				}
				if out := h.sh("bash faults.sh final"); out != "" {
					t.Error(out)
				}
			})
		}
	})
	t.Logf("%d faults came about, %d of them broke something; %d did not come about", met.Load(), broken.Load(), missed.Load())
	if met.Load() < 3*missed.Load() {
		t.Error("too few faults came about")
	}
}

// faults counts the target's calls, and returns its points.
func (h *host) faults(target string, table map[string]calls) (list []point) {
	h.t.Helper()
	known := map[string]bool{}
	for _, c := range table {
		for _, call := range c {
			known[call.name] = true
		}
	}
	var names []string
	for name := range known {
		names = append(names, name)
	}
	counted := map[string]int{}
	for line := range strings.Lines(h.sh("bash faults.sh count " + target + " " + strings.Join(names, ","))) {
		var name string
		var n int
		if _, err := fmt.Sscan(line, &name, &n); err != nil {
			h.t.Fatalf("%q: %v", line, err)
		}
		counted[name] = n
	}
	for _, how := range slices.Sorted(maps.Keys(table)) {
		list = append(list, table[how].points(target, how, counted)...)
	}
	return list
}

// TestKilled kills apply, destroy, rollback, replay and the launcher at the system calls by which they change the host.
func TestKilled(t *testing.T) { testFaults(t, map[string]calls{"signal=KILL": kills}) }

// TestErrors has their system calls fail.
func TestErrors(t *testing.T) { testFaults(t, failures) }
