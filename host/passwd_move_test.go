package host

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const newMark = "hostctl/shop/user.store"

// moved is the host of seed with an account shop, and what is in its files once that is called store.
func movable(t *testing.T) (p Passwd, before, after map[string]string) {
	t.Helper()
	p = newRoot(t, seed)
	if err := p.AddAccount(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	// Somebody made it administrator of a group, which gshadow(5) says in a field of its own.
	path := filepath.Join(p.Root, "etc/gshadow")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(text), "docker:!:alice:alice", "docker:!:alice,shop:alice,shop", 1)), 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
	before = files(t, p)
	if err := p.MoveAccount(t.Context(), "shop", shop.Comment, "store", newMark); err != nil {
		t.Fatal(err)
	}
	return p, before, files(t, p)
}

func TestMoveAccount(t *testing.T) {
	p, before, after := movable(t)
	want := ` group
- adm:x:4:syslog,alice,shop
- shop:x:2100:
+ adm:x:4:syslog,alice,store
+ store:x:2100:
 gshadow
- adm:*::syslog,alice,shop
- docker:!:alice,shop:alice,shop
- shop:!::
+ adm:*::syslog,alice,store
+ docker:!:alice,store:alice,store
+ store:!::
 passwd
- shop:x:2100:2100:hostctl/shop/user.shop:/srv/shop:/usr/sbin/nologin
+ store:x:2100:2100:hostctl/shop/user.store:/srv/shop:/usr/sbin/nologin
 shadow
- shop:!:::::::
+ store:!:::::::
`
	if got := changedLines(before, after); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := p.MoveAccount(t.Context(), "shop", shop.Comment, "store", newMark); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := p.MoveAccount(t.Context(), "store", newMark, "store", ""); err != nil {
		t.Fatal(err)
	}
	if got := changedLines(after, files(t, p)); got != ` passwd
- store:x:2100:2100:hostctl/shop/user.store:/srv/shop:/usr/sbin/nologin
+ store:x:2100:2100::/srv/shop:/usr/sbin/nologin
` {
		t.Errorf("the mark alone:\n%s", got)
	}
}

// changedLines are the lines that went and came, by file.
func changedLines(before, after map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(after)) {
		old, now := strings.Split(before[name], "\n"), strings.Split(after[name], "\n")
		if slices.Equal(old, now) {
			continue
		}
		b.WriteString(" " + name + "\n")
		for _, l := range old {
			if !slices.Contains(now, l) {
				b.WriteString("- " + l + "\n")
			}
		}
		for _, l := range now {
			if !slices.Contains(old, l) {
				b.WriteString("+ " + l + "\n")
			}
		}
	}
	return b.String()
}

// Whichever of the files a crash left new, the account is still the old one by
// its mark, and the same call ends what was begun.
func TestMoveAccountCutShort(t *testing.T) {
	order := []string{"gshadow", "group", "shadow", "passwd"}
	for done := range order {
		p, before, after := movable(t)
		for i, name := range order {
			text := before[name]
			if i < done {
				text = after[name]
			}
			if err := os.WriteFile(filepath.Join(p.Root, "etc", name), []byte(text), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		known, err := p.Accounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := known.User("shop"); !ok || a.Comment != shop.Comment || !a.Locked {
			t.Errorf("cut off after %d files: %v %+v", done, ok, a)
		}
		if err := p.MoveAccount(t.Context(), "shop", shop.Comment, "store", newMark); err != nil {
			t.Errorf("cut off after %d files: %v", done, err)
		}
		if got := changedLines(after, files(t, p)); got != "" {
			t.Errorf("cut off after %d files:\n%s", done, got)
		}
	}
}

func TestMoveAccountRefuses(t *testing.T) {
	p := newRoot(t, seed)
	if err := p.AddAccount(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	before := files(t, p)
	for _, c := range []struct {
		name, comment, newName, newComment string
		want                               error
	}{
		{"shop", "another", "store", newMark, ErrNotOwned},
		{"alice", shop.Comment, "store", newMark, ErrNotOwned},
		{"none", shop.Comment, "store", newMark, fs.ErrNotExist},
		{"shop", shop.Comment, "alice", newMark, fs.ErrExist},
		{"shop", shop.Comment, "docker", newMark, fs.ErrExist}, // a group
		{"shop", shop.Comment, "a:b", newMark, nil},
		{"shop", shop.Comment, "store", "x:0:0", nil},
	} {
		err := p.MoveAccount(t.Context(), c.name, c.comment, c.newName, c.newComment)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
		if got := changedLines(before, files(t, p)); got != "" {
			t.Fatalf("%+v:\n%s", c, got)
		}
	}
}
