package lsp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestFrames(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{"Content-Length: 2\r\n\r\n{}", "{}", ""},
		{"content-length:2\nContent-Type: application/vscode-jsonrpc; charset=utf-8\n\n{}rest", "{}", ""},
		{"", "", "EOF"},
		{"Content-Length: 3\r\n\r\n{}", "", "unexpected EOF"},
		{"Content-Len", "", "unexpected EOF"},
		{"\r\n{}", "", "no Content-Length"},
		{"Content-Length: -1\r\n\r\n", "", "no length"},
		{"Content-Length: 1e9\r\n\r\n", "", "no length"},
		{"Content-Length: 99999999999\r\n\r\n", "", "too long"},
		{"GET / HTTP/1.1\r\n\r\n", "", "no header"},
		{strings.Repeat("x", 2*maxHeader), "", "too long"},
		{strings.Repeat("A: b\r\n", 2*maxHeaders), "", "too long"},
	} {
		body, err := readFrame(bufio.NewReaderSize(strings.NewReader(c.in), maxHeader))
		if string(body) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.40q: %q, %v; want %q, %s", c.in, body, err, c.want, c.err)
		}
	}
	// Memory is not taken for what is only announced.
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readFrame(bufio.NewReaderSize(strings.NewReader(fmt.Sprintf("Content-Length: %d\r\n\r\n", maxMessage)), maxHeader))
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; err == nil || taken > maxMessage/4 {
		t.Errorf("%d bytes are taken, %v", taken, err)
	}
}

const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}`

// noChild is a child that gives no answer.
func noChild(context.Context, []byte) ([]byte, error) { return nil, errors.New("no child") }

// FuzzServe gives the server messages that no editor would send: it answers or
// passes them over, and ends when they end.
func FuzzServe(f *testing.F) {
	for _, m := range []string{
		`[]`, `{`, `null`, `{"id":{}}`, `{"jsonrpc":"2.0","id":2,"method":"textDocument/hover"}`,
		`{"jsonrpc":"2.0","id":"a","method":"textDocument/hover","params":{"textDocument":{"uri":"file:///x/a.hcl"},"position":{"line":-1,"character":99999999999}}}`,
		`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///x/a.hcl","text":"a"}}}`,
		`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///x/a.hcl"},"contentChanges":[{"range":{"start":{"line":9,"character":9}},"text":"b"}]}}`,
		`{"jsonrpc":"2.0","id":3,"method":"shutdown"}`, `{"method":"exit"}`, `{"method":"$/cancelRequest","params":{"id":{}}}`,
		`{"id":4,"method":"initialize","params":{"rootUri":7}}`,
	} {
		f.Add([]byte(m), []byte(hello))
		f.Add([]byte(hello), []byte(m))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var in bytes.Buffer
		for _, m := range [][]byte{first, second, []byte(hello), first, second} {
			in.Write(frame(m))
		}
		in.Write(second)
		// What it returns does not matter; that it does, without a panic, does.
		_ = Serve(t.Context(), &in, io.Discard, Options{Child: noChild, Text: func(string) string { return "" }})
	})
}
