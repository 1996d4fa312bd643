package hcl

import (
	"bytes"
	"fmt"
	"path"
	"unicode"
	"unicode/utf8"
)

// What the scan refuses. The outer library's parser and evaluator recurse as
// deep as the text nests, and a Go stack overflow cannot be caught.
const (
	maxDepth     = 100     // brackets, blocks, strings and interpolations within each other
	maxChain     = 1000    // operators, indexes and template directives around one another
	maxTokens    = 400_000 // tokens of one piece that is parsed at once: the lexer needs 100 bytes for each
	maxNumber    = 64      // characters of a number
	maxExponent  = 300     // its decimal exponent
	chunkBytes   = 32 << 10
	whatTooDeep  = "Configuration nests too deeply"
	whatTooLong  = "Expression is too long"
	whatBadBytes = "Text is not UTF-8"
)

// chunk is a piece of a file that can be parsed by itself: it begins at the
// start of a line outside of every block.
type chunk struct {
	start, end int // bytes
	line       int // of start, from 1
}

// scanAll scans all files of a configuration; those that source and template
// attributes name are bytes, and only their length counts.
func scanAll(s Sources) (diags Diagnostics) {
	total, bulk := 0, 0
	for i, list := range [][]File{s.Files, s.AutoFiles, s.VarFiles, s.Tree} {
		for _, f := range list {
			if i == 3 && !isConfiguration(path.Base(f.Name)) {
				if bulk += len(f.Text); len(f.Text) > MaxSourceBytes || bulk > MaxBytes {
					return append(diags, Diagnostic{Severity: Error, File: f.Name, Summary: "File is too long",
						Detail: fmt.Sprintf("A file of a source or template has at most %d MiB, and all of them %d MiB.", MaxSourceBytes>>20, MaxBytes>>20)})
				}
				continue
			}
			total += len(f.Text)
			if len(f.Text) > MaxFileBytes || total > MaxBytes {
				return append(diags, Diagnostic{Severity: Error, File: f.Name, Summary: "Configuration is too long",
					Detail: fmt.Sprintf("A file has at most %d MiB, and a configuration %d MiB in all.", MaxFileBytes>>20, MaxBytes>>20)})
			}
			if _, d := scanFile(f); d != nil {
				diags = append(diags, *d)
			}
		}
	}
	return diags.sorted()
}

// frame is one thing that is open.
type frame struct {
	kind   byte   // { ( [ for the brackets, $ for an interpolation or directive, " and < for templates
	free   bool   // of {: newlines part nothing, as in a for expression
	first  bool   // of {: no token seen yet
	chain  int    // operators since the last thing that parts expressions
	marker []byte // of <
}

// scanner walks a text in the lexer's states, at the cost of a look at each
// byte. It errs only towards more depth. That it sees what the lexer
// sees is a fuzz test.
type scanner struct {
	src     []byte
	at      int
	line    int
	stack   []frame
	chain   int // of all frames together, those of the bottom included
	bottom  frame
	tokens  int
	deepest int // for the test
	longest int
	chunks  []chunk
	problem *Diagnostic
}

// scan checks a file before the parser sees it, and finds where it can be cut.
func scan(f File) ([]chunk, *Diagnostic) {
	s := &scanner{src: f.Text, line: 1, stack: make([]frame, 0, maxDepth+1)}
	s.bottom.kind = '{'
	s.chunks = append(s.chunks, chunk{0, 0, 1})
	s.encoding()
	if s.problem == nil {
		s.run()
	}
	if s.problem != nil {
		s.problem.Severity, s.problem.File = Error, f.Name
		s.problem.locate(f.Text)
		return nil, s.problem
	}
	s.chunks[len(s.chunks)-1].end = len(f.Text)
	return s.chunks, nil
}

