package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

var db = Dir{UID: 2100, GID: 2101, Mode: 0o750, Mark: "shop/volume.db"}

func newDirs(t *testing.T) Dirs {
	t.Helper()
	if os.Geteuid() != 0 {
		lacks(t, "root", errors.New("directories are given to others and marked"))
	}
	d := Dirs{Root: t.TempDir()}
	if err := unix.Setxattr(d.Root, MarkXattr, []byte("x"), 0); err != nil {
		lacks(t, "trusted extended attributes", err)
	}
	if err := unix.Removexattr(d.Root, MarkXattr); err != nil {
		t.Fatal(err)
	}
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreateDir(t *testing.T) {
	d := newDirs(t)
	must(t, os.Mkdir(d.Root+"/srv", 0o700))
	must(t, os.Chmod(d.Root+"/srv", 0o2777)) // what is made below must not inherit its group
	must(t, os.Chown(d.Root+"/srv", 0, 77))
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	must(t, d.CreateDir("/srv/a/b/db", db))

	got, err := d.StatDir("/srv/a/b/db")
	want := db
	want.Empty = true
	if err != nil || got != want {
		t.Errorf("made %+v, %v; want %+v", got, err, want)
	}
	for _, p := range []string{"/srv/a", "/srv/a/b"} {
		got, err := d.StatDir(p)
		if want := (Dir{Mode: 0o755, Mark: ""}); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", p, got, err, want)
		}
	}
	if err := d.CreateDir("/srv/a/b/db", db); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
	if inner, _ := os.ReadDir(d.Root + "/srv/a/b"); len(inner) != 1 {
		t.Errorf("left behind: %v", inner)
	}
	must(t, os.Mkdir(d.Root+"/srv/a/b/db/in", 0o755))
	if got, err := d.StatDir("/srv/a/b/db/in"); err != nil || got.Above != db.Mark {
		t.Errorf("inside: %+v, %v", got, err)
	}
}

