package lsp

import (
	"context"
	"maps"
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
	files     map[string]bool     // paths of all files that the configuration has
	tree      []string            // what of the repository it has, see treeOf
	found     map[string][]marked // by URI, as last published
}

// marked is a diagnostic with the place that it was found at.
type marked struct {
	hcl.Diagnostic
	span    span
	version int // of the document
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

// touch has the diagnostics made of every directory that a document is part
// of: those of the configurations that use it as a module, else its own.
func (s *server) touch(doc *document) {
	users := s.users(doc)
	for _, dir := range users {
		s.check(dir)
	}
	if len(users) == 0 {
		s.check(doc.dir)
	}
}

// users are the directories whose configuration has a document of another directory.
func (s *server) users(doc *document) (dirs []string) {
	for dir, c := range s.checked {
		if dir != doc.dir && c.files[doc.path()] {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// start makes the diagnostics beside the loop. Of a directory of which nothing
// is open any more they are taken back.
func (s *server) start(dir string, c *checking) {
	open := false
	for _, doc := range s.documents {
		open = open || doc.dir == dir
	}
	if !open {
		s.publish(c, nil, nil)
		s.forget(dir)
		// What was part of it is by itself again.
		for _, doc := range s.documents {
			if c.files[doc.path()] {
				s.touch(doc)
			}
		}
		return
	}
	turn := c.turn
	ctx, stop := context.WithCancel(s.ctx)
	c.stop = stop
	snap := s.snapshot(dir)
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
		found := place(snap, &sources, diags, s.encoding)
		s.later(func() {
			if c.turn != turn {
				return
			}
			c.tree, c.files = treeOf(&sources), map[string]bool{}
			for _, path := range snap.paths(&sources) {
				c.files[path] = true
			}
			s.adopt(dir, c)
			s.publish(c, snap, found)
		})
	}()
}

// adopt takes over the modules of a configuration, which were looked at by themselves so far.
func (s *server) adopt(dir string, c *checking) {
	for _, doc := range s.documents {
		if own := s.checked[doc.dir]; own != nil && doc.dir != dir && c.files[doc.path()] {
			maps.Copy(c.published, own.published)
			s.forget(doc.dir)
		}
	}
}

// diagnose returns what `hostctl validate` says of a directory.
func diagnose(ctx context.Context, snap *snapshot) (hcl.Sources, hcl.Diagnostics) {
	sources, diags := snap.sources()
	if diags.HasErrors() {
		return sources, diags
	}
	req := snap.options.Request
	req.Sources = sources
	config := hcl.Load(ctx, snap.options.Child, req, snap.options.Kinds)
	sources = config.Sources()
	if snap.overlay(&sources) {
		// A module that was read on the way is open, and looks different there.
		req.Sources = sources
		config = hcl.Load(ctx, snap.options.Child, req, snap.options.Kinds)
		sources = config.Sources()
	}
	diags = append(diags, config.Diagnostics...)
	if !diags.HasErrors() {
		for _, p := range resource.NewResolver(config.Name, nil, nil, nil).Resolve(config.State) {
			diags = append(diags, config.Locate(p))
		}
	}
	if config.Name == "" && !slices.ContainsFunc(sources.Files, declaresItself) {
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

// place sorts diagnostics by the file that shows them. One without a file, or
// about a value from outside, is shown at the top of an open one.
func place(snap *snapshot, sources *hcl.Sources, diags hcl.Diagnostics, e encoding) map[string][]marked {
	top := ""
	for _, path := range slices.Sorted(maps.Keys(snap.open)) {
		if snap.open[path].dir == snap.dir {
			top = snap.open[path].uri
			break
		}
	}
	found := map[string][]marked{}
	paths := snap.paths(sources)
	texts := map[string]*text{}
	for _, d := range diags {
		m := marked{Diagnostic: d}
		uri := top
		if path, ok := paths[d.File]; ok {
			uri = snap.uri(path)
			if texts[d.File] == nil {
				texts[d.File] = textOf(sources, d.File)
			}
			m.span = texts[d.File].span(d.Start.Byte, max(d.Start.Byte, d.End.Byte), e)
		} else if d.File != "" {
			m.Summary = d.File + ": " + d.Summary
		}
		if doc := snap.open[paths[d.File]]; doc != nil {
			m.version = doc.version
		}
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
	versions := map[string]int{}
	if snap != nil {
		for path, doc := range snap.open {
			versions[doc.uri] = doc.version
			if doc.dir == snap.dir || c.files[path] {
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
		if version, open := versions[uri]; open {
			params["version"] = version
		}
		s.notify("textDocument/publishDiagnostics", params)
		c.published[uri] = true
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
