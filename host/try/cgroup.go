package try

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupPrefix names the cgroups and scopes of throwaway hosts; the supervisor's pid follows.
const cgroupPrefix = "hostctl-try-"

// cgroupRoot is cgroup v2 as the machine has it, on a mount that is attached nowhere: it works where
// cgroup v2 is mounted in an unusual place, read-only or not at all, and leaves no trace.
type cgroupRoot struct {
	*os.Root
	dir *os.File
}

func openCgroupRoot() (*cgroupRoot, error) {
	fs, err := unix.Fsopen("cgroup2", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cgroup v2: fsopen: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("cgroup v2: fsconfig: %w", err)
	}
	m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cgroup v2: fsmount: %w", err)
	}
	dir := os.NewFile(uintptr(m), "cgroup2")
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", m))
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("cgroup v2: %w", err)
	}
	return &cgroupRoot{root, dir}, nil
}

// cgroupOf is the cgroup v2 path of a process, without the leading slash ("." is the root).
func cgroupOf(pid string) (string, error) {
	b, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if err != nil {
		return "", err
	}
	return parseCgroup(string(b))
}

func parseCgroup(s string) (string, error) {
	for l := range strings.Lines(s) {
		if p, ok := strings.CutPrefix(strings.TrimSuffix(l, "\n"), "0::/"); ok {
			return path.Clean(p), nil
		}
	}
	return "", errors.New("cgroup v2 is missing: no line 0:: in /proc/self/cgroup")
}

// enter moves a process into the cgroup.
func (r *cgroupRoot) enter(name string, pid int) error {
	f, err := r.OpenFile(path.Join(name, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strconv.Itoa(pid))
	return err
}

// remove removes a cgroup and all below it. A cgroup that is gone is no error. The last process of a
// cgroup may still be leaving it when its parent has reaped it: a busy cgroup is tried again for two seconds.
func (r *cgroupRoot) remove(name string) error {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := r.removeOnce(name)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("remove cgroup %s: %w", name, err)
		}
	}
}

func (r *cgroupRoot) removeOnce(name string) error {
	d, err := r.Open(name)
	if err != nil {
		return err
	}
	entries, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			// One below that is gone meanwhile, as by another host's sweep, says nothing of this one.
			if err := r.removeOnce(path.Join(name, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return r.Remove(name)
}

// sweep removes what supervisors that were killed left below parent: cgroups of our name whose
// supervisor is no more and which hold no process.
func (r *cgroupRoot) sweep(parent string) {
	d, err := r.Open(parent)
	if err != nil {
		return
	}
	defer d.Close()
	entries, _ := d.ReadDir(-1)
	for _, e := range entries {
		pid, ok := strings.CutPrefix(e.Name(), cgroupPrefix)
		if _, err := strconv.Atoi(pid); !ok || err != nil {
			continue
		}
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			r.removeOnce(path.Join(parent, e.Name()))
		}
	}
}
