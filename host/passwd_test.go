package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The files of a host on which several tools have been at work.
var seed = map[string]string{
	"passwd": `root:x:0:0:root:/root:/bin/bash
# kept by hand
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash

broken line
+@staff::::::
`,
	"group": `root:x:0:
daemon:x:1:
adm:x:4:syslog,alice
docker:x:998:alice
alice:x:1000:
+:::
`,
	"shadow": `root:*:20000:0:99999:7:::
daemon:*:20000:0:99999:7:::
alice:$6$salt$hash:20000:0:99999:7:::
`,
	"gshadow": `root:*::
adm:*::syslog,alice
docker:!:alice:alice
alice:!::`,
}

var shop = Account{Name: "shop", UID: 2100, GID: 2100, Comment: "hostctl/shop/user.shop",
	Home: "/srv/shop", Shell: "/usr/sbin/nologin", Groups: []string{"adm"}, Locked: true}

func newRoot(t *testing.T, files map[string]string) Passwd {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, "shadow") {
			mode = 0o640
		}
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return Passwd{Root: root}
}

// files reads all of /etc, locks that are always there apart.
func files(t *testing.T, p Passwd) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(p.Root, "etc"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == ".pwd.lock" || e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(p.Root, "etc", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(data)
	}
	return out
}

// diff lists the lines that went and came, by file.
func diff(before, after map[string]string) string {
	var b strings.Builder
	for _, name := range []string{"passwd", "group", "shadow", "gshadow", "subuid", "subgid"} {
		lines(&b, name, strings.Split(before[name], "\n"), strings.Split(after[name], "\n"))
	}
	for name := range after {
		if _, ok := before[name]; !ok && !strings.HasPrefix(name, "sub") {
			fmt.Fprintf(&b, "left behind: %s\n", name)
		}
	}
	return b.String()
}