// scanTemplate checks a template file as scan does a file of configuration.
func scanTemplate(f File) *Diagnostic {
	s := &scanner{src: f.Text, line: 1, stack: make([]frame, 0, maxDepth+1)}
	s.bottom.kind = '{'
	s.encoding()
	if s.problem == nil {
		// The text of a heredoc, which no line ends: no marker holds a NUL.
		s.stack = append(s.stack, frame{kind: '<', first: true, marker: []byte{0}})
		s.chunks = append(s.chunks, chunk{0, 0, 1})
		s.run()
	}
	if s.problem != nil {
		s.problem.Severity, s.problem.File = Error, f.Name
		s.problem.locate(f.Text)
	}
	return s.problem
}

func (s *scanner) refuse(from, to int, summary, detail string) {
	if s.problem == nil {
		s.problem = &Diagnostic{Summary: summary, Detail: detail}
		s.problem.Start.Byte, s.problem.End.Byte = from, to
	}
	s.at = len(s.src)
}

// encoding refuses NUL, what is no UTF-8, and a carriage return by itself.
func (s *scanner) encoding() {
	if i := bytes.IndexByte(s.src, 0); i >= 0 {
		s.refuse(i, i+1, "Text has a NUL byte", "A configuration is text; a NUL byte stands nowhere in it.")
		return
	}
	if !utf8.Valid(s.src) {
		for i := 0; i < len(s.src); {
			r, size := utf8.DecodeRune(s.src[i:])
			if r == utf8.RuneError && size == 1 {
				s.refuse(i, i+1, whatBadBytes, "Save the file in UTF-8.")
				return
			}
			i += size
		}
	}
	for i := 0; ; i++ {
		j := bytes.IndexByte(s.src[i:], '\r')
		if j < 0 {
			return
		}
		if i += j; i+1 == len(s.src) || s.src[i+1] != '\n' {
			s.refuse(i, i+1, "Text has a carriage return within a line", "Lines end with a newline, or with a carriage return and a newline.")
			return
		}
	}
}

func (s *scanner) top() *frame {
	if len(s.stack) == 0 {
		return &s.bottom
	}
	return &s.stack[len(s.stack)-1]
}

func (s *scanner) push(kind byte, size int) {
	if len(s.stack) == maxDepth {
		s.refuse(s.at, s.at+size, whatTooDeep, fmt.Sprintf("Blocks, brackets, strings and interpolations stand at most %d deep within each other.", maxDepth))
		return
	}
	s.stack = append(s.stack, frame{kind: kind, first: true})
	s.deepest = max(s.deepest, len(s.stack))
	s.at += size
}

func (s *scanner) pop() {
	s.chain -= s.top().chain
	s.stack = s.stack[:len(s.stack)-1]
}

// link counts an operator.
func (s *scanner) link() {
	s.top().chain++
	s.chain++
	s.longest = max(s.longest, s.chain)
	if s.chain > maxChain {
		s.refuse(s.at, s.at+1, whatTooLong, fmt.Sprintf("An expression has at most %d operators, indexes and template directives around one another. Give parts of it names with locals.", maxChain))
	}
}

// part begins a new expression.
func (s *scanner) part() {
	top := s.top()
	s.chain -= top.chain
	top.chain = 0
}

func (s *scanner) run() {
	if bytes.HasPrefix(s.src, []byte("\xef\xbb\xbf")) {
		s.at = 3
	}
	for s.at < len(s.src) {
		if s.tokens++; s.tokens > maxTokens {
			s.refuse(s.at, s.at+1, "Block is too long", "One block or one setting has at most 400,000 words and signs. Put a long text into a heredoc, or into several blocks.")
			return
		}
		switch s.top().kind {
		case '"':
			s.quoted()
		case '<':
			s.heredoc()
		default:
			s.code()
		}
	}
}

