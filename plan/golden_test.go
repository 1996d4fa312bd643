package plan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"hostctl/resource"
)

// scenarios are plans worth looking at, each in testdata as text and as JSON.
func scenarios() map[string]func() (want, last, live resource.State) {
	web := func(set ...func(*thing)) resource.Spec {
		return spec(append([]func(*thing){func(t *thing) {
			t.Image, t.Command = "web-1", []string{"/bin/httpd", "-f"}
			t.Env = map[string]string{"PORT": "8080", "MODE": "fast"}
			t.Mount = map[string]mount{"/data": {Volume: box("data"), ReadOnly: true}}
			t.Limits.Tasks = 100
		}}, set...)...)
	}
	data := func(set ...func(*thing)) resource.Spec {
		return spec(append([]func(*thing){func(t *thing) { t.Path = "/srv/data" }}, set...)...)
	}
	base := func() resource.State { return resource.State{app("web"): web(), box("data"): data()} }
	edit := func(set func(resource.State)) func() (want, last, live resource.State) {
		return func() (want, last, live resource.State) {
			want = base()
			set(want)
			return want, base(), base()
		}
	}
	alter := func(set func(resource.State)) func() (want, last, live resource.State) {
		return func() (want, last, live resource.State) {
			live = base()
			set(live)
			return base(), base(), live
		}
	}
	return map[string]func() (want, last, live resource.State){
		"create": func() (want, last, live resource.State) {
			want = base()
			want[resource.Addr{Kind: "app", Name: "worker", Key: "mail"}] = spec(func(t *thing) {
				t.Image, t.Needs, t.Parent = "w", []resource.Addr{box("data")}, box("data")
			})
			return want, nil, nil
		},
		"no-changes": edit(func(resource.State) {}),
		"live": edit(func(s resource.State) {
			s[app("web")] = web(func(t *thing) { t.Memory = 2 << 30; t.Limits.Tasks = 0; t.Comment = "hello" })
		}),
		"switched-off": edit(func(s resource.State) { s[app("web")] = web(func(t *thing) { t.Off = true }) }),
		"reload":       edit(func(s resource.State) { s[app("web")] = web(func(t *thing) { t.Config = "on" }) }),
		"restart": edit(func(s resource.State) {
			s[app("web")] = web(func(t *thing) { t.Image = "web-2"; t.Memory = 512 << 20 })
		}),
		"restart-overlap": func() (want, last, live resource.State) {
			beside := func(image string) resource.State {
				return resource.State{app("web"): web(func(t *thing) { t.Comment, t.Image = "overlaps", image }), box("data"): data()}
			}
			// What does not run does not overlap.
			live = beside("web-1")
			live[app("off")] = spec(func(t *thing) { t.Comment, t.Image, t.Off = "overlaps", "web-1", true })
			want = beside("web-2")
			want[app("off")] = spec(func(t *thing) { t.Comment, t.Image = "overlaps", "web-2" })
			return want, live, live
		},
		"restart-many": edit(func(s resource.State) {
			s[app("web")] = web(func(t *thing) {
				t.Image, t.Command, t.Limits.Files = "web-2", []string{"/bin/httpd", "-v"}, 9
				t.Env = map[string]string{"PORT": "9090", "NEW": "1"}
			})
		}),
		"replace-with-promotion": edit(func(s resource.State) {
			s[box("data")] = data(func(t *thing) { t.Path = "/srv/data-2" })
			s[box("other")] = spec(func(t *thing) { t.Needs = []resource.Addr{box("data")} })
		}),
		"cycle": func() (want, last, live resource.State) {
			// web leaves data, which is made anew and then needs what needs web anew.
			old := resource.State{app("web"): web(), box("data"): data()}
			want = resource.State{
				app("web"):  web(func(t *thing) { t.Mount = nil; t.Needs = []resource.Addr{box("late")} }),
				box("data"): data(func(t *thing) { t.Path = "/new" }),
				box("late"): spec(func(t *thing) { t.Parent = box("data") }),
			}
			return want, old, old
		},
		"drift": alter(func(s resource.State) {
			s[app("web")] = web(func(t *thing) {
				t.Memory, t.Image, t.Mount, t.UID = 8<<30, "", nil, 7
				t.Env = map[string]string{"PORT": "8080", "MODE": "slow", "OWN": "the host's"}
			})
		}),
		"missing": alter(func(s resource.State) { delete(s, box("data")) }),
		"delete": edit(func(s resource.State) {
			delete(s, app("web"))
			delete(s, box("data"))
		}),
		"delete-referred": func() (want, last, live resource.State) {
			want, last, live = base(), base(), base()
			live[box("data")].(*thing).Needs = []resource.Addr{box("own")}
			live[box("own")] = spec()
			last[box("own")] = spec()
			return want, last, live
		},
		"ledger-lost": func() (want, last, live resource.State) { return base(), nil, base() },
		"ledger-only": func() (want, last, live resource.State) {
			last = base()
			last[box("gone")] = spec()
			return base(), last, base()
		},
		"mix": func() (want, last, live resource.State) {
			want, last, live = base(), base(), base()
			want[app("new")] = spec(func(t *thing) { t.Image = "n" })
			last[app("old")] = spec(func(t *thing) { t.Image = "o" })
			live[app("old")] = spec(func(t *thing) { t.Image = "o" })
			want[box("data")].(*thing).Path = "/elsewhere"
			live[app("web")].(*thing).Limits.Tasks = 5
			return want, last, live
		},
		"blocks": edit(func(s resource.State) {
			s[app("web")] = web(func(t *thing) {
				t.Mount = map[string]mount{
					"/data": {Volume: box("data")},
					"/logs": {Volume: box("data"), Path: "sub"},
				}
				t.Needs = []resource.Addr{box("data"), app("web")}
			})
		}),
		"block-removed": edit(func(s resource.State) { s[app("web")] = web(func(t *thing) { t.Mount = nil }) }),
		"secret":        edit(func(s resource.State) { s[app("web")] = web(func(t *thing) { t.Key = "hunter2" }) }),
		"hostile": edit(func(s resource.State) {
			const bad = "\x1b[2K\rPlan: 0 to add\u202e\u2066\u2028\x00\x7f\u200b\u3164\U000e0041\ufe0f\\\""
			s[app("web")] = web(func(t *thing) {
				t.Image, t.Comment = bad, "first\n\x1b]0;title\a\nthird\r\n"
				t.Command = []string{bad, "a\nb"}
				t.Env = map[string]string{"PORT": "8080", "MODE": "fast", "\x1b[1m\"] = 1": bad}
				t.Mount = map[string]mount{"/data": {Volume: box("data"), ReadOnly: true}, "/x\"].volume\r": {Path: bad}}
			})
		}),
		"long": edit(func(s resource.State) {
			s[app("web")] = web(func(t *thing) {
				t.Image = strings.Repeat("image/", 12) + "latest"
				t.Comment = strings.Repeat("ä", 5000)
				t.Command = []string{"/bin/httpd", "-f", strings.Repeat("v", 50), "--", strings.Repeat("w", 400), "end"}
				t.Config = strings.Repeat("line\n", 100)
			})
		}),
		"long-differs-late": func() (want, last, live resource.State) {
			want, last, live = base(), base(), base()
			long := strings.Repeat("0123456789", 100)
			for i, s := range []resource.State{want, last, live} {
				s[app("web")].(*thing).Image = long + []string{"new", "old", "old"}[i] + long
			}
			return want, last, live
		},
		"multi-line": func() (want, last, live resource.State) {
			want, last, live = base(), base(), base()
			for i, s := range []resource.State{want, last, live} {
				s[app("web")].(*thing).Config = "server {\n" + []string{"\tlisten 81;\n\troot /srv;\n", "\tlisten 80;\n", "\tlisten 80;\n"}[i] + "}\n# end" + []string{"", "\n", "\n"}[i]
				s[app("web")].(*thing).Command = append([]string{"/usr/bin/some-daemon-with-a-name", "--with-an-option=1", "--verbose"}, []string{"--new", "--old", "--old"}[i], "--last")
			}
			return want, last, live
		},
		"text-unset": func() (want, last, live resource.State) {
			want, last, live = base(), base(), base()
			for _, s := range []resource.State{last, live} {
				s[app("web")].(*thing).Config = "a\nb\n"
			}
			return want, last, live
		},
	}
}

