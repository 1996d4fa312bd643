package plan

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostctl/resource"
)

func sample(t testing.TB) *File {
	want, last, live := scenarios()["mix"]()
	return &File{
		Basis: Basis{
			HostctlVersion: "1", HostID: "h", Dir: "/etc/shop", VarFiles: []string{"/etc/a.hclvars"}, SourceDigest: "sha256:1", Owner: "shop",
			LedgerSerial: 7, LiveDigest: Digest(live),
		},
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Grants:  []resource.Grant{{Pool: "uid", Owner: "shop", Addr: app("web"), Span: resource.Span{Start: 1 << 40, Size: 65536}}},
		Want:    want, Last: last, Live: live,
		Plan: Make(want, last, live, opt),
	}
}

func TestFileIsReadBackAsWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p")
	f := sample(t)
	for range 2 { // the second replaces the first
		if err := WriteFile(path, f); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	g, err := ReadFile(path, kinds)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g.Basis, f.Basis) || !g.Created.Equal(f.Created) || !slices.Equal(g.Grants, f.Grants) {
		t.Errorf("read %+v, wrote %+v", g, f)
	}
	if Digest(g.Want) != Digest(f.Want) || Digest(g.Last) != Digest(f.Last) || Digest(g.Live) != Digest(f.Live) {
		t.Error("a state is read back as another")
	}
	if !g.Plan.Equal(f.Plan) || !g.Plan.Equal(Make(g.Want, g.Last, g.Live, opt)) {
		t.Error("the plan is read back as another, or is not made again from the states")
	}
}

// A plan of nothing, too, must come back.
func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	if err := WriteFile(path, &File{Plan: Make(nil, nil, nil, opt)}); err != nil {
		t.Fatal(err)
	}
	if f, err := ReadFile(path, kinds); err != nil || !f.Plan.Empty() || len(f.Want) != 0 {
		t.Errorf("%v, %v", f, err)
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p")
	if err := WriteFile(path, sample(t)); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(name, wantErr string) {
		t.Helper()
		_, err := ReadFile(path, kinds)
		if err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: error %v, want %q", name, err, wantErr)
		}
	}
	write := func(data []byte) {
		t.Helper()
		os.Remove(path)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, err string
		data      []byte
	}{
		{"empty", "no plan", nil},
		{"no plan", "no plan", []byte("container \"web\" {\n}\n")},
		{"no first line's end", "torn", bytes.ReplaceAll(good, []byte("\n"), nil)[:90]},
		{"bad first line", "first line", []byte("hostctl-plan x\n{}")},
		{"half a first line", "first line", []byte("hostctl-plan 1\n{}")},
		{"newer", "format version 2", bytes.Replace(good, []byte("hostctl-plan 1"), []byte("hostctl-plan 2"), 1)},
		{"edited", "checksum", bytes.Replace(good, []byte(`"/elsewhere"`), []byte(`"/etc/shadow"`[:12]), 1)},
		{"longer", "torn or was edited", append(slices.Clone(good), '\n')},
	} {
		write(c.data)
		refuse(c.name, c.err)
	}
	for n := 0; n < len(good); n += 37 {
		write(good[:n])
		refuse("torn", "")
	}
	for i := 0; i < len(good); i += 41 {
		flipped := slices.Clone(good)
		flipped[i] ^= 4
		write(flipped)
		refuse("flipped", "")
	}

	write(good)
	if err := os.Chmod(path, 0o620); err != nil {
		t.Fatal(err)
	}
	refuse("group may write", "written by group")
	write(good)
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 1234, 0); err != nil {
			t.Fatal(err)
		}
		refuse("another's", "belongs to uid 1234")
	}
	os.Remove(path)
	refuse("absent", "no such file")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	refuse("fifo", "no regular file")
	os.Remove(path)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	refuse("directory", "no regular file")

	if _, err := decodeFile(good, kinds[:1]); err == nil || !strings.Contains(err.Error(), "unknown kind") {
		t.Errorf("a kind that is not there: %v", err)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p")
	if err := os.MkdirAll(filepath.Join(path, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, sample(t)); err == nil {
		t.Error("a directory was overwritten")
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

// What is not a regular file is nobody's old plan: a device, say, stays a device.
func TestNothingButAFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	for name, put := range map[string]func(string) error{
		"fifo":   func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"link":   func(p string) error { return os.Symlink("/dev/null", p) },
		"broken": func(p string) error { return os.Symlink("nothing", p) },
	} {
		path := filepath.Join(dir, name)
		if err := put(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(path)
		if err := WriteFile(path, sample(t)); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s was replaced", name)
		}
	}
}

func TestNoSecretIsSaved(t *testing.T) {
	f := sample(t)
	f.Last[app("web")].(*thing).Key = "hunter2"
	path := filepath.Join(t.TempDir(), "p")
	err := WriteFile(path, f)
	if err == nil || !strings.Contains(err.Error(), "app.web.key is secret") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there")
	}
}

func TestStale(t *testing.T) {
	base := sample(t).Basis
	if r := Stale(base, base); r != nil {
		t.Errorf("nothing changed, and: %q", r)
	}
	for want, change := range map[string]func(*Basis){
		"another host":              func(b *Basis) { b.HostID = "x" },
		`configuration "shop"`:      func(b *Basis) { b.Owner = "x" },
		"its variables changed":     func(b *Basis) { b.SourceDigest = "x" },
		"serial 7 then, 8 now":      func(b *Basis) { b.LedgerSerial = 8 },
		"The host changed":          func(b *Basis) { b.LiveDigest = "x" },
		"made by hostctl 1, and th": func(b *Basis) { b.HostctlVersion = "x" },
	} {
		now := base
		change(&now)
		r := Stale(base, now)
		if len(r) != 1 || !strings.Contains(r[0], want) || !strings.HasSuffix(r[0], ".") {
			t.Errorf("want one sentence with %q, got %q", want, r)
		}
	}
	moved := base
	moved.Dir = "/elsewhere"
	if r := Stale(base, moved); r != nil {
		t.Errorf("the same configuration in another place: %q", r)
	}
}

func TestDigest(t *testing.T) {
	a := resource.State{app("a"): spec(func(t *thing) { t.Command = []string{}; t.Env = map[string]string{} }), box("b"): spec()}
	if b := (resource.State{box("b"): spec(), app("a"): spec()}); Digest(a) != Digest(b) {
		t.Error("empty and nil have two digests")
	}
	seen := map[string]string{}
	for name, s := range map[string]resource.State{
		"nothing": nil,
		"a":       {app("a"): spec()},
		"b":       {box("a"): spec()},
		"image":   {app("a"): spec(func(t *thing) { t.Image = "x" })},
		"config":  {app("a"): spec(func(t *thing) { t.Config = "x" })},
		"two":     {app("a"): spec(), app("b"): spec()},
		"own":     {app("a"): spec(func(t *thing) { t.Config = "x\"" })},
	} {
		d := Digest(s)
		if other, ok := seen[d]; ok || !strings.HasPrefix(d, "sha256:") || len(d) != 7+64 {
			t.Errorf("%s: digest %s, as %q", name, d, other)
		}
		seen[d] = name
	}
}

func FuzzDecodeFile(f *testing.F) {
	path := filepath.Join(f.TempDir(), "p")
	if err := WriteFile(path, sample(f)); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("hostctl-plan 1 2 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := decodeFile(data, kinds)
		if err == nil {
			Make(file.Want, file.Last, file.Live, opt)
		}
	})
}
