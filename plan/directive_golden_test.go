package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"hostctl/resource"
)

// directed are plans with directives that are worth looking at, each in testdata as text and as JSON.
func directed() map[string]func() (want, last, live resource.State, opt Options) {
	web := func(set ...func(*thing)) resource.Spec {
		return spec(append([]func(*thing){func(t *thing) {
			t.Image, t.Env = "web-1", map[string]string{"PORT": "8080", "PASSWORD": "hunter2"}
			t.Mount = map[string]mount{"/data": {Volume: box("data"), ReadOnly: true}}
		}}, set...)...)
	}
	data := func(set ...func(*thing)) resource.Spec {
		return spec(append([]func(*thing){func(t *thing) { t.Path = "/srv/data" }}, set...)...)
	}
	base := func() resource.State { return resource.State{app("web"): web(), box("data"): data()} }
	moved := func(from, to resource.Addr) resource.Move {
		return resource.Move{From: target(from), To: target(to)}
	}
	to := func(volume string) func(*thing) {
		return func(t *thing) { t.Mount = map[string]mount{"/data": {Volume: box(volume), ReadOnly: true}} }
	}
	return map[string]func() (want, last, live resource.State, opt Options){
		"moved": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Moved = []resource.Move{moved(box("data"), box("store"))}
			return resource.State{app("web"): web(to("store")), box("store"): data()}, base(), base(), o
		},
		"moved-and-changed": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Moved = []resource.Move{moved(box("data"), box("store"))}
			return resource.State{app("web"): web(to("store")), box("store"): data(func(t *thing) { t.Image, t.Memory = "new", 2<<30 })}, base(), base(), o
		},
		"moved-program": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Moved = []resource.Move{moved(app("web"), app("site"))}
			return resource.State{app("site"): web(), box("data"): data()}, base(), base(), o
		},
		"moved-both-there": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Moved = []resource.Move{moved(box("data"), box("store"))}
			all := base()
			all[box("store")] = data()
			return resource.State{app("web"): web(to("store")), box("store"): data()}, all, all, o
		},
		"forgotten": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Removed = []resource.Target{target(app("web"))}
			return resource.State{box("data"): data()}, base(), base(), o
		},
		"forgotten-needs-destroyed": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Removed = []resource.Target{target(app("web"))}
			return resource.State{}, base(), base(), o
		},
		"imported": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Imported = map[resource.Addr]string{box("data"): "/srv/data"}
			live = resource.State{box("data"): data(func(t *thing) { t.Memory, t.Comment = 7, "theirs" })}
			return base(), resource.State{}, live, o
		},
		"imported-would-be-replaced": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Imported = map[resource.Addr]string{box("data"): "/srv/elsewhere"}
			return base(), nil, resource.State{box("data"): data(func(t *thing) { t.Path = "/srv/elsewhere" })}, o
		},
		"prevented": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Lifecycle = map[resource.Addr]resource.Lifecycle{box("data"): {PreventDestroy: true}}
			want = base()
			want[box("data")] = data(func(t *thing) { t.Path = "/new" })
			return want, base(), base(), o
		},
		"ignored": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Lifecycle = map[resource.Addr]resource.Lifecycle{app("web"): {IgnoreChanges: []string{"environment", "image"}}}
			want, live = base(), base()
			want[app("web")] = web(func(t *thing) { t.Image, t.Memory = "web-2", 2<<30 })
			live[app("web")] = web(func(t *thing) { t.Env = map[string]string{"PORT": "9090", "MORE": "1"} })
			return want, base(), live, o
		},
		"asked": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Replace = []resource.Target{target(box("data"))}
			return base(), base(), base(), o
		},
		"targeted": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Targets = []resource.Target{target(app("web"))}
			want = base()
			want[app("web")] = web(func(t *thing) { t.Image = "web-2" })
			want[box("data")] = data(func(t *thing) { t.Memory = 2 << 30 })
			want[box("other")], want[app("third")] = spec(), spec()
			return want, base(), base(), o
		},
		"sensitive": func() (want, last, live resource.State, o Options) {
			o = opt
			o.Directives.Sensitive = map[resource.Addr][]string{app("web"): {`environment["PASSWORD"]`}}
			o.Hidden = map[resource.Addr][]string{app("web"): {"comment"}}
			want, live = base(), base()
			want[app("web")] = web(func(t *thing) { t.Env = map[string]string{"PORT": "80", "PASSWORD": "hunter2 again"} })
			live[app("web")] = web(func(t *thing) { t.Comment = "hunter2 once" })
			return want, live, live, o
		},
	}
}

func TestDirectedGolden(t *testing.T) {
	for name, make := range directed() {
		t.Run(name, func(t *testing.T) {
			want, last, live, opt := make()
			p := Make(want, last, live, opt)
			text := p.Text(TextOptions{})
			shown := text
			for _, problem := range p.Refused {
				shown += "refused: " + problem.Error() + "\n"
			}
			golden(t, "directive-"+name+".txt", []byte(shown))
			data, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "directive-"+name+".json", append(data, '\n'))
			decoded, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if got := decoded.Text(TextOptions{}); got != text {
				t.Errorf("the decoded plan prints otherwise:\n%s", got)
			}
			if name == "sensitive" && strings.Contains(shown+string(data), "hunter2") {
				t.Error("a sensitive value is shown")
			}
		})
	}
}

// A saved plan holds no sensitive value, and takes only the very one that it was made with.
func TestSeal(t *testing.T) {
	want, last, live, o := directed()["sensitive"]()
	hidden := map[resource.Addr][]string{app("web"): {`environment["PASSWORD"]`, "comment"}}
	key := []byte("a key that is as long as one is.")
	f := &File{Directives: o.Directives, Want: want, Last: last, Live: live, Plan: Make(want, last, live, o)}
	basis := Basis{SourceDigest: "s", LiveDigest: "l"}
	f.Basis = basis
	f.Seal(key, kinds, hidden)
	path := t.TempDir() + "/plan"
	if err := WriteFile(path, f); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "hunter2") {
		t.Errorf("a sensitive value is in the file: %s", data)
	}
	got, err := ReadFile(path, kinds)
	if err != nil {
		t.Fatal(err)
	}
	if reasons := Stale(got.Basis, basis.Seal(key)); len(reasons) > 0 {
		t.Error(reasons)
	}
	if reasons := Stale(got.Basis, basis.Seal([]byte("another"))); len(reasons) != 2 {
		t.Errorf("under another key: %q", reasons)
	}
	wrong := cloneState(want)
	wrong[app("web")].(*thing).Env["PASSWORD"] = "hunter3"
	if err := got.Unseal(key, wrong); err == nil || !strings.Contains(err.Error(), `app.web.environment["PASSWORD"]`) || strings.Contains(err.Error(), "hunter") {
		t.Errorf("another value: %v", err)
	}
	if err := got.Unseal([]byte("another"), want); err == nil {
		t.Error("another key unseals")
	}
	if err := got.Unseal(key, resource.State{}); err == nil {
		t.Error("no value unseals")
	}
	if err := got.Unseal(key, want); err != nil {
		t.Fatal(err)
	}
	for addr := range want {
		if !same(got.Want[addr], want[addr]) {
			t.Errorf("%s is another after it was saved", addr)
		}
	}
	if !slices.Equal(got.Want.Addrs(), want.Addrs()) {
		t.Errorf("%v, want %v", got.Want.Addrs(), want.Addrs())
	}
}
