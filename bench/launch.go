package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// contestant is one way to run /bin/true of the root directory.
type contestant struct {
	name string
	argv []string // argv[0] is a path
	env  []string
	// handsOver says that the program leaves the payload behind as its parent's child, and ends.
	handsOver bool
	// before and after are done outside the measured time; nil does nothing.
	before func(*contestant) error
	after  func() error
}

// Names of rows that goals speak of.
const (
	rowFloor  = "C floor"
	rowBwrap  = "bwrap --as-pid-1"
	rowCrun   = "crun run"
	rowRunc   = "runc run"
	rowNspawn = "systemd-nspawn"
	rowLaunch = "hostctl-launch, init = false"
	rowInit   = "hostctl-launch, tiny init"
)

// idBase is the first host id of every container's own range here.
const idBase = 1 << 20

// teardown is a pause before each launch, in which the kernel takes down the namespaces of the one before. Without it
// whoever follows the slowest pays for it.
const teardown = 10 * time.Millisecond

// launches measures the start of one container, again and again.
func launches(s settings) ([]*Table, error) {
	own, done, err := ownLaunches(s.Kit)
	if err != nil {
		return nil, err
	}
	peers, err := peerLaunches(s.Kit)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(peers, own)
	t := &Table{
		Title: "Launch",
		Note: "From the spawn of the program until the exit of /bin/true is reaped, in a static busybox root: all seven namespaces, an id range,\n" +
			"a read-only root, fresh /dev /proc /sys /run /tmp, no capabilities. bwrap maps one id and binds the machine's /sys.",
		Base: rowFloor,
		Goals: []Goal{
			{Row: rowLaunch, Beside: rowFloor, Most: 1.7},
			{Row: rowLaunch, Beside: rowBwrap, Most: 0.85},
			{Row: rowLaunch, Beside: rowCrun, Most: 0.55},
			{Row: rowLaunch, Beside: rowRunc, Most: 0.15},
			{Row: rowLaunch, Beside: rowNspawn, Most: 0.06},
			{Row: rowInit, Less: rowLaunch, Beside: rowFloor, Most: 0.8},
		},
	}
	cpu := &Table{
		Title: "Launch: processor time",
		Note:  "Of the same runs, all processes together; what the kernel does later to take namespaces down is nobody's.",
		Base:  rowFloor,
	}
	for _, c := range all {
		t.row(c.name, "ms")
		cpu.row(c.name, "ms")
	}
	// A collection in the middle of a launch would be measured with it.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	log, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	stderr := os.NewFile(uintptr(log), "stderr")
	defer stderr.Close()
	const warmUp = 2
	for round := range warmUp + s.Rounds {
		runtime.GC()
		for _, i := range rand.Perm(len(all)) {
			c := &all[i]
			time.Sleep(teardown)
			spent, err := c.run(stderr)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round >= warmUp {
				t.row(c.name, "ms").add(millis(spent.wall))
				cpu.row(c.name, "ms").add(millis(spent.cpu))
			}
		}
	}
	return []*Table{t, cpu}, done()
}

// handedOver waits until a launcher and the payload that it leaves behind have ended.
func handedOver(launcher int, begun time.Time) (cost, error) {
	// Seen, but not reaped: the launcher still speaks to systemd in the payload's name.
	first, err := exited(unix.P_ALL, 0)
	took := time.Since(begun)
	if err == nil && first != launcher {
		_, err = exited(unix.P_PID, launcher)
	}
	if err != nil {
		return cost{}, err
	}
	cpu, err := reap(launcher)
	payload, perr := reap(-1)
	if first == launcher {
		took = time.Since(begun)
	}
	if err != nil {
		return cost{}, err // a payload may never have been
	}
	return cost{took, cpu + payload}, perr
}

// exited waits for the end of a child without reaping it.
func exited(kind, id int) (pid int, err error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		// si_pid is the first field of the union that si_signo, si_errno and si_code stand before.
		return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), 16))), err
	}
}

// reap waits for a child, or for any with -1, and returns the processor time of it and of all that it waited for. The
// error says how it ended where it did not end with 0.
func reap(pid int) (time.Duration, error) {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(pid, &status, 0, &usage)
		if err == syscall.EINTR {
			continue
		}
		if err == nil && status != 0 {
			err = errors.New(exitText(status))
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
	}
}

// cost is what one launch took.
type cost struct {
	wall time.Duration // until the payload's end was seen
	cpu  time.Duration // of all its processes
}

// run launches once. Nothing of it is left then: a launcher that outlives its payload is waited for too.
func (c *contestant) run(stderr *os.File) (cost, error) {
	if c.before != nil {
		if err := c.before(c); err != nil {
			return cost{}, err
		}
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return cost{}, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{Env: c.env, Dir: "/", Files: []uintptr{null.Fd(), null.Fd(), stderr.Fd()}}
	begun := time.Now()
	pid, err := syscall.ForkExec(c.argv[0], c.argv, attr)
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w", c.argv[0], err)
	}
	var spent cost
	if c.handsOver {
		spent, err = handedOver(pid, begun)
	} else {
		spent.cpu, err = reap(pid)
		spent.wall = time.Since(begun)
	}
	if err != nil {
		said, _ := io.ReadAll(io.NewSectionReader(stderr, 0, 1<<16))
		return cost{}, fmt.Errorf("%w\n%s", err, said)
	}
	if c.after != nil {
		err = c.after()
	}
	return spent, err
}
