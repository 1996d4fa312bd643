package user

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
)

var storeAddr = resource.Addr{Kind: "user", Name: "store"}

func moveChange(w *world) resource.Change {
	c := w.change(resource.Update, wanted(nil))
	c.Addr, c.From, c.Live = storeAddr, shopAddr, w.read().State[shopAddr]
	return c
}

// A renamed account keeps its numbers, its group and its memberships.
func TestMove(t *testing.T) {
	for name, door := range map[string]Door{"in memory": hosttest.New(), "real": realDoor(t)} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, Host: NewHost(door)}
			w.apply(w.change(resource.Create, wanted(nil)))
			c := moveChange(w)
			w.apply(c)
			known, err := door.Accounts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			a, ok := known.User("store")
			if !ok || a.UID != 51200 || a.Comment != mark("shop", storeAddr) || strings.Join(a.Groups, " ") != "adm" || !a.Locked {
				t.Errorf("%v %+v", ok, a)
			}
			if g, ok := known.Group("store"); !ok || g.GID != 51200 {
				t.Errorf("%v %+v", ok, g)
			}
			_, user := known.User("shop")
			_, group := known.Group("shop")
			if user || group {
				t.Error("the old account or group is still there")
			}
			if live := w.read().State; live[storeAddr] == nil || live[shopAddr] != nil {
				t.Errorf("live %v", live.Addrs())
			}
		})
	}
}

func TestMoveIsRepeatable(t *testing.T) {
	broken := errors.New("disk full")
	for _, call := range []string{"MoveAccount shop", "SetAccount store"} {
		m := hosttest.New()
		w := &world{t: t, Host: NewHost(m)}
		w.apply(w.change(resource.Create, wanted(nil)))
		m.Fail(call, broken)
		c := moveChange(w)
		if err := w.Apply(t.Context(), c); !errors.Is(err, broken) {
			t.Fatalf("%s: %v", call, err)
		}
		m.Fail(call, nil)
		w.apply(c)
		if live := w.read().State; live[storeAddr] == nil || live[shopAddr] != nil {
			t.Errorf("%s: live %v", call, live.Addrs())
		}
	}
}

func TestMoveOntoAnother(t *testing.T) {
	m := hosttest.New()
	w := &world{t: t, Host: NewHost(m)}
	w.apply(w.change(resource.Create, wanted(nil)))
	m.PutGroup(host.Group{Name: "store", GID: 77})
	if got := w.check(moveChange(w)); !strings.Contains(got, "group store is on this host without an account") {
		t.Error(got)
	}
	m.PutAccount(host.Account{Name: "store", UID: 77, GID: 77, Comment: "somebody", Locked: true})
	if got := w.check(moveChange(w)); !strings.Contains(got, "hostctl did not make it") {
		t.Error(got)
	}
	before := m.String()
	if err := w.Apply(t.Context(), moveChange(w)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if after := m.String(); after != before {
		t.Errorf("something changed:\n%s", after)
	}
}

func TestForget(t *testing.T) {
	m := hosttest.New()
	w := &world{t: t, Host: NewHost(m)}
	w.apply(w.change(resource.Create, wanted(nil)))
	c := w.change(resource.Forget, nil)
	w.apply(c)
	known, _ := m.Accounts(t.Context())
	if a, ok := known.User("shop"); !ok || a.Comment != "" || a.UID != 51200 {
		t.Errorf("%v %+v", ok, a)
	}
	if live := w.read().State; len(live) > 0 {
		t.Errorf("live %v", live.Addrs())
	}
	if got := w.check(w.change(resource.Create, wanted(nil))); !strings.Contains(got, "hostctl did not make it") {
		t.Error(got)
	}
}

func TestImport(t *testing.T) {
	m := hosttest.New()
	w := &world{t: t, Host: NewHost(m)}
	find := func(id string) (resource.Spec, bool, string) {
		spec, ours, problems := w.Host.(resource.Importer).Find(t.Context(), "shop", shopAddr, id)
		text := ""
		for _, p := range problems {
			text += p.Error()
		}
		return spec, ours, text
	}
	refused := func(id, want string) {
		t.Helper()
		if _, _, got := find(id); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
	refused("shop", "there is no account shop")
	refused("other", "an account has the name of its block")
	m.PutAccount(host.Account{Name: "shop", UID: 33, GID: 33, Locked: true})
	refused("shop", "uid 33 is of the system")
	m.PutAccount(host.Account{Name: "shop", UID: 51200, GID: 51200, Comment: "hostctl/blog/user.shop", Locked: true})
	refused("shop", "blog/user.shop")
	m.PutGroup(host.Group{Name: "shop", GID: 51200})
	m.PutAccount(host.Account{Name: "shop", UID: 51200, GID: 51200, Comment: "A person,,,", Home: "/home/shop", Shell: "/bin/sh", Groups: []string{"docker"}})

	live, ours, problems := find("shop")
	if ours || problems != "" || live.(*User).UID != 51200 || live.(*User).Locked {
		t.Fatalf("%+v, ours %v, %s", live, ours, problems)
	}
	c := w.change(resource.Update, wanted(func(u *User) { u.Groups = nil }), "home", "locked", "shell")
	c.Live, c.Import = live, "shop"
	// Cut off before the password was locked: it is an import still.
	broken := errors.New("disk full")
	m.Fail("SetAccount shop", broken)
	if err := w.Apply(t.Context(), c); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	m.Fail("SetAccount shop", nil)
	if _, ours, problems := find("shop"); ours || problems != "" {
		t.Errorf("ours %v, %s", ours, problems)
	}
	w.apply(c)
	known, _ := m.Accounts(t.Context())
	if a, _ := known.User("shop"); a.Comment != mark("shop", shopAddr) || !a.Locked || strings.Join(a.Groups, " ") != "docker" {
		t.Errorf("%+v", a)
	}
	if _, ours, _ := find("shop"); !ours || w.read().State[shopAddr] == nil {
		t.Error("the imported account is not ours")
	}
}

// A uid goes from an account that is removed, or gets another, to a new one in one apply.
func TestHandedNumber(t *testing.T) {
	m := hosttest.New()
	w := &world{t: t, Host: NewHost(m)}
	w.apply(w.change(resource.Create, wanted(nil)))
	fresh := resource.Change{Addr: storeAddr, Owner: "shop", Action: resource.Create, Want: wanted(nil)}
	check := func(changes ...resource.Change) (text string) {
		for _, p := range w.Check(t.Context(), changes, nil) {
			text += p.Error()
		}
		return text
	}
	if got := check(fresh); !strings.Contains(got, "uid 51200 is that of account shop") {
		t.Error(got)
	}
	if got := check(fresh, w.change(resource.Delete, nil)); got != "" {
		t.Error(got)
	}
	if got := check(fresh, w.change(resource.Update, wanted(func(u *User) { u.UID, u.GID = 51300, 51300 }), "uid")); got != "" {
		t.Error(got)
	}
}
