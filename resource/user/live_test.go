package user

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
)

// world is a host and what the kind is told about one configuration on it.
type world struct {
	t *testing.T
	resource.Host
	last resource.State
}

func (w *world) read() resource.Reading {
	w.t.Helper()
	r, err := w.Read(w.t.Context(), "shop", w.last)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) change(action resource.Action, u *User, paths ...string) resource.Change {
	c := resource.Change{Addr: shopAddr, Owner: "shop", Action: action, Paths: paths, Last: w.last[shopAddr]}
	if u != nil {
		c.Want = u
	}
	return c
}

func (w *world) check(c resource.Change) string {
	var b strings.Builder
	for _, p := range w.Check(w.t.Context(), []resource.Change{c}, nil) {
		fmt.Fprintln(&b, p.Error())
	}
	return b.String()
}

func (w *world) apply(c resource.Change) {
	w.t.Helper()
	if problems := w.check(c); problems != "" {
		w.t.Fatal(problems)
	}
	for range 2 { // nil also when it was so before
		if err := w.Apply(w.t.Context(), c); err != nil {
			w.t.Fatal(err)
		}
	}
	w.last = resource.State{}
	if c.Want != nil {
		w.last[shopAddr] = c.Want
	}
}

func wanted(change func(*User)) *User {
	return newUser(func(u *User) {
		u.UID, u.GID, u.Locked, u.Groups = 51200, 51200, true, []string{"adm"}
		if change != nil {
			change(u)
		}
	})
}

// realDoor is the real account files below a root of their own.
func realDoor(t *testing.T) host.Passwd {
	t.Helper()
	p := host.Passwd{Root: t.TempDir()}
	for name, text := range map[string]string{"passwd": "root:x:0:0::/root:/bin/sh\n", "group": "root:x:0:\nadm:x:4:\ndocker:x:998:\n", "shadow": "root:*:::::::\n"} {
		if err := os.MkdirAll(filepath.Join(p.Root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.Root, "etc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestLife(t *testing.T) {
	for name, door := range map[string]Door{"in memory": hosttest.New(), "real": realDoor(t)} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, Host: NewHost(door)}
			show := func() string {
				out := ""
				for _, l := range resource.Leaves(w.read().State[shopAddr]) {
					out += l.Path + "=" + l.Value + " "
				}
				return out
			}
			expect := func(step, want string) {
				t.Helper()
				if got := show(); got != want {
					t.Errorf("%s: live %s\nwant %s", step, got, want)
				}
			}
			expect("before", "")
			w.apply(w.change(resource.Create, wanted(nil)))
			made := `uid=51200 gid=51200 groups=["adm"] home="/nonexistent" shell="/usr/sbin/nologin" locked=true `
			expect("made", made)

			// What people do with usermod, gpasswd and passwd.
			a := host.Account{Name: "shop", UID: 51201, GID: 51201, Comment: mark("shop", shopAddr), Home: "/", Shell: "/bin/sh", Groups: []string{"docker"}, Locked: true}
			if err := door.SetAccount(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			expect("drifted", `uid=51201 gid=51201 groups=["docker"] home="/" shell="/bin/sh" locked=true `)
			w.apply(w.change(resource.Update, wanted(nil), "gid", "groups", "home", "shell", "uid"))
			expect("repaired", made)

			// A group that was never declared is left alone by a change of something else.
			bare := wanted(func(u *User) { u.Groups = nil })
			w.apply(w.change(resource.Update, bare, "groups"))
			a.UID, a.GID = 51200, 51200
			if err := door.SetAccount(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			w.apply(w.change(resource.Update, bare, "home", "shell"))
			expect("another's group", strings.Replace(made, `["adm"]`, `["docker"]`, 1))

			w.last = nil
			expect("ledger lost", strings.Replace(made, `["adm"]`, `["docker"]`, 1))
			w.apply(w.change(resource.Delete, nil))
			expect("removed", "")
		})
	}
}

func TestConflicts(t *testing.T) {
	foreign := host.Account{Name: "shop", UID: 1500, GID: 1500, Comment: "Shop,,,", Home: "/home/shop", Shell: "/bin/sh"}
	with := func(change func(*host.Account)) func(*hosttest.Machine) {
		a := foreign
		change(&a)
		return func(m *hosttest.Machine) {
			m.PutGroup(host.Group{Name: a.Name, GID: a.GID})
			m.PutAccount(a)
		}
	}
	tests := []struct {
		name string
		put  func(*hosttest.Machine)
		want []string // in the problems; each a problem of its own line
	}{
		{"a foreign account", with(func(*host.Account) {}), []string{"account shop is on this host, and hostctl did not make it", "usermod --lock --comment 'hostctl/shop/user.shop' shop, with uid = 1500"}},
		{"a system account", with(func(a *host.Account) { a.UID = 101 }), []string{"hostctl did not make it: choose another name"}},
		{"another configuration's", with(func(a *host.Account) { a.Comment, a.Locked = "hostctl/other/user.shop", true }), []string{`it is user.shop of configuration "other"`, "hostctl adopt other"}},
		{"another resource's", with(func(a *host.Account) { a.Comment, a.Locked = `hostctl/shop/user.sh["op"]`, true }), []string{"hostctl did not make it"}},
		{"a mark that somebody wrote himself", with(func(a *host.Account) { a.Comment = "hostctl/shop/user.shop" }), []string{"it has a password"}},
		{"its uid", with(func(a *host.Account) { a.Name, a.UID = "bob", 51200 }), []string{"uid: uid 51200 is that of account bob"}},
		{"its gid", with(func(a *host.Account) { a.Name, a.GID = "bob", 51200 }), []string{"uid: gid 51200 is that of group bob"}},
		{"its group", func(m *hosttest.Machine) { m.PutGroup(host.Group{Name: "shop", GID: 1}) }, []string{"group shop is on this host without an account"}},
		{"elsewhere", func(m *hosttest.Machine) { m.PutElsewhere("shop", 9) }, []string{"taken by shop in another source"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := hosttest.New()
			tt.put(m)
			before := m.String()
			w := &world{t: t, Host: NewHost(m)}
			c := w.change(resource.Create, wanted(nil))
			got := w.check(c)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in:\n%s", want, got)
				}
			}
			if len(w.read().State) != 0 {
				t.Errorf("shown as ours: %v", w.read().Status)
			}
			// Only other sources of accounts are beyond what the door itself refuses.
			if err := w.Apply(t.Context(), c); err == nil && tt.name != "elsewhere" {
				t.Error("applied")
			}
			if err := w.Apply(t.Context(), w.change(resource.Delete, nil)); err != nil {
				t.Errorf("removal of what is not there: %v", err)
			}
			if after := m.String(); after != before && tt.name != "elsewhere" {
				t.Errorf("touched:\n%s\nwas:\n%s", after, before)
			}
		})
	}
}

