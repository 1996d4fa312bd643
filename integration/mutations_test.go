package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutating are system calls by which a process changes its host, as strace writes them. What goes to
// systemd is a message: the methods that change something stand in it by their names.
var mutating = []*regexp.Regexp{
	regexp.MustCompile(`^(rename|renameat|renameat2|unlink|unlinkat|mkdir|mkdirat|rmdir|mknod|mknodat|symlink|symlinkat|link|linkat|truncate|ftruncate|fallocate)\(`),
	regexp.MustCompile(`^(chmod|fchmod|fchmodat|fchmodat2|chown|fchown|lchown|fchownat|setxattr|lsetxattr|fsetxattr|removexattr|lremovexattr|fremovexattr|utimensat)\(`),
	regexp.MustCompile(`^(mount|umount2|move_mount|mount_setattr|pivot_root|fsmount|sethostname|setns|unshare|kill|tgkill|pidfd_send_signal)\(`),
	regexp.MustCompile(`^open(at|at2)?\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC)`),
	regexp.MustCompile(`^(sendto|sendmsg|write|writev)\(.*(StartTransientUnit|StartUnit|StopUnit|RestartUnit|KillUnit|SetUnitProperties|ResetFailedUnit|StartAuxiliary|Reload|Reexecute|EnableUnitFiles|SetProperty)`),
	regexp.MustCompile(`^(sendto|sendmsg)\(.*(RTM_NEW|RTM_DEL|RTM_SET)`),
}

// harmless are the calls among those that every run makes: a lock, the null device, sockets and
// descriptors of its own processes, signals of the Go runtime to itself (SIGRT_1 is how it makes each thread do a call; to be
// process 1 of a namespace is to have no parent, for which it signals itself, in vain), calls that only ask what the kernel can do.
var harmless = regexp.MustCompile(`^tgkill\(1, .*SIGRT_1\b|^kill\(1, SIGKILL\b|/run/hostctl/lock|"/run/hostctl"|/dev/null|/dev/pts|"/dev/tty|memfd|SIGURG|/proc/self/|^setns\(|^mount_setattr\(-1,|^pidfd_send_signal\([^,]*, 0,|EEXIST|ENOENT`)

// mutations runs hostctl under strace and returns its mutating calls.
func (h *host) mutations(args ...string) []string {
	h.t.Helper()
	trace := "/run/trace"
	r := h.run(append([]string{"strace", "-f", "-y", "-qq", "-s", "4096", "-e", "signal=none", "-o", trace, "hostctl"}, args...)...)
	if r.exit != 0 {
		h.t.Fatalf("strace hostctl %s: %s", strings.Join(args, " "), r.all())
	}
	var found []string
	for l := range strings.Lines(h.sh("cat " + trace)) {
		_, call, _ := strings.Cut(strings.TrimSpace(l), " ") // behind the thread's id
		call = strings.TrimSpace(call)
		for _, m := range mutating {
			if m.MatchString(call) && !harmless.MatchString(call) {
				found = append(found, call)
				break
			}
		}
	}
	return found
}

// The harness itself: it sees a change of each kind, so that "no mutating call" means something.
func TestMutationsAreSeen(t *testing.T) {
	for _, call := range []string{
		`renameat2(AT_FDCWD, "/a", AT_FDCWD, "/b", 0) = 0`,
		`openat(AT_FDCWD, "/etc/passwd", O_RDWR|O_CLOEXEC) = 3`,
		`sendto(5, [{nlmsg_len=40, nlmsg_type=RTM_NEWLINK, nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK}], 40, 0, NULL, 0) = 40`,
		`sendmsg(7, {msg_iov=[{iov_base="l\1\0\1StartTransientUnit\0"}]}, MSG_NOSIGNAL) = 200`,
		`write(7, "l\1\0\1\0\0\0\0SetUnitProperties\0", 200) = 200`,
		`fsetxattr(6, "trusted.hostctl.owner", "shop", 4, 0) = 0`,
	} {
		seen := false
		for _, m := range mutating {
			seen = seen || m.MatchString(call) && !harmless.MatchString(call)
		}
		if !seen {
			t.Errorf("not seen: %s", call)
		}
	}
}

// fixture reads a file of testdata.
func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
