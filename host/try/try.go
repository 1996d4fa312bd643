package try

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Marker is a file that exists on a throwaway host and nowhere else: only root can make or read it.
const Marker = "/run/hostctl/try"

// Inside reports whether this process runs on a throwaway host. It is false where Marker is anything
// but a regular file of root's that nobody else may read or write.
func Inside() bool {
	var st unix.Stat_t
	if err := unix.Lstat(Marker, &st); err != nil {
		return false
	}
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Uid == 0 && st.Mode&0o077 == 0
}

// Bind shows a file or directory of the machine, read-only and with everything mounted below it.
// It is a bind mount of the machine's own file system, not part of the overlay, so that idmapped
// mounts of it work.
type Bind struct {
	Source string // absolute path on the machine
	Target string // absolute path on the throwaway host; empty: the same as Source
}

// Options say what a throwaway host has beyond a copy of the machine.
type Options struct {
	// Binds are the machine's paths to be seen unchanged and read-only.
	Binds []Bind
	// Fresh are directories that are empty and on tmpfs; see FreshFor.
	Fresh []string
}

// FreshFor returns the directory to put in Options.Fresh so that path can be created, removed and
// idmapped on the throwaway host: its parent, or path itself where the parent is a directory that
// the system needs.
func FreshFor(path string) string {
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	switch parent {
	case "/", "/etc", "/usr", "/var", "/var/lib", "/var/cache", "/var/log", "/usr/lib", "/usr/local", "/usr/share", "/lib", "/opt":
		return path
	}
	return parent
}

// Host is a running throwaway host. Run may be called from several goroutines at once; Close is called
// when all of them have returned.
type Host struct {
	supervisor *exec.Cmd
	line       *os.File // our end of the socket to the supervisor; closing it ends the host
	pidfd      int      // of the host's pid 1
	pid        int
}

// config is what the supervisor is told, one JSON line.
type config struct {
	Binds []Bind
	Fresh []string
}

// report is what the supervisor answers: one line when the host is up or could not be made, one
// when it is gone.
type report struct {
	Pid   int    `json:",omitempty"` // of the host's pid 1 in the caller's pid namespace
	Error string `json:",omitempty"`
}

// Boot starts a throwaway host and returns when its systemd has finished starting. It needs root
// and a kernel with cgroup v2, overlayfs and the new mount API (5.12 or newer). The program must
// call Main before it does anything else. When ctx ends before Boot returns, nothing stays behind.
// A Host that Boot returned lives until Close or until the calling process is gone.
func Boot(ctx context.Context, o Options) (*Host, error) {
	c, err := o.check()
	if err != nil {
		return nil, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("throwaway host: socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "supervisor"), os.NewFile(uintptr(fds[1]), "caller")
	cmd := stage(supervisorRole, theirs)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no signal of the caller's terminal reaches it
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("throwaway host: start supervisor: %w", err)
	}
	h := &Host{supervisor: cmd, line: ours, pidfd: -1}
	r, err := h.await(ctx, c)
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err == nil {
		h.pid = r.Pid
		// The supervisor does not reap its child before the line is closed: the pid is the host's.
		h.pidfd, err = unix.PidfdOpen(r.Pid, 0)
	}
	if err != nil {
		err = errors.Join(err, h.Close())
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("throwaway host: %w", err)
	}
	return h, nil
}

// check refuses what cannot be booted before anything is started.
func (o Options) check() (config, error) {
	if os.Geteuid() != 0 {
		return config{}, errors.New("throwaway host: must be made by root")
	}
	c := config{}
	for _, b := range o.Binds {
		if b.Target == "" {
			b.Target = b.Source
		}
		if !filepath.IsAbs(b.Source) || !filepath.IsAbs(b.Target) {
			return c, fmt.Errorf("throwaway host: bind %s: path is not absolute", b.Source)
		}
		if _, err := os.Stat(b.Source); err != nil {
			return c, fmt.Errorf("throwaway host: bind: %w", err)
		}
		c.Binds = append(c.Binds, Bind{filepath.Clean(b.Source), filepath.Clean(b.Target)})
	}
	for _, p := range o.Fresh {
		p = filepath.Clean(p)
		if !filepath.IsAbs(p) || p == "/" {
			return c, fmt.Errorf("throwaway host: fresh directory %s: not an absolute path below /", p)
		}
		if !slices.Contains(c.Fresh, p) {
			c.Fresh = append(c.Fresh, p)
		}
	}
	return c, nil
}

// await sends the configuration and waits for the supervisor's first report.
func (h *Host) await(ctx context.Context, c config) (report, error) {
	stop := context.AfterFunc(ctx, func() { unix.Shutdown(int(h.line.Fd()), unix.SHUT_RDWR) })
	defer stop()
	var r report
	if err := json.NewEncoder(h.line).Encode(c); err != nil {
		return r, fmt.Errorf("write to supervisor: %w", err)
	}
	b, err := bufio.NewReader(h.line).ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("supervisor went away: %w", err)
	}
	return r, json.Unmarshal(b, &r)
}

// Pid is the process id of the host's pid 1 in the caller's pid namespace.
func (h *Host) Pid() int { return h.pid }

// Close ends the host and returns when every process of it is gone and its cgroup is removed.
// Nothing of the host survives, so no service is asked to stop.
func (h *Host) Close() error {
	if h.pidfd >= 0 {
		unix.Close(h.pidfd)
		h.pidfd = -1
	}
	if h.line == nil {
		return nil
	}
	unix.Shutdown(int(h.line.Fd()), unix.SHUT_WR)
	var last report
	for sc := bufio.NewScanner(h.line); sc.Scan(); {
		json.Unmarshal(sc.Bytes(), &last)
	}
	h.line.Close()
	h.line = nil
	if err := h.supervisor.Wait(); err != nil {
		if last.Error != "" {
			err = errors.New(last.Error)
		}
		return fmt.Errorf("throwaway host: close: %w", err)
	}
	return nil
}

// stage is this program again in one of the roles, with f as its file descriptor 3.
// Args[0] is fixed because test binaries choose their behaviour by it.
func stage(role string, f *os.File) *exec.Cmd {
	return &exec.Cmd{
		Path:       "/proc/self/exe",
		Args:       []string{"hostctl", StageArg, role},
		Env:        []string{"PATH=" + hostPath},
		Dir:        "/",
		ExtraFiles: []*os.File{f},
	}
}

// StageArg is the first argument of a process that the package has started of itself.
const StageArg = "try-stage"

const (
	supervisorRole = "supervisor"
	initRole       = "init" // becomes the host's pid 1
	hostPath       = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// Main must be called first of all by every program that calls Boot. Where args (os.Args) begin with
// StageArg it plays the role that they name and does not return.
func Main(args []string) {
	if len(args) < 2 || args[1] != StageArg {
		return
	}
	switch {
	case len(args) == 3 && args[2] == supervisorRole:
		os.Exit(supervise())
	case len(args) == 3 && args[2] == initRole:
		os.Exit(becomeInit())
	}
	os.Exit(1)
}

// lineConn is the socket that a stage finds on file descriptor 3. It is marked close-on-exec.
func lineConn() (*net.UnixConn, error) {
	unix.CloseOnExec(3)
	f := os.NewFile(3, "line")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("file descriptor 3: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("file descriptor 3 is not a unix socket")
	}
	return u, nil
}