// lines prints the least difference of two texts.
func lines(b *strings.Builder, name string, old, now []string) {
	common := make([][]int, len(old)+1)
	for i := len(old); i >= 0; i-- {
		common[i] = make([]int, len(now)+1)
		for j := len(now) - 1; j >= 0 && i < len(old); j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if old[i] == now[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(old) || j < len(now) {
		switch {
		case i < len(old) && j < len(now) && old[i] == now[j]:
			i, j = i+1, j+1
		case i < len(old) && (j == len(now) || common[i+1][j] >= common[i][j+1]):
			fmt.Fprintf(b, "%s -%s\n", name, old[i])
			i++
		default:
			fmt.Fprintf(b, "%s +%s\n", name, now[j])
			j++
		}
	}
}

func TestEditKeepsEveryOtherByte(t *testing.T) {
	ctx := context.Background()
	p := newRoot(t, seed)
	steps := []struct {
		name string
		do   func() error
		want string
	}{
		{"add", func() error { return p.AddAccount(ctx, shop) }, `
passwd +shop:x:2100:2100:hostctl/shop/user.shop:/srv/shop:/usr/sbin/nologin
group -adm:x:4:syslog,alice
group +adm:x:4:syslog,alice,shop
group +shop:x:2100:
shadow +shop:!:::::::
gshadow -adm:*::syslog,alice
gshadow +adm:*::syslog,alice,shop
gshadow +shop:!::
gshadow +
`},
		{"the same again", func() error { return p.SetAccount(ctx, shop) }, "\n"},
		{"other groups, home and number", func() error {
			a := shop
			a.UID, a.GID, a.Home, a.Groups = 2200, 2200, "/", []string{"docker"}
			return p.SetAccount(ctx, a)
		}, `
passwd -shop:x:2100:2100:hostctl/shop/user.shop:/srv/shop:/usr/sbin/nologin
passwd +shop:x:2200:2200:hostctl/shop/user.shop:/:/usr/sbin/nologin
group -adm:x:4:syslog,alice,shop
group -docker:x:998:alice
group +adm:x:4:syslog,alice
group +docker:x:998:alice,shop
group -shop:x:2100:
group +shop:x:2200:
gshadow -adm:*::syslog,alice,shop
gshadow -docker:!:alice:alice
gshadow +adm:*::syslog,alice
gshadow +docker:!:alice:alice,shop
`},
		{"remove", func() error { return p.RemoveAccount(ctx, "shop", shop.Comment) }, `
passwd -shop:x:2200:2200:hostctl/shop/user.shop:/:/usr/sbin/nologin
group -docker:x:998:alice,shop
group +docker:x:998:alice
group -shop:x:2200:
shadow -shop:!:::::::
gshadow -docker:!:alice:alice,shop
gshadow +docker:!:alice:alice
gshadow -shop:!::
`},
	}
	for _, s := range steps {
		before := files(t, p)
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if got := "\n" + diff(before, files(t, p)); got != s.want {
			t.Errorf("%s: got%s\nwant%s", s.name, got, s.want)
		}
	}
	// But for the newline that gshadow lacked, all is as at first.
	end := files(t, p)
	end["gshadow"] = strings.TrimSuffix(end["gshadow"], "\n")
	if got := diff(seed, end); got != "" {
		t.Errorf("after remove:\n%s", got)
	}
}

func TestEditRefuses(t *testing.T) {
	ctx := context.Background()
	with := func(change func(*Account)) Account {
		a := shop
		change(&a)
		return a
	}
	tests := []struct {
		name string
		do   func(Passwd) error
		is   error
		text string
	}{
		{"foreign name", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.Name = "alice" })) }, fs.ErrExist, ""},
		{"foreign uid", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.UID = 1000 })) }, fs.ErrExist, "uid 1000 is that of alice"},
		{"foreign gid", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.GID = 998 })) }, fs.ErrExist, "gid 998 is that of docker"},
		{"foreign group", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.Name = "docker" })) }, fs.ErrExist, "/etc/group"},
		{"missing group", func(p Passwd) error {
			return p.AddAccount(ctx, with(func(a *Account) { a.Groups = []string{"nope"} }))
		}, fs.ErrNotExist, "group nope"},
		{"set of a foreign account", func(p Passwd) error { return p.SetAccount(ctx, with(func(a *Account) { a.Name = "alice" })) }, ErrNotOwned, ""},
		{"set of none", func(p Passwd) error { return p.SetAccount(ctx, shop) }, fs.ErrNotExist, ""},
		{"removal of a foreign account", func(p Passwd) error { return p.RemoveAccount(ctx, "alice", shop.Comment) }, ErrNotOwned, ""},
		{"removal without a mark", func(p Passwd) error { return p.RemoveAccount(ctx, "alice", "") }, ErrNotOwned, ""},
		{"removal of none", func(p Passwd) error { return p.RemoveAccount(ctx, "shop", shop.Comment) }, fs.ErrNotExist, ""},
		{"root's uid", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.UID = 0 })) }, nil, "root's"},
		{"colon in the name", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.Name = "a:b" })) }, nil, "cannot stand"},
		{"newline in the home", func(p Passwd) error {
			return p.AddAccount(ctx, with(func(a *Account) { a.Home = "/\nevil::0:0::/:/bin/sh" }))
		}, nil, "cannot stand"},
		{"newline in the comment", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.Comment = "x\ny" })) }, nil, "cannot stand"},
		{"colon in the shell", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.Shell = "/bin/sh:x" })) }, nil, "cannot stand"},
		{"NIS name", func(p Passwd) error { return p.AddAccount(ctx, with(func(a *Account) { a.Name = "+shop" })) }, nil, "no account's name"},
		{"newline in a range's name", func(p Passwd) error { return p.AddSubID(ctx, SubID{"a\nroot", 1, 1}) }, nil, "is no range"},
		{"colon in a range's name", func(p Passwd) error { return p.AddSubID(ctx, SubID{"a:0", 1, 1}) }, nil, "is no range"},
		{"empty range", func(p Passwd) error { return p.AddSubID(ctx, SubID{"a", 1, 0}) }, nil, "is no range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newRoot(t, seed)
			err := tt.do(p)
			if err == nil || !errors.Is(err, tt.is) && tt.is != nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v with %q", err, tt.is, tt.text)
			}
			if got := diff(seed, files(t, p)); got != "" {
				t.Errorf("changed:\n%s", got)
			}
		})
	}
}

