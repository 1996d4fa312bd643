package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostctl/hcl"
	"hostctl/hcl/hcltest"
)

// What a hostile configuration may cost, the program and its confined children together.
const (
	hostileCPU    = 5 * time.Second
	hostileMemory = 400 << 10 // KiB; of the greatest of the processes
)

// TestHostile gives the built program configurations that are out to kill it, to stall it, to read what is not theirs or to
// deceive who reads what it says. Each is refused as it is written beside it, within the bounds, and nothing is left of it.
func TestHostile(t *testing.T) {
	program := filepath.Join(t.TempDir(), "hostctl")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archives, err := filepath.Glob("testdata/hostile/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	host := append(listing(t, "/run/hostctl"), listing(t, "/var/lib/hostctl")...)
	cases := hcltest.Cases(t, archives...)
	if len(cases) < 60 {
		t.Errorf("%d cases", len(cases))
	}
	t.Run("cases", func(t *testing.T) {
		two := make(chan bool, 2) // at a time, so that the time of one is not that of many
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				two <- true
				defer func() { <-two }()
				hostile(t, program, c)
			})
		}
	})
	if now := append(listing(t, "/run/hostctl"), listing(t, "/var/lib/hostctl")...); strings.Join(now, "") != strings.Join(host, "") {
		t.Errorf("the host is changed: %v", now)
	}
}

func hostile(t *testing.T, program string, c *hcltest.Case) {
	root, empty := t.TempDir(), t.TempDir()
	c.LayOut(t, root)
	before := listing(t, root)
	dir, flags := c.Flags(root)
	cmd := exec.Command(program, append([]string{"validate", "-json"}, flags...)...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + empty, "TMPDIR=" + empty, "XDG_CACHE_HOME=" + empty, "PATH=/usr/bin:/bin"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	hang := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }) // nothing here is decided by time: it hangs
	err := cmd.Run()
	hang.Stop()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage) // of the children that were waited for too
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	t.Logf("%v of CPU time, %d MiB", cpu.Round(time.Millisecond), usage.Maxrss>>10)
	if cpu > hostileCPU || usage.Maxrss > hostileMemory {
		t.Errorf("%v of CPU time, %d MiB", cpu, usage.Maxrss>>10)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitError {
		t.Errorf("exit code %d", code)
	}
	for _, never := range []string{"goroutine", "fatal error", "panic", "runtime", "bug in hostctl", "root:", "\x1b", "\u202e"} {
		if strings.Contains(stdout.String()+stderr.String(), never) {
			t.Errorf("%q is said: %.1000s%.1000s", never, stdout.String(), stderr.String())
		}
	}
	var said struct{ Diagnostics hcl.Diagnostics }
	if err := json.Unmarshal(stdout.Bytes(), &said); err != nil {
		t.Fatalf("%v: %.1000s%.1000s", err, stdout.String(), stderr.String())
	}
	for i := range said.Diagnostics {
		d := &said.Diagnostics[i]
		d.File = strings.TrimPrefix(d.File, root+"/") // of -var-file
	}
	c.Check(t, said.Diagnostics)
	if after := append(listing(t, root), listing(t, empty)...); strings.Join(after, "") != strings.Join(append(before, listing(t, t.TempDir())...), "") {
		t.Error("something is changed")
	}
}

// listing is what lies below a directory: names, kinds, sizes and times.
func listing(t *testing.T, root string) (lines []string) {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			lines = append(lines, cmp.Or(strings.TrimPrefix(path, root), "/")+info.Mode().String()+info.ModTime().String()+"\n")
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return lines
}
