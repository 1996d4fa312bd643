package volume

import (
	"errors"
	"fmt"
	"os"
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

func newWorld(t *testing.T, door Door) *world { return &world{t: t, Host: NewHost(door)} }

func (w *world) read() resource.Reading {
	w.t.Helper()
	r, err := w.Read(w.t.Context(), "shop", w.last)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) live() string {
	var out []string
	for _, l := range resource.Leaves(w.read().State[dbAddr]) {
		out = append(out, l.Path+"="+l.Value)
	}
	return strings.Join(out, " ")
}

func (w *world) change(action resource.Action, v *Volume) resource.Change {
	c := resource.Change{Addr: dbAddr, Owner: "shop", Action: action, Last: w.last[dbAddr]}
	if v != nil {
		c.Want = v
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
		w.last[dbAddr] = c.Want
	}
}

func wanted(change func(*Volume)) *Volume {
	return newVolume("/srv/shop/db", func(v *Volume) {
		v.UID, v.GID, v.Mode = 2100, 2100, 0o700
		if change != nil {
			change(v)
		}
	})
}

func TestLife(t *testing.T) {
	doors := map[string]func(*testing.T) Door{
		"in memory": func(*testing.T) Door { return hosttest.New() },
		"real": func(t *testing.T) Door {
			if os.Geteuid() != 0 {
				lacks(t, "root", errors.New("directories are given to others and marked"))
			}
			return host.Dirs{Root: t.TempDir()}
		},
	}
	for name, door := range doors {
		t.Run(name, func(t *testing.T) {
			door := door(t)
			w := newWorld(t, door)
			const made = `path="/srv/shop/db" uid=2100 gid=2100 mode="0700" on_destroy="delete"`
			want := wanted(func(v *Volume) { v.OnDestroy = Delete })
			expect := func(step, want string) {
				t.Helper()
				if got := w.live(); got != want {
					t.Errorf("%s: live %s\nwant %s", step, got, want)
				}
			}
			expect("before", "")
			w.apply(w.change(resource.Create, want))
			expect("made", made)

			// chown and chmod by hand
			if err := door.SetDir("/srv/shop/db", host.Dir{UID: 7, GID: 8, Mode: 0o777, Mark: "shop/volume.db"}); err != nil {
				t.Fatal(err)
			}
			expect("drifted", `path="/srv/shop/db" uid=7 gid=8 mode="0777" on_destroy="delete"`)
			w.apply(w.change(resource.Update, want))
			expect("repaired", made)

			// With the ledger lost the directory is known again as soon as it is wanted.
			w.last = nil
			expect("ledger lost", "")
			w.apply(w.change(resource.Create, want))
			expect("found again", made)

			// A new path: the data stays, with its mark.
			del := w.change(resource.Delete, nil)
			del.Replace = true
			w.apply(del)
			if dir, err := door.StatDir("/srv/shop/db"); err != nil || dir.Mark == "" {
				t.Errorf("after a replacement: %+v, %v", dir, err)
			}
			want = newVolume("/srv/shop/db2", func(v *Volume) { v.OnDestroy = Delete })
			w.apply(w.change(resource.Create, want))
			expect("elsewhere", `path="/srv/shop/db2" uid=0 gid=0 mode="0755" on_destroy="delete"`)

			undone := w.change(resource.Delete, nil)
			undone.Undo = true
			w.apply(undone)
			if dir, err := door.StatDir("/srv/shop/db2"); err != nil || dir.Mark == "" {
				t.Errorf("after an undo: %+v, %v", dir, err)
			}
			w.apply(w.change(resource.Create, want))

			w.apply(w.change(resource.Delete, nil))
			if _, err := door.StatDir("/srv/shop/db2"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("on_destroy = delete: %v", err)
			}
			w.apply(w.change(resource.Create, wanted(func(v *Volume) { v.Path = "/srv/kept" })))
			w.apply(w.change(resource.Delete, nil))
			if dir, err := door.StatDir("/srv/kept"); err != nil || dir.Mark == "" {
				t.Errorf("on_destroy = keep: %+v, %v", dir, err)
			}
			expect("removed, and kept", "")
			again := w.change(resource.Create, wanted(func(v *Volume) { v.Path = "/srv/kept" }))
			if got := w.check(again); got != "" {
				t.Errorf("what was kept cannot be declared again: %s", got)
			}
			w.apply(again)
		})
	}
}

func TestConflicts(t *testing.T) {
	tests := []struct {
		name string
		put  func(*hosttest.Machine)
		want []string
	}{
		{"a foreign directory", func(m *hosttest.Machine) { m.PutDir("/srv/shop/db", host.Dir{Mode: 0o755}) },
			[]string{"path: /srv/shop/db is on this host, and hostctl did not make it", "setfattr -n trusted.hostctl.owner -v 'shop/volume.db' '/srv/shop/db'"}},
		{"another configuration's", func(m *hosttest.Machine) { m.PutDir("/srv/shop/db", host.Dir{Mark: "other/volume.x"}) },
			[]string{`it is volume.x of configuration "other"`, "when that configuration has the volume no more", "setfattr"}},
		{"another volume of this one", func(m *hosttest.Machine) { m.PutDir("/srv/shop/db", host.Dir{Mark: "shop/volume.x"}) },
			[]string{"it is volume.x of this configuration", "setfattr"}},
		{"inside another configuration's", func(m *hosttest.Machine) { m.PutDir("/srv/shop", host.Dir{Mark: "other/volume.x"}) },
			[]string{`/srv/shop/db lies inside volume.x of configuration "other"`}},
		{"a link", func(m *hosttest.Machine) { m.PutOther("/srv/shop/db", "symbolic link") }, []string{"/srv/shop/db is a symbolic link"}},
		{"a link above", func(m *hosttest.Machine) { m.PutOther("/srv/shop", "symbolic link") }, []string{"/srv/shop is a symbolic link"}},
		{"a file", func(m *hosttest.Machine) { m.PutOther("/srv/shop", "file") }, []string{"/srv/shop is not a directory"}},
		{"no attributes", func(m *hosttest.Machine) {
			m.Mount("/srv/shop", false)
			m.PutDir("/srv/shop/db", host.Dir{UID: 1, Mode: 0o700})
		}, []string{"hostctl did not make it", "an empty directory of 2100:2100 with mode 0700 is taken"}},
		{"no attributes, and data", func(m *hosttest.Machine) {
			m.Mount("/srv/shop", false)
			m.PutDir("/srv/shop/db", host.Dir{UID: 2100, GID: 2100, Mode: 0o700})
			m.PutDir("/srv/shop/db/data", host.Dir{})
		}, []string{"hostctl did not make it"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := hosttest.New()
			tt.put(m)
			before := m.String()
			w := newWorld(t, m)
			c := w.change(resource.Create, wanted(nil))
			got := w.check(c)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in:\n%s", want, got)
				}
			}
			if strings.HasPrefix(tt.name, "inside") {
				return // only a matter of the plan
			}
			if err := w.Apply(t.Context(), c); err == nil {
				t.Error("applied")
			}
			if after := m.String(); after != before {
				t.Errorf("touched:\n%s\nwas:\n%s", after, before)
			}
		})
	}
}