// What a crash leaves while a directory is made is removed by the next attempt.
// Directories below one that is missing are made side by side, also while others are swept.
func TestCreateDirSideBySide(t *testing.T) {
	d := newDirs(t)
	for round := range 50 {
		above := fmt.Sprintf("/srv/%d", round)
		var all sync.WaitGroup
		for i := range 8 {
			p := fmt.Sprintf("%s/%d", above, i)
			all.Go(func() {
				if err := d.CreateDir(p, db); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if err := d.SweepDir(p); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

func TestCreateDirAfterACrash(t *testing.T) {
	d := newDirs(t)
	must(t, os.MkdirAll(filepath.Join(d.Root, beginning("db"), staged), 0o700))
	must(t, d.CreateDir("/db", db))
	if entries, _ := os.ReadDir(d.Root); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSweepDir(t *testing.T) {
	d := newDirs(t)
	for _, left := range []string{"/srv/" + beginning("a"), "/srv/" + beginning("a") + "/" + staged} {
		must(t, os.MkdirAll(d.Root+left, 0o700))
		must(t, d.SweepDir("/srv/a/b/db"))
		if entries, _ := os.ReadDir(d.Root + "/srv"); len(entries) != 0 {
			t.Errorf("left behind: %v", entries)
		}
	}
	must(t, d.CreateDir("/srv/a/b/db", db))
	must(t, os.MkdirAll(d.Root+"/srv/a/b/"+beginning("db")+"/"+staged, 0o700))
	must(t, d.SweepDir("/srv/a/b/db"))
	if entries, _ := os.ReadDir(d.Root + "/srv/a/b"); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	// Nothing that holds anything is removed.
	must(t, os.MkdirAll(d.Root+"/srv/a/b/"+beginning("db")+"/"+staged+"/precious", 0o700))
	if err := d.SweepDir("/srv/a/b/db"); err == nil {
		t.Error("removed what holds something")
	}
}

// Who owns the directory above puts one of root's where a new one is being made,
// over and over: it is neither marked nor given away, nor its mode changed.
func TestCreateDirWhileAnotherTakesItsPlace(t *testing.T) {
	d := newDirs(t)
	must(t, os.MkdirAll(d.Root+"/home", 0o755))
	const victims = 64
	for i := range victims {
		must(t, os.Mkdir(fmt.Sprintf("%s/home/victim%d", d.Root, i), 0o700))
		must(t, os.WriteFile(fmt.Sprintf("%s/home/victim%d/secret", d.Root, i), nil, 0o600))
	}
	names := []string{beginning("db"), beginning("above"), "above"}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name, victim := d.Root+"/home/"+names[i%len(names)], fmt.Sprintf("%s/home/victim%d", d.Root, i/len(names)%victims)
			if unix.Renameat2(unix.AT_FDCWD, victim, unix.AT_FDCWD, name, unix.RENAME_EXCHANGE) == nil {
				unix.Renameat2(unix.AT_FDCWD, victim, unix.AT_FDCWD, name, unix.RENAME_EXCHANGE) // and back
			}
		}
	}()
	made := 0
	for range 200 {
		for _, p := range []string{"/home/db", "/home/above/db"} {
			if d.CreateDir(p, db) == nil {
				made++
			}
		}
		os.Remove(d.Root + "/home/above/db")
		os.Remove(d.Root + "/home/above")
		os.Remove(d.Root + "/home/db")
	}
	close(stop)
	<-done
	if made == 0 {
		t.Error("nothing was ever made")
	}
	err := filepath.WalkDir(d.Root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "secret" {
			return err
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Dir(p), &st); err != nil || st.Uid != 0 || st.Mode&0o777 != 0o700 {
			t.Fatalf("%s is now of %d with mode %o, %v", filepath.Dir(p), st.Uid, st.Mode&0o777, err)
		}
		if n, _ := unix.Getxattr(filepath.Dir(p), MarkXattr, nil); n > 0 {
			t.Fatalf("%s is marked", filepath.Dir(p))
		}
		return nil
	})
	must(t, err)
}

func TestPathsWithOtherThingsInThem(t *testing.T) {
	d := newDirs(t)
	must(t, os.MkdirAll(d.Root+"/srv/real/x", 0o755))
	must(t, os.Symlink("real", d.Root+"/srv/link"))
	must(t, os.Symlink("/nowhere", d.Root+"/srv/dangling"))
	must(t, os.WriteFile(d.Root+"/srv/file", nil, 0o644))
	must(t, unix.Mkfifo(d.Root+"/srv/fifo", 0o644))
	for p, want := range map[string]string{
		"/srv/link":         "/srv/link is a symbolic link",
		"/srv/link/x":       "/srv/link is a symbolic link",
		"/srv/link/new/x":   "/srv/link is a symbolic link",
		"/srv/dangling":     "/srv/dangling is a symbolic link",
		"/srv/dangling/x/y": "/srv/dangling is a symbolic link",
		"/srv/file":         "/srv/file is not a directory",
		"/srv/file/x":       "/srv/file is not a directory",
		"/srv/fifo/x":       "/srv/fifo is not a directory",
		"/srv/../etc":       "is no clean absolute path",
		"/srv/real/":        "is no clean absolute path",
		"srv":               "is no clean absolute path",
		"":                  "is no clean absolute path",
	} {
		if _, err := d.StatDir(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("StatDir(%q): %v, want %q", p, err, want)
		}
		err := d.CreateDir(p, db)
		if err == nil || !strings.Contains(err.Error(), want) && !errors.Is(err, fs.ErrExist) {
			t.Errorf("CreateDir(%q): %v, want %q", p, err, want)
		}
		for _, err := range []error{d.SetDir(p, db), d.RemoveDir(t.Context(), p, db.Mark)} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("change of %q: %v, want %q", p, err, want)
			}
		}
	}
	if entries, _ := os.ReadDir(d.Root + "/srv/real"); len(entries) != 1 {
		t.Errorf("something was made behind a link: %v", entries)
	}
}

// While one component is exchanged with a link to elsewhere over and over,
// directories are made in the place that was meant or not at all.
func TestCreateDirWhileLinksAreExchanged(t *testing.T) {
	d := newDirs(t)
	must(t, os.MkdirAll(d.Root+"/srv/part", 0o755))
	must(t, os.Mkdir(d.Root+"/srv/elsewhere", 0o755))
	must(t, os.Symlink("elsewhere", d.Root+"/srv/link"))
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			err := unix.Renameat2(unix.AT_FDCWD, d.Root+"/srv/part", unix.AT_FDCWD, d.Root+"/srv/link", unix.RENAME_EXCHANGE)
			if err != nil {
				done <- err
				return
			}
		}
	}()
	made, refused := 0, 0
	for i := 0; i < 2000 || i < 10_000 && (made == 0 || refused == 0); i++ {
		err := d.CreateDir(fmt.Sprintf("/srv/part/sub%d/db", i), db)
		switch {
		case err == nil:
			made++
		case strings.Contains(err.Error(), "/srv/part"):
			refused++
		default:
			t.Fatal(err)
		}
	}
	close(stop)
	must(t, <-done)
	if entries, _ := os.ReadDir(d.Root + "/srv/elsewhere"); len(entries) != 0 {
		t.Errorf("made %d behind the link", len(entries))
	}
	if made == 0 || refused == 0 {
		t.Errorf("made %d, refused %d: nothing was exchanged", made, refused)
	}
	t.Logf("made %d, refused %d", made, refused)
}

