package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"hostctl/resource"
)

var graphCommand = command{
	name:    "graph",
	summary: "Draw what the configuration's resources need of each other, as DOT, SVG or JSON",
	details: `
Needs no root, and nothing of the host. An arrow goes from a resource to what it refers to, by the attribute that does.
Resources stand in waves: those of one wave need nothing but what stands in waves before it, and are made at the same
time.

-svg draws the picture itself; DOT, which is printed else, is what Graphviz reads. -json prints "nodes", each with
"address", "kind" and "wave", and "edges", each with "from", "to" and "attributes".`,
	example: "hostctl graph -svg > site.svg\nhostctl graph | dot -Tpng > site.png\nhostctl graph -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var s source
		s.register(fs)
		svg := fs.Bool("svg", false, "print a picture in SVG")
		asJSON := fs.Bool("json", false, "print one JSON document")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			if *svg && *asJSON {
				return fmt.Errorf("-svg and -json are two answers; give one of them")
			}
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) {
				config, _, err := s.read(c)
				if err != nil {
					return nil, err
				}
				g := graphOf(config.Name, config.State)
				switch {
				case *svg:
					return nil, g.svg(c.stdout)
				case !c.json:
					return nil, g.dot(c.stdout)
				}
				return map[string]any{"name": g.Name, "nodes": g.Nodes, "edges": g.Edges}, nil
			})
		}
	},
}

// graph is what resources need of each other.
type graph struct {
	Name  string
	Nodes []graphNode // by wave, then by address
	Edges []graphEdge // by the addresses of both ends
}

type graphNode struct {
	Address resource.Addr `json:"address"`
	Kind    string        `json:"kind"`
	// Wave is one more than the greatest of what the resource refers to, from 0.
	Wave int `json:"wave"`
}

type graphEdge struct {
	From       resource.Addr `json:"from"`
	To         resource.Addr `json:"to"`
	Attributes []string      `json:"attributes"` // of From, by path
}

// family is the attribute or block that the edge is drawn for: mount of mount["/data"].volume.
func (e graphEdge) family() string {
	name := e.Attributes[0]
	if i := strings.IndexAny(name, ".["); i >= 0 {
		name = name[:i]
	}
	return name
}

func graphOf(name string, state resource.State) *graph {
	g := &graph{Name: name, Nodes: []graphNode{}, Edges: []graphEdge{}}
	waves := map[resource.Addr]int{}
	var wave func(resource.Addr) int
	wave = func(addr resource.Addr) int {
		if n, ok := waves[addr]; ok {
			return n
		}
		waves[addr] = 0 // what refers to itself, by whatever way, is not waited for
		n := 0
		for _, edge := range resource.Refs(state[addr]) {
			if state[edge.To] != nil && edge.To != addr {
				n = max(n, wave(edge.To)+1)
			}
		}
		waves[addr] = n
		return n
	}
	for _, addr := range state.Addrs() {
		g.Nodes = append(g.Nodes, graphNode{addr, addr.Kind, wave(addr)})
		byTarget := map[resource.Addr][]string{}
		for _, edge := range resource.Refs(state[addr]) {
			if state[edge.To] != nil {
				byTarget[edge.To] = append(byTarget[edge.To], edge.Path)
			}
		}
		for _, to := range slices.SortedFunc(maps.Keys(byTarget), resource.Addr.Compare) {
			g.Edges = append(g.Edges, graphEdge{addr, to, byTarget[to]})
		}
	}
	slices.SortStableFunc(g.Nodes, func(a, b graphNode) int { return a.Wave - b.Wave })
	return g
}

// dot prints the graph in Graphviz's language, the waves from left to right.
func (g *graph) dot(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir = \"RL\"\n  node [shape = \"box\", fontname = \"monospace\"]\n  edge [fontname = \"monospace\", fontsize = 10]\n", dotString(g.Name))
	for i, n := range g.Nodes {
		if i == 0 || n.Wave != g.Nodes[i-1].Wave {
			if i > 0 {
				b.WriteString("  }\n")
			}
			fmt.Fprintf(&b, "  { // wave %d\n    rank = \"same\"\n", n.Wave)
		}
		fmt.Fprintf(&b, "    %s\n", dotString(n.Address.String()))
	}
	if len(g.Nodes) > 0 {
		b.WriteString("  }\n")
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  %s -> %s [label = %s]\n", dotString(e.From.String()), dotString(e.To.String()), dotString(strings.Join(e.Attributes, "\n")))
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// dotString is a quoted string of DOT, in which a backslash but before a quote is the reader's own affair.
func dotString(s string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`).Replace(printable(s)) + `"`
}
