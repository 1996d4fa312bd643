package hcl

import (
	"encoding/json"
	"strconv"
	"strings"

	"hostctl/resource"
)

// Request is all that decides what a configuration means.
type Request struct {
	Sources Sources `json:"sources"`
	// Vars are the values of -var by name. A value for a string, number, bool
	// or untyped variable is taken as it is; for any other type it is an expression.
	Vars map[string]string `json:"vars,omitempty"`
	// Version is this program's own, for required_version; where it is no
	// number every constraint is met.
	Version string `json:"version,omitempty"`
}

// Output is the value of one output block.
type Output struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Value       json.RawMessage `json:"value"` // a reference is its address
}

// Config is what a configuration means. Where Diagnostics has errors the rest
// is what could be made out, and must not be applied.
type Config struct {
	Name        string // of the hostctl block: the owner
	State       resource.State
	Outputs     []Output // sorted by name
	Diagnostics Diagnostics
	// Directives is what the configuration says of the way to State.
	Directives resource.Directives

	sources *Sources
	places  map[resource.Addr]*places
}

// places are the ranges of one block, shared by the resources of a for_each.
type places struct {
	file    string
	context string // container "web"
	at      map[string]span
}

// span is a range of bytes in a file.
type span struct{ start, end int }

// Locate makes a diagnostic of a problem that was found after the text was
// read, with the place of its attribute: of the attribute's block where the
// attribute itself is not written.
func (c *Config) Locate(p resource.Problem) Diagnostic {
	d := Diagnostic{Severity: Error, Summary: p.Summary, Detail: p.Detail}
	pl := c.places[p.Addr]
	if pl == nil {
		if addr := p.Addr.String(); addr != "" {
			d.Summary = addr + ": " + d.Summary
		}
		return d
	}
	d.File, d.Context = pl.file, pl.context
	if p.Addr.Key != "" {
		d.Context += " for each.key " + strconv.Quote(p.Addr.Key)
	}
	at := pl.find(p.Path)
	d.Start.Byte, d.End.Byte = at.start, at.end
	if c.sources != nil {
		if src := c.sources.text(d.File); src != nil {
			d.locate(src)
		}
	}
	return d
}

// find returns the place of a path, or of the nearest one above it that was written.
func (p *places) find(path string) span {
	for {
		if at, ok := p.at[path]; ok {
			return at
		}
		if path == "" {
			return span{}
		}
		path = parentPath(path)
	}
}

// parentPath takes the last step from a path: mount["/data"].volume,
// mount["/data"], mount, "".
func parentPath(path string) string {
	if strings.HasSuffix(path, `]`) {
		if i := strings.LastIndex(path, `["`); i >= 0 {
			return path[:i]
		}
		if i := strings.LastIndexByte(path, '['); i >= 0 {
			return path[:i]
		}
	}
	// A label may hold dots: those of a quoted label do not part.
	for i, quoted := len(path)-1, false; i >= 0; i-- {
		switch {
		case path[i] == '"':
			quoted = !quoted
		case path[i] == '.' && !quoted:
			return path[:i]
		}
	}
	return ""
}
