package host_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hostctl/host"
	"hostctl/host/hosttest"
)

// The same steps on the machine in memory and on the real doors below another
// root must come to the same errors and leave the same things.

type accounts interface {
	Accounts(context.Context) (host.Accounts, error)
	AddAccount(context.Context, host.Account) error
	SetAccount(context.Context, host.Account) error
	RemoveAccount(ctx context.Context, name, comment string) error
	MoveAccount(ctx context.Context, name, comment, newName, newComment string) error
	MoveSubID(ctx context.Context, name string, to host.SubID) error
	SubIDs(context.Context) ([]host.SubID, error)
	AddSubID(context.Context, ...host.SubID) error
	RemoveSubID(context.Context, host.SubID) error
}

// realPasswd is the real door over files that say what the machine in memory starts with.
func realPasswd(t *testing.T, like accounts) host.Passwd {
	t.Helper()
	p := host.Passwd{Root: t.TempDir()}
	known, err := like.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var passwd, shadow, group, gshadow strings.Builder
	for _, a := range known.Users {
		fmt.Fprintf(&passwd, "%s:x:%d:%d:%s:%s:%s\n", a.Name, a.UID, a.GID, a.Comment, a.Home, a.Shell)
		fmt.Fprintf(&shadow, "%s:*:::::::\n", a.Name)
	}
	for _, g := range known.Groups {
		fmt.Fprintf(&group, "%s:x:%d:%s\n", g.Name, g.GID, strings.Join(g.Members, ","))
		fmt.Fprintf(&gshadow, "%s:*::%s\n", g.Name, strings.Join(g.Members, ","))
	}
	etc := filepath.Join(p.Root, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"passwd": passwd.String(), "shadow": shadow.String(), "group": group.String(), "gshadow": gshadow.String()} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// class is what a caller can tell of an error.
func class(err error) string {
	for _, is := range []error{host.ErrNotOwned, fs.ErrExist, fs.ErrNotExist} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	if err != nil {
		return "error"
	}
	return "done"
}

func TestAccountsContract(t *testing.T) {
	fake := hosttest.New()
	doors := map[string]accounts{"in memory": fake, "real": realPasswd(t, fake)}
	const mark, other = "hostctl/shop/user.shop", "hostctl/other/user.shop"
	shop := host.Account{Name: "shop", UID: 2100, GID: 2100, Comment: mark, Home: "/nonexistent", Shell: "/usr/sbin/nologin", Locked: true}
	with := func(change func(*host.Account)) host.Account {
		a := shop
		change(&a)
		return a
	}
	add := func(a host.Account) func(accounts) error {
		return func(d accounts) error { return d.AddAccount(t.Context(), a) }
	}
	set := func(a host.Account) func(accounts) error {
		return func(d accounts) error { return d.SetAccount(t.Context(), a) }
	}
	remove := func(name, mark string) func(accounts) error {
		return func(d accounts) error { return d.RemoveAccount(t.Context(), name, mark) }
	}
	sub := func(s host.SubID) func(accounts) error {
		return func(d accounts) error { return d.AddSubID(t.Context(), s) }
	}
	const moved = "hostctl/shop/user.store"
	rename := func(name, comment, newName, newComment string) func(accounts) error {
		return func(d accounts) error { return d.MoveAccount(t.Context(), name, comment, newName, newComment) }
	}
	web := host.SubID{Name: "hostctl/shop/container.web", Start: 524288, Count: 65536}
	site := host.SubID{Name: "hostctl/shop/container.site", Start: 524288, Count: 65536}
	steps := []struct {
		name string
		do   func(accounts) error
		want string
	}{
		{"remove what is missing", remove("shop", mark), "file does not exist"},
		{"change what is missing", set(shop), "file does not exist"},
		{"add root", add(with(func(a *host.Account) { a.Name = "toor"; a.UID = 0 })), "error"},
		{"add without a mark", add(with(func(a *host.Account) { a.Comment = "" })), "error"},
		{"add two lines", add(with(func(a *host.Account) { a.Home = "/\nx:x:0:0::/:/bin/sh" })), "error"},
		{"add over a name", add(with(func(a *host.Account) { a.Name = "daemon" })), "file already exists"},
		{"add over a group", add(with(func(a *host.Account) { a.Name = "adm" })), "file already exists"},
		{"add over a uid", add(with(func(a *host.Account) { a.UID = 65534 })), "file already exists"},
		{"add over a gid", add(with(func(a *host.Account) { a.GID = 998 })), "file already exists"},
		{"add to a missing group", add(with(func(a *host.Account) { a.Groups = []string{"nope"} })), "file does not exist"},
		{"add", add(shop), "done"},
		{"add twice", add(shop), "file already exists"},
		{"add another", add(with(func(a *host.Account) { a.Name, a.UID, a.GID = "two", 2101, 2101 })), "done"},
		{"join groups", set(with(func(a *host.Account) { a.Groups = []string{"adm", "docker"} })), "done"},
		{"the same again", set(with(func(a *host.Account) { a.Groups = []string{"adm", "docker"} })), "done"},
		{"leave one", set(with(func(a *host.Account) { a.Groups = []string{"docker"}; a.Shell = "/bin/sh" })), "done"},
		{"other numbers", set(with(func(a *host.Account) { a.UID, a.GID = 2200, 2200 })), "done"},
		{"another's number", set(with(func(a *host.Account) { a.UID = 2101 })), "file already exists"},
		{"another configuration's", set(with(func(a *host.Account) { a.Comment = other })), host.ErrNotOwned.Error()},
		{"a foreign account", set(with(func(a *host.Account) { a.Name = "daemon" })), host.ErrNotOwned.Error()},
		{"remove another configuration's", remove("shop", other), host.ErrNotOwned.Error()},
		{"remove a foreign account", remove("daemon", ""), host.ErrNotOwned.Error()},
		{"let another join", set(host.Account{Name: "two", UID: 2101, GID: 2101, Comment: mark, Groups: []string{"shop"}, Locked: true}), "done"},
		{"remove a shared group", remove("shop", mark), "error"},
		{"let it leave", set(host.Account{Name: "two", UID: 2101, GID: 2101, Comment: mark, Locked: true}), "done"},
		{"move what is missing", rename("none", mark, "store", moved), "file does not exist"},
		{"move another configuration's", rename("shop", other, "store", moved), host.ErrNotOwned.Error()},
		{"move onto an account", rename("shop", mark, "two", moved), "file already exists"},
		{"move onto a group", rename("shop", mark, "adm", moved), "file already exists"},
		{"move", rename("shop", mark, "store", moved), "done"},
		{"move twice", rename("shop", mark, "store", moved), "done"},
		{"move back", rename("store", moved, "shop", mark), "done"},
		{"the mark alone", rename("shop", mark, "shop", ""), "done"},
		{"and back", rename("shop", "", "shop", mark), "done"},
		{"remove", remove("shop", mark), "done"},
		{"remove twice", remove("shop", mark), "file does not exist"},
		{"add a range", sub(web), "done"},
		{"add a range twice", sub(web), "done"},
		{"add an overlapping range", sub(host.SubID{Name: "x", Start: 589823, Count: 1}), "file already exists"},
		{"add no range", sub(host.SubID{Name: "x", Start: 1}), "error"},
		{"move a range", func(d accounts) error { return d.MoveSubID(t.Context(), web.Name, site) }, "done"},
		{"move a range twice", func(d accounts) error { return d.MoveSubID(t.Context(), web.Name, site) }, "done"},
		{"move it back", func(d accounts) error { return d.MoveSubID(t.Context(), site.Name, web) }, "done"},
		{"move to no range", func(d accounts) error { return d.MoveSubID(t.Context(), web.Name, host.SubID{Name: "x"}) }, "error"},
		{"remove a range", func(d accounts) error { return d.RemoveSubID(t.Context(), web) }, "done"},
		{"remove a range twice", func(d accounts) error { return d.RemoveSubID(t.Context(), web) }, "done"},
	}
	for _, s := range steps {
		var texts []string
		for name, d := range doors {
			if err := s.do(d); class(err) != s.want {
				t.Errorf("%s, %s: %v, want %s", s.name, name, err, s.want)
			}
			known, err1 := d.Accounts(t.Context())
			ids, err2 := d.SubIDs(t.Context())
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(known.Users, func(a, b host.Account) int { return strings.Compare(a.Name, b.Name) })
			slices.SortFunc(known.Groups, func(a, b host.Group) int { return strings.Compare(a.Name, b.Name) })
			for i := range known.Groups {
				slices.Sort(known.Groups[i].Members)
			}
			texts = append(texts, fmt.Sprintf("%+v %+v", known, ids))
		}
		if texts[0] != texts[1] {
			t.Fatalf("%s: the doors differ:\n%s\n%s", s.name, texts[0], texts[1])
		}
	}
}

type dirs interface {
	StatDir(path string) (host.Dir, error)
	CreateDir(path string, want host.Dir) error
	SetDir(path string, want host.Dir) error
	MarkDir(path, old, mark string) error
	RemoveDir(ctx context.Context, path, mark string) error
	SweepDir(path string) error
	MountsBelow(path string) ([]string, error)
}

func TestDirsContract(t *testing.T) {
	if os.Geteuid() != 0 {
		lacks(t, "root", errors.New("directories are given to others and marked"))
	}
	fake, root := hosttest.New(), t.TempDir()
	doors := map[string]dirs{"in memory": fake, "real": host.Dirs{Root: root}}
	for _, err := range []error{os.MkdirAll(root+"/srv", 0o755), os.MkdirAll(root+"/var/lib", 0o755),
		os.Symlink("/srv", root+"/link"), os.WriteFile(root+"/file", nil, 0o644), os.MkdirAll(root+"/srv/foreign", 0o700),
		os.MkdirAll(root+"/srv/disk", 0o755), unix.Mount("hostctl-test", root+"/srv/disk", "tmpfs", 0, "size=64k,mode=0755")} {
		if err != nil {
			lacks(t, "mount", err)
		}
	}
	defer unix.Unmount(root+"/srv/disk", unix.MNT_DETACH)
	fake.PutOther("/link", "symbolic link")
	fake.PutOther("/file", "file")
	fake.PutDir("/srv/foreign", host.Dir{Mode: 0o700})
	fake.Mount("/srv/disk", true)

	db := host.Dir{UID: 2100, GID: 2101, Mode: 0o750, Mark: "shop/volume.db"}
	other := host.Dir{Mode: 0o777, Mark: "other/volume.db"}
	create := func(p string, want host.Dir) func(dirs) error {
		return func(d dirs) error { return d.CreateDir(p, want) }
	}
	set := func(p string, want host.Dir) func(dirs) error {
		return func(d dirs) error { return d.SetDir(p, want) }
	}
	remove := func(p, mark string) func(dirs) error {
		return func(d dirs) error { return d.RemoveDir(t.Context(), p, mark) }
	}
	mark := func(p, old, want string) func(dirs) error {
		return func(d dirs) error { return d.MarkDir(p, old, want) }
	}
	sweep := func(p string) func(dirs) error {
		return func(d dirs) error { return d.SweepDir(p) }
	}
	notOwned := host.ErrNotOwned.Error()
	steps := []struct {
		name string
		do   func(dirs) error
		want string
	}{
		{"sweep below a link", sweep("/link/db"), "error"},
		{"sweep where nothing is", sweep("/srv/a/db"), "done"},
		{"sweep where something is", sweep("/srv/foreign"), "done"},
		{"below a link", create("/link/db", db), "error"},
		{"in place of a link", create("/link", db), "file already exists"},
		{"below a file", create("/file/db", db), "error"},
		{"over what is there", create("/srv/foreign", db), "file already exists"},
		{"change what is missing", set("/srv/a/db", db), "file does not exist"},
		{"remove what is missing", remove("/srv/a/db", db.Mark), "file does not exist"},
		{"make", create("/srv/a/db", db), "done"},
		{"make twice", create("/srv/a/db", db), "file already exists"},
		{"make inside", create("/srv/a/db/in/side", other), "done"},
		{"change", set("/srv/a/db", host.Dir{UID: 1, Mode: 0o700, Mark: db.Mark}), "done"},
		{"change another's", set("/srv/a/db", other), notOwned},
		{"change a foreign one", set("/srv/foreign", db), notOwned},
		{"mark another's", mark("/srv/a/db", other.Mark, "x"), notOwned},
		{"mark what is missing", mark("/srv/none", "", "x"), "file does not exist"},
		{"mark", mark("/srv/a/db", db.Mark, "shop/volume.store"), "done"},
		{"mark twice", mark("/srv/a/db", db.Mark, "shop/volume.store"), "done"},
		{"take the mark off", mark("/srv/a/db", "shop/volume.store", ""), "done"},
		{"mark what is nobody's", mark("/srv/a/db", "", db.Mark), "done"},
		{"remove another's", remove("/srv/a/db", other.Mark), notOwned},
		{"remove a foreign one", remove("/srv/foreign", ""), notOwned},
		{"remove all", remove("/srv/a/db", db.Mark), "done"},
		{"remove twice", remove("/srv/a/db", db.Mark), "file does not exist"},
		{"on another filesystem", create("/srv/disk/db", db), "done"},
		{"remove there", remove("/srv/disk/db", db.Mark), "done"},
		{"through a link", set("/link/foreign", db), "error"},
		{"unclean", create("/srv/../x", db), "error"},
	}
	for _, s := range steps {
		var texts []string
		for name, d := range doors {
			if err := s.do(d); class(err) != s.want {
				t.Errorf("%s, %s: %v, want %s", s.name, name, err, s.want)
			}
			var text strings.Builder
			for _, p := range []string{"/srv", "/srv/a", "/srv/a/db", "/srv/a/db/in", "/srv/a/db/in/side", "/srv/foreign", "/srv/disk", "/srv/disk/db", "/link", "/file"} {
				dir, err := d.StatDir(p)
				fmt.Fprintf(&text, "%s %+v %s\n", p, dir, class(err))
			}
			mounts, err := d.MountsBelow("/srv")
			fmt.Fprintf(&text, "%d mounts, %v\n", len(mounts), err)
			texts = append(texts, text.String())
		}
		if texts[0] != texts[1] {
			t.Fatalf("%s: the doors differ:\n%s\n%s", s.name, texts[0], texts[1])
		}
	}
}

// lacks skips a test for want of an ability, or fails where none may be skipped.
func lacks(t *testing.T, ability string, why error) {
	t.Helper()
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatalf("needs %s: %v", ability, why)
	}
	t.Skipf("needs %s: %v", ability, why)
}