func TestEveryProblemIsReported(t *testing.T) {
	m := hosttest.New()
	m.PutAccount(host.Account{Name: "bob", UID: 51200, GID: 1})
	w := &world{t: t, Host: NewHost(m)}
	got := w.check(w.change(resource.Create, wanted(func(u *User) { u.Groups = []string{"adm", "nope", "none"} })))
	if strings.Count(got, "\n") != 3 || !strings.Contains(got, "there is no group nope") || !strings.Contains(got, "there is no group none") {
		t.Error(got)
	}
}

func TestDelete(t *testing.T) {
	m := hosttest.New()
	w := &world{t: t, Host: NewHost(m)}
	w.apply(w.change(resource.Create, wanted(nil)))
	m.PutProcess(812, 51200)
	err := w.Apply(t.Context(), w.change(resource.Delete, nil))
	if err == nil || !strings.Contains(err.Error(), "processes still run as it: 812") {
		t.Errorf("error %v", err)
	}
	m.EndProcess(812)
	m.PutGroup(host.Group{Name: "shop", GID: 51200, Members: []string{"daemon"}})
	if got := w.check(w.change(resource.Delete, nil)); !strings.Contains(got, "gpasswd --delete USER shop") {
		t.Error(got)
	}
	m.PutGroup(host.Group{Name: "shop", GID: 51200})
	w.apply(w.change(resource.Delete, nil))
	if got := m.String(); got != "accounts\ndirectories\n" {
		t.Errorf("left:\n%s", got)
	}
}

func TestFailureIsRepeatable(t *testing.T) {
	m := hosttest.New()
	w := &world{t: t, Host: NewHost(m)}
	broken := errors.New("disk full")
	m.Fail("AddAccount shop", broken)
	c := w.change(resource.Create, wanted(nil))
	if err := w.Apply(context.Background(), c); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	w.apply(c)
}

func TestUsed(t *testing.T) {
	m := hosttest.New()
	if err := m.AddSubID(t.Context(), host.SubID{Name: "bob", Start: 10000, Count: 65536}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, Host: NewHost(m)}
	used := fmt.Sprint(w.read().Used[Pool])
	for _, want := range []string{"{65534 1}", "{998 1}", "{10000 65536}"} {
		if !strings.Contains(used, want) {
			t.Errorf("%s is not in %s", want, used)
		}
	}
}
