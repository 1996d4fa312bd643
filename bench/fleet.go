package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// fleet is a configuration of many containers that do nothing, and the hostctl that applies it.
type fleet struct {
	kit    kit
	dir    string
	prefix string // of the containers' names, and the configuration's name
	n      int
	text   []byte
}

// newFleet writes the configuration of n containers, one block each. Two fleets, one with init and one without, can
// run at the same time.
func newFleet(k kit, n int, init bool) (*fleet, error) {
	f := &fleet{kit: k, n: n, prefix: "bare", dir: fmt.Sprintf("/run/bench-fleet-%d-%t", n, init)}
	if init {
		f.prefix = "init"
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "hostctl {\n  name = %q\n}\n", f.prefix)
	for i := range n {
		// sleep as process 1 has no handler for SIGTERM: only the SIGKILL after the timeout ends it.
		fmt.Fprintf(&b, "\ncontainer %q {\n  rootfs       = %q\n  command      = [\"/bin/sleep\", \"1000000\"]\n  init         = %t\n  stop_timeout = \"100ms\"\n}\n",
			f.name(i), k.Rootfs, init)
	}
	f.text = b.Bytes()
	return f, os.WriteFile(f.dir+"/main.hcl", f.text, 0o644)
}

func (f *fleet) name(i int) string { return fmt.Sprintf("%s%04d", f.prefix, i) }

// patience is how long one command of hostctl's may take.
const patience = 3 * time.Minute

// hostctl runs a command of hostctl's in the fleet's directory and returns how long it took.
func (f *fleet) hostctl(args ...string) (time.Duration, error) {
	// Minutes are more than 1,000 containers take. SIGQUIT makes what hangs say where.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, f.kit.Hostctl, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGQUIT) }
	c.WaitDelay = 10 * time.Second
	c.Dir = f.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "NO_COLOR=1"}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	begun := time.Now()
	err := c.Run()
	took := time.Since(begun)
	if err != nil {
		return 0, fmt.Errorf("hostctl %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return took, nil
}

// apply starts the fleet. Nobody looks again after a settle time: that is a wait, not work.
func (f *fleet) apply() (time.Duration, error) {
	return f.hostctl("apply", "-auto-approve", "-settle", "0s")
}

func (f *fleet) destroy() error {
	_, err := f.hostctl("destroy", "-auto-approve")
	return err
}
