package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hostctl/policy/rule"
	hostctl "hostctl/runtime"
)

// insideArg is the first argument of the run inside the throwaway host; the second is its settings.
const insideArg = "inside"

// parts are what can be measured, in the order in which it is.
var parts = []struct {
	name    string
	measure func(settings) ([]*Table, error)
}{
	{"launch", launches},
	{"operate", operations},
	{"boot", boots},
	{"apply", applies},
	{"replay", replays},
	{"memory", memory},
	{"plan", plans},
	{"language", languages},
	{"editor", editors},
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// inside measures the parts and prints the report.
func inside(arg string) int {
	r := report{Machine: machine()}
	if err := r.measure(arg); err != nil {
		r.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil || r.Error != "" {
		return 1
	}
	return 0
}

func (r *report) measure(arg string) error {
	var s settings
	if err := json.Unmarshal([]byte(arg), &s); err != nil {
		return err
	}
	if err := allow(); err != nil {
		return err
	}
	want := map[string]bool{}
	for _, name := range s.Parts {
		want[name] = true
	}
	for _, p := range parts {
		if !want[p.name] {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s...\n", p.name)
		tables, err := p.measure(s)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for _, t := range tables {
			t.finish()
		}
		r.Tables = append(r.Tables, tables...)
	}
	return nil
}

// policy is the throwaway host's: what is measured lies where the kit does.
const policy = `
rootfs {
  directories = ["/srv", "/var/tmp"]
}
privileges {
  boot = ["*"]
  root = ["ephemeral", "persistent"]
}
`

// allow gives the host that policy, for hostctl and for the launcher when it is started without.
func allow() error {
	err := errors.Join(os.MkdirAll("/etc/hostctl", 0o755), os.WriteFile("/etc/hostctl/policy.hcl", []byte(policy), 0o644))
	rules := rule.Rules{Default: rule.Grants{Rootfs: []string{"/srv", "/var/tmp"}}}
	return errors.Join(err, hostctl.Host.WriteRules(rules))
}

// machine is one line about what the figures hold for.
func machine() string {
	var u unix.Utsname
	unix.Uname(&u)
	line := []string{fmt.Sprintf("%s %s, %d processors", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), runtime.NumCPU()), runtime.Version()}
	for _, p := range []string{"systemctl", "bwrap", "crun", "runc"} {
		out, err := exec.Command(p, "--version").Output()
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(out), "\n")
		line = append(line, first)
	}
	return strings.Join(line, "; ")
}

// millis is a time in the unit of the tables.
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// exitText says how a process ended, where it did not end with 0.
func exitText(s syscall.WaitStatus) string {
	if s.Signaled() {
		return "killed by " + unix.SignalName(s.Signal())
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}
