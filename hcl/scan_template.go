package hcl

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// heredocStart takes <<NAME or <<-NAME and the end of its line.
func (s *scanner) heredocStart() bool {
	at := s.at + 2
	if at < len(s.src) && s.src[at] == '-' {
		at++
	}
	name := at
	end := bytes.IndexByte(s.src[at:], '\n')
	if end < 0 {
		return false
	}
	marker := bytes.TrimSuffix(s.src[name:at+end], []byte("\r"))
	if !identifier(marker) {
		return false
	}
	s.line++
	s.push('<', at+end+1-s.at)
	if s.problem == nil {
		s.top().marker = marker
		s.top().first = true
	}
	return true
}

func identifier(b []byte) bool {
	for i, r := range string(b) {
		letter := r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
		if i == 0 && !letter || i > 0 && !letter && r != '-' && !unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc) {
			return false
		}
	}
	return len(b) > 0
}

// literal takes $ or % and what it begins in a template.
func (s *scanner) literal() {
	c := s.src[s.at]
	switch {
	case s.peek(1) == '{':
		if c == '%' {
			s.link()
		}
		size := 2
		if s.peek(2) == '~' {
			size = 3
		}
		s.top().first = false
		if s.problem == nil {
			s.push('$', size)
		}
	case s.peek(1) == c && s.peek(2) == '{':
		s.at += 3
		if s.peek(0) == '~' {
			s.at++
		}
	default:
		s.at++
	}
}

// quoted takes a piece of a string in quotes.
func (s *scanner) quoted() {
	i := bytes.IndexAny(s.src[s.at:], "\"\\$%\n")
	if i < 0 {
		s.at = len(s.src)
		return
	}
	s.at += i
	switch s.src[s.at] {
	case '"':
		s.pop()
		s.at++
	case '\\':
		s.at++
		if c := s.peek(0); c != '\n' && c != '\r' && s.at < len(s.src) {
			_, size := utf8.DecodeRune(s.src[s.at:])
			s.at += size
		}
	case '\n':
		s.line++
		s.at++
	default:
		s.literal()
	}
}

// heredoc takes a piece of a heredoc, to the end of the line at most. first
// says that it begins a line.
func (s *scanner) heredoc() {
	top := s.top()
	rest := s.src[s.at:]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
	}
	if i := bytes.IndexAny(rest[:end], "$%"); i >= 0 {
		top.first = false
		s.at += i
		s.literal()
		return
	}
	if top.first && end < len(rest) && bytes.Equal(bytes.TrimSpace(rest[:end]), top.marker) {
		s.at += end
		s.pop()
		return
	}
	top.first = true
	s.at = min(s.at+end+1, len(s.src))
	if end < len(rest) {
		s.line++
	}
}
