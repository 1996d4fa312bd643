package host_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"hostctl/host"
)

func TestReadProcess(t *testing.T) {
	p, err := host.ReadProcess(os.Getpid())
	if err != nil || p.PID != os.Getpid() || p.Inside != os.Getpid() || p.UID != uint32(os.Geteuid()) || p.RSS == 0 || !slices.Equal(p.Command, os.Args) {
		t.Errorf("%+v, %v", p, err)
	}
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := host.ReadProcess(c.Process.Pid); !os.IsNotExist(err) {
		t.Errorf("a process that is no more: %v", err)
	}
	ranges, err := host.ReadIDMap(os.Getpid(), "uid_map")
	if err != nil || len(ranges) == 0 {
		t.Errorf("%v, %v", ranges, err)
	}
	if id, err := host.NamespaceID(os.Getpid(), "net"); err != nil || len(id) < len("net:[1]") {
		t.Errorf("%q, %v", id, err)
	}
}

func TestCapabilityNames(t *testing.T) {
	if got := host.CapabilityNames(1<<0 | 1<<21 | 1<<40 | 1<<63); !slices.Equal(got, []string{"chown", "sys_admin", "checkpoint_restore", "cap_63"}) {
		t.Error(got)
	}
	if got := host.CapabilityNames(0); got != nil {
		t.Error(got)
	}
}

// A group that is not there, and one whose processes come and go, are read without an error.
func TestCgroupProcesses(t *testing.T) {
	if p, err := host.CgroupProcesses(t.TempDir() + "/nothing"); err != nil || p != nil {
		t.Errorf("%v, %v", p, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/cgroup.procs", []byte("2147483646\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := host.CgroupProcesses(dir); err != nil || p != nil {
		t.Errorf("%v, %v", p, err)
	}
}

// A process is known again by when it started: this one is older than its child, and what is gone is gone.
func TestStartTime(t *testing.T) {
	mine, err := host.StartTime(os.Getpid())
	if err != nil || mine == 0 {
		t.Fatal(mine, err)
	}
	if again, err := host.StartTime(os.Getpid()); again != mine || err != nil {
		t.Errorf("%d, then %d, %v", mine, again, err)
	}
	cmd := exec.Command("sleep", "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child, err := host.StartTime(cmd.Process.Pid)
	if err != nil || child < mine {
		t.Errorf("the child started at %d, this process at %d, %v", child, mine, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it should be
	if _, err := host.StartTime(cmd.Process.Pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a process that is gone: %v", err)
	}
}

// ExecutedAs keeps the links that os.Executable follows.
func TestExecutedAs(t *testing.T) {
	if os.Getenv("EXECUTED_AS") != "" {
		os.Stdout.WriteString(host.ExecutedAs() + "\n")
		os.Exit(0)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, "-test.run=^TestExecutedAs$")
	cmd.Args[0], cmd.Env = "another name", append(os.Environ(), "EXECUTED_AS=1")
	if out, err := cmd.Output(); err != nil || string(out) != link+"\n" {
		t.Errorf("%q, %v; want %s", out, err, link)
	}
}
