package hcl

import (
	"encoding/json"
	"fmt"
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
	// Env are the values of the environment's HOSTCTL_VAR_NAME by NAME, read as
	// Vars are; one without a variable is ignored. What has precedence, the last first:
	// the default, Env, the directory's *.auto.hclvars by name, -var-file in its order, Vars.
	Env map[string]string `json:"env,omitempty"`
	// Version is this program's own, for required_version; where it is no
	// number every constraint is met.
	Version string `json:"version,omitempty"`
	// Defaults are what a host has for resources that do not say, in the place of their kinds' own defaults.
	Defaults Defaults `json:"defaults,omitempty"`
	// Expression, if not empty, is evaluated as if it stood in the configuration.
	Expression string `json:"expression,omitempty"`

	rest bool // texts were left out: names may be missing
}

// Defaults are attributes of kinds as JSON, by the name of the configuration that they are for, "" for every other, and the kind.
type Defaults map[string]map[string]json.RawMessage

// of returns those of one configuration.
func (d Defaults) of(name string) map[string]json.RawMessage {
	if own, ok := d[name]; ok {
		return own
	}
	return d[""]
}

// Output is the value of one output block.
type Output struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Value is JSON, in which a reference is its address; of a sensitive output
	// the text "(sensitive value)".
	Value     json.RawMessage `json:"value"`
	Sensitive bool            `json:"sensitive,omitempty"`
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
	// Value is what Request.Expression comes to; nil without, and where it has errors.
	Value *Value
	// Needs are what the configuration refers to below the repository's root and
	// Sources has not, sorted: files, and with a slash at the end the directories of
	// modules. While there are any, the rest is unfinished; see Sources.Supply.
	Needs []string

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
	if c.hides(p) {
		d.Summary, d.Detail = "Invalid value", fmt.Sprintf("%s: %s", p.Path, hidden)
	}
	d.File, d.Context = pl.file, pl.context
	switch key := p.Addr.Key; {
	case key == "":
	case strings.Trim(key, "0123456789") == "":
		d.Context += " for count.index " + key
	default:
		d.Context += " for each.key " + strconv.Quote(key)
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

// Sources are the sources with all that was read for them.
func (c *Config) Sources() Sources { return *c.sources }

// hides reports whether a problem is about a sensitive value, which its words may quote.
func (c *Config) hides(p resource.Problem) bool {
	for _, path := range c.Directives.Sensitive[p.Addr] {
		if p.Path != "" && (below(p.Path, path) || below(path, p.Path)) {
			return true
		}
	}
	return false
}

// below reports whether a path is another, or stands below it.
func below(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
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