func TestSetDirAndMark(t *testing.T) {
	d := newDirs(t)
	must(t, d.CreateDir("/db", db))
	must(t, os.Chmod(d.Root+"/db", 0o700|os.ModeSetgid|os.ModeSticky))
	to := Dir{UID: 1, GID: 2, Mode: 0o711, Mark: db.Mark}
	must(t, d.SetDir("/db", to))
	want := Dir{UID: 1, GID: 2, Mode: 0o711, Mark: db.Mark, Empty: true}
	if got, err := d.StatDir("/db"); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	other := Dir{Mode: 0o777, Mark: "other/volume.db"}
	for _, err := range []error{d.SetDir("/db", other), d.RemoveDir(t.Context(), "/db", other.Mark), d.RemoveDir(t.Context(), "/db", "")} {
		if !errors.Is(err, ErrNotOwned) {
			t.Errorf("with another mark: %v", err)
		}
	}
	must(t, unix.Removexattr(d.Root+"/db", MarkXattr))
	want.Mark = ""
	if got, err := d.StatDir("/db"); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if err := d.RemoveDir(t.Context(), "/db", db.Mark); !errors.Is(err, ErrNotOwned) {
		t.Errorf("without a mark: %v", err)
	}
	if err := d.SetDir("/none", db); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestRemoveDir(t *testing.T) {
	d := newDirs(t)
	outside := d.Root + "/outside"
	must(t, os.Mkdir(outside, 0o755))
	must(t, os.WriteFile(outside+"/precious", []byte("x"), 0o644))
	must(t, d.CreateDir("/srv/db", db))
	at := d.Root + "/srv/db"
	must(t, os.MkdirAll(at+"/a/b/c", 0o000))
	must(t, os.Symlink(outside, at+"/a/link"))
	must(t, os.Symlink(outside, at+"/link"))
	must(t, os.Link(outside+"/precious", at+"/hard"))
	must(t, unix.Mkfifo(at+"/a/b/fifo", 0o644))
	must(t, os.Mkdir(at+"/.hostctl-0", 0o755))
	must(t, os.WriteFile(at+"/.hostctl-0/x", nil, 0o644))
	for i := range 1500 { // more than one batch of names
		must(t, os.WriteFile(fmt.Sprintf("%s/a/%d", at, i), nil, 0o644))
	}
	must(t, d.RemoveDir(t.Context(), "/srv/db", db.Mark))
	if _, err := d.StatDir("/srv/db"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if _, err := os.Stat(outside + "/precious"); err != nil {
		t.Error(err)
	}
}

// A payload can nest directories deeper than paths and stacks reach.
func TestRemoveDirOfGreatDepth(t *testing.T) {
	d := newDirs(t)
	must(t, d.CreateDir("/db", db))
	at, err := unix.Open(d.Root+"/db", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	for range 5000 {
		must(t, unix.Mkdirat(at, "d", 0o755))
		next, err := unix.Openat(at, "d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err)
		unix.Close(at)
		at = next
	}
	unix.Close(at)
	must(t, d.RemoveDir(t.Context(), "/db", db.Mark))
	if entries, _ := os.ReadDir(d.Root); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
}

func TestRemoveDirCutShort(t *testing.T) {
	d := newDirs(t)
	must(t, d.CreateDir("/db", db))
	must(t, os.MkdirAll(d.Root+"/db/a/b", 0o755))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.RemoveDir(ctx, "/db", db.Mark); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if got, err := d.StatDir("/db"); err != nil || got.Mark != db.Mark {
		t.Errorf("the mark went before the rest: %+v, %v", got, err)
	}
	must(t, d.RemoveDir(t.Context(), "/db", db.Mark))
}

func TestMountsAndDirs(t *testing.T) {
	d := newDirs(t)
	must(t, d.CreateDir("/db", db))
	must(t, os.MkdirAll(d.Root+"/db/in a/b", 0o755))
	point := d.Root + "/db/in a/b"
	if err := unix.Mount("hostctl-test", point, "tmpfs", 0, "size=64k"); err != nil {
		lacks(t, "mount", err)
	}
	mounted := true
	umount := func() {
		if mounted {
			must(t, unix.Unmount(point, 0))
			mounted = false
		}
	}
	defer umount()
	must(t, os.WriteFile(point+"/precious", nil, 0o644))

	if got, err := d.StatDir("/db/in a/b"); err != nil || !got.MountRoot {
		t.Errorf("mount point: %+v, %v", got, err)
	}
	if got, err := d.StatDir("/db/in a"); err != nil || got.MountRoot {
		t.Errorf("no mount point: %+v, %v", got, err)
	}
	if got, err := d.MountsBelow("/db"); err != nil || len(got) != 1 || got[0] != point {
		t.Errorf("mounts %q, %v", got, err)
	}
	if err := d.RemoveDir(t.Context(), "/db", db.Mark); !errors.Is(err, unix.EBUSY) {
		t.Errorf("removal with a mount below: %v", err)
	}
	// Even a mount that comes after the look at the mounts is not entered.
	fd, err := unix.Open(d.Root+"/db", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	if err := empty(t.Context(), fd); err == nil {
		t.Error("a mount was removed")
	}
	unix.Close(fd)
	if _, err := os.Stat(point + "/precious"); err != nil {
		// It may have been moved up with its directory; then it is in the only mount there is.
		below, _ := d.MountsBelow("/db")
		if len(below) != 1 {
			t.Fatalf("%v; mounts %q", err, below)
		}
		point = below[0]
		if _, err := os.Stat(point + "/precious"); err != nil {
			t.Error(err)
		}
	}
	umount()
	must(t, d.RemoveDir(t.Context(), "/db", db.Mark))
}

// Filesystems that keep no attributes: the door says so and works without marks.
func TestDirsWithoutMarks(t *testing.T) {
	d := newDirs(t)
	must(t, os.Mkdir(d.Root+"/plain", 0o755))
	if err := unix.Mount("hostctl-test", d.Root+"/plain", "ramfs", 0, ""); err != nil {
		lacks(t, "ramfs", err)
	}
	defer unix.Unmount(d.Root+"/plain", 0)
	if err := unix.Setxattr(d.Root+"/plain", MarkXattr, []byte("x"), 0); !errors.Is(err, unix.ENOTSUP) {
		lacks(t, "a filesystem without trusted attributes", fmt.Errorf("ramfs answers %v", err))
	}
	must(t, d.CreateDir("/plain/db", db))
	want := Dir{UID: db.UID, GID: db.GID, Mode: db.Mode, NoMarks: true, Empty: true}
	if got, err := d.StatDir("/plain/db"); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	must(t, d.SetDir("/plain/db", db))
	must(t, d.RemoveDir(t.Context(), "/plain/db", db.Mark))
}
