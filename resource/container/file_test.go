package container

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostctl/resource"
	"hostctl/runtime"
)

func plain(content string, change ...func(*File)) File {
	f := File{Content: content, Owner: "0:0", Mode: 0o644, OnChange: "restart"}
	for _, c := range change {
		c(&f)
	}
	return f
}

func on(how OnChange) func(*File) { return func(f *File) { f.OnChange = how } }

func TestValidateFiles(t *testing.T) {
	files := func(m map[string]File) func(*Container) { return func(c *Container) { c.File = m } }
	one := func(target string, change ...func(*File)) func(*Container) {
		return files(map[string]File{target: plain("x", change...)})
	}
	reload := Reload{Signal: "HUP"}
	for _, test := range []struct {
		name  string
		set   func(*Container)
		wants []string // path and a part of the summary, for each problem
	}{
		{"as it should be", func(c *Container) {
			c.Reload = reload
			c.File = map[string]File{"/etc/a.conf": plain("a\n\tb"), "/b": plain(""), "/run/app/c": plain("", on("reload")), "/data/app/d": plain("", on("none"))}
			c.Tmpfs = map[string]Tmpfs{"/data": {Size: 1 << 20}}
		}, nil},
		{"relative", one("etc/x"), []string{`file["etc/x"] no file`}},
		{"unclean", one("/etc/../x"), []string{`file["/etc/../x"] no file`}},
		{"in proc", one("/proc/sys/x"), []string{`file["/proc/sys/x"] no file`}},
		{"the root", one("/"), []string{`file["/"] no file`}},
		{"in run", one("/run/x"), []string{`file["/run/x"] /run is the program's`}},
		{"in tmp", one("/tmp/x"), []string{`file["/tmp/x"] /tmp is the program's`}},
		{"run", one("/run"), []string{`file["/run"] /run is a directory`}},
		{"in a tmpfs", func(c *Container) {
			one("/data/x")(c)
			c.Tmpfs = map[string]Tmpfs{"/data": {Size: 1 << 20}}
		}, []string{`file["/data/x"] /data is the program's`}},
		{"above a tmpfs", func(c *Container) {
			one("/data")(c)
			c.Tmpfs = map[string]Tmpfs{"/data/x": {Size: 1 << 20}}
		}, []string{`file["/data"] the tmpfs at /data/x`}},
		{"on a volume", func(c *Container) {
			one("/data/deep/x")(c)
			c.Mount = map[string]Mount{"/data": {Volume: resource.Addr{Kind: "volume", Name: "v"}}}
		}, []string{`file["/data/deep/x"] /data/deep/x would be on the volume at /data`}},
		{"above a volume", func(c *Container) {
			one("/data")(c)
			c.Mount = map[string]Mount{"/data/v": {Volume: resource.Addr{Kind: "volume", Name: "v"}}}
		}, []string{`file["/data"] the volume at /data/v`}},
		{"below a file", files(map[string]File{"/etc/a": plain(""), "/etc/a/b": plain("")}), []string{`file["/etc/a/b"] /etc/a is a file`}},
		{"a mebibyte", files(map[string]File{"/etc/a": plain(strings.Repeat("x", 1<<20))}), nil},
		{"more than a mebibyte", files(map[string]File{"/etc/a": plain(strings.Repeat("x", 1<<20+1))}), []string{`file["/etc/a"].content the file has 1048577 bytes`}},
		{"more than four together", files(map[string]File{"/1": plain(strings.Repeat("x", 1<<20)), "/2": plain(strings.Repeat("x", 1<<20)),
			"/3": plain(strings.Repeat("x", 1<<20)), "/4": plain(strings.Repeat("x", 1<<20)), "/5": plain("x")}), []string{`file["/5"].content with this file`}},
		{"no base64", one("/etc/a", func(f *File) { f.Content, f.ContentBase64 = "", "%" }), []string{`file["/etc/a"].content_base64 the content is not base64`}},
		{"owner", one("/etc/a", func(f *File) { f.Owner = "a b" }), []string{`file["/etc/a"].owner`}},
		{"no owner", one("/etc/a", func(f *File) { f.Owner = "" }), []string{`file["/etc/a"].owner`}},
		{"for nobody", one("/etc/a", func(f *File) { f.Mode = 0 }), []string{`file["/etc/a"].mode nobody`}},
		{"unknown way", one("/etc/a", on("notify")), []string{`file["/etc/a"].on_change "notify"`}},
		{"reload without a way", one("/etc/a", on("reload")), []string{`file["/etc/a"].on_change the container does not say`}},
		{"reload by both", func(c *Container) { c.Reload = Reload{Signal: "HUP", Exec: []string{"x"}} },
			[]string{"reload.exec a program is told"}},
		{"reload by nothing that runs", func(c *Container) { c.Reload = Reload{Exec: []string{"bin/x", "a\x00"}} },
			[]string{"reload.exec element 0", "reload.exec element 1"}},
		{"a signal that ends it", func(c *Container) { c.Reload = Reload{Signal: "TERM"} }, []string{`reload.signal "TERM" is no signal`}},
		{"a signal with SIG", func(c *Container) { c.Reload = Reload{Signal: "SIGHUP"} }, []string{`reload.signal "SIGHUP" is no signal`}},
	} {
		c := fresh()
		test.set(c)
		problems := c.Validate(web)
		for i, p := range problems {
			if i >= len(test.wants) || !strings.HasPrefix(p.Path+" "+p.Summary, test.wants[i]) {
				t.Errorf("%s: unexpected: %v", test.name, p)
			}
		}
		if len(problems) < len(test.wants) {
			t.Errorf("%s: %v, want %q", test.name, problems, test.wants)
		}
	}
}