func TestGolden(t *testing.T) {
	for name, make := range scenarios() {
		t.Run(name, func(t *testing.T) {
			want, last, live := make()
			p := Make(want, last, live, opt)
			text := p.Text(TextOptions{})
			golden(t, name+".txt", []byte(text))
			data, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", append(data, '\n'))

			decoded, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if got := decoded.Text(TextOptions{}); got != text {
				t.Errorf("the decoded plan prints otherwise:\n%s", got)
			}
			for _, r := range text {
				if r != '\n' && !resource.Visible(r) {
					t.Errorf("%U reaches the terminal", r)
				}
			}
			if strings.Contains(text+string(data), "hunter2") {
				t.Error("a secret is shown")
			}
			colored := p.Text(TextOptions{Color: true})
			for _, c := range []string{bold, red, green, yellow, "0"} {
				colored = strings.ReplaceAll(colored, "\x1b["+c+"m", "")
			}
			if colored != text {
				t.Errorf("without its colours the coloured text is another:\n%s", colored)
			}
		})
	}
}

// Addresses are checked when a configuration is read. Should one slip through, it still does no harm.
func TestHostileAddress(t *testing.T) {
	addr := resource.Addr{Kind: "app\r", Name: "\x1b[31m\nNo changes.", Key: "\u202e"}
	p := Make(resource.State{addr: spec()}, resource.State{addr: spec()}, nil, Options{Owner: "\x1b", Kinds: kinds})
	p.Record, p.Forget, p.Summary.Down = []resource.Addr{addr}, []resource.Addr{addr}, []resource.Addr{addr}
	p.Steps[0].Down = []resource.Addr{addr}
	for _, r := range p.Text(TextOptions{}) {
		if r != '\n' && !resource.Visible(r) {
			t.Errorf("%U reaches the terminal", r)
		}
	}
	if strings.Contains(p.Text(TextOptions{}), "\nNo changes.") {
		t.Error("a name makes a line of its own")
	}
}

// Whatever a JSON says, what is printed has no control character and no escape sequence.
func FuzzText(f *testing.F) {
	for _, make := range scenarios() {
		data, err := json.Marshal(planOf(make()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"format_version":1,"steps":[{"action":"x"}],"resources":[{"action":"update","differences":[{"path":"a[\"b\"].","before":[[1]],"after":{"a":"\u202e"}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			return
		}
		text := p.Text(TextOptions{})
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !resource.Visible(r) && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q reaches the terminal", text[i:])
		}
		// Reading what was written is the same plan, unless the text was not UTF-8.
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		q, err := Decode(again)
		if err != nil || !q.Equal(p) {
			t.Errorf("%s is read back as another: %v", again, err)
		}
		if !bytes.Contains(again, []byte(`"format_version":1`)) {
			t.Errorf("%s has no version", again)
		}
	})
}

// planOf is Make with the kinds of the test.
func planOf(want, last, live resource.State) *Plan { return Make(want, last, live, opt) }
