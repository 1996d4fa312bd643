package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths is where the launcher and its readers meet. Everything below Run is root's alone.
type Paths struct {
	Run string // "/run/hostctl"
	// State is the directory of what outlives a reboot: which jobs have been run.
	State string // "/var/lib/hostctl"
}

// Host is the system scope's Paths.
var Host = Paths{Run: "/run/hostctl", State: "/var/lib/hostctl"}

func (p Paths) containers() string         { return p.Run + "/containers" }
func (p Paths) specs() string              { return p.Run + "/specs" }
func (p Paths) running() string            { return p.Run + "/running" }
func (p Paths) spec(sum string) string     { return p.specs() + "/" + sum + ".json" }
func (p Paths) link(name string) string    { return p.containers() + "/" + name }
func (p Paths) record(invoc string) string { return p.running() + "/" + invoc }
func linkTarget(sum string) string         { return "../specs/" + sum + ".json" }
func sumOfTarget(target string) string     { return sumOfFile(strings.TrimPrefix(target, "../specs/")) }
func sumOfFile(name string) (sum string) {
	if sum = strings.TrimSuffix(name, ".json"); len(sum) != 64 || !isHex(sum) || sum+".json" != name {
		return ""
	}
	return sum
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// makeDirs makes the directories of specs and records, and more, root-only.
func (p Paths) makeDirs(more ...string) error {
	if err := os.MkdirAll(p.Run, 0o755); err != nil {
		return err
	}
	for _, dir := range append([]string{p.containers(), p.specs(), p.running()}, more...) {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(dir, &st); err != nil {
			return call("lstat("+dir+")", err)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != uint32(os.Geteuid()) || st.Mode&0o077 != 0 {
			return errors.New(dir + " is not a directory of root's own with mode 0700: remove it")
		}
	}
	return nil
}

// WriteSpec puts a Spec into the store and returns the sha256 that names it. nil means that the
// whole file is there, on stable storage, with mode 0600, whoever wrote it.
func (p Paths) WriteSpec(s Spec) (sum string, err error) {
	data, sum, err := Encode(s)
	if err != nil {
		return "", err
	}
	if err := p.makeDirs(); err != nil {
		return "", step("spec of "+s.Name, err)
	}
	if _, err := p.Spec(sum); err == nil {
		return sum, nil
	}
	return sum, step("spec of "+s.Name, writeFile(p.specs(), sum+".json", data))
}

// writeFile replaces dir/name by a file with these bytes and mode 0600: old or new, never half.
func writeFile(dir, name string, data []byte) error {
	f, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails where the rename has happened
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Link makes name start with the spec sum from now on, in one rename. The spec is in the store.
// name is a container's, or that of its start-first helper ("web--next").
func (p Paths) Link(name, sum string) error {
	if err := validLink(name); err != nil {
		return err
	}
	if sumOfFile(sum+".json") == "" {
		return errors.New("link of " + name + ": not a sha256")
	}
	if old, err := os.Readlink(p.link(name)); err == nil && old == linkTarget(sum) {
		return nil
	}
	tmp := p.containers() + "/.new-" + name
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(linkTarget(sum), tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, p.link(name)); err != nil {
		return err
	}
	return syncDir(p.containers())
}

// Unlink makes name start nothing any more; nil means that there is no such link.
func (p Paths) Unlink(name string) error {
	if err := validLink(name); err != nil {
		return err
	}
	if err := os.Remove(p.link(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Linked returns the sha256 of the spec that name starts with. The error is os.ErrNotExist where there is no link.
func (p Paths) Linked(name string) (sum string, err error) {
	if err := validLink(name); err != nil {
		return "", err
	}
	target, err := os.Readlink(p.link(name))
	if err != nil {
		return "", err
	}
	if sum = sumOfTarget(target); sum == "" {
		return "", errors.New(p.link(name) + " does not point into the spec store")
	}
	return sum, nil
}

// ReadSpec reads what name starts with: exactly what the launcher would read, checked as it checks it.
// The error is os.ErrNotExist where there is no such link.
func (p Paths) ReadSpec(name string) (s Spec, sum string, err error) {
	s, sum, fd, err := p.open(name)
	if err == nil {
		unix.Close(fd)
	}
	return s, sum, err
}

// Spec reads a spec of the store by its sha256.
func (p Paths) Spec(sum string) (Spec, error) {
	if sumOfFile(sum+".json") == "" {
		return Spec{}, errors.New("spec: not a sha256: " + oneLine(sum))
	}
	data, fd, err := p.read(sum)
	if err != nil {
		return Spec{}, err
	}
	unix.Close(fd)
	return Decode(data)
}

// open reads the spec behind a link and leaves its file open, so that the caller can tell
// whether it is still in the store.
func (p Paths) open(name string) (s Spec, sum string, fd int, err error) {
	if sum, err = p.Linked(name); err != nil {
		return Spec{}, "", -1, err
	}
	data, fd, err := p.read(sum)
	if err != nil {
		return Spec{}, "", -1, err
	}
	if s, err = Decode(data); err == nil && s.Name != strings.TrimSuffix(name, NextSuffix) {
		err = errors.New("spec: is that of container " + s.Name)
	}
	if err != nil {
		unix.Close(fd)
		return Spec{}, "", -1, err
	}
	return s, sum, fd, nil
}

// read returns the bytes of a spec's file once they are proven to be what the name says.
func (p Paths) read(sum string) (data []byte, fd int, err error) {
	path := p.spec(sum)
	if fd, data, err = openOwn(path); err != nil {
		return nil, -1, err
	}
	if Sum(data) != sum {
		unix.Close(fd)
		return nil, -1, errors.New(path + " is damaged: its sha256 is not its name")
	}
	return data, fd, nil
}

// openOwn opens and reads a regular file with mode 0600, which only root can have written.
func openOwn(path string) (fd int, data []byte, err error) {
	fd, err = unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, nil, call("openat2("+path+", RESOLVE_NO_MAGICLINKS)", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, nil, call("fstat("+path+")", err)
	}
	switch {
	case st.Mode != unix.S_IFREG|0o600 || st.Uid != uint32(os.Geteuid()):
		return -1, nil, errors.New(path + " is not a regular file of root's with mode 0600")
	case st.Size > MaxSpec:
		return -1, nil, errors.New(path + " is too large")
	}
	if data, err = readAll(fd, int(st.Size)); err != nil {
		return -1, nil, call("read("+path+")", err)
	}
	return fd, data, nil
}

// readAll reads a file of about size bytes to its end.
func readAll(fd, size int) ([]byte, error) { return readMore(fd, make([]byte, 0, size+512)) }

// readMore reads a file to its end behind buf.
func readMore(fd int, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			return buf, err
		}
		buf = buf[:len(buf)+n]
	}
}

// Prune removes what no longer says anything: records whose payload is gone and whose invocation is not in
// current (the InvocationIDs that loaded units still have: of those a record tells the payload's end from the
// launcher's), then files that no spec in use names, specs that no link and no record names, and what an interrupted
// write left. Only one process
// prunes or writes specs at a time (the caller holds the host's lock); launchers may run meanwhile: one
// whose spec is removed under it refuses to start.
//
// Where something cannot be read at the moment, nobody knows what is in use, and nothing is removed.
func (p Paths) Prune(current map[string]bool) error {
	used := map[string]bool{}
	needs := map[string][]string{} // the sums of each container
	var over []string
	links, err := names(p.containers())
	if err != nil {
		return err
	}
	for _, name := range links {
		if strings.HasPrefix(name, ".new-") {
			over = append(over, p.link(name))
			continue
		}
		sum, err := p.Linked(name)
		if Passing(err) {
			return err
		}
		if err == nil {
			used[sum] = true
			container := strings.TrimSuffix(name, NextSuffix)
			needs[container] = append(needs[container], sum)
		}
	}
	records, err := names(p.running())
	if err != nil {
		return err
	}
	for _, name := range records {
		if pid, ok := strings.CutPrefix(name, newRecord); ok {
			if n, err := strconv.Atoi(pid); err == nil && unix.Kill(n, 0) != unix.ESRCH {
				continue // its launcher is about to rename it
			}
			over = append(over, p.record(name))
			continue
		}
		r, err := p.ReadRecord(name)
		keep := current[name]
		if err == nil && !keep {
			keep, err = r.alive()
		}
		switch {
		case Passing(err):
			return err
		case err == nil && keep:
			used[r.Spec] = true
			needs[r.Name] = append(needs[r.Name], r.Spec)
		default:
			over = append(over, p.record(name))
		}
	}
	specs, err := names(p.specs())
	if err != nil {
		return err
	}
	for _, name := range specs {
		if sum := sumOfFile(name); sum == "" || !used[sum] {
			over = append(over, p.specs()+"/"+name)
		}
	}
	errs := []error{p.pruneFiles(needs, current)}
	for _, path := range over {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
