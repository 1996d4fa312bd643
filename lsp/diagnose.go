package lsp

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hostctl/hcl"
	"hostctl/resource"
)

// checking is the diagnostics of one directory, made or under way.
type checking struct {
	timer     *time.Timer
	stop      context.CancelFunc  // ends what is under way
	turn      int                 // of the last change
	published map[string]bool     // URIs that carry diagnostics of this directory
	files     []string            // paths of all files that the configuration has
	found     map[string][]marked // by URI, as last published
}

// marked is a diagnostic with the place that it was found at.
type marked struct {
	hcl.Diagnostic
	span    span
	version int // of the document; 0 where it is not open
}

// check has the diagnostics of a directory made anew, soon. What is under way is superseded.
func (s *server) check(dir string) {
	c := s.checked[dir]
	if c == nil {
		c = &checking{published: map[string]bool{}, stop: func() {}}
		s.checked[dir] = c
	}
	c.stop()
	c.turn++
	turn := c.turn
	if c.timer != nil {
		c.timer.Stop()
	}
	c.timer = time.AfterFunc(debounce, func() {
		s.later(func() {
			if c.turn == turn && s.checked[dir] == c {
				s.start(dir, c)
			}
		})
	})
}

// start makes the diagnostics beside the loop. Of a directory of which nothing
// is open any more they are taken back.
func (s *server) start(dir string, c *checking) {
	open := slices.ContainsFunc(slices.Collect(maps.Values(s.documents)), func(d *document) bool { return d.dir == dir })
	if !open {
		s.publish(c, nil, nil)
		delete(s.checked, dir)
		return
	}
	turn := c.turn
	ctx, stop := context.WithCancel(s.ctx)
	c.stop = stop
	snap := s.snapshotOf(dir)
	go func() {
		defer stop()
		free, err := s.hold(ctx)
		if err != nil {
			return
		}
		sources, diags := diagnose(ctx, snap)
		free()
		if ctx.Err() != nil {
			return
		}
		found := place(snap, sources, diags, s.encoding)
		s.later(func() {
			if c.turn != turn {
				return
			}
			c.files = nil
			for _, f := range slices.Concat(sources.Files, sources.VarFiles) {
				c.files = append(c.files, snap.path(f.Name))
			}
			s.publish(c, snap, found)
		})
	}()
}

// diagnose returns what `hostctl validate` says of a directory.
func diagnose(ctx context.Context, snap *snapshot) (hcl.Sources, hcl.Diagnostics) {
	sources, diags := snap.sources()
	if diags.HasErrors() {
		return sources, diags
	}
	config := hcl.Load(ctx, snap.options.Child, hcl.Request{Sources: sources, Vars: snap.options.Vars, Version: snap.options.Version}, snap.options.Kinds)
	diags = append(diags, config.Diagnostics...)
	if !diags.HasErrors() {
		for _, p := range resource.NewResolver(config.Name, nil, nil, nil).Resolve(config.State) {
			diags = append(diags, config.Locate(p))
		}
	}
	if len(config.Name) == 0 && !slices.ContainsFunc(sources.Files, declaresItself) {
		diags = slices.DeleteFunc(diags, ofModule)
	}
	return sources, diags
}

// declaresItself reports whether a file may have the hostctl block, without which a directory is a module's.
func declaresItself(f hcl.File) bool { return strings.Contains(string(f.Text), "hostctl") }

// ofModule reports whether a diagnostic says only that a module is used from elsewhere.
func ofModule(d hcl.Diagnostic) bool {
	return d.Summary == "The configuration has no name" || strings.HasPrefix(d.Summary, "Variable ") && strings.HasSuffix(d.Summary, " has no value")
}

// place sorts diagnostics by the file that shows them. One without a file is
// shown at the top of an open one.
func place(snap *snapshot, sources hcl.Sources, diags hcl.Diagnostics, e encoding) map[string][]marked {
	found := map[string][]marked{}
	texts := map[string]*text{}
	for _, d := range diags {
		m := marked{Diagnostic: d}
		name := d.File
		if name == "" || strings.HasPrefix(name, "-var ") {
			name = ""
			for _, open := range slices.Sorted(maps.Keys(snap.open)) {
				if !strings.Contains(open, "/") {
					name = open
					break
				}
			}
		} else {
			if texts[name] == nil {
				texts[name] = textOf(sources, name)
			}
			m.span = texts[name].span(d.Start.Byte, max(d.Start.Byte, d.End.Byte), e)
		}
		if doc := snap.open[name]; doc != nil {
			m.version = doc.version
		}
		uri := snap.uri(name)
		found[uri] = append(found[uri], m)
	}
	return found
}

// publish shows diagnostics, and takes those back that are no more.
func (s *server) publish(c *checking, snap *snapshot, found map[string][]marked) {
	uris := maps.Clone(c.published)
	for uri := range found {
		uris[uri] = true
	}
	if snap != nil {
		for name, doc := range snap.open {
			if filepath.Dir(name) == "." {
				uris[doc.uri] = true
			}
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(uris)) {
		list := []any{}
		for _, m := range found[uri] {
			list = append(list, shownDiagnostic(m))
		}
		params := map[string]any{"uri": uri, "diagnostics": list}
		if snap != nil {
			for _, doc := range snap.open {
				if doc.uri == uri {
					params["version"] = doc.version
				}
			}
		}
		s.notify("textDocument/publishDiagnostics", params)
		c.published[uri] = len(list) > 0
		if len(list) == 0 {
			delete(c.published, uri)
		}
	}
	c.found = found
}

// forget ends what is under way for a directory.
func (s *server) forget(dir string) {
	c := s.checked[dir]
	c.stop()
	c.turn++
	if c.timer != nil {
		c.timer.Stop()
	}
	delete(s.checked, dir)
}
