package host

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminalPair is a pseudo-terminal that echoes nothing and changes nothing that is written to it.
func terminalPair(t *testing.T) (master, slave *os.File) {
	t.Helper()
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(m, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	how, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	how.Lflag &^= unix.ECHO
	how.Oflag &^= unix.OPOST
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, how); err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(m), "ptmx")
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave
}

// begin starts a command with the files that Pipes have for it.
func begin(t *testing.T, cmd *exec.Cmd, p *Pipes) {
	t.Helper()
	var files [3]*os.File
	for i, fd := range p.Files {
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = os.NewFile(uintptr(fd), "file")
		defer files[i].Close()
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[1], files[2]
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
}

// A command has pipes where its caller has a terminal, loses nothing of what it writes, and takes the terminal nowhere: what it leaves
// running is not waited for.
func TestPipes(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		name, script, typed string
		in, out, err        bool // is the terminal
		want                string
	}{
		{"all", `read x; echo "got $x"; echo err >&2; echo out; for i in 0 1 2; do [ -t $i ] && echo "$i is a terminal"; done; :`, "line\n", true, true, true, "got line\nerr\nout\n"},
		{"output alone", "cat; echo done", "", false, true, false, "done\n"},
		{"errors alone", "echo out; echo err >&2", "", false, false, true, "err\n"},
		{"end of input", "cat; echo done", "line\n\x04", true, true, false, "line\ndone\n"},
		{"input nobody reads", "exec 0<&-; echo done", "line\n", true, true, false, "done\n"},
		{"much", "seq 100000", "", true, true, true, "99999\n100000\n"},
		{"left running", "sleep 1000 & echo $! > pid; echo left", "", true, true, true, "left\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			master, slave := terminalPair(t)
			files := [3]*os.File{null, null, null}
			for i, tty := range []bool{c.in, c.out, c.err} {
				if tty {
					files[i] = slave
				}
			}
			p, err := NewPipes(files)
			if err != nil {
				t.Fatal(err)
			}
			if c.out && c.err && p.Files[1] != p.Files[2] {
				t.Error("one terminal has become two pipes")
			}
			cmd := exec.Command("/bin/sh", "-c", c.script)
			cmd.Dir = t.TempDir()
			begin(t, cmd, p)
			if _, err := io.WriteString(master, c.typed); err != nil {
				t.Fatal(err)
			}
			read := make(chan string)
			go func() {
				var all strings.Builder
				io.Copy(&all, master)
				read <- all.String()
			}()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			p.Stop()
			slave.Close()
			if got := <-read; !strings.HasSuffix(got, c.want) || len(c.want) < 10 && got != c.want || c.name == "much" && strings.Count(got, "\n") != 100000 {
				t.Errorf("%d bytes: %q", len(got), got[max(0, len(got)-200):])
			}
			if pid, err := os.ReadFile(cmd.Dir + "/pid"); err == nil {
				exec.Command("kill", strings.TrimSpace(string(pid))).Run()
			}
		})
	}
}

// A terminal that goes away is the end of input, and a broken pipe to who writes.
func TestPipesHangUp(t *testing.T) {
	master, slave := terminalPair(t)
	p, err := NewPipes([3]*os.File{slave, slave, slave})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	cmd := exec.Command("/bin/sh", "-c", "cat; while echo x; do :; done")
	begin(t, cmd, p)
	master.Close()
	cmd.Wait() // it ends
}
