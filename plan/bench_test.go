package plan

import (
	"fmt"
	"testing"

	"hostctl/resource"
)

// fleet is n programs, each with a place of its own for its data.
func fleet(n int, set func(i int, t *thing)) resource.State {
	s := make(resource.State, 2*n)
	for i := range n / 2 {
		data := box(fmt.Sprintf("data-%d", i))
		s[data] = spec(func(t *thing) { t.Path = "/srv/" + data.Name })
		s[app(fmt.Sprintf("web-%d", i))] = spec(func(t *thing) {
			t.Image = "nginx"
			t.Command = []string{"/usr/sbin/nginx", "-g", "daemon off;"}
			t.Env = map[string]string{"PORT": "8080", "MODE": "fast", "ZONE": "a"}
			t.Mount = map[string]mount{"/data": {Volume: data, ReadOnly: true}}
			t.Limits = limits{Tasks: 100, Files: 1024}
			set(i, t)
		})
	}
	return s
}

func nothing(int, *thing) {}

func BenchmarkUnchanged10000(b *testing.B) {
	want, last, live := fleet(10000, nothing), fleet(10000, nothing), fleet(10000, nothing)
	for b.Loop() {
		if !Make(want, last, live, opt).Empty() {
			b.Fatal("not empty")
		}
	}
}

// The host has attributes of its own, so that no spec is equal as a whole.
func BenchmarkUnchangedButForTheHostsOwn10000(b *testing.B) {
	want, last := fleet(10000, nothing), fleet(10000, nothing)
	live := fleet(10000, func(i int, t *thing) { t.UID = uint32(i + 1) })
	for b.Loop() {
		if !Make(want, last, live, opt).Empty() {
			b.Fatal("not empty")
		}
	}
}

func BenchmarkChanged1000(b *testing.B) {
	want := fleet(1000, func(_ int, t *thing) { t.Image = "nginx:2" })
	last, live := fleet(1000, nothing), fleet(1000, nothing)
	for addr, s := range want {
		if addr.Kind == "box" {
			s.(*thing).Path += "/new"
		}
	}
	for b.Loop() {
		if p := Make(want, last, live, opt); len(p.Steps) != 2000 {
			b.Fatal(len(p.Steps), "steps")
		}
	}
}
