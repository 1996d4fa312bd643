package runtime

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStore(t *testing.T) {
	p := Paths{Run: filepath.Join(t.TempDir(), "hostctl")}
	if _, _, err := p.ReadSpec("web"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty store: %v", err)
	}
	s := sample()
	sum, err := p.WriteSpec(s)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.WriteSpec(s); err != nil || again != sum {
		t.Errorf("second write: %s, %v", again, err)
	}
	for _, name := range []string{"web", "web--next"} {
		if err := p.Link(name, sum); err != nil {
			t.Fatal(err)
		}
		got, gotSum, err := p.ReadSpec(name)
		if err != nil || gotSum != sum || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if st, err := os.Stat(p.spec(sum)); err != nil || st.Mode() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	for _, dir := range []string{p.containers(), p.specs(), p.running()} {
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, st.Mode(), err)
		}
	}
	if err := p.Link("other", sum); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.ReadSpec("other"); err == nil || !strings.Contains(err.Error(), "container web") {
		t.Errorf("another container's spec: %v", err)
	}
	for _, name := range []string{"../web", "", "a/b", "--next", "Web"} {
		if p.Link(name, sum) == nil {
			t.Errorf("link %q was made", name)
		}
	}
}

func TestStoreRefusesDamage(t *testing.T) {
	for name, damage := range map[string]func(file string) error{
		"changed":  func(f string) error { return os.WriteFile(f, []byte("{}"), 0o600) },
		"readable": func(f string) error { return os.Chmod(f, 0o644) },
		"symlink": func(f string) error {
			return errors.Join(os.Rename(f, f+".real"), os.Symlink(f+".real", f))
		},
		"fifo": func(f string) error { return errors.Join(os.Remove(f), mkfifo(f)) },
		"gone": os.Remove,
	} {
		p := Paths{Run: t.TempDir()}
		sum, err := p.WriteSpec(minimal())
		if err == nil {
			err = p.Link("web", sum)
		}
		if err == nil {
			err = damage(p.spec(sum))
		}
		if err != nil {
			t.Fatal(name, err)
		}
		if _, _, err := p.ReadSpec("web"); err == nil {
			t.Errorf("%s: was read", name)
		}
		if name == "symlink" {
			continue // a name that is a link is replaced, below, by rename
		}
	}
	p := Paths{Run: t.TempDir()}
	if err := os.Mkdir(p.specs(), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteSpec(minimal()); err == nil {
		t.Error("wrote into a directory that others may enter")
	}
}

func TestPrune(t *testing.T) {
	p := Paths{Run: t.TempDir()}
	write := func(arg string) string {
		s := minimal()
		s.Args = []string{"sh", arg}
		sum, err := p.WriteSpec(s)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	linked, running, ended, current, loose := write("linked"), write("running"), write("ended"), write("current"), write("loose")
	start, _, err := startTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	record := func(digit string, r Record) string {
		id := strings.Repeat(digit, 32)
		if err := os.WriteFile(p.record(id), r.encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		return id
	}
	alive := record("a", Record{Name: "web", Spec: running, PID: os.Getpid(), StartTime: start})
	dead := record("b", Record{Name: "web", Spec: ended, PID: os.Getpid(), StartTime: start - 1})
	failed := record("c", Record{Name: "web", Spec: current, PID: os.Getpid(), StartTime: start - 1})
	torn := strings.Repeat("d", 32)
	err = errors.Join(p.Link("web", linked), os.WriteFile(p.record(torn), []byte(`{"version":1`), 0o600),
		os.WriteFile(p.specs()+"/.new-1", nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	// What cannot be read at the moment may be in use.
	var old unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	none := old
	none.Cur = 0
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &none, nil); err != nil {
		t.Fatal(err)
	}
	err = p.Prune(nil)
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &old, nil); err != nil {
		t.Fatal(err)
	}
	if left, _ := names(p.specs()); !errors.Is(err, unix.EMFILE) || len(left) != 6 {
		t.Errorf("without a descriptor to read with: %v, specs left: %q", err, left)
	}
	if err := p.Prune(map[string]bool{failed: true}); err != nil {
		t.Fatal(err)
	}
	for sum, want := range map[string]bool{linked: true, running: true, current: true, ended: false, loose: false} {
		if _, err := p.Spec(sum); (err == nil) != want {
			t.Errorf("spec %s: %v, want kept %v", sum, err, want)
		}
	}
	for id, want := range map[string]bool{alive: true, failed: true, dead: false, torn: false} {
		if _, err := p.ReadRecord(id); (err == nil) != want {
			t.Errorf("record %s: %v, want kept %v", id, err, want)
		}
	}
	if left, _ := names(p.specs()); len(left) != 3 {
		t.Errorf("specs left: %q", left)
	}
	if err := p.Unlink("web"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(p.Unlink("web"), p.RemoveRecord(alive), p.RemoveRecord(alive), p.RemoveRecord(failed)); err != nil {
		t.Error(err)
	}
	if err := p.Prune(nil); err != nil {
		t.Error(err)
	}
	if left, _ := names(p.specs()); len(left) != 0 {
		t.Errorf("specs left: %q", left)
	}
}

func TestRecord(t *testing.T) {
	want := Record{Name: "web", Spec: strings.Repeat("0", 64), PID: 7, StartTime: 1 << 60, UID: 1, GID: 2,
		UIDMap: []Mapping{{0, 1000000, 65536}}, GIDMap: []Mapping{{0, 5, 1}, {1, 9, 2}}}
	for _, facts := range []*Facts{nil, {SeccompFilters: -1, Namespaces: map[string]string{}}, {
		Boot: true, Namespaces: map[string]string{"net": "net:[4026531840]"}, Capabilities: 1<<41 - 1, NoNewPrivs: true, SeccompFilters: 2,
		Mounts: `0:21 /a\040"b / ro,nosuid tmpfs` + "\n0:22 / /\x01� rw proc\n",
	}} {
		want.Facts = facts
		got, err := decodeRecord(want.encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		// A newer launcher says more, and what it started is the same container.
		newer := bytes.ReplaceAll(want.encode(), []byte(`"capabilities":`), []byte(`"later":[{}],"capabilities":`))
		newer = bytes.Replace(newer, []byte(`{"version":1`), []byte(`{"version":1,"later":{"a":[1,"b",null]}`), 1)
		if got, err := decodeRecord(newer); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", newer, got, err)
		}
	}
	for _, text := range []string{``, `{}`, `{"version":2,"pid":1}`, `{"version":1,"uid_map":[[1,2]]}`} {
		if _, err := decodeRecord([]byte(text)); err == nil {
			t.Errorf("%s is a record", text)
		}
	}
}

// Whatever stands in a record's place, nobody waits for it.
func TestRecordInAnotherPlace(t *testing.T) {
	p := Paths{Run: t.TempDir()}
	if err := p.makeDirs(); err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("a", 32)
	if _, err := p.ReadRecord(id); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	for name, put := range map[string]func(string) error{
		"fifo":      mkfifo,
		"directory": func(f string) error { return os.Mkdir(f, 0o700) },
		"long":      func(f string) error { return os.WriteFile(f, make([]byte, maxRecord+1), 0o600) },
		"link":      func(f string) error { return os.Symlink("/dev/zero", f) },
	} {
		if err := put(p.record(id)); err != nil {
			t.Fatal(err)
		}
		if r, err := p.ReadRecord(id); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if err := p.RemoveRecord(id); err != nil {
			t.Fatal(err)
		}
	}
}
