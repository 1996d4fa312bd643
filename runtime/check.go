package runtime

import (
	"errors"
	"path"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Problem is one thing for which a container would not start.
type Problem struct {
	// Field is the Spec's word for it: "rootfs", "root", "user", "groups", "args", "mounts", "tmpfs", "files" or "secrets"; or
	// "owner", of a file; "secret owner"; "overlay", of the kernel; "setuid", of a mount: see [CheckSetuid].
	Field string
	// Target is the mount's, tmpfs's, file's or secret's, and empty for the others.
	Target string
	Err    error
}

func (p Problem) Error() string {
	if p.Target != "" {
		return p.Field + " " + p.Target + ": " + p.Err.Error()
	}
	return p.Field + ": " + p.Err.Error()
}

func (p Problem) Unwrap() error { return p.Err }

// Check looks at the machine as the launcher will, without changing it: the root directory and what it must hold,
// the user, the command, the directories to mount and where, and whether their filesystems can be mounted with mapped
// ids. What only root can see is left out for anyone else. Nothing that it finds holds until the start, which
// decides everything again.
func Check(s Spec) []Problem { return new(Checker).Check(s) }

// Checker checks many specs of one host, and asks about each directory's filesystem once. The zero Checker is ready;
// it is safe for concurrent use, and is not to outlive the moment.
type Checker struct{ idmap sync.Map } // directory and what is left out -> func() error

func (k *Checker) canIDMap(dir string, skip ...string) error {
	ask, _ := k.idmap.LoadOrStore(dir+"\x00"+strings.Join(skip, "\x00"), sync.OnceValue(func() error { return CanIDMap(dir, skip...) }))
	return ask.(func() error)()
}

// Check is as the function of that name.
func (k *Checker) Check(s Spec) []Problem {
	var out []Problem
	bad := func(field, target string, err error) {
		if err != nil {
			out = append(out, Problem{field, target, err})
		}
	}
	root, shifted, err := openRootfs(s, "/")
	if err != nil {
		bad("rootfs", "", step(s.Rootfs, err))
	} else {
		defer unix.Close(root)
		for _, dir := range covered {
			bad("rootfs", "", checkOwn(root, s.Rootfs, dir))
		}
		if !shifted {
			bad("rootfs", "", k.canIDMap(s.Rootfs, covered...))
		}
		if s.Root == RootWritable && (!shifted || s.Boot) {
			bad("root", "", checkClosed(s.Rootfs))
		}
		if s.overlaid() {
			bad("overlay", "", canOverlay(!shifted))
		}
		read := func(path string) ([]byte, error) { return rootFile(root, path) }
		user, err := lookupUser(s, read)
		id := identity{}
		if err == nil {
			id, err = mapUser(s, user)
		}
		bad("user", "", err)
		if err == nil {
			_, err := lookupGroups(s.Groups, id.GIDMap, read)
			bad("groups", "", err)
		}
		if !strings.HasPrefix(s.Args[0], "/") || !onMount(s, s.Args[0]) {
			_, err := findCommand(root, s.Args[0], envValue(payloadEnv(s, identity{Home: "/"}), "PATH"))
			bad("args", "", err)
		}
		for _, f := range s.Files {
			if err == nil {
				_, err := fileOwner(s, f, id, read)
				bad("owner", f.Target, err)
			}
			bad("files", f.Target, checkFile(root, s, f.Target))
		}
		for _, x := range s.Secrets {
			if err == nil {
				_, err := secretOwner(s, x, id, read)
				bad("secret owner", x.Target, err)
			}
			bad("secrets", x.Target, checkFile(root, s, x.Target))
		}
		for _, t := range s.Tmpfs {
			bad("tmpfs", t.Target, checkTarget(s, root, t.Target))
		}
	}
	for _, m := range s.Mounts {
		fd, err := openDir(m.Source)
		if err != nil {
			bad("mounts", m.Target, step(m.Source, err))
			continue
		}
		if s.makesSetuid(m) {
			bad("setuid", m.Target, CheckSetuid(m.Source))
		}
		if m.Path != "" {
			part, file, err := openBelow(fd, m.Path)
			unix.Close(fd)
			if err != nil {
				bad("mounts", m.Target, step(m.Source+"/"+m.Path, err))
				continue
			}
			unix.Close(part)
			if file {
				continue // what it covers is looked at when it is mounted
			}
		} else {
			unix.Close(fd)
		}
		if m.Owner != nil {
			bad("mounts", m.Target, k.canIDMap(m.Source))
		}
		if root >= 0 {
			bad("mounts", m.Target, checkTarget(s, root, m.Target))
		}
	}
	return out
}

// checkOwn checks one of the directories over which the launcher mounts its own.
func checkOwn(root int, rootfs, dir string) error {
	fd, err := unix.Openat2(root, dir[1:], &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return explain(rootfs, dir, call("openat2("+rootfs+dir+", RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS)", err))
	}
	return unix.Close(fd)
}

// onMount says whether an absolute path lies on something that is mounted into the rootfs.
func onMount(s Spec, p string) bool {
	for _, m := range s.Mounts {
		if below(p, m.Target) {
			return true
		}
	}
	return false
}

// checkTarget says whether a target exists in what will be below it, or can be made there.
func checkTarget(s Spec, root int, target string) error {
	base, dir, own := root, "/", s.overlaid()
	for _, t := range s.Tmpfs {
		if t.Target != target && below(target, t.Target) && len(t.Target) >= len(dir) {
			dir, own = t.Target, true
		}
	}
	for _, d := range []string{"/run", "/tmp"} {
		own = own || target != d && below(target, d)
	}
	for _, m := range s.Mounts {
		if m.Target == target || !below(target, m.Target) || len(m.Target) < len(dir) {
			continue
		}
		fd, err := openDir(m.Source)
		if err != nil {
			return nil // said of that mount
		}
		defer unix.Close(fd)
		base, dir, own = fd, m.Target, false
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(target, dir), "/")
	fd, err := unix.Openat2(base, rel, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err == nil {
		return unix.Close(fd)
	}
	if own && err == unix.ENOENT {
		return nil
	}
	err = call("openat2("+target+", RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS)", err)
	if base != root {
		return step("the mount at "+dir+" has no directory "+strconv.Quote(rel), err)
	}
	// A link such as /var/run -> /run leads to where the launcher makes what is missing.
	if errors.Is(err, unix.ENOENT) {
		if fd, e := unix.Openat2(base, path.Dir(rel), &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		}); e == nil {
			defer unix.Close(fd)
			for _, d := range []string{"run", "tmp"} {
				var here, there unix.Stat_t
				if unix.Fstat(fd, &here) == nil && unix.Fstatat(root, d, &there, unix.AT_SYMLINK_NOFOLLOW) == nil && here.Ino == there.Ino && here.Dev == there.Dev {
					return nil
				}
			}
		}
	}
	return explain(s.Rootfs, target, err)
}

// CanIDMap says whether the mounts at and below a directory can be mounted with mapped ids, by a real mount that is
// attached nowhere; those at or below skip (paths below the directory, as "/proc") do not matter. nil also
// means that only root could tell. The error is an *IDMapError where a filesystem refuses.
func CanIDMap(dir string, skip ...string) error {
	fd, err := openDir(dir)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	tree, err := cloneTree(fd, "", unix.AT_RECURSIVE, attrPlain|attrRO)
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { unix.Close(tree) }()
	one := []Mapping{{0, 1, 1}}
	userns, err := newUserns(one, one)
	if err != nil {
		return err
	}
	defer unix.Close(userns)
	subs, err := idmapTree(&tree, fd, userns, dir, attrPlain|attrRO, skip)
	for _, s := range subs {
		unix.Close(s.fd)
	}
	return err
}

// explain says what a failed lookup in a rootfs means, and what to do about it.
func explain(rootfs, target string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		return step("the rootfs has no directory "+target+" (make it: mkdir -p "+rootfs+target+")", err)
	case errors.Is(err, unix.ENOTDIR):
		return step("the rootfs's "+target+" is not a directory", err)
	case errors.Is(err, unix.ELOOP):
		return step("the rootfs's "+target+" is a symbolic link", err)
	}
	return err
}
