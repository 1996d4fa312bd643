package hcl

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns the text of a file in the one style: two spaces a level,
// equals signs of neighbouring lines aligned, one newline at the end. Formatting a second time changes nothing. A file with a
// syntax error comes back as it is, with the diagnostics.
func Format(f File) ([]byte, Diagnostics) {
	chunks, problem := scan(f)
	if problem != nil {
		return f.Text, Diagnostics{*problem}
	}
	e := &evaluation{run: &run{}, config: &Config{sources: &Sources{Files: []File{f}}}}
	for _, c := range chunks {
		e.fromHCL(parseChunk(&f, c).errors())
	}
	if e.config.Diagnostics.HasErrors() {
		e.config.finish()
		return f.Text, e.config.Diagnostics
	}
	text := bytes.TrimPrefix(f.Text, []byte("\xef\xbb\xbf"))
	// The outer library's formatter may need a second look at its own work.
	for range 4 {
		next := hclwrite.Format(text)
		if bytes.Equal(next, text) {
			break
		}
		text = next
	}
	text = append(bytes.TrimRight(text, " \t\r\n"), '\n')
	if len(text) == 1 {
		text = nil
	}
	if _, diags := hclsyntax.ParseConfig(text, f.Name, hcl.InitialPos); diags.HasErrors() {
		return f.Text, Diagnostics{{Severity: Error, File: f.Name, Summary: "File cannot be formatted", Detail: "This is a bug in hostctl: the formatted text is not the same configuration."}}
	}
	return text, nil
}
