package volume

import (
	"errors"
	"os"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
)

var storeAddr = resource.Addr{Kind: "volume", Name: "store"}

// bothDoors runs a test on a tree in memory and on a real one.
func bothDoors(t *testing.T, test func(*testing.T, Door)) {
	t.Run("in memory", func(t *testing.T) { test(t, hosttest.New()) })
	t.Run("real", func(t *testing.T) {
		if os.Geteuid() != 0 {
			lacks(t, "root", errors.New("directories are given to others and marked"))
		}
		test(t, host.Dirs{Root: t.TempDir()})
	})
}

func markOf(t *testing.T, door Door, path string) string {
	t.Helper()
	dir, err := door.StatDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir.Mark
}

func TestMove(t *testing.T) {
	bothDoors(t, func(t *testing.T, door Door) {
		w := newWorld(t, door)
		w.apply(w.change(resource.Create, wanted(nil)))
		c := w.change(resource.Update, wanted(nil))
		c.Addr, c.From, c.Live = storeAddr, dbAddr, w.read().State[dbAddr]
		w.apply(c)
		if got := markOf(t, door, "/srv/shop/db"); got != "shop/volume.store" {
			t.Errorf("mark %q", got)
		}
		// Cut off before the ledger knew: the mark is new, and the same change is made again.
		w.last = resource.State{dbAddr: wanted(nil)}
		if live := w.read().State; len(live) > 0 {
			t.Errorf("live %v", live.Addrs())
		}
		c.Action, c.Live = resource.Create, nil
		w.apply(c)
		if err := door.MarkDir("/srv/shop/db", "shop/volume.store", "blog/volume.x"); err != nil {
			t.Fatal(err)
		}
		if got := w.check(c); !strings.Contains(got, `it is volume.x of configuration "blog"`) {
			t.Error(got)
		}
	})
}

func TestForget(t *testing.T) {
	bothDoors(t, func(t *testing.T, door Door) {
		w := newWorld(t, door)
		w.apply(w.change(resource.Create, wanted(nil)))
		c := w.change(resource.Forget, nil)
		c.Live = w.read().State[dbAddr]
		w.apply(c)
		if got := markOf(t, door, "/srv/shop/db"); got != "" {
			t.Errorf("mark %q", got)
		}
		if got := w.check(w.change(resource.Create, wanted(nil))); !strings.Contains(got, "hostctl did not make it") {
			t.Error(got)
		}
	})
}

func TestImport(t *testing.T) {
	bothDoors(t, func(t *testing.T, door Door) {
		w := newWorld(t, door)
		find := func(id string) (resource.Spec, bool, string) {
			spec, ours, problems := w.Host.(resource.Importer).Find(t.Context(), "shop", dbAddr, id)
			text := ""
			for _, p := range problems {
				text += p.Error()
			}
			return spec, ours, text
		}
		for id, want := range map[string]string{"/srv/none": "there is no directory", "srv": "no directory to import", "/srv/../etc": "no directory to import"} {
			if _, _, got := find(id); !strings.Contains(got, want) {
				t.Errorf("%q: %q", id, got)
			}
		}
		// A directory that an administrator made: with its mark taken off it is nobody's.
		if err := door.CreateDir("/srv/shop/db", host.Dir{UID: 7, GID: 8, Mode: 0o777, Mark: "x"}); err != nil {
			t.Fatal(err)
		}
		if _, _, got := find("/srv/shop/db"); !strings.Contains(got, "cannot be imported") {
			t.Error(got)
		}
		if err := door.MarkDir("/srv/shop/db", "x", ""); err != nil {
			t.Fatal(err)
		}
		live, ours, problems := find("/srv/shop/db")
		if ours || problems != "" || live.(*Volume).UID != 7 {
			t.Fatalf("%+v %v %s", live, ours, problems)
		}
		c := w.change(resource.Update, wanted(nil))
		c.Live, c.Import = live, "/srv/shop/db"
		w.apply(c)
		if dir, err := door.StatDir("/srv/shop/db"); err != nil || dir.Mark != "shop/volume.db" || dir.UID != 2100 {
			t.Errorf("%+v %v", dir, err)
		}
		if _, ours, _ := find("/srv/shop/db"); !ours {
			t.Error("the imported directory is not ours")
		}
	})
}

// Whose mark may be on a filesystem that is not mounted, or is another's, is not adopted: nothing would find the volume again.
func TestAdopt(t *testing.T) {
	bothDoors(t, func(t *testing.T, door Door) {
		const path = "/srv/shop/db"
		w := newWorld(t, door)
		w.apply(w.change(resource.Create, wanted(nil)))
		c := w.change(resource.Adopt, wanted(nil))
		c.Owner, c.Former = "store", "shop"
		for _, mark := range []string{"", "blog/volume.x"} {
			if err := door.MarkDir(path, markOf(t, door, path), mark); err != nil {
				t.Fatal(err)
			}
			err := w.Apply(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), "hostctl forget -name shop 'volume.db'") || !strings.Contains(w.check(c), err.Error()) {
				t.Errorf("with the mark %q: %v; %s", mark, err, w.check(c))
			}
		}
		if err := errors.Join(door.MarkDir(path, "blog/volume.x", "shop/volume.db"), w.Apply(t.Context(), c)); err != nil {
			t.Fatal(err)
		}
		w.apply(c) // it is the new owner's already
		if got := markOf(t, door, path); got != "store/volume.db" {
			t.Errorf("mark %q", got)
		}
		if err := door.RemoveDir(t.Context(), path, "store/volume.db"); err != nil {
			t.Fatal(err)
		}
		if err := w.Apply(t.Context(), c); err == nil || !strings.Contains(err.Error(), "it is not there; mount the filesystem") {
			t.Error(err)
		}
		external := wanted(func(v *Volume) { v.External = true })
		if c.Last = external; w.check(c) != "" {
			t.Error(w.check(c))
		}
		if c.Last = wanted(func(v *Volume) { v.Mountpoint = "/srv" }); !strings.Contains(w.check(c), "nothing is mounted at /srv") {
			t.Error(w.check(c))
		}
	})
}
