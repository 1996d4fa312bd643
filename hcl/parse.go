package hcl

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// piece is a chunk of a file after parsing.
type piece struct {
	body  *hclsyntax.Body
	diags hcl.Diagnostics
	// broken is where the first syntax error is: what ends before it was
	// understood. -1 if there is none.
	broken int
}

// intact reports whether a node of the piece was parsed without an error in or before it.
func (p *piece) intact(r hcl.Range) bool { return p.broken < 0 || r.End.Byte < p.broken }

// parse parses the chunks of files that were scanned, side by side.
func parse(files []File, chunks [][]chunk) []*piece {
	type job struct {
		file  *File
		chunk chunk
	}
	var jobs []job
	for i := range files {
		for _, c := range chunks[i] {
			jobs = append(jobs, job{&files[i], c})
		}
	}
	pieces := make([]*piece, len(jobs))
	var wg sync.WaitGroup
	next := make(chan int, len(jobs))
	for i := range jobs {
		next <- i
	}
	close(next)
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for i := range next {
				pieces[i] = parseChunk(jobs[i].file, jobs[i].chunk)
			}
		})
	}
	wg.Wait()
	return pieces
}

func parseChunk(f *File, c chunk) *piece {
	defer progress.end(progress.begin(hcl.Range{Filename: f.Name, Start: hcl.Pos{Byte: c.start}, End: hcl.Pos{Byte: c.start}}))
	file, diags := hclsyntax.ParseConfig(f.Text[c.start:c.end], f.Name, hcl.Pos{Line: c.line, Column: 1, Byte: c.start})
	p := &piece{body: file.Body.(*hclsyntax.Body), diags: diags, broken: -1}
	p.findBroken()
	return p
}

// findBroken looks where the first error is.
func (p *piece) findBroken() {
	for _, d := range p.diags {
		if d.Severity == hcl.DiagError && d.Subject != nil && (p.broken < 0 || d.Subject.Start.Byte < p.broken) {
			p.broken = d.Subject.Start.Byte
		}
	}
}

// errors are the syntax errors without those that only follow from another:
// the first on each line, and none behind a string that has no end.
func (p *piece) errors() hcl.Diagnostics {
	list := slices.Clone(p.diags)
	slices.SortStableFunc(list, func(a, b *hcl.Diagnostic) int { return cmp.Compare(start(a), start(b)) })
	var out hcl.Diagnostics
	line := -1
	for _, d := range list {
		if d.Severity != hcl.DiagError || d.Subject != nil && d.Subject.Start.Line == line {
			continue
		}
		out = append(out, d)
		if d.Subject != nil {
			line = d.Subject.Start.Line
		}
		if d.Summary == "Invalid multi-line string" || strings.HasPrefix(d.Summary, "Unterminated template") {
			break
		}
	}
	return out
}

func start(d *hcl.Diagnostic) int {
	if d.Subject == nil {
		return -1
	}
	return d.Subject.Start.Byte
}

// attributes returns the attributes of a body in the order of the text.
func attributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, a := range body.Attributes {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
	return list
}