// Whatever a language takes for text, a content is written in one way on both sides.
func TestResolveFiles(t *testing.T) {
	c := fresh()
	c.File = map[string]File{
		"/text":   plain("a\nb\t"),
		"/crlf":   plain("a\r\n"),
		"/base64": plain("", func(f *File) { f.ContentBase64 = base64.StdEncoding.EncodeToString([]byte("text")) }),
		"/bytes":  plain("", func(f *File) { f.ContentBase64 = base64.StdEncoding.EncodeToString([]byte{0xff}) }),
	}
	c.File["/nul"] = plain("a\x00")
	before := c.clone()
	r := resource.NewResolver("shop", nil, nil, nil)
	if problems := c.Resolve(web, r); len(problems) > 0 {
		t.Fatal(problems)
	}
	for target, want := range map[string][2]string{"/text": {"a\nb\t", ""}, "/nul": {"", "YQA="}, "/crlf": {"a\r\n", ""}, "/base64": {"text", ""}, "/bytes": {"", "/w=="}} {
		if got := c.File[target]; got.Content != want[0] || got.ContentBase64 != want[1] {
			t.Errorf("%s: %q, %q", target, got.Content, got.ContentBase64)
		}
	}
	if before.File["/nul"].Content == "" {
		t.Error("the declaration was changed")
	}
}

func TestChangeClass(t *testing.T) {
	want := with(resolved(), func(c *Container) {
		c.Reload = Reload{Signal: "HUP"}
		c.File = map[string]File{"/a": plain("", on("none")), "/b": plain("", on("reload")), "/c": plain(""), "/new": plain("", on("none"))}
	})
	live := with(want, func(c *Container) {
		c.File = map[string]File{"/a": plain(""), "/b": plain(""), "/c": plain(""), "/old": plain("")}
	})
	for path, class := range map[string]resource.Class{
		`file["/a"].content`: resource.Live, `file["/b"].mode`: resource.Reload, `file["/c"].owner`: resource.Restart,
		`file["/new"]`: resource.Restart, `file["/new"].content`: resource.Restart, `file["/old"].content`: resource.Restart,
		`command`: resource.Restart, `file`: resource.Restart, `file[`: resource.Restart,
	} {
		if got := want.ChangeClass(path, resource.Restart, live); got != class {
			t.Errorf("%s: %s, want %s", path, got, class)
		}
	}
	if got := want.ChangeClass(`file["/c"].on_change`, resource.Live, live); got != resource.Live {
		t.Errorf("on_change: %s", got)
	}
	for pending, class := range map[string]resource.Class{"0123456789ab": resource.Live, pendingReload: resource.Reload, pendingUnknown: resource.Restart} {
		if got := want.ChangeClass("pending", resource.Live, with(live, func(c *Container) { c.Pending = pending })); got != class {
			t.Errorf("pending %s: %s, want %s", pending, got, class)
		}
	}
}

