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

// Pipes keep the caller's terminal from a command that is not to have it: who holds a terminal reads what is typed there, and writes
// there as if it were the caller's shell, also when the command has ended long ago. In the place of each of the caller's three files that
// is a terminal the command gets a pipe, and Pipes copy. Two that are the same terminal share one pipe, so that what is written to
// them stays in order.
//
// They end with the command, as docker-exec(1) does: all that it has written itself is copied, and what it has left running in the
// background writes to nobody from then on.
type Pipes struct {
	// Files are what the command gets. Those of the caller's that are no terminals are as they were.
	Files [3]int

	theirs []*os.File // their ends, closed by Start
	in     [2]*os.File
	out    [][2]*os.File // from a pipe to a terminal
	wake   [2]int        // pipe that ends the copying of in
	copies sync.WaitGroup
}

// NewPipes makes them for the caller's standard input, output and error. [Pipes.Stop] must be called.
func NewPipes(files [3]*os.File) (*Pipes, error) {
	p := &Pipes{wake: [2]int{-1, -1}}
	for i, f := range files {
		p.Files[i] = int(f.Fd())
		if !IsTerminal(f) {
			continue
		}
		if i == 2 && len(p.out) == 1 && sameFile(f, files[1]) {
			p.Files[2] = p.Files[1]
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			p.Stop()
			return nil, err
		}
		theirs := w
		if i == 0 {
			theirs, p.in = r, [2]*os.File{f, w}
		} else {
			p.out = append(p.out, [2]*os.File{r, f})
		}
		p.theirs = append(p.theirs, theirs)
		p.Files[i] = int(theirs.Fd()) // which makes this end, and not ours, one that blocks
	}
	return p, nil
}

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// Start begins to copy. The command has its files by now.
func (p *Pipes) Start() error {
	p.closeTheirs()
	if p.in[0] != nil {
		if err := unix.Pipe2(p.wake[:], unix.O_CLOEXEC); err != nil {
			return err
		}
		// In the background the caller's terminal says EIO to who reads it, which is the end of the input, instead of stopping it.
		signal.Ignore(syscall.SIGTTIN)
		p.copies.Go(func() {
			copyTyped(p.in[1], p.in[0], p.wake[0])
			p.in[1].Close()
		})
	}
	for _, c := range p.out {
		p.copies.Go(func() {
			if _, err := io.Copy(c[1], onlyReader{c[0]}); err != nil && !os.IsTimeout(err) {
				c[0].Close() // the terminal is gone: the command hears of it by SIGPIPE
			}
		})
	}
	return nil
}

// onlyReader hides from io.Copy the ways past a deadline.
type onlyReader struct{ io.Reader }

func (p *Pipes) closeTheirs() {
	for _, f := range p.theirs {
		f.Close()
	}
	p.theirs = nil
}

// Stop ends the copying after the last that the command has written, which has ended.
func (p *Pipes) Stop() {
	p.closeTheirs()
	if p.in[1] != nil {
		unix.Close(p.wake[1])
		p.in[1].SetWriteDeadline(time.Now()) // nobody may be reading it
	}
	for _, c := range p.out {
		c[0].SetReadDeadline(time.Now())
	}
	p.copies.Wait()
	for _, c := range p.out {
		// What was written before the command's end is in the pipe, and no more of it is waited for.
		if n, err := unix.IoctlGetInt(int(c[0].Fd()), unix.TIOCINQ); err == nil && n > 0 {
			c[0].SetReadDeadline(time.Time{})
			io.CopyN(c[1], c[0], int64(n))
		}
		c[0].Close()
	}
	if p.in[1] != nil {
		unix.Close(p.wake[0])
		p.in[1].Close()
	}
}
