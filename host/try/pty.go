package try

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"hostctl/host"
)

// callersTerminal reports whether the command is to get a pseudo-terminal: its input and its output are
// the caller's terminal.
func (c Command) callersTerminal() (in, out *os.File, ok bool) {
	in, _ = c.Stdin.(*os.File)
	out, _ = c.Stdout.(*os.File)
	return in, out, in != nil && out != nil && host.IsTerminal(in) && host.IsTerminal(out)
}

// openPTY makes the pseudo-terminal and hands its slave to cmd. The calling thread has joined the host.
func openPTY(cmd *exec.Cmd, in, out *os.File) (*host.Relay, error) {
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	if err := unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(m)
		return nil, fmt.Errorf("ioctl TIOCSPTLCK: %w", err)
	}
	s, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(m), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		unix.Close(m)
		return nil, fmt.Errorf("ioctl TIOCGPTPEER: %w", errno)
	}
	slave := os.NewFile(s, "pts")
	if f, ok := cmd.Stderr.(*os.File); ok && host.IsTerminal(f) {
		cmd.Stderr = slave
	}
	cmd.Stdin, cmd.Stdout = slave, slave
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, true, 0
	return host.NewRelay(in, out, m), nil
}
