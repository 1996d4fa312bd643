package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	rowExec    = "hostctl exec"
	rowNsenter = "nsenter --all"
	rowStop    = "stop, of one that ignores it, timeout 1 s"
)

const operated = `hostctl {
  name = "operate"
}

container "entered" {
  rootfs  = %[1]q
  command = ["/bin/sleep", "1000000"]
}

container "stubborn" {
  rootfs       = %[1]q
  command      = ["/bin/busybox", "sh", "-c", "trap '' TERM INT HUP; (/bin/busybox setsid /bin/sleep 1000000 &); while :; do /bin/sleep 1; done"]
  stop_timeout = "1s"
}
`

// operations measures what is done with containers that run.
func operations(s settings) ([]*Table, error) {
	f := &fleet{kit: s.Kit, dir: "/run/bench-operate"}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(f.dir+"/main.hcl", fmt.Appendf(nil, operated, s.Kit.Rootfs), 0o644); err != nil {
		return nil, err
	}
	if _, err := f.apply(); err != nil {
		return nil, err
	}
	b, err := dialBus()
	if err != nil {
		return nil, err
	}
	defer b.close()
	entered, err := enters(s, b)
	if err != nil {
		return nil, err
	}
	stopped := &Table{
		Title: "Stop",
		Note:  "Of a container with an orphan in a session of its own, from the call of systemd's until its job is done; its cgroup is gone then.",
		Goals: []Goal{{Row: rowStop, Most: 3000}},
	}
	const rounds = 5
	unit := containerUnit("stubborn")
	for range rounds {
		var group string
		if err := b.property(unit, "ControlGroup", &group); err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := b.stop([]string{unit}); err != nil {
			return nil, err
		}
		stopped.row(rowStop, "ms").add(millis(time.Since(begun)))
		if _, err := os.Stat("/sys/fs/cgroup" + group); err == nil {
			return nil, fmt.Errorf("the cgroup of %s is left", unit)
		}
		if err := b.jobs("StartUnit", []string{unit}, func(u string) []any { return []any{u, "replace"} }); err != nil {
			return nil, err
		}
	}
	return []*Table{entered, stopped}, f.destroy()
}

// enters compares the ways into a container.
func enters(s settings, b *bus) (*Table, error) {
	var pid uint32
	if err := b.property(containerUnit("entered"), "MainPID", &pid); err != nil {
		return nil, err
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return nil, err
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/root"}
	all := []contestant{
		{name: rowNsenter, argv: []string{nsenter, "--all", "--target", fmt.Sprint(pid), "/bin/true"}, env: env},
		{name: rowExec, argv: []string{s.Kit.Hostctl, "exec", "-T", "entered", "/bin/true"}, env: env},
	}
	t := &Table{
		Title: "Enter",
		Note: "From the spawn of the program until the exit of /bin/true inside is reaped. nsenter takes the namespaces alone; hostctl the\n" +
			"cgroup, the limits, the user, the filter, Landlock and a keyring too.",
		Base:  rowNsenter,
		Goals: []Goal{{Row: rowExec, Beside: rowNsenter, Most: 2.5}},
	}
	log, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	stderr := os.NewFile(uintptr(log), "stderr")
	defer stderr.Close()
	for round := range 2 + s.Rounds {
		runtime.GC()
		for _, i := range rand.Perm(len(all)) {
			spent, err := all[i].run(stderr)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].name, err)
			}
			if round >= 2 {
				t.row(all[i].name, "ms").add(millis(spent.wall))
			}
		}
	}
	return t, nil
}

const (
	rowBoot       = "hostctl, boot = true"
	rowBootNspawn = "systemd-nspawn --boot"
)

// boots measures a whole Debian from its start to multi-user and its end.
func boots(s settings) ([]*Table, error) {
	f := &fleet{kit: s.Kit, dir: "/run/bench-boot"}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("hostctl {\n  name = \"boot\"\n}\n\ncontainer \"system\" {\n  rootfs  = %q\n  boot    = true\n  root    = \"persistent\"\n"+
		"  command = [\"/sbin/init\", \"systemd.unit=bench.target\"]\n  restart = \"no\"\n}\n", s.Kit.System)
	if err := os.WriteFile(f.dir+"/main.hcl", []byte(text), 0o644); err != nil {
		return nil, err
	}
	if _, err := f.apply(); err != nil {
		return nil, err
	}
	b, err := dialBus()
	if err != nil {
		return nil, err
	}
	defer b.close()
	const nspawnUnit, owned = "bench-nspawn.service", "/var/lib/bench-system" // which nspawn makes its own
	if out, err := exec.Command("cp", "-a", s.Kit.System, owned).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cp: %w: %s", err, out)
	}
	nspawn, err := exec.LookPath("systemd-nspawn")
	if err != nil {
		return nil, err
	}
	argv := []string{nspawn, "--quiet", "--register=no", "--keep-unit", "--directory=" + owned,
		"--private-users=2097152:65536", "--private-users-ownership=chown", "--private-network", "--resolv-conf=off", "--timezone=off",
		"--link-journal=no", "--boot", "systemd.unit=bench.target"}
	ours := containerUnit("system")
	if err := b.ended(ours); err != nil {
		return nil, err
	}
	t := &Table{
		Title: "Boot",
		Note: "A Debian 12 from the call of systemd's to multi-user.target, where a unit of its own powers it off, until its unit has ended.\n" +
			"hostctl's writes to a layer, nspawn's to a copy of the tree that it owns.",
		Base:  rowBootNspawn,
		Goals: []Goal{{Row: rowBoot, Beside: rowBootNspawn, Most: 1}},
	}
	const warmUp, rounds = 2, 15
	for round := range warmUp + rounds {
		turns := []turn{
			{rowBootNspawn, func() (time.Duration, error) {
				return b.lives(nspawnUnit, func() error { return b.startDelegated(nspawnUnit, argv...) })
			}},
			{rowBoot, func() (time.Duration, error) {
				return b.lives(ours, func() error {
					return b.jobs("StartUnit", []string{ours}, func(u string) []any { return []any{u, "replace"} })
				})
			}},
		}
		for _, i := range rand.Perm(len(turns)) {
			took, err := turns[i].do()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", turns[i].row, err)
			}
			if round >= warmUp {
				t.row(turns[i].row, "ms").add(millis(took))
			}
			time.Sleep(10 * teardown)
		}
	}
	return []*Table{t}, f.destroy()
}

// lives starts a unit and waits until it has ended.
func (b *bus) lives(unit string, start func() error) (time.Duration, error) {
	begun := time.Now()
	err := errors.Join(start(), b.ended(unit))
	return time.Since(begun), err
}

// ended waits until a unit has ended, well.
func (b *bus) ended(unit string) error {
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(2 * time.Millisecond) {
		state, err := b.activeState(unit)
		switch {
		case err != nil:
			return err
		case state == "inactive":
			return nil
		case state == "failed":
			said, _ := exec.Command("journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=20", "--unit="+unit).Output()
			return fmt.Errorf("%s failed:\n%s", unit, said)
		}
	}
	return fmt.Errorf("%s does not end", unit)
}
