package runtime

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// lacking makes a kernel without each ability, by what strace injects.
var lacking = map[string][]string{
	"session keyrings (CONFIG_KEYS)":                              {"-e", "inject=keyctl:error=ENOSYS"},
	"user namespaces (CONFIG_USER_NS)":                            {"-P", "/proc/self/ns/user", "-e", "inject=faccessat:error=ENOENT"},
	"cgroup namespaces and cgroup2":                               {"-P", "/proc/self/ns/cgroup", "-e", "inject=faccessat:error=ENOENT"},
	"seccomp filters that kill a process (CONFIG_SECCOMP_FILTER)": {"-e", "inject=seccomp:error=EOPNOTSUPP"},
	"the new mount API (fsopen, open_tree, move_mount)":           {"-e", "inject=open_tree:error=ENOSYS"},
	"clone3 with CLONE_CLEAR_SIGHAND":                             {"-e", "inject=clone3:error=ENOSYS"},
	"openat2":                                                     {"-e", "inject=openat2:error=ENOSYS"},
	"close_range with CLOSE_RANGE_CLOEXEC":                        {"-e", "inject=close_range:error=EINVAL"},
	"mount_setattr and idmapped mounts":                           {"-e", "inject=mount_setattr:error=ENOSYS"},
}

// What containers need and a kernel lacks is named with the version that has it: that one ability, and no other.
func TestProbe(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		skip(t, "strace")
	}
	probe := func(wrap ...string) string {
		args := append(wrap, os.Args[0])
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "HOSTCTL_TEST_PROBE=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := probe(); got != "<nil>" {
		skip(t, got)
	}
	for _, a := range abilities {
		inject := lacking[a.name]
		if inject == nil {
			t.Errorf("%s: no test takes it away", a.name)
			continue
		}
		got := probe(append([]string{"strace", "-f", "-qq", "-o", "/dev/null"}, inject...)...)
		if want := "lacks what containers need: " + a.name + " (Linux " + a.since + ")"; !strings.HasPrefix(got, "Linux ") || !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q", a.name, got)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		release, version string
		want             bool
	}{
		{"5.18.19", "5.19", true}, {"5.19.0", "5.19", false}, {"5.19-rc1", "5.19", false}, {"6.1.0-30-amd64", "5.19", false}, {"4.20.1", "5.19", true},
		{"5.2", "5.19", true}, {"6", "5.19", false}, {"5", "5.19", true}, {"10.0", "5.19", false}, {"", "5.19", false}, {"odd", "5.19", false},
	} {
		if got := older(c.release, c.version); got != c.want {
			t.Errorf("older(%q, %q) is %v", c.release, c.version, got)
		}
	}
}
