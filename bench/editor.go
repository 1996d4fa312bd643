package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"strconv"
	"time"
)

const (
	rowDiagnostics = "diagnostics after a keystroke"
	rowProposals   = "completion in the editor"
)

// editors measures the editor's server on a file of 2,000 lines, as an editor uses it.
func editors(s settings) ([]*Table, error) {
	const rounds = 40
	const dir = "/run/bench-editor"
	text := manyContainers(88)
	lines := bytes.Count(text, []byte("\n"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(dir+"/main.hcl", text, 0o644); err != nil {
		return nil, err
	}
	e, err := startEditor(s.Kit.Hostctl, dir)
	if err != nil {
		return nil, err
	}
	defer e.end()
	t := &Table{
		Title: fmt.Sprintf("The editor's server on %d lines", lines),
		Note: "hostctl lsp over its standard input and output, from the change of one character until the diagnostics of that version are there,\n" +
			"the server's own delay for fast typing included; and from a request for completion to its answer.",
		Goals: []Goal{{Row: rowDiagnostics, Most: 100}, {Row: rowProposals, Most: 50}},
	}
	uri := "file://" + dir + "/main.hcl"
	document := map[string]any{"uri": uri, "languageId": "hostctl", "version": 1, "text": string(text)}
	if err := e.notify("textDocument/didOpen", map[string]any{"textDocument": document}); err != nil {
		return nil, err
	}
	if err := e.diagnosed(1); err != nil {
		return nil, err
	}
	// The line of a restart policy: a letter more makes it wrong, and one less right again.
	at := bytes.Index(text, []byte(`"on-failure"`))
	line := bytes.Count(text[:at], []byte("\n"))
	column := at - bytes.LastIndexByte(text[:at], '\n')
	position := func(n int) map[string]int { return map[string]int{"line": line, "character": n} }
	for i := range rounds {
		change := map[string]any{"range": map[string]any{"start": position(column), "end": position(column)}, "text": "x"}
		if i%2 == 1 {
			change = map[string]any{"range": map[string]any{"start": position(column), "end": position(column + 1)}, "text": ""}
		}
		begun := time.Now()
		err := e.notify("textDocument/didChange", map[string]any{
			"textDocument": map[string]any{"uri": uri, "version": i + 2}, "contentChanges": []any{change},
		})
		if err == nil {
			err = e.diagnosed(i + 2)
		}
		if err != nil {
			return nil, err
		}
		t.row(rowDiagnostics, "ms").add(millis(time.Since(begun)))
		begun = time.Now()
		if err := e.call("textDocument/completion", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": position(2)}); err != nil {
			return nil, err
		}
		t.row(rowProposals, "ms").add(millis(time.Since(begun)))
	}
	return []*Table{t}, nil
}

// editor is a client of the language server protocol.
type editor struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	last int // id of a request
}

func startEditor(hostctl, dir string) (*editor, error) {
	e := &editor{cmd: exec.Command(hostctl, "lsp")}
	e.cmd.Dir, e.cmd.Stderr = dir, os.Stderr
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	e.out = bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	if err := e.call("initialize", map[string]any{"processId": nil, "rootUri": "file://" + dir, "capabilities": map[string]any{}}); err != nil {
		return nil, err
	}
	return e, e.notify("initialized", map[string]any{})
}

func (e *editor) end() {
	if e.call("shutdown", nil) == nil {
		e.notify("exit", nil)
	}
	e.in.Close()
	e.cmd.Wait()
}

func (e *editor) send(message map[string]any) error {
	message["jsonrpc"] = "2.0"
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return err
}

func (e *editor) notify(method string, params any) error {
	return e.send(map[string]any{"method": method, "params": params})
}

// call returns when the request is answered.
func (e *editor) call(method string, params any) error {
	e.last++
	if err := e.send(map[string]any{"id": e.last, "method": method, "params": params}); err != nil {
		return err
	}
	for {
		m, err := e.read()
		if err != nil {
			return err
		}
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error)
		}
		if m.ID == e.last && m.Method == "" {
			return nil
		}
	}
}

// diagnosed returns when the diagnostics of that version of the document are there.
func (e *editor) diagnosed(version int) error {
	for {
		m, err := e.read()
		if err != nil {
			return err
		}
		if m.Method == "textDocument/publishDiagnostics" && m.Params.Version == version {
			return nil
		}
	}
}

// message is what is read of one.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Error  json.RawMessage `json:"error"`
	Params struct {
		Version int `json:"version"`
	} `json:"params"`
}

func (e *editor) read() (message, error) {
	var m message
	header, err := textproto.NewReader(e.out).ReadMIMEHeader()
	if err != nil {
		return m, fmt.Errorf("hostctl lsp: %w", err)
	}
	n, err := strconv.Atoi(header.Get("Content-Length"))
	if err != nil {
		return m, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(e.out, body); err != nil {
		return m, err
	}
	return m, json.Unmarshal(body, &m)
}