func (b *bench) inside(target string) string {
	data, err := os.ReadFile(filepath.Join(b.Proc, fmt.Sprint(os.Getpid()), "root", target))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func filed() *Container {
	return with(resolved(), func(c *Container) {
		c.Reload = Reload{Signal: "HUP"}
		c.File = map[string]File{
			"/etc/none":    plain("1", on("none")),
			"/etc/reload":  plain("1", on("reload")),
			"/etc/restart": plain("1"),
			"/etc/bytes":   plain("", on("none")).holding([]byte("\xff\x00")),
			"/etc/empty":   plain("", on("none")),
		}
	})
}

func TestFiles(t *testing.T) {
	b := newBench(t)
	want := filed()
	b.apply(web, want)
	b.same(web, want)
	set := func(target string, change func(*File)) func(*Container) {
		return func(c *Container) {
			c.File = with(c, func(*Container) {}).clone().File
			f := c.File[target]
			change(&f)
			c.File[target] = f
		}
	}
	content := func(s string) func(*File) { return func(f *File) { *f = f.holding([]byte(s)) } }
	const kill, restart = "kill hostctl-web.service 1", "restart hostctl-web.service"
	for _, step := range []struct {
		name      string
		set       func(*Container)
		calls     string
		delivered int
	}{
		{"one to notice", set("/etc/none", content("2")), "", 1},
		{"one to be told of", set("/etc/reload", content("2")), kill, 1},
		{"one to start with", set("/etc/restart", content("2")), restart, 0},
		{"mode", set("/etc/none", func(f *File) { f.Mode = 0o600 }), "", 1},
		{"from nothing", set("/etc/empty", content("x")), "", 1},
		{"to nothing", set("/etc/empty", content("")), "", 1},
		{"from bytes to nothing", set("/etc/bytes", content("")), "", 1},
		{"to bytes", set("/etc/bytes", content("\xfe")), "", 1},
		{"on_change alone", set("/etc/restart", on("none")), "", 1},
		{"two at once", func(c *Container) {
			set("/etc/none", content("3"))(c)
			set("/etc/reload", content("3"))(c)
		}, kill, 1},
		{"all at once", func(c *Container) {
			set("/etc/none", content("4"))(c)
			set("/etc/reload", content("4"))(c)
			c.Command = []string{"/bin/other"}
		}, restart, 0},
		{"the signal alone", func(c *Container) { c.Reload = Reload{Signal: "USR1"} }, "", 1},
		{"a limit too", func(c *Container) {
			set("/etc/reload", content("5"))(c)
			c.Limits.Tasks = 99
		}, "set-properties hostctl-web.service, kill hostctl-web.service 10", 1},
		{"a new one", func(c *Container) {
			set("/etc/new", func(f *File) { *f = plain("new", on("none")) })(c)
		}, restart, 0},
		{"one that goes", func(c *Container) {
			c.File = c.clone().File
			delete(c.File, "/etc/new")
		}, restart, 0},
		{"stopped", func(c *Container) { c.Enabled = false }, "stop hostctl-web.service", 0},
		{"while stopped", set("/etc/reload", content("6")), "", 0},
		{"started", func(c *Container) { c.Enabled = true }, "start hostctl-web.service", 0},
	} {
		t.Run(step.name, func(t *testing.T) {
			before, delivered := b.calls(), b.delivered
			want = with(want, step.set)
			b.apply(web, want)
			b.same(web, want)
			if got := b.since(before); got != step.calls {
				t.Errorf("calls %q, want %q", got, step.calls)
			}
			if got := b.delivered - delivered; got != step.delivered {
				t.Errorf("%d deliveries, want %d", got, step.delivered)
			}
		})
	}
	if got := b.inside("/etc/reload"); got != "6" {
		t.Errorf("inside: %q", got)
	}
	left, err := os.ReadDir(filepath.Join(b.Specs.Run, "files", "web"))
	if err != nil || len(left) != 5 {
		t.Errorf("contents in the store: %v, %v", left, err)
	}
	b.apply(web, nil)
	b.nothing()
}

// The program is told once the files are there, and after a crash by whoever comes next.
func TestReloadIsOwed(t *testing.T) {
	b := newBench(t)
	b.apply(web, filed())
	want := with(filed(), func(c *Container) { c.File["/etc/reload"] = plain("2", on("reload")) })
	deliver := b.Deliver
	b.Deliver = func(s runtime.Spec, r runtime.Record) error {
		if strings.Contains(b.calls(), "kill") {
			t.Error("the program was told before its files were there")
		}
		return deliver(s, r)
	}
	failure := errors.New("cut off")
	b.machine.Fail("kill hostctl-web.service 1", failure)
	if err := b.change(web, want); !errors.Is(err, failure) {
		t.Fatal(err)
	}
	b.Deliver = deliver
	if diff := b.differs(web, want); diff != "pending: \"reload\" -> \n" {
		t.Errorf("difference %q", diff)
	}
	if status := b.read(nil).Status[web]; !strings.Contains(status, "has not been told") {
		t.Errorf("status %q", status)
	}
	before := b.calls()
	b.apply(web, want)
	b.same(web, want)
	if got := b.since(before); got != "kill hostctl-web.service 1" {
		t.Errorf("calls %q", got)
	}

	// A run that has ended is not owed anything.
	next := with(filed(), func(c *Container) { c.File["/etc/reload"] = plain("3", on("reload")) })
	b.machine.Fail("kill hostctl-web.service 1", failure)
	_ = b.change(web, next)
	if err := b.systemd.Restart(t.Context(), Unit(web)); err != nil {
		t.Fatal(err)
	}
	b.same(web, next)
	b.failing = os.ErrProcessDone
	b.apply(web, want)
}

func TestFileDrift(t *testing.T) {
	b := newBench(t)
	want := filed()
	b.apply(web, want)
	inside := filepath.Join(b.Proc, fmt.Sprint(os.Getpid()), "root")
	store := func(content string) string {
		return filepath.Join(b.Specs.Run, "files", "web", runtime.Sum([]byte(content)))
	}
	for name, drift := range map[string]struct {
		make func() error
		want string
	}{
		"changed inside": {func() error { return os.WriteFile(inside+"/etc/none", []byte("x"), 0o644) }, "file[\"/etc/none\"].content: \"x\" -> \"1\"\n"},
		"bytes inside":   {func() error { return os.WriteFile(inside+"/etc/empty", []byte("\xff"), 0o644) }, "file[\"/etc/empty\"].content_base64: \"/w==\" -> \n"},
		"gone inside":    {func() error { return os.Remove(inside + "/etc/none") }, "file[\"/etc/none\"].content: \"\" -> \"1\"\nfile[\"/etc/none\"].mode: \"0000\" -> \"0644\"\n"},
		"a link inside": {func() error {
			return errors.Join(os.Remove(inside+"/etc/none"), os.Symlink("/etc/reload", inside+"/etc/none"))
		}, "file[\"/etc/none\"].mode: \"0000\" -> \"0644\"\n"},
		"mode inside":      {func() error { return os.Chmod(inside+"/etc/reload", 0o666) }, "file[\"/etc/reload\"].mode: \"0666\" -> \"0644\"\n"},
		"gone in store":    {func() error { return os.Remove(store("1")) }, "file[\"/etc/none\"].mode: \"0000\" -> \"0644\"\n"},
		"changed in store": {func() error { return os.WriteFile(store(""), []byte("x"), 0o600) }, "file[\"/etc/empty\"].content: \"x\" -> \"\"\n"},
		"all of the store": {func() error { return os.RemoveAll(b.Specs.Run + "/files") }, "file[\"/etc/empty\"].mode: \"0000\" -> \"0644\"\n"},
		"the room": {func() error {
			return os.WriteFile(filepath.Join(inside, "../mountinfo"), []byte("1 2 0:1 / / rw - ext4 x rw\n"), 0o644)
		}, "file[\"/etc/none\"]:  -> {}\n"},
		"store, while stopped": {func() error {
			return errors.Join(b.systemd.Stop(context.Background(), Unit(web)), os.WriteFile(store("1"), []byte("y"), 0o600))
		}, "file[\"/etc/none\"].content: \"y\" -> \"1\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := drift.make(); err != nil {
				t.Fatal(err)
			}
			if diff := b.differs(web, want); !strings.Contains(diff, drift.want) {
				t.Errorf("difference %q, want %q in it", diff, drift.want)
			}
			b.apply(web, want)
			b.same(web, want)
		})
	}
}

