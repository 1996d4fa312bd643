package runtime

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxFile is the largest content of a File, in bytes.
const MaxFile = 1 << 20

// File is a file of the configuration's inside the container. It lies in a memory filesystem of the container's, mounted
// over its directory, read-only, nosuid, nodev and noexec, together with what else is in the directory.
type File struct {
	// Target is the absolute, clean path inside. Its directory exists in the rootfs, or is made because it lies on a
	// tmpfs; no symbolic link leads there.
	Target string `json:"target"`
	// Sum is the sha256 of the content, in hexadecimal. It names the content in the store of the container's files.
	Sum string `json:"sum"`
	// Mode is the permission bits, without set-id and sticky ones.
	Mode uint32 `json:"mode"`
	// Owner is whose the file is inside, in the words of Spec.User; "" is uid 0 and its group.
	Owner string `json:"owner,omitempty"`
}

// ownedFile is a file whose owner is known, as the host counts.
type ownedFile struct {
	File
	owner  Account
	secret bool // its content is never on a disk, nor longer in memory than has to be
}

func (p Paths) files() string                     { return p.Run + "/files" }
func (p Paths) filesOf(name string) string        { return p.files() + "/" + name }
func (p Paths) contentPath(name, s string) string { return p.filesOf(name) + "/" + s }

// WriteContent puts the content of a container's file into the store. nil means that it is there, whole.
func (p Paths) WriteContent(name string, content []byte) error {
	what := "files of " + name
	if err := ValidName(name); err != nil {
		return step(what, err)
	}
	if len(content) > MaxFile {
		return step(what, errors.New("one is larger than "+strconv.Itoa(MaxFile)+" bytes"))
	}
	if err := p.makeDirs(p.files(), p.filesOf(name)); err != nil {
		return step(what, err)
	}
	sum := Sum(content)
	if _, err := p.content(name, File{Sum: sum}); err == nil {
		return nil
	}
	return step(what, writeFile(p.filesOf(name), sum, content))
}

// ReadContent reads what the store has under that name; whether it is what was put there is the caller's to
// compare. The error is os.ErrNotExist where there is none.
func (p Paths) ReadContent(name, sum string) ([]byte, error) {
	if ValidName(name) != nil || len(sum) != 64 || !isHex(sum) {
		return nil, errors.New("not a file of the store: " + oneLine(name+"/"+sum))
	}
	path := p.contentPath(name, sum)
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, call("openat2("+path+", RESOLVE_NO_MAGICLINKS)", err)
	}
	defer unix.Close(fd)
	content, _, err := readContent(fd)
	return content, step(path, err)
}

// content is that of a file, proven to be what the spec says.
func (p Paths) content(name string, f File) ([]byte, error) {
	content, err := p.ReadContent(name, f.Sum)
	if err == nil && Sum(content) != f.Sum {
		err = errors.New(p.contentPath(name, f.Sum) + " is damaged: its sha256 is not its name; apply again")
	}
	return content, err
}

// readContent reads a regular file of at most MaxFile bytes.
func readContent(fd int) ([]byte, unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, st, call("fstat", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, st, errors.New("is not a regular file")
	case st.Size > MaxFile:
		return nil, st, errors.New("is larger than " + strconv.Itoa(MaxFile) + " bytes")
	}
	content, err := readAll(fd, int(st.Size))
	if err != nil {
		return nil, st, call("read", err)
	}
	return content, st, nil
}

// fileOwner is who owns a file, as the host counts. read returns a file of the rootfs.
func fileOwner(s Spec, f File, id identity, read func(string) ([]byte, error)) (Account, error) {
	user, err := lookupUser(Spec{User: f.Owner}, read)
	if err != nil {
		return Account{}, err
	}
	uid, ok := hostID(id.UIDMap, user.UID)
	gid, ok2 := hostID(id.GIDMap, user.GID)
	if !ok || !ok2 {
		return Account{}, errors.New("uid " + utoa(user.UID) + ", gid " + utoa(user.GID) + " lies outside the container's " + utoa(s.IDs.Count) + " ids")
	}
	return Account{uid, gid}, nil
}

// OweReload notes that a run has yet to be told of files that have changed; PayReload that it was told.
func (p Paths) OweReload(name, invocation string) error {
	if ValidName(name) != nil || !validInvocation(invocation) {
		return errors.New("no run: " + oneLine(name+" "+invocation))
	}
	if err := p.makeDirs(p.files(), p.filesOf(name)); err != nil {
		return err
	}
	return writeFile(p.filesOf(name), owed+invocation, nil)
}

// PayReload removes the note of OweReload; nil means that there is none.
func (p Paths) PayReload(name, invocation string) error {
	if !p.OwesReload(name, invocation) {
		return nil
	}
	if err := os.Remove(p.filesOf(name) + "/" + owed + invocation); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// OwesReload says whether the run has yet to be told.
func (p Paths) OwesReload(name, invocation string) bool {
	if ValidName(name) != nil || !validInvocation(invocation) {
		return false
	}
	_, err := os.Lstat(p.filesOf(name) + "/" + owed + invocation)
	return err == nil
}

// owed begins the name of a note that a reload is owed; the InvocationID ends it.
const owed = "reload-"

// pruneFiles removes the contents that no spec of their container names any more. needs are the sums of the specs
// that are in use, by container; current are the InvocationIDs of loaded units.
func (p Paths) pruneFiles(needs map[string][]string, current map[string]bool) error {
	containers, err := names(p.files())
	errs := []error{err}
next:
	for _, name := range containers {
		used := map[string]bool{}
		for _, sum := range needs[name] {
			s, err := p.Spec(sum)
			if err != nil {
				continue next // what it needs is not known
			}
			for _, f := range s.Files {
				used[f.Sum] = true
			}
		}
		left, err := names(p.filesOf(name))
		errs = append(errs, err)
		kept := 0
		for _, file := range left {
			if invocation, ok := strings.CutPrefix(file, owed); used[file] || ok && current[invocation] {
				kept++
			} else if err := os.Remove(p.filesOf(name) + "/" + file); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		if kept == 0 {
			errs = append(errs, os.Remove(p.filesOf(name)))
		}
	}
	return errors.Join(errs...)
}
