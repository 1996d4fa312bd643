package importer

import (
	"errors"
	"strings"
)

// splitWords takes a command line apart as a POSIX shell would, but for all
// that a shell would look up or run: variables, substitutions and patterns are
// text. It ends at the first command: what stands behind ; & | or a newline is an error.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	open := false
	end := func() {
		if open {
			words = append(words, word.String())
		}
		word.Reset()
		open = false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			n := strings.IndexByte(s[i+1:], '\'')
			if n < 0 {
				return nil, errors.New("a ' is not closed")
			}
			word.WriteString(s[i+1 : i+1+n])
			i += n + 1
			open = true
		case c == '"':
			n, err := doubleQuoted(s[i+1:], &word)
			if err != nil {
				return nil, err
			}
			i += n
			open = true
		case c == '\\':
			if i+1 == len(s) {
				return nil, errors.New(`a \ stands at the end`)
			}
			i++
			switch {
			case s[i] == '\n':
			case s[i] == '\r' && strings.HasPrefix(s[i+1:], "\n"):
				i++
			default:
				word.WriteByte(s[i])
				open = true
			}
		case c == ' ' || c == '\t':
			end()
		case c == '\n' || c == '\r':
			if rest := strings.TrimSpace(s[i:]); rest != "" && !strings.HasPrefix(rest, "#") {
				return nil, errors.New(`a second line follows; end the first one with "\" where they are one command`)
			}
			end()
			return words, nil
		case c == '#' && !open:
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				return words, nil
			}
			i += n - 1
		case strings.IndexByte(";&|<>()", c) >= 0:
			return nil, errors.New(`"` + s[i:i+1] + `" is the shell's; give one command alone, and quote what is text`)
		default:
			word.WriteByte(c)
			open = true
		}
	}
	end()
	return words, nil
}

// doubleQuoted reads what follows a " up to the closing one, and returns how many bytes that were.
func doubleQuoted(s string, word *strings.Builder) (int, error) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\' && i+1 < len(s) && s[i+1] == '\n':
			i++
		case c == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\", s[i+1]) >= 0:
			i++
			word.WriteByte(s[i])
		default:
			word.WriteByte(c)
		}
	}
	return 0, errors.New(`a " is not closed`)
}