// What somebody put among the specs is the trouble of nobody but the container of that name.
func TestDamagedSpecs(t *testing.T) {
	other := resource.Addr{Kind: Name, Name: "db"}
	otherSpec := with(resolved(), func(c *Container) { c.IDBase += RangeSize })
	for name, damage := range map[string]func(b *bench, link string) error{
		"garbage": func(b *bench, link string) error { return os.WriteFile(link, []byte("x"), 0o600) },
		"no spec": func(b *bench, link string) error {
			spec, err := filepath.EvalSymlinks(link)
			return errors.Join(err, os.Remove(spec))
		},
		"elsewhere": func(b *bench, link string) error {
			return errors.Join(os.Remove(link), os.Symlink("/etc/passwd", link))
		},
		"a directory":      func(b *bench, link string) error { return errors.Join(os.Remove(link), os.Mkdir(link, 0o700)) },
		"nothing declared": func(b *bench, link string) error { return b.relink(link, nil) },
		"another release": func(b *bench, link string) error {
			return b.relink(link, []byte(`{"rootfs":"/srv","unheard_of":1}`))
		},
		"declared garbage": func(b *bench, link string) error { return b.relink(link, []byte(`"x"`)) },
	} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", name, known), func(t *testing.T) {
				b := newBench(t)
				want := filed()
				b.apply(web, want)
				b.apply(other, otherSpec)
				link := filepath.Join(b.Specs.Run, "containers", "web")
				if err := damage(b, link); err != nil {
					t.Fatal(err)
				}
				run := b.invocation(Unit(other))
				last := resource.State{other: otherSpec}
				if known {
					last[web] = want
				}
				before, err := fmt.Sprintf("%+v", want), error(nil)
				r := b.read(last)
				if fmt.Sprintf("%+v", want) != before {
					t.Error("what the ledger holds was changed")
				}
				if live, ok := r.State[other].(*Container); !ok || difference(otherSpec, live) != "" {
					t.Errorf("the other container is not read: %v", r.State)
				}
				live, there := r.State[web].(*Container)
				change := resource.Change{Addr: web, Owner: "shop", Action: resource.Create, Want: want}
				if there {
					change.Action, change.Live, change.Class = resource.Update, live, want.ChangeClass("pending", resource.Live, live)
					if live.Pending == "" || !strings.Contains(r.Status[web], "cannot be read") || !live.Enabled {
						t.Errorf("read as pending %q, %s", live.Pending, r.Status[web])
					}
				}
				if known {
					change.Last = want
				}
				if known && !there {
					t.Fatal("a container that the ledger knows is not read")
				}
				problem := ""
				for _, p := range b.Check(t.Context(), []resource.Change{change}, nil) {
					if strings.Contains(p.Summary, "cannot be read") {
						problem = p.Summary + p.Detail
					}
				}
				if name == "no spec" && !there {
					return // of which nothing but a name is left
				}
				if !there {
					if !strings.Contains(problem, "container web") || !strings.Contains(problem, "rm -r "+link) {
						t.Errorf("problem %q", problem)
					}
					if err := b.Apply(t.Context(), change); err == nil {
						t.Error("what may be another's was taken")
					}
					return
				}
				if problem != "" {
					t.Error(problem)
				}
				if name == "a directory" {
					err = os.Remove(link)
				}
				if err = errors.Join(err, b.Apply(t.Context(), change)); err != nil {
					t.Fatal(err)
				}
				b.same(web, want)
				if b.invocation(Unit(other)) != run {
					t.Error("the other container is another run")
				}
				if err := b.Apply(t.Context(), resource.Change{Addr: web, Owner: "shop", Action: resource.Delete, Live: want, Last: want}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// What a newer release started is neither changed nor started anew by this one, unless somebody says so; it can be ended.
func TestSpecOfANewerRelease(t *testing.T) {
	b := newBench(t)
	want := filed()
	b.apply(web, want)
	link := filepath.Join(b.Specs.Run, "containers", "web")
	data, err := os.ReadFile(link)
	if err == nil {
		err = b.link(link, strings.Replace(string(data), `"version":1`, `"version":2,"later":1`, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	live := b.read(resource.State{web: want}).State[web]
	update := resource.Change{Addr: web, Owner: "shop", Action: resource.Update, Class: resource.Restart, Want: want, Live: live, Last: want}
	got := ""
	for _, p := range b.Check(t.Context(), []resource.Change{update}, nil) {
		got += p.Error() + p.Detail
	}
	for _, part := range []string{"was started by a newer hostctl", "spec version 2 is newer", "hostctl apply -replace container.web"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %q", part, got)
		}
	}
	// What replaces it is these two.
	remove, create := update, update
	remove.Action, remove.Want, create.Action, create.Live = resource.Delete, nil, resource.Create, nil
	for _, p := range b.Check(t.Context(), []resource.Change{remove, create}, nil) {
		if p.Path != "rootfs" { // there is none here
			t.Error(p)
		}
	}
	if err := errors.Join(b.Apply(t.Context(), remove), b.Apply(t.Context(), create)); err != nil {
		t.Error(err)
	}
	b.same(web, want)
}

// A container that was started with what cannot be read is started anew.
func TestStartedWithDamage(t *testing.T) {
	for _, known := range []bool{true, false} {
		b := newBench(t)
		want := filed()
		b.apply(web, want)
		if err := errors.Join(b.relink("web", nil), b.systemd.Restart(t.Context(), Unit(web))); err != nil {
			t.Fatal(err)
		}
		last := resource.State{}
		if known {
			last[web] = want
		}
		live, ok := b.read(last).State[web].(*Container)
		if !ok || live.Pending != pendingUnknown || live.IDBase != want.IDBase || live.Rootfs != want.Rootfs || !live.Enabled {
			t.Fatalf("read as %+v", live)
		}
		run := b.invocation(Unit(web))
		b.apply(web, want)
		b.same(web, want)
		if b.invocation(Unit(web)) == run {
			t.Error("it was not started anew")
		}
	}
}

// link makes the link lead to a spec of that text.
func (b *bench) link(link, text string) error {
	sum := runtime.Sum([]byte(text))
	write(b.t, filepath.Join(b.Specs.Run, "specs", sum+".json"), text, 0o600)
	return b.Specs.Link(filepath.Base(link), sum)
}

// relink makes the link lead to the same spec with something else declared.
func (b *bench) relink(link string, declared []byte) error {
	spec, _, err := b.Specs.ReadSpec(filepath.Base(link))
	if err != nil {
		return err
	}
	spec.Declared = declared
	sum, err := b.Specs.WriteSpec(spec)
	return errors.Join(err, b.Specs.Link(filepath.Base(link), sum))
}

// A run whose spec is gone from the store starts anew; its link is as it should be.
func TestRunningSpecLost(t *testing.T) {
	b := newBench(t)
	first := resolved()
	b.apply(web, first)
	spec, _ := filepath.EvalSymlinks(filepath.Join(b.Specs.Run, "containers", "web"))
	want := with(first, func(c *Container) { c.Limits.Tasks = 99 })
	b.apply(web, want) // which moves the link on
	if err := os.Remove(spec); err != nil {
		t.Fatal(err)
	}
	if diff := b.differs(web, want); diff != "pending: \"unknown\" -> \n" {
		t.Errorf("difference %q", diff)
	}
	run := b.invocation(Unit(web))
	b.apply(web, want)
	b.same(web, want)
	if b.invocation(Unit(web)) == run {
		t.Error("it was not started anew")
	}
}

// A change that was cut off before its restart, and then taken back, is taken back without one.
func TestTakenBack(t *testing.T) {
	b := newBench(t)
	want := resolved()
	b.apply(web, want)
	run := b.invocation(Unit(web))
	b.machine.Fail("restart hostctl-web.service", errors.New("cut off"))
	_ = b.change(web, with(want, func(c *Container) { c.Command = []string{"/bin/x"} }))
	if diff := b.differs(web, want); !strings.HasPrefix(diff, "pending: ") {
		t.Errorf("difference %q", diff)
	}
	b.apply(web, want)
	b.same(web, want)
	if b.invocation(Unit(web)) != run {
		t.Error("it was started anew")
	}
}
