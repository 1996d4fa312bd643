package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/hcl"
)

// params are the parameters of all messages that the server takes; each has some of them.
type params struct {
	ID           json.RawMessage `json:"id"` // of $/cancelRequest
	TextDocument struct {
		URI     string `json:"uri"`
		Version int    `json:"version"`
		Text    string `json:"text"`
	} `json:"textDocument"`
	Position       position `json:"position"`
	Range          span     `json:"range"`
	ContentChanges []change `json:"contentChanges"`
	NewName        string   `json:"newName"`
	Context        struct {
		IncludeDeclaration bool `json:"includeDeclaration"`
	} `json:"context"`
	Event struct {
		Added   []folder `json:"added"`
		Removed []folder `json:"removed"`
	} `json:"event"`
}

type folder struct {
	URI string `json:"uri"`
}

// abilities are what the client can do.
type abilities struct {
	snippets  bool
	markdown  bool
	versions  bool // documentChanges in a workspace edit
	watch     bool // registers watchers on request
	alone     bool // no folder is open
	hierarchy bool // symbols within symbols
}

// initialize begins the conversation.
func (s *server) initialize(m message) {
	if s.state != fresh {
		s.reply(m.ID, nil, &failure{codeInvalidRequest, "initialize was sent before."})
		return
	}
	type dynamic struct {
		DynamicRegistration bool `json:"dynamicRegistration"`
	}
	var p struct {
		RootURI          string   `json:"rootUri"`
		RootPath         string   `json:"rootPath"`
		WorkspaceFolders []folder `json:"workspaceFolders"`
		Capabilities     struct {
			General struct {
				PositionEncodings []encoding `json:"positionEncodings"`
			} `json:"general"`
			Workspace struct {
				WorkspaceEdit struct {
					DocumentChanges bool `json:"documentChanges"`
				} `json:"workspaceEdit"`
				DidChangeWatchedFiles dynamic `json:"didChangeWatchedFiles"`
			} `json:"workspace"`
			TextDocument struct {
				Completion struct {
					CompletionItem struct {
						SnippetSupport bool `json:"snippetSupport"`
					} `json:"completionItem"`
				} `json:"completion"`
				Hover struct {
					ContentFormat []string `json:"contentFormat"`
				} `json:"hover"`
				DocumentSymbol struct {
					Hierarchical bool `json:"hierarchicalDocumentSymbolSupport"`
				} `json:"documentSymbol"`
			} `json:"textDocument"`
		} `json:"capabilities"`
	}
	if err := json.Unmarshal(m.Params, &p); err != nil {
		s.reply(m.ID, nil, &failure{codeInvalidParams, "initialize has no such parameters."})
		return
	}
	can := p.Capabilities
	if slices.Contains(can.General.PositionEncodings, utf8Encoding) {
		s.encoding = utf8Encoding
	}
	for _, f := range p.WorkspaceFolders {
		if path, ok := pathOf(f.URI); ok {
			s.folders = s.folders.add(path)
		}
	}
	if path, ok := pathOf(p.RootURI); ok && len(s.folders) == 0 {
		s.folders = s.folders.add(path)
	} else if filepath.IsAbs(p.RootPath) && len(s.folders) == 0 {
		s.folders = s.folders.add(p.RootPath)
	}
	s.client = abilities{
		snippets: can.TextDocument.Completion.CompletionItem.SnippetSupport,
		markdown: slices.Contains(can.TextDocument.Hover.ContentFormat, "markdown"),
		versions: can.Workspace.WorkspaceEdit.DocumentChanges,
		watch:    can.Workspace.DidChangeWatchedFiles.DynamicRegistration,
		alone:    len(s.folders) == 0, hierarchy: can.TextDocument.DocumentSymbol.Hierarchical,
	}
	s.state = initialized
	s.reply(m.ID, map[string]any{
		"serverInfo": map[string]any{"name": "hostctl", "version": s.Request.Version},
		"capabilities": map[string]any{
			"positionEncoding":           s.encoding,
			"textDocumentSync":           map[string]any{"openClose": true, "change": 2, "save": map[string]any{}},
			"completionProvider":         map[string]any{"triggerCharacters": []string{".", "\"", "["}},
			"hoverProvider":              true,
			"definitionProvider":         true,
			"referencesProvider":         true,
			"documentSymbolProvider":     true,
			"documentFormattingProvider": true,
			"renameProvider":             map[string]any{"prepareProvider": true},
			"codeActionProvider":         map[string]any{"codeActionKinds": []string{"quickfix"}},
			"workspace":                  map[string]any{"workspaceFolders": map[string]any{"supported": true, "changeNotifications": true}},
		},
	}, nil)
}

