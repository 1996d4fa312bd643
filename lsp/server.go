package lsp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hostctl/hcl"
	"hostctl/resource"
)

// Options are what the server is given.
type Options struct {
	Child hcl.Child
	Kinds resource.Kinds
	// Request has what a configuration is evaluated with beside its text: the
	// values of variables, and this program's version.
	Request hcl.Request
	// Text is the manual's text of a kind or an attribute, by its path.
	Text func(path string) string
	// VarFiles are files of variables; a relative one is looked for in each
	// configuration's own directory.
	VarFiles []string
	// Root is the repository's root, for the configurations below it; without one
	// the folder that the client opened is.
	Root string
}

const (
	maxRunning = 64                    // requests that are not answered yet
	atOnce     = 2                     // children at a time
	debounce   = 25 * time.Millisecond // after a change, before its diagnostics
)

// server is the one owner of all state: only the loop in Serve touches it.
type server struct {
	Options
	ctx     context.Context
	out     chan []byte
	gone    chan struct{} // the client is
	events  chan func()   // what others want done by the loop
	slots   chan struct{} // for children
	nextID  int
	state   state
	running map[string]context.CancelFunc // by the request's id

	encoding  encoding
	client    abilities
	folders   folders
	documents map[string]*document // by URI
	checked   map[string]*checking // by directory
}

// state is how far the conversation is.
type state int

const (
	fresh state = iota
	initialized
	shutdown
)

// ErrUnexpectedExit says that the client went away without saying so.
var ErrUnexpectedExit = errors.New("the editor ended the conversation without a shutdown")

// Serve speaks with one client until it says exit, or its end of in closes.
func Serve(ctx context.Context, in io.Reader, out io.Writer, options Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{
		Options: options, ctx: ctx,
		out: make(chan []byte, 64), gone: make(chan struct{}), events: make(chan func()), slots: make(chan struct{}, atOnce),
		running: map[string]context.CancelFunc{}, documents: map[string]*document{}, checked: map[string]*checking{}, encoding: utf16Encoding,
	}
	var once sync.Once
	leave := func() { once.Do(func() { close(s.gone) }) }
	written := make(chan struct{})
	go func() {
		defer close(written)
		for b := range s.out {
			if _, err := out.Write(b); err != nil {
				leave()
			}
		}
	}()
	frames := make(chan []byte)
	var readErr error
	go func() {
		defer close(frames)
		r := bufio.NewReaderSize(in, maxHeader)
		for {
			body, err := readFrame(r)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					readErr = err
				}
				leave()
				return
			}
			select {
			case frames <- body:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer s.finish(written)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case do := <-s.events:
			do()
		case body, ok := <-frames:
			if !ok {
				switch {
				case readErr != nil:
					return readErr
				case s.state == shutdown:
					return nil
				}
				return ErrUnexpectedExit
			}
			m, bad := parse(body)
			if bad != nil {
				s.reply(m.ID, nil, bad)
				continue
			}
			if m.Method == "exit" {
				if s.state != shutdown {
					return ErrUnexpectedExit
				}
				return nil
			}
			s.receive(m)
		}
	}
}

// finish has what was said written out. Only the loop sends, and it is over.
func (s *server) finish(written <-chan struct{}) {
	close(s.out)
	select {
	case <-written:
	case <-time.After(time.Second): // it does not read
	}
}

// send writes a message; of a client that has gone nothing is waited for.
func (s *server) send(m message) {
	m.Version = "2.0"
	body, err := json.Marshal(m)
	if err != nil {
		panic("bug: " + err.Error())
	}
	select {
	case s.out <- frame(body):
		return
	default:
	}
	select {
	case s.out <- frame(body):
	case <-s.gone:
	case <-s.ctx.Done():
	}
}

func (s *server) reply(id json.RawMessage, result any, bad *failure) {
	if bad != nil {
		s.send(message{ID: id, Error: bad})
		return
	}
	s.send(message{ID: id, Result: raw(result)})
}

func (s *server) notify(method string, params any) {
	s.send(message{Method: method, Params: raw(params)})
}

// request asks the client; nobody waits for what it answers.
func (s *server) request(method string, params any) {
	s.nextID++
	s.send(message{ID: raw(s.nextID), Method: method, Params: raw(params)})
}

func raw(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return text
}

// receive takes one message.
func (s *server) receive(m message) {
	switch {
	case m.Method == "":
		return // the answer to a request of ours
	case m.ID == nil:
		s.notified(m)
	case m.Method == "initialize":
		s.initialize(m)
	case s.state == fresh:
		s.reply(m.ID, nil, &failure{codeNotInitialized, "The first request is initialize."})
	case s.state == shutdown:
		s.reply(m.ID, nil, &failure{codeInvalidRequest, "After shutdown there is only exit."})
	case m.Method == "shutdown":
		s.state = shutdown
		for _, stop := range s.running {
			stop()
		}
		for dir := range s.checked {
			s.forget(dir)
		}
		s.reply(m.ID, nil, nil)
	default:
		s.requested(m)
	}
}