func TestHandedOver(t *testing.T) {
	m := hosttest.New()
	m.PutDir("/srv/shop/db", host.Dir{Mode: 0o755, Mark: "shop/volume.db"}) // by setfattr
	w := newWorld(t, m)
	w.apply(w.change(resource.Create, wanted(nil)))
	if got := m.String(); got != "accounts\ndirectories\n  dir /srv/shop 0:0 0755\n  dir /srv/shop/db 2100:2100 0700 shop/volume.db\n" {
		t.Error(got)
	}
}

func TestMountpoint(t *testing.T) {
	m := hosttest.New()
	m.PutDir("/srv/disk", host.Dir{Mode: 0o755})
	w := newWorld(t, m)
	v := wanted(func(v *Volume) { v.Path, v.Mountpoint = "/srv/disk/db", "/srv/disk" })
	c := w.change(resource.Create, v)
	const bare = "nothing is mounted at /srv/disk"
	if got := w.check(c); !strings.Contains(got, "mountpoint: "+bare) {
		t.Error(got)
	}
	if err := w.Apply(t.Context(), c); err == nil || err.Error() != bare {
		t.Errorf("error %v", err)
	}
	m.Mount("/srv/disk", true)
	w.apply(c)
	if w.live() == "" {
		t.Error(w.read().Status)
	}
	// The disk goes, and a directory of the same name shows below it.
	m.Drop("/srv/disk")
	m.PutDir("/srv/disk/db", host.Dir{UID: 2100, GID: 2100, Mode: 0o700, Mark: "shop/volume.db"})
	// It is not known to be gone: only that what guards it is missing.
	if w.live() != `path="/srv/disk/db" uid=2100 gid=2100 mode="0700" on_destroy="keep"` || w.read().Status[dbAddr] != bare {
		t.Errorf("%s, %v", w.live(), w.read().Status)
	}
	if got := w.check(w.change(resource.Update, v)); !strings.Contains(got, "mountpoint: "+bare) {
		t.Error(got)
	}
}