// question is a request with all that its answer is made from.
type question struct {
	*snapshot
	doc         *document
	params      params
	client      abilities
	encoding    encoding
	hold        func(context.Context) (func(), error)
	diagnostics map[string][]marked
}

// requests are the requests about an open document.
var requests = map[string]func(context.Context, *question) (any, error){
	"textDocument/completion":     completion,
	"textDocument/hover":          hover,
	"textDocument/definition":     definition,
	"textDocument/references":     references,
	"textDocument/prepareRename":  prepareRename,
	"textDocument/rename":         rename,
	"textDocument/documentSymbol": documentSymbol,
	"textDocument/formatting":     formatting,
	"textDocument/codeAction":     codeAction,
}

// ask asks a confined child.
func (q *question) ask(ctx context.Context, op string) (*hcl.Sources, *hcl.Findings, error) {
	free, err := q.hold(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer free()
	sources, _ := q.sources()
	name := ""
	for n, path := range q.paths(&sources) {
		if path == q.doc.path() {
			name = n
		}
	}
	if name == "" {
		return &sources, &hcl.Findings{}, nil // a file of variables that nobody named
	}
	// A module that is read on the way may be open, and look different there.
	for {
		found, read, err := hcl.Ask(ctx, q.options.Child, sources, hcl.Question{Op: op, File: name, At: q.at(), Name: q.params.NewName})
		if err != nil || !q.overlay(&read) {
			return &read, found, err
		}
		sources = read
	}
}

func completion(ctx context.Context, q *question) (any, error) {
	_, found, err := q.ask(ctx, hcl.AskCompletion)
	if err != nil {
		return nil, err
	}
	items := []any{}
	for i, item := range found.Items {
		if item.Words {
			for _, word := range words(q.options, item.Topic) {
				items = append(items, q.word(item, word))
			}
			continue
		}
		items = append(items, q.item(i, item))
	}
	return map[string]any{"isIncomplete": false, "items": items}, nil
}

func hover(ctx context.Context, q *question) (any, error) {
	_, found, err := q.ask(ctx, hcl.AskHover)
	if err != nil || found.Hover == nil {
		return nil, err
	}
	return map[string]any{
		"contents": q.hoverText(found.Hover),
		"range":    q.doc.text.span(found.Hover.Start, found.Hover.End, q.encoding),
	}, nil
}

// location is a range of a file.
type location struct {
	URI   string `json:"uri"`
	Range span   `json:"range"`
}

func (q *question) locations(sources *hcl.Sources, places []hcl.Place) []location {
	list := []location{}
	paths := q.paths(sources)
	texts := map[string]*text{}
	for _, p := range places {
		if texts[p.File] == nil {
			texts[p.File] = textOf(sources, p.File)
		}
		list = append(list, location{q.uri(paths[p.File]), texts[p.File].span(p.Start, p.End, q.encoding)})
	}
	return list
}

func definition(ctx context.Context, q *question) (any, error) {
	sources, found, err := q.ask(ctx, hcl.AskDefinition)
	if err != nil {
		return nil, err
	}
	return q.locations(sources, found.Places), nil
}

func references(ctx context.Context, q *question) (any, error) {
	sources, found, err := q.ask(ctx, hcl.AskReferences)
	if err != nil {
		return nil, err
	}
	if !q.params.Context.IncludeDeclaration {
		found.Places = slices.DeleteFunc(found.Places, func(p hcl.Place) bool { return p.Declared })
	}
	return q.locations(sources, found.Places), nil
}

func prepareRename(ctx context.Context, q *question) (any, error) {
	sources, found, err := q.ask(ctx, hcl.AskRename)
	if err != nil {
		return nil, err
	}
	if found.Refused != "" {
		return nil, &failure{codeFailed, found.Refused}
	}
	for i, l := range q.locations(sources, found.Places) {
		if p := found.Places[i]; l.URI == q.doc.uri && p.Start <= q.at() && q.at() <= p.End {
			return map[string]any{"range": l.Range, "placeholder": found.Name}, nil
		}
	}
	return nil, &failure{codeFailed, "What stands here has no name that can be changed: those of variables, locals, outputs, modules and resources can."}
}

func rename(ctx context.Context, q *question) (any, error) {
	if q.params.NewName == "" {
		return nil, &failure{codeInvalidParams, "A name cannot be empty."}
	}
	sources, found, err := q.ask(ctx, hcl.AskRename)
	if err != nil {
		return nil, err
	}
	if found.Refused != "" {
		return nil, &failure{codeFailed, found.Refused}
	}
	edits := map[string][]edit{}
	for _, l := range q.locations(sources, found.Places) {
		edits[l.URI] = append(edits[l.URI], edit{l.Range, q.params.NewName})
	}
	return q.workspaceEdit(edits), nil
}

// workspaceEdit is edits by file, bound to the buffers' versions where the client understands that.
func (q *question) workspaceEdit(edits map[string][]edit) any {
	if !q.client.versions {
		return map[string]any{"changes": edits}
	}
	versions := map[string]any{}
	for _, doc := range q.open {
		versions[doc.uri] = doc.version
	}
	list := []any{}
	for _, uri := range sortedKeys(edits) {
		list = append(list, map[string]any{"textDocument": map[string]any{"uri": uri, "version": versions[uri]}, "edits": edits[uri]})
	}
	return map[string]any{"documentChanges": list}
}

func documentSymbol(ctx context.Context, q *question) (any, error) {
	_, found, err := q.ask(ctx, hcl.AskSymbols)
	if err != nil {
		return nil, err
	}
	return q.symbols(found.Symbols), nil
}

// formatting is what `hostctl fmt` does. A file with errors stays as it is: its diagnostics say why.
func formatting(ctx context.Context, q *question) (any, error) {
	if strings.HasSuffix(q.doc.name, ".json") {
		return nil, nil // JSON has formatters
	}
	free, err := q.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	files, diags := hcl.FormatFiles(ctx, q.options.Child, []hcl.File{{Name: q.doc.name, Text: q.doc.text.bytes}})
	if diags.HasErrors() {
		d := diags[0]
		return nil, &failure{codeFailed, fmt.Sprintf("%s:%d: %s", q.doc.name, d.Start.Line, d.Summary)}
	}
	return q.doc.text.replacement(files[0].Text, q.encoding), nil
}

// codeAction makes a fix of each "Did you mean" of a diagnostic in the range.
func codeAction(_ context.Context, q *question) (any, error) {
	actions := []any{}
	for _, m := range q.diagnostics[q.doc.uri] {
		if m.version != q.doc.version || before(q.params.Range.End, m.span.Start) || before(m.span.End, q.params.Range.Start) {
			continue
		}
		_, rest, ok := strings.Cut(m.Detail, "Did you mean \"")
		name, _, closed := strings.Cut(rest, "\"?")
		if !ok || !closed || strings.ContainsAny(name, "\"\n") {
			continue
		}
		start, end, ok := meant(string(q.doc.text.bytes), m.Start.Byte, m.End.Byte)
		if !ok {
			continue
		}
		fix := edit{q.doc.text.span(start, end, q.encoding), name}
		actions = append(actions, map[string]any{
			"title": fmt.Sprintf("Change to %q", name), "kind": "quickfix", "isPreferred": true,
			"diagnostics": []any{shownDiagnostic(m)}, "edit": q.workspaceEdit(map[string][]edit{q.doc.uri: {fix}}),
		})
	}
	return actions, nil
}

func before(a, b position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}

// meant is the name that a suggestion replaces: the last one of the text that a diagnostic marks.
func meant(src string, start, end int) (int, int, bool) {
	if start < 0 || end > len(src) || start >= end {
		return 0, 0, false
	}
	marked := src[start:end]
	marked = strings.TrimRight(marked, `"]`)
	end = start + len(marked)
	if i := strings.LastIndexAny(marked, ".\"[ "); i >= 0 {
		start += i + 1
	}
	return start, end, start < end
}
