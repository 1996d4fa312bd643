package host

import (
	"fmt"
	"testing"
)

// FuzzPasswd edits whatever files there may be: nothing panics, what is written
// can be read again as it was meant, and no line but the account's own and those of its groups changes.
func FuzzPasswd(f *testing.F) {
	f.Add(seed["passwd"], seed["group"], seed["shadow"], seed["gshadow"], "shop", "/srv", uint32(2100))
	f.Add("", "", "", "", "a", "/", uint32(1))
	f.Add("\n\n:\n", "adm:x:4:,,", "::", "adm:::\x00", "b:c", "/\n", uint32(0))
	f.Add("shop:x:1:1:hostctl/shop/user.shop::", "adm:x:4:shop,shop", "shop:x", "x", "shop", "", uint32(7))
	f.Fuzz(func(t *testing.T, passwd, group, shadow, gshadow, name, home string, uid uint32) {
		in := map[string]string{"passwd": passwd, "group": group, "shadow": shadow, "gshadow": gshadow}
		files := &accountFiles{tables: map[string]*table{}}
		for n, text := range in {
			files.tables[n] = parseTable([]byte(text))
			if got := string(files.tables[n].bytes()); got != text {
				t.Fatalf("%s: %q became %q", n, text, got)
			}
		}
		before := files.accounts()
		a := Account{Name: name, UID: uid, GID: uid, Comment: shop.Comment, Home: home, Shell: "/bin/false", Locked: true}
		if _, ok := before.Group("adm"); ok {
			a.Groups = []string{"adm"}
		}
		err := files.add(a)
		if err != nil {
			if err = files.set(a); err != nil {
				return
			}
		}
		again := &accountFiles{tables: map[string]*table{}}
		for n := range in {
			again.tables[n] = parseTable(files.tables[n].bytes())
		}
		after := again.accounts()
		got, ok := after.User(name)
		if !ok || got.UID != uid || got.GID != uid || got.Home != home || !got.Locked || fmt.Sprint(got.Groups) != fmt.Sprint(a.Groups) {
			t.Fatalf("wrote %+v, reads %+v", a, got)
		}
		if g, ok := after.Group(name); !ok || g.GID != uid {
			t.Fatalf("group %+v", g)
		}
		for _, u := range before.Users {
			if now, ok := after.User(u.Name); u.Name != name && (!ok || now.UID != mustUser(before, u.Name).UID) {
				t.Fatalf("%+v became %+v", u, now)
			}
		}
		if err := again.remove(name, a.Comment); err == nil {
			if left, ok := again.accounts().User(name); ok {
				t.Fatalf("still there: %+v", left)
			}
		}
	})
}

func mustUser(a Accounts, name string) Account {
	u, _ := a.User(name)
	return u
}