func TestRemoveLeavesSharedGroup(t *testing.T) {
	p := newRoot(t, seed)
	if err := p.AddAccount(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.Root, "etc/group")
	data, _ := os.ReadFile(path)
	os.WriteFile(path, []byte(strings.Replace(string(data), "shop:x:2100:", "shop:x:2100:alice", 1)), 0o644)
	before := files(t, p)
	err := p.RemoveAccount(t.Context(), "shop", shop.Comment)
	if err == nil || !strings.Contains(err.Error(), "alice") {
		t.Errorf("error %v, want one that names alice", err)
	}
	if got := diff(before, files(t, p)); got != "" {
		t.Errorf("changed:\n%s", got)
	}
}

// A host can be without shadow files, and another tool can have left an entry there.
func TestShadow(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		p := newRoot(t, map[string]string{"passwd": "", "group": ""})
		a := shop
		a.Groups = nil
		if err := p.AddAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"passwd": "shop:!:2100:2100:hostctl/shop/user.shop:/srv/shop:/usr/sbin/nologin\n", "group": "shop:x:2100:\n"}
		if got := diff(want, files(t, p)); got != "" {
			t.Error(got)
		}
	})
	t.Run("orphan", func(t *testing.T) {
		p := newRoot(t, map[string]string{"passwd": "", "group": "", "shadow": "shop:$6$known::::::: \n"})
		if err := p.AddAccount(t.Context(), shop); !errors.Is(err, fs.ErrExist) {
			t.Errorf("error %v: the new account would have the old password", err)
		}
	})
	for field, locked := range map[string]bool{"!": true, "*": true, "!$6$x": true, "": false, "$6$x": false} {
		t.Run("password "+field, func(t *testing.T) {
			p := newRoot(t, seed)
			if err := p.AddAccount(t.Context(), shop); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(p.Root, "etc/shadow")
			data, _ := os.ReadFile(path)
			os.WriteFile(path, []byte(strings.Replace(string(data), "shop:!:", "shop:"+field+":", 1)), 0o640)
			known, err := p.Accounts(t.Context())
			if a, _ := known.User("shop"); err != nil || a.Locked != locked {
				t.Errorf("locked %v, %v", a.Locked, err)
			}
			if err := p.SetAccount(t.Context(), shop); err != nil {
				t.Fatal(err)
			}
			known, _ = p.Accounts(t.Context())
			if a, _ := known.User("shop"); !a.Locked {
				t.Error("not locked again")
			}
		})
	}
}

