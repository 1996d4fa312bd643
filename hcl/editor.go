package hcl

import (
	"context"
	"errors"
	"slices"

	"hostctl/resource"
)

// Question is what an editor asks of a directory's text at a place in it.
type Question struct {
	Op   string `json:"op"`
	File string `json:"file"`
	At   int    `json:"at"` // byte offset
}

// What an editor can ask.
const (
	AskCompletion = "completion"
	AskHover      = "hover"
	AskDefinition = "definition"
	AskReferences = "references"
	AskSymbols    = "symbols"
)

// Findings are the answer to a Question.
type Findings struct {
	Symbols []Symbol `json:"symbols,omitempty"`
}

// Symbol is one thing that a file declares.
type Symbol struct {
	Name  string `json:"name"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Ask answers a question about sources in a child process, see [Load].
func Ask(ctx context.Context, child Child, sources Sources, q Question, kinds resource.Kinds) (*Findings, error) {
	ans, failed := ask(ctx, child, envelope{Dir: sources.Dir, Question: &q}, sources.Files, sources.VarFiles)
	if failed != nil {
		return nil, errors.New(failed.Detail)
	}
	if ans.Findings == nil || !slices.ContainsFunc(sources.Files, func(f File) bool { return f.Name == q.File }) {
		return nil, errors.New("no findings")
	}
	return ans.Findings, nil
}

// find answers a question.
func find(sources Sources, q Question, kinds resource.Kinds) *Findings { return &Findings{} }