// A volume whose data is to be deleted is not forgotten while nobody can say whether it is there.
func TestDeleteWhatCannotBeLookedAt(t *testing.T) {
	for name, tt := range map[string]struct {
		hide, show func(*hosttest.Machine)
		want       string
	}{
		"its disk is not mounted": {func(m *hosttest.Machine) { m.Drop("/srv/disk") }, func(m *hosttest.Machine) { m.Mount("/srv/disk", true) },
			"nothing is mounted at /srv/disk: mount the filesystem"},
		"a link stands above": {func(m *hosttest.Machine) { m.PutOther("/srv/disk/a", "symbolic link") }, func(m *hosttest.Machine) { m.Drop("/srv/disk/a") },
			"/srv/disk/a is a symbolic link; write the path that it leads to; repair that first"},
	} {
		t.Run(name, func(t *testing.T) {
			m := hosttest.New()
			m.Mount("/srv/disk", true)
			w := newWorld(t, m)
			w.apply(w.change(resource.Create, wanted(func(v *Volume) {
				v.Path, v.Mountpoint, v.OnDestroy = "/srv/disk/a/db", "/srv/disk", Delete
			})))
			tt.hide(m)
			if w.live() == "" {
				t.Error("it is forgotten")
			}
			gone := w.change(resource.Delete, nil)
			if got := w.check(gone); !strings.Contains(got, tt.want) {
				t.Errorf("problems %q, want %q in them", got, tt.want)
			}
			if err := w.Apply(t.Context(), gone); err == nil {
				t.Error("it is said to be removed")
			}
			tt.show(m)
			w.apply(gone)
		})
	}
}

func TestFilesystemWithoutMarks(t *testing.T) {
	m := hosttest.New()
	m.Mount("/srv/shop", false)
	w := newWorld(t, m)
	c := w.change(resource.Create, wanted(nil))
	w.apply(c) // twice: a crash before the ledger is written must not leave a conflict
	if w.live() == "" {
		t.Error(w.read().Status)
	}
	m.PutDir("/srv/shop/db/data", host.Dir{})
	w.apply(w.change(resource.Update, wanted(func(v *Volume) { v.OnDestroy = Delete })))
	w.apply(w.change(resource.Delete, nil))
	if got := m.String(); got != "accounts\ndirectories\n  dir /srv/shop 0:0 0755 mounted\n" {
		t.Error(got)
	}
}

func TestDeleteStopsAtMounts(t *testing.T) {
	m := hosttest.New()
	w := newWorld(t, m)
	w.apply(w.change(resource.Create, wanted(func(v *Volume) { v.OnDestroy = Delete })))
	m.Mount("/srv/shop/db/in", true)
	before := m.String()
	c := w.change(resource.Delete, nil)
	if got := w.check(c); !strings.Contains(got, "/srv/shop/db/in is mounted there") {
		t.Error(got)
	}
	if err := w.Apply(t.Context(), c); err == nil || m.String() != before {
		t.Errorf("error %v, left:\n%s", err, m)
	}
}

func TestDeleteLeavesForeignDirectories(t *testing.T) {
	m := hosttest.New()
	w := newWorld(t, m)
	w.apply(w.change(resource.Create, wanted(func(v *Volume) { v.OnDestroy = Delete })))
	m.PutDir("/srv/shop/db", host.Dir{Mark: "other/volume.db"})
	before := m.String()
	w.apply(w.change(resource.Delete, nil))
	if m.String() != before {
		t.Errorf("touched:\n%s", m)
	}
}

func TestQuote(t *testing.T) {
	if got := quote(`a'b $c`); got != `'a'\''b $c'` {
		t.Error(got)
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