// code takes one token outside of templates.
func (s *scanner) code() {
	c := s.src[s.at]
	first := s.top().first
	switch c {
	case ' ', '\t', '\r':
		s.tokens--
		s.at++
		return
	case '\n':
		s.newline()
		return
	case '#':
		s.comment()
		return
	}
	s.top().first = false
	switch {
	case c == '/' && s.peek(1) == '/', c == '/' && s.peek(1) == '*':
		s.top().first = first
		s.comment()
	case identStart(c):
		s.word(first)
	case '0' <= c && c <= '9':
		s.number()
	case c == '"':
		s.push('"', 1)
	case c == '{', c == '(', c == '[':
		if c != '{' {
			s.link()
		}
		s.push(c, 1)
	case c == '}', c == '~' && s.peek(1) == '}':
		s.closeBrace(c)
	case c == ')', c == ']':
		open := byte('(')
		if c == ']' {
			open = '['
		}
		if s.top().kind == open && len(s.stack) > 0 {
			s.pop()
		}
		s.at++
	case c == ',':
		s.part()
		s.at++
	case c == '<' && s.peek(1) == '<' && s.heredocStart():
	case c == '.', c == '=' && s.peek(1) != '=' && s.peek(1) != '>':
		s.at++
	default:
		s.link()
		s.at++
	}
}

func (s *scanner) peek(n int) byte {
	if s.at+n < len(s.src) {
		return s.src[s.at+n]
	}
	return 0
}

// newline takes a newline outside of templates. In the body of a block and in
// an object it parts expressions; at the bottom the file can be cut behind it.
func (s *scanner) newline() {
	s.at++
	s.line++
	if top := s.top(); top.kind == '{' && !top.free {
		s.part()
	}
	if len(s.stack) == 0 && s.at-s.chunks[len(s.chunks)-1].start >= chunkBytes {
		s.chunks[len(s.chunks)-1].end = s.at
		s.chunks = append(s.chunks, chunk{start: s.at, line: s.line})
		s.tokens = 0
	}
}

func (s *scanner) comment() {
	rest := s.src[s.at:]
	if rest[0] == '/' && rest[1] == '*' {
		end := bytes.Index(rest[2:], []byte("*/"))
		if end < 0 {
			// The lexer takes this as something else, and the parser will say so.
			s.link()
			s.at++
			return
		}
		s.line += bytes.Count(rest[:end+4], []byte("\n"))
		s.at += end + 4
		return
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		s.at = len(s.src)
		return
	}
	s.at += end
	s.newline()
}

func identStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

// word takes an identifier. Of one that is not ASCII only letters and digits
// are taken, and a hyphen in it counts as an operator.
func (s *scanner) word(first bool) {
	start := s.at
	for s.at < len(s.src) {
		c := s.src[s.at]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(s.src[s.at:])
			s.at += size
			if !unicode.IsLetter(r) {
				break
			}
			continue
		}
		if !identStart(c) && (c < '0' || c > '9') && c != '-' || c == '-' && s.src[start] >= utf8.RuneSelf {
			break
		}
		s.at++
	}
	if first && string(s.src[start:s.at]) == "for" {
		s.top().free = true
	}
}

// number takes a number: digits, points, and exponents.
func (s *scanner) number() {
	start, exponent, inExponent := s.at, 0, false
number:
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case '0' <= c && c <= '9':
			if inExponent {
				exponent = min(exponent*10+int(c-'0'), 1<<20)
			}
			s.at++
		case c == '.':
			s.at++
		case c == 'e' || c == 'E':
			n := 1
			if s.peek(1) == '+' || s.peek(1) == '-' {
				n = 2
			}
			if d := s.peek(n); d < '0' || d > '9' {
				break number
			}
			inExponent, exponent = true, 0
			s.at += n
		default:
			break number
		}
	}
	if s.at-start > maxNumber || exponent > maxExponent {
		s.refuse(start, s.at, "Number is too long", fmt.Sprintf("A number has at most %d digits, and an exponent of at most %d.", maxNumber, maxExponent))
	}
}

// closeBrace ends a block, an object or an interpolation, and what was left
// open within it: the lexer counts braces alone.
func (s *scanner) closeBrace(c byte) {
	for i := len(s.stack) - 1; i >= 0; i-- {
		if k := s.stack[i].kind; k == '{' || k == '$' {
			for len(s.stack) > i {
				s.pop()
			}
			break
		}
	}
	s.at++
	if c == '~' {
		s.at++
	}
}