// Wherever an edit is cut short, the files that are there are whole, the account is known as ours, and
// the same edit again completes it.
func TestEditCutShort(t *testing.T) {
	for _, blocked := range writeOrder {
		t.Run(blocked, func(t *testing.T) {
			p := newRoot(t, seed)
			// A directory that is not empty where the new file is to be written.
			obstacle := filepath.Join(p.Root, "etc", beside(blocked))
			if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := p.AddAccount(t.Context(), shop); err == nil {
				t.Fatal("no error")
			}
			if got := diff(seed, files(t, p)); got != "" {
				t.Errorf("a failure before the first rename changed:\n%s", got)
			}
		})
	}
	// What was renamed before a kill stays.
	for n := range writeOrder {
		t.Run(fmt.Sprintf("killed after %d renames", n), func(t *testing.T) {
			p := newRoot(t, seed)
			dir, err := p.open()
			if err != nil {
				t.Fatal(err)
			}
			defer dir.close()
			f, err := readAccountFiles(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.add(shop); err != nil {
				t.Fatal(err)
			}
			if err := dir.replace(writeOrder[:n], func(s string) *table { return f.tables[s] }); err != nil {
				t.Fatal(err)
			}
			again := p.SetAccount
			if n == 0 {
				again = p.AddAccount
			}
			if err := again(t.Context(), shop); err != nil {
				t.Fatal(err)
			}
			whole := newRoot(t, seed)
			if err := whole.AddAccount(t.Context(), shop); err != nil {
				t.Fatal(err)
			}
			if got := diff(files(t, whole), files(t, p)); got != "" {
				t.Errorf("not the same as in one go:\n%s", got)
			}
		})
	}
}

func TestReplaceKeepsModeAndAttributes(t *testing.T) {
	p := newRoot(t, seed)
	path := filepath.Join(p.Root, "etc/shadow")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(path, "user.label", []byte("kept"), 0); err != nil {
		lacks(t, "user extended attributes", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 0, 42); err != nil {
			t.Fatal(err)
		}
	}
	var before, after unix.Stat_t
	unix.Stat(path, &before)
	if err := p.AddAccount(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	unix.Stat(path, &after)
	if before.Ino == after.Ino {
		t.Error("written in place")
	}
	if before.Mode != after.Mode || before.Uid != after.Uid || before.Gid != after.Gid {
		t.Errorf("was %o %d:%d, is %o %d:%d", before.Mode, before.Uid, before.Gid, after.Mode, after.Uid, after.Gid)
	}
	value := make([]byte, 16)
	if n, err := unix.Getxattr(path, "user.label", value); err != nil || string(value[:n]) != "kept" {
		t.Errorf("attribute: %q, %v", value, err)
	}
}

func TestUnusualFilesAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"link":    func(p string) error { return os.Symlink("/etc/passwd", p) },
		"fifo":    func(p string) error { return unix.Mkfifo(p, 0o600) },
		"missing": func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := newRoot(t, seed)
			path := filepath.Join(p.Root, "etc/passwd")
			if err := errors.Join(os.Remove(path), spoil(path)); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Accounts(t.Context()); err == nil {
				t.Error("read")
			}
			if err := p.AddAccount(t.Context(), shop); err == nil {
				t.Error("edited")
			}
		})
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

// Lines that somebody deleted by hand are missed, and made again.
func TestLinesDeletedByHand(t *testing.T) {
	without := func(p Passwd, file string) {
		t.Helper()
		path := filepath.Join(p.Root, "etc", file)
		data, err := os.ReadFile(path)
		must(t, err)
		var kept string
		for line := range strings.Lines(string(data)) {
			if !strings.HasPrefix(line, "shop:") {
				kept += line
			}
		}
		must(t, os.WriteFile(path, []byte(kept), 0o644))
	}
	for _, file := range []string{"shadow", "gshadow", "group"} {
		p := newRoot(t, seed)
		must(t, p.AddAccount(t.Context(), shop))
		before := files(t, p)
		without(p, file)
		known, err := p.Accounts(t.Context())
		must(t, err)
		a, _ := known.User("shop")
		_, grouped := known.Group("shop")
		if missed := a.Unlisted || !grouped; !missed {
			t.Errorf("%s: nothing is missed", file)
		}
		must(t, p.SetAccount(t.Context(), shop))
		if got := diff(before, files(t, p)); got != "" {
			t.Errorf("%s: not made again:\n%s", file, got)
		}
		known, _ = p.Accounts(t.Context())
		if a, _ = known.User("shop"); a.Unlisted {
			t.Errorf("%s: still missed", file)
		}
	}
	// What a deleted account leaves is in nobody's way, as long as it gives nobody anything.
	p := newRoot(t, seed)
	must(t, p.AddAccount(t.Context(), shop))
	before := files(t, p)
	without(p, "passwd")
	without(p, "group")
	must(t, p.AddAccount(t.Context(), shop))
	if got := diff(before, files(t, p)); got != "" {
		t.Errorf("not made again:\n%s", got)
	}
	p = newRoot(t, map[string]string{"passwd": "", "group": "", "gshadow": "shop:!:alice:\n"})
	if err := p.AddAccount(t.Context(), shop); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "take it out with vigr -s") {
		t.Errorf("a group that somebody administers: %v", err)
	}
}
