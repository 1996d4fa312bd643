package host

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// TerminalWidth returns the width in columns of the terminal that f is, and whether it is one.
func TerminalWidth(f *os.File) (columns int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Relay stands between the caller's terminal and a pseudo-terminal of somewhere else. The command there gets a
// controlling terminal of its own, so that job control works in it and so that nothing there
// holds the caller's terminal.
type Relay struct {
	in, out *os.File      // the caller's
	master  *os.File      // the other's; not blocking
	fd      int           // of master
	saved   *unix.Termios // what in was before it became raw
	wake    [2]int        // pipe that ends the copying of in
	winch   chan os.Signal
	copies  sync.WaitGroup
}

// backgroundOutput is how long what a command left running may still write to the caller's terminal.
const backgroundOutput = 100 * time.Millisecond

// NewRelay makes a relay to the pseudo-terminal whose master, opened with O_NONBLOCK, it takes over, and gives that
// the size of the caller's. [Relay.Stop] must be called.
func NewRelay(in, out *os.File, master int) *Relay {
	r := &Relay{in: in, out: out, master: os.NewFile(uintptr(master), "ptmx"), fd: master}
	r.resize()
	return r
}

// Start makes the caller's terminal raw, as cfmakeraw(3) does, and begins to copy. Nobody here holds the slave any more.
func (r *Relay) Start() error {
	saved, err := unix.IoctlGetTermios(int(r.in.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	if err := unix.Pipe2(r.wake[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	raw := *saved
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(r.in.Fd()), unix.TCSETS, &raw); err != nil {
		return err
	}
	r.saved = saved
	r.winch = make(chan os.Signal, 1)
	signal.Notify(r.winch, syscall.SIGWINCH)
	go func() {
		for range r.winch {
			r.resize()
		}
	}()
	r.copies.Go(func() { copyTyped(r.master, r.in, r.wake[0]) })
	r.copies.Go(func() { io.Copy(r.out, r.master) }) // ends with EIO when the last slave is closed
	return nil
}

func (r *Relay) resize() {
	if ws, err := unix.IoctlGetWinsize(int(r.out.Fd()), unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(r.fd, unix.TIOCSWINSZ, ws)
	}
}

// copyTyped copies what is typed until wake is closed on the other side: a plain read would eat the next key typed after the end.
func copyTyped(to, in *os.File, wake int) {
	buf := make([]byte, 4096)
	for {
		p := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err == unix.EINTR {
			continue
		} else if err != nil || p[1].Revents != 0 {
			return
		}
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// Stop ends the copying after the last of the output and gives the caller's terminal back.
func (r *Relay) Stop() {
	if r.saved != nil {
		signal.Stop(r.winch)
		close(r.winch)
		unix.Close(r.wake[1])
		// What the command started in the background may hold the slave open for as long as it likes.
		r.master.SetReadDeadline(time.Now().Add(backgroundOutput))
		r.copies.Wait()
		unix.Close(r.wake[0])
		unix.IoctlSetTermios(int(r.in.Fd()), unix.TCSETS, r.saved)
	}
	r.master.Close()
}