// requested answers a request beside the loop, from a snapshot.
func (s *server) requested(m message) {
	answer, known := requests[m.Method]
	if !known {
		s.reply(m.ID, nil, &failure{codeUnknownMethod, fmt.Sprintf("There is no request %q.", m.Method)})
		return
	}
	if len(s.running) >= maxRunning {
		s.reply(m.ID, nil, &failure{codeFailed, "Too many requests are waiting for an answer."})
		return
	}
	var p params
	if err := json.Unmarshal(m.Params, &p); err != nil {
		s.reply(m.ID, nil, &failure{codeInvalidParams, "The request has no such parameters."})
		return
	}
	doc := s.documents[p.TextDocument.URI]
	if doc == nil {
		s.reply(m.ID, nil, nil) // of a file that is not open, or none of ours
		return
	}
	id := string(m.ID)
	if s.running[id] != nil {
		s.reply(m.ID, nil, &failure{codeInvalidRequest, "The id is that of another request."})
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	s.running[id] = stop
	dir := doc.dir
	if users := s.users(doc); len(users) > 0 {
		dir = users[0] // whose names it shares: they are renamed there, too
	}
	q := &question{snapshot: s.snapshot(dir), doc: doc, params: p, client: s.client, encoding: s.encoding, hold: s.hold}
	if c := s.checked[dir]; c != nil {
		q.diagnostics = c.found
	}
	go func() {
		result, err := answer(ctx, q)
		var bad *failure
		switch {
		case ctx.Err() != nil:
			bad = &failure{codeCancelled, "The request was cancelled."}
		case errors.As(err, &bad):
		case err != nil:
			bad = &failure{codeFailed, err.Error()}
		}
		s.later(func() {
			delete(s.running, id)
			stop()
			s.reply(m.ID, result, bad)
		})
	}()
}

// later has the loop do something.
func (s *server) later(do func()) {
	select {
	case s.events <- do:
	case <-s.ctx.Done():
	}
}

// hold waits for leave to run a child; the function gives it back.
func (s *server) hold(ctx context.Context) (func(), error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// snapshot is a directory as it is now.
func (s *server) snapshot(dir string) *snapshot {
	snap := &snapshot{dir: dir, open: map[string]*document{}, folders: s.folders, options: s.Options}
	for _, doc := range s.documents {
		snap.open[doc.path()] = doc
	}
	if c := s.checked[dir]; c != nil {
		snap.tree = c.tree
	}
	return snap
}

// notified takes a notification. One that makes no sense is passed over, as the protocol wants.
func (s *server) notified(m message) {
	var p params
	if s.state != initialized || m.Params != nil && json.Unmarshal(m.Params, &p) != nil {
		return
	}
	switch m.Method {
	case "initialized":
		if s.client.watch {
			s.request("client/registerCapability", map[string]any{"registrations": []any{map[string]any{
				"id": "files", "method": "workspace/didChangeWatchedFiles",
				"registerOptions": map[string]any{"watchers": []any{map[string]any{"globPattern": "**/*"}}},
			}}})
		}
	case "$/cancelRequest":
		if stop := s.running[string(p.ID)]; stop != nil {
			stop()
		}
	case "textDocument/didOpen":
		s.open(p)
	case "textDocument/didChange":
		s.change(p)
	case "textDocument/didSave":
		if doc := s.documents[p.TextDocument.URI]; doc != nil {
			s.touch(doc)
		}
	case "textDocument/didClose":
		if doc := s.documents[p.TextDocument.URI]; doc != nil {
			delete(s.documents, doc.uri)
			s.touch(doc)
		}
	case "workspace/didChangeWatchedFiles":
		for dir := range s.checked {
			s.check(dir)
		}
	case "workspace/didChangeWorkspaceFolders":
		for _, f := range p.Event.Removed {
			if path, ok := pathOf(f.URI); ok {
				s.folders = s.folders.remove(path)
			}
		}
		for _, f := range p.Event.Added {
			if path, ok := pathOf(f.URI); ok {
				s.folders = s.folders.add(path)
			}
		}
		for dir := range s.checked {
			s.check(dir)
		}
	}
}

// open takes a buffer of a file that is a configuration's.
func (s *server) open(p params) {
	path, ok := pathOf(p.TextDocument.URI)
	if !ok || !hcl.IsConfiguration(filepath.Base(path)) && !strings.HasSuffix(path, ".hclvars") {
		return
	}
	doc := &document{uri: p.TextDocument.URI, dir: realDir(filepath.Dir(path)), name: filepath.Base(path), version: p.TextDocument.Version, text: newText([]byte(p.TextDocument.Text))}
	if s.client.alone {
		// No folder was opened: the client opened the file's directory with it.
		s.folders = s.folders.add(doc.dir)
	}
	s.take(doc)
}

// take takes a new text of a document.
func (s *server) take(doc *document) {
	if err := s.admit(doc); err != nil {
		delete(s.documents, doc.uri)
		s.notify("window/showMessage", map[string]any{"type": 1, "message": "hostctl: " + err.Error()})
	} else {
		s.documents[doc.uri] = doc
	}
	s.touch(doc)
}

func (s *server) change(p params) {
	before := s.documents[p.TextDocument.URI]
	if before == nil {
		return
	}
	doc := *before
	doc.version = p.TextDocument.Version
	for _, c := range p.ContentChanges {
		doc.text = doc.text.apply(c, s.encoding)
		if len(doc.text.bytes) > 2*hcl.MaxFileBytes {
			break // it is not admitted
		}
	}
	s.take(&doc)
}
