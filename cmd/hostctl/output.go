package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"unicode/utf16"
	"unicode/utf8"

	"hostctl/resource"
)

// output is standard output. It keeps the first error: what was not written was not said, and the exit status says so.
type output struct {
	file io.Writer

	mu  sync.Mutex
	err error
}

// Write implements io.Writer. After an error nothing more is written.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.file.Write(p)
	o.err = err
	return n, err
}

// verdict is the exit code of a command that would end with code. A reader that
// went away, as head(1) does, knows that it did.
func (o *output) verdict(code int, stderr io.Writer) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return code
	}
	if !errors.Is(o.err, syscall.EPIPE) {
		fmt.Fprintf(stderr, "Error: standard output: %s\n", printable(o.err.Error()))
	}
	if code == exitOK || code == exitChanges {
		return exitError
	}
	return code
}

// unwritten reports whether an error is that of standard output, which is told of at the end.
func (c *cli) unwritten(err error) bool {
	o, ok := c.stdout.(*output)
	if !ok {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err != nil && errors.Is(err, o.err)
}

// terminalOf returns the file that standard output is, nil where it is none.
func (c *cli) terminalOf() *os.File {
	if o, ok := c.stdout.(*output); ok {
		file, _ := o.file.(*os.File)
		return file
	}
	file, _ := c.stdout.(*os.File)
	return file
}

// printJSON prints v as JSON, with each character as an escape that a terminal could obey or that has no
// shape: such a document is looked at too.
func (c *cli) printJSON(v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := c.stdout.Write(visibleJSON(b.Bytes()))
	return err
}

// visibleJSON escapes what stands in strings: outside of them JSON has nothing but ASCII.
func visibleJSON(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		switch {
		case r == '\n' || r == utf8.RuneError || resource.Visible(r):
			out = append(out, doc[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		doc = doc[n:]
	}
	return out
}
