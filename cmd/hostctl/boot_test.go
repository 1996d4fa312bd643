package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hostctl/apply"
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

// Only a unit file that begins with the mark is hostctl's to write and to remove.
func TestBootUnitIsOurs(t *testing.T) {
	text := unitFor("/usr/local/bin/hostctl")
	if !strings.Contains(text, "\nExecStart=/usr/local/bin/hostctl replay -lock-timeout=24h\n") || strings.Contains(text, "PROGRAM") {
		t.Errorf("the unit:\n%s", text)
	}
	for name, tt := range map[string]struct {
		make func(path string) error
		want string // of the error
	}{
		"none":      {func(string) error { return nil }, ""},
		"ours":      {func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }, ""},
		"older":     {func(path string) error { return os.WriteFile(path, []byte(text[:strings.Index(text, "\n")+1]), 0o644) }, ""},
		"another's": {func(path string) error { return os.WriteFile(path, []byte("[Unit]\n"), 0o644) }, "did not write it"},
		"empty":     {func(path string) error { return os.WriteFile(path, nil, 0o644) }, "did not write it"},
		"masked":    {func(path string) error { return os.Symlink("/dev/null", path) }, "systemctl unmask hostctl.service"},
		"directory": {func(path string) error { return os.Mkdir(path, 0o755) }, "no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), bootUnit)
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			there, err := readBootUnit(path)
			if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if err != nil || there == text {
				return
			}
			if err := replaceUnit(path, text); err != nil {
				t.Fatal(err)
			}
			if there, err := readBootUnit(path); there != text || err != nil {
				t.Errorf("written: %q, %v", there, err)
			}
		})
	}
}

func TestProgramOfTheBootUnit(t *testing.T) {
	dir := t.TempDir() // below /tmp, where everybody can write
	program := filepath.Join(dir, "hostctl")
	for _, name := range []string{"hostctl", container.LauncherName} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkProgram(program, filepath.Join(dir, container.LauncherName)); err == nil || !strings.Contains(err.Error(), "others can change") {
		t.Errorf("%s: %v", program, err)
	}
	if got := moduleAbove(program); got != "" {
		t.Errorf("%s lies below %s", program, got)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := moduleAbove(program); got != dir {
		t.Errorf("%s lies below %q", program, got)
	}
}

// What cannot be put back takes along what refers to it, and nothing else.
func TestWithout(t *testing.T) {
	addr := func(kind, name string) resource.Addr { return resource.Addr{Kind: kind, Name: name} }
	state := func() resource.State {
		v := volume.Kind().New().(*volume.Volume)
		v.Path, v.Owner = "/srv/data", addr("user", "alice")
		web := container.Kind().New().(*container.Container)
		web.Mount = map[string]container.Mount{"/data": {Volume: addr("volume", "data")}}
		client := container.Kind().New().(*container.Container)
		client.DependsOn = []resource.Dependency{{To: addr("container", "web")}}
		return resource.State{
			addr("user", "alice"): user.Kind().New(), addr("user", "bob"): user.Kind().New(), addr("volume", "data"): v,
			addr("container", "web"): web, addr("container", "client"): client, addr("container", "other"): container.Kind().New(),
		}
	}
	for name, tt := range map[string]struct {
		problems []resource.Addr
		gone     []string
	}{
		"nothing":      {nil, nil},
		"of the whole": {[]resource.Addr{{}}, nil},
		"a leaf":       {[]resource.Addr{addr("container", "client")}, []string{"container.client"}},
		"in between":   {[]resource.Addr{addr("volume", "data")}, []string{"container.client", "container.web", "volume.data"}},
		"root":         {[]resource.Addr{addr("user", "alice")}, []string{"container.client", "container.web", "user.alice", "volume.data"}},
		"two":          {[]resource.Addr{addr("user", "bob"), addr("container", "other")}, []string{"container.other", "user.bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			var problems []resource.Problem
			for _, a := range tt.problems {
				problems = append(problems, resource.Problem{Addr: a})
			}
			want := state()
			out := without(want, problems)
			var gone []string
			for _, a := range want.Addrs() {
				if out[a] == nil {
					gone = append(gone, a.String())
				}
			}
			if !slices.Equal(gone, tt.gone) {
				t.Errorf("gone: %v, want %v", gone, tt.gone)
			}
		})
	}
}

func TestBackTo(t *testing.T) {
	heads := func(outcomes ...apply.Outcome) (list []*apply.Head) {
		for i, o := range outcomes {
			h := &apply.Head{Configuration: "shop", Number: uint64(i + 3)}
			if o != "" {
				h.Ending = &apply.Ending{Outcome: o}
			}
			list = append(list, h)
		}
		return list
	}
	undo := func(list []*apply.Head, undoes uint64) []*apply.Head {
		list[len(list)-1].Undoes = undoes
		return list
	}
	const ok, failed = apply.OutcomeApplied, apply.OutcomeFailed
	for name, tt := range map[string]struct {
		heads []*apply.Head
		args  []string
		want  uint64
		says  string
		// unread are those that cannot be read.
		unread []uint64
	}{
		"the one before":         {heads(ok, ok), nil, 3, "", nil},
		"past those that failed": {heads(ok, ok, failed, "", failed), nil, 4, "", nil},
		"the first":              {heads(ok), nil, 0, "nothing to go back to", nil},
		"none was applied":       {heads(failed, failed), nil, 0, "nothing to go back to", nil},
		"past what was undone":   {undo(heads(ok, ok, ok, ok), 5), nil, 4, "", nil},
		"undone, but named":      {undo(heads(ok, ok, ok), 4), []string{"4"}, 4, "", nil},
		"named":                  {heads(ok, failed, ok), []string{"4"}, 4, "", nil},
		"current":                {heads(ok, ok), []string{"4"}, 0, "is the current one", nil},
		"unknown":                {heads(ok, ok), []string{"9"}, 0, `"shop" has no generation 9; it has 3, 4`, nil},
		"many":                   {heads(ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok), []string{"99"}, 0, "it has ..., 6, 7", nil},
		"nonsense":               {heads(ok, ok), []string{"last"}, 0, "no number", nil},
		"past an old one":        {heads(ok, ok, ok), nil, 4, "", []uint64{1}},
		"past a spoilt one":      {heads(ok, ok), nil, 0, "generation 5 cannot be read; name", []uint64{5}},
		"beside a spoilt one":    {heads(ok, ok), []string{"4"}, 4, "", []uint64{2, 5}},
		"only spoilt ones":       {nil, nil, 0, "generation 5 cannot be read; name", []uint64{2, 5}},
		"the only one":           {nil, []string{"5"}, 0, "is the current one", []uint64{5}},
	} {
		t.Run(name, func(t *testing.T) {
			unread := map[uint64]error{}
			for _, n := range tt.unread {
				unread[n] = errors.New("damaged")
			}
			n, err := backTo("shop", tt.heads, unread, tt.args)
			if n != tt.want || (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
}
