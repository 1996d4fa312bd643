package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/resource/netns"
	"hostctl/resource/user"
)

// site is a configuration with n containers: each in one of ten namespaces, as one user, every third after the one before.
func site(n int) resource.State {
	state := resource.State{{Kind: "user", Name: "u"}: &user.User{}}
	for i := range 10 {
		state[resource.Addr{Kind: "netns", Name: fmt.Sprintf("n%d", i)}] = &netns.Spec{}
	}
	addr := func(i int) resource.Addr { return resource.Addr{Kind: "container", Name: "c", Key: fmt.Sprint(i)} }
	for i := range n {
		c := &container.Container{RunAs: resource.Addr{Kind: "user", Name: "u"}, Netns: resource.Addr{Kind: "netns", Name: fmt.Sprintf("n%d", i*7%10)}}
		if i%3 > 0 {
			c.DependsOn = []resource.Dependency{{To: addr(i - 1)}}
		}
		state[addr(i)] = c
	}
	return state
}

func TestGraphOf(t *testing.T) {
	g := graphOf("site", site(4))
	waves := map[string]int{}
	for _, n := range g.Nodes {
		waves[n.Address.String()] = n.Wave
	}
	for addr, want := range map[string]int{"user.u": 0, "netns.n9": 0, "container.c[0]": 1, "container.c[1]": 2, "container.c[2]": 3, "container.c[3]": 1} {
		if waves[addr] != want {
			t.Errorf("%s is in wave %d, want %d", addr, waves[addr], want)
		}
	}
	if len(g.Edges) != 10 {
		t.Errorf("%d edges, want 10: %v", len(g.Edges), g.Edges)
	}
	// What refers to itself by a circle ends, and is drawn.
	a, b := resource.Addr{Kind: "container", Name: "a"}, resource.Addr{Kind: "container", Name: "b"}
	circle := graphOf("circle", resource.State{
		a: &container.Container{DependsOn: []resource.Dependency{{To: b}, {To: a}}},
		b: &container.Container{DependsOn: []resource.Dependency{{To: a}}},
	})
	if len(circle.Nodes) != 2 || len(circle.Edges) != 3 {
		t.Errorf("circle: %+v", circle)
	}
	if err := circle.svg(io.Discard); err != nil {
		t.Error(err)
	}
}

// The picture is well-formed, no two boxes touch, and it is the same each time.
func TestSVG(t *testing.T) {
	for _, n := range []int{0, 1, 5, 100, 1000} {
		state := site(n)
		if n == 0 {
			state = nil
		}
		g := graphOf("a<b>&\"c\"", state)
		var first, second bytes.Buffer
		if err := errors.Join(g.svg(&first), graphOf(g.Name, state).svg(&second)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%d containers: two pictures of one configuration differ", n)
		}
		texts := 0
		for dec := xml.NewDecoder(&first); ; {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%d containers: %v", n, err)
			}
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "text" {
				texts++
			}
		}
		kinds, families := g.legend()
		if want := len(g.Nodes) + len(kinds) + len(families); texts != want {
			t.Errorf("%d containers: %d texts, want %d", n, texts, want)
		}
		d := layOut(g)
		for _, layer := range d.layers {
			for i := 1; i < len(layer); i++ {
				p, q := d.points[layer[i-1]], d.points[layer[i]]
				if room := (p.height + q.height) / 2; q.y-p.y < room-1e-6 {
					t.Fatalf("%d containers: two points of a layer are %v apart, want %v", n, q.y-p.y, room)
				}
			}
		}
	}
}

func TestCrossings(t *testing.T) {
	d := &drawing{}
	for i := range 6 {
		d.add(point{layer: i / 3})
	}
	d.next[3], d.next[4], d.next[5] = []int{2}, []int{1, 0}, []int{0}
	rank := []int{0, 1, 2, 0, 1, 2}
	if got := d.crossings(rank); got != 4 {
		t.Errorf("%d crossings, want 4", got)
	}
	for p, list := range d.next {
		for _, q := range list {
			d.back[q] = append(d.back[q], p)
		}
	}
	d.order()
	for _, layer := range d.layers {
		for i, p := range layer {
			rank[p] = i
		}
	}
	if got := d.crossings(rank); got != 0 {
		t.Errorf("%d crossings are left of a drawing that needs none", got)
	}
}

func TestDOT(t *testing.T) {
	var b strings.Builder
	state := resource.State{
		{Kind: "user", Name: "u"}:                 &user.User{},
		{Kind: "container", Name: "c", Key: "it"}: &container.Container{RunAs: resource.Addr{Kind: "user", Name: "u"}},
	}
	if err := graphOf("x", state).dot(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"container.c[\"it\"]" -> "user.u" [label = "run_as"]`, "// wave 1"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing in:\n%s", want, b.String())
		}
	}
}
