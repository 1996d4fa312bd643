package try

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// becomeInit is the first process of the new namespaces. It waits until the supervisor has put it into
// its cgroup, builds the mount tree, and executes systemd. The order is the kernel's:
//
//	cgroup namespace   after the process is in its cgroup, before cgroup2 is mounted
//	propagation        private before the first mount: nothing reaches the machine
//	sources            opened before pivot_root, while the machine's paths still exist
//	pivot_root         never chroot: a chrooted process may not make user namespaces
//	everything else    after it, so that no path can name a file of the machine
//	capabilities       last: the mounts need them
func becomeInit() int {
	runtime.LockOSThread() // namespaces, bounding set and PR_SET_PDEATHSIG belong to the thread
	line, err := lineConn()
	if err != nil {
		return 1
	}
	err = initHost(line)
	line.Write([]byte(err.Error())) // systemd was not executed
	return 1
}

func initHost(line *net.UnixConn) error {
	buf := make([]byte, 1<<20)
	n, err := line.Read(buf)
	if err != nil {
		return err
	}
	var c config
	if err := json.Unmarshal(buf[:n], &c); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("unshare CLONE_NEWCGROUP: %w", err)
	}
	if err := buildRoot(c); err != nil {
		return err
	}
	if err := furnish(); err != nil {
		return err
	}
	notify, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("notify socket: %w", err)
	}
	if err := unix.Bind(notify, &unix.SockaddrUnix{Name: notifySocket}); err != nil {
		return fmt.Errorf("bind %s: %w", notifySocket, err)
	}
	console, err := openConsole()
	if err != nil {
		return err
	}
	if _, _, err := line.WriteMsgUnix([]byte("fds"), unix.UnixRights(notify, console), nil); err != nil {
		return fmt.Errorf("send descriptors: %w", err)
	}
	if err := unix.Sethostname([]byte("try")); err != nil {
		return fmt.Errorf("sethostname: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	// exec may happen on another thread than the one that the supervisor's clone made.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_PDEATHSIG: %w", err)
	}
	unix.Umask(0o022)
	env := []string{"container=hostctl", "NOTIFY_SOCKET=" + notifySocket, "PATH=" + hostPath}
	for _, path := range []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd"} {
		err = unix.Exec(path, []string{"systemd", "--unit=" + bootTarget}, env)
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("exec %s: %w", path, err)
		}
	}
	return errors.New("systemd is missing: neither /usr/lib/systemd/systemd nor /lib/systemd/systemd is there")
}

// dropCapabilities takes from this thread, and so from all it executes, the capabilities whose
// use reaches through to the machine: its clock, its modules, its raw memory and ports.
func dropCapabilities() error {
	for _, c := range []uintptr{unix.CAP_SYS_TIME, unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("prctl PR_CAPBSET_DROP %d: %w", c, err)
		}
	}
	return nil
}

// openConsole makes a pseudo-terminal, binds it to /dev/console, and returns its other end.
func openConsole() (int, error) {
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	if err := unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err != nil {
		return -1, fmt.Errorf("unlock the console: %w", err)
	}
	n, err := unix.IoctlGetInt(m, unix.TIOCGPTN)
	if err != nil {
		return -1, fmt.Errorf("name of the console: %w", err)
	}
	if err := os.WriteFile("/dev/console", nil, 0o600); err != nil {
		return -1, err
	}
	if err := unix.Mount(fmt.Sprintf("/dev/pts/%d", n), "/dev/console", "", unix.MS_BIND, ""); err != nil {
		return -1, fmt.Errorf("mount /dev/console: %w", err)
	}
	return m, nil
}

// accounts returns the names in a passwd(5) or group(5) file.
func accounts(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		for i, c := range sc.Bytes() {
			if c == ':' && i > 0 {
				names = append(names, sc.Text()[:i])
				break
			}
		}
	}
	return names, sc.Err()
}
