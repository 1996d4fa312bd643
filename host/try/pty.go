package try

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminal stands between the caller's terminal and a pseudo-terminal of the host. The command gets a
// session and a controlling terminal of its own, so that job control works in it and so that nothing on
// the host holds the caller's terminal.
type terminal struct {
	in, out *os.File      // the caller's
	master  *os.File      // the host's; not blocking
	fd      int           // of master
	saved   *unix.Termios // what in was before it became raw
	wake    [2]int        // pipe that ends the copying of in
	winch   chan os.Signal
	copies  sync.WaitGroup
}

// backgroundOutput is how long what a command left running may still write to the caller's terminal.
const backgroundOutput = 100 * time.Millisecond

// callersTerminal reports whether the command is to get a pseudo-terminal: its input and its output are
// the caller's terminal.
func (c Command) callersTerminal() (in, out *os.File, ok bool) {
	in, _ = c.Stdin.(*os.File)
	out, _ = c.Stdout.(*os.File)
	return in, out, in != nil && out != nil && isTerminal(in) && isTerminal(out)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// openPTY makes the pseudo-terminal and hands its slave to cmd. The calling thread has joined the host.
func openPTY(cmd *exec.Cmd, in, out *os.File) (*terminal, error) {
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	master := os.NewFile(uintptr(m), "ptmx")
	if err := unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err != nil {
		master.Close()
		return nil, fmt.Errorf("ioctl TIOCSPTLCK: %w", err)
	}
	s, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(m), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		master.Close()
		return nil, fmt.Errorf("ioctl TIOCGPTPEER: %w", errno)
	}
	slave := os.NewFile(s, "pts")
	if f, ok := cmd.Stderr.(*os.File); ok && isTerminal(f) {
		cmd.Stderr = slave
	}
	cmd.Stdin, cmd.Stdout = slave, slave
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, true, 0
	t := &terminal{in: in, out: out, master: master, fd: m}
	t.resize()
	return t, nil
}

// start makes the caller's terminal raw and begins to copy. The slave, which the command has by now, is closed here.
func (t *terminal) start(slave io.Closer) error {
	slave.Close()
	saved, err := unix.IoctlGetTermios(int(t.in.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	if err := unix.Pipe2(t.wake[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	raw := *saved
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, &raw); err != nil {
		return err
	}
	t.saved = saved
	t.winch = make(chan os.Signal, 1)
	signal.Notify(t.winch, syscall.SIGWINCH)
	go func() {
		for range t.winch {
			t.resize()
		}
	}()
	t.copies.Go(t.copyIn)
	t.copies.Go(func() { io.Copy(t.out, t.master) }) // ends with EIO when the last slave is closed
	return nil
}

func (t *terminal) resize() {
	if ws, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(t.fd, unix.TIOCSWINSZ, ws)
	}
}

// copyIn copies what is typed until it is woken: a plain read would eat the next key typed after the end.
func (t *terminal) copyIn() {
	buf := make([]byte, 4096)
	for {
		p := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}, {Fd: int32(t.wake[0]), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err == unix.EINTR {
			continue
		} else if err != nil || p[1].Revents != 0 {
			return
		}
		n, err := t.in.Read(buf)
		if err != nil {
			return
		}
		if _, err := t.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

// stop ends the copying after the last of the output and gives the caller's terminal back.
func (t *terminal) stop() {
	if t.saved != nil {
		signal.Stop(t.winch)
		close(t.winch)
		unix.Close(t.wake[1])
		// What the command started in the background may hold the slave open for as long as it likes.
		t.master.SetReadDeadline(time.Now().Add(backgroundOutput))
		t.copies.Wait()
		unix.Close(t.wake[0])
		unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, t.saved)
	}
	t.master.Close()
}
