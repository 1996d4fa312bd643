package importer

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unit is a systemd unit file, with its drop-ins behind it (systemd.syntax(7)).
type unit struct {
	name     string // app.container
	settings []setting
}

// setting is one assignment of a unit file.
type setting struct {
	section, key, value string
	file                string
	line                int
}

func (s setting) fail(err error) error {
	return &Error{File: s.file, Line: s.line, Summary: s.key + "=: " + err.Error()}
}

// parseUnit reads one file. Lines that end in a backslash go on, comments
// between them left out; what a section is missing for is an error.
func parseUnit(f File) ([]setting, error) {
	var out []setting
	fail := func(line int, text string) error { return &Error{File: f.Name, Line: line, Summary: text} }
	if !utf8.Valid(f.Text) || slices.Contains(f.Text, 0) {
		return nil, fail(0, "it is no UTF-8 text")
	}
	section, whole, begun := "", "", 0
	n := 0
	for text := range strings.Lines(strings.TrimPrefix(string(f.Text), "\uFEFF")) {
		n++
		text = strings.TrimSpace(text)
		if text != "" && (text[0] == '#' || text[0] == ';') {
			continue // also between the parts of a long line
		}
		if begun == 0 {
			begun = n
		}
		if part, more := strings.CutSuffix(text, `\`); more {
			whole += part + " "
			continue
		}
		line, at := strings.TrimSpace(whole+text), begun
		whole, begun = "", 0
		switch {
		case line == "":
		case line[0] == '[':
			if !strings.HasSuffix(line, "]") || len(line) < 3 {
				return nil, fail(at, "a section is written [Name]")
			}
			section = line[1 : len(line)-1]
		default:
			key, value, ok := strings.Cut(line, "=")
			key = strings.TrimSpace(key)
			switch {
			case !ok || key == "":
				return nil, fail(at, "neither a section nor an assignment; write Key=value")
			case section == "":
				return nil, fail(at, "the assignment stands in no section")
			}
			out = append(out, setting{section, key, strings.TrimSpace(value), f.Name, at})
		}
	}
	if begun != 0 && strings.TrimSpace(whole) != "" {
		return nil, fail(n, `the last line ends in "\"`)
	}
	return out, nil
}

// units puts files and their drop-ins together. A drop-in is app.container.d/NAME.conf,
// or container.d/NAME.conf for all of a kind; they count in the order of their names.
func units(files []File) ([]*unit, error) {
	var out []*unit
	var dropIns []File
	seen := map[string]bool{}
	for _, f := range files {
		if strings.HasSuffix(path.Dir(f.Name), ".d") {
			dropIns = append(dropIns, f)
			continue
		}
		u := &unit{name: path.Base(f.Name)}
		if seen[u.name] {
			return nil, &Error{File: f.Name, Summary: "there is another unit of this name"}
		}
		seen[u.name] = true
		settings, err := parseUnit(f)
		if err != nil {
			return nil, err
		}
		u.settings = settings
		out = append(out, u)
	}
	slices.SortStableFunc(dropIns, func(a, b File) int { return strings.Compare(path.Base(a.Name), path.Base(b.Name)) })
	for _, f := range dropIns {
		settings, err := parseUnit(f)
		if err != nil {
			return nil, err
		}
		of, used := strings.TrimSuffix(path.Base(path.Dir(f.Name)), ".d"), false
		for _, u := range out {
			if u.name == of || strings.TrimPrefix(path.Ext(u.name), ".") == of {
				u.settings = append(u.settings, settings...)
				used = true
			}
		}
		if !used {
			return nil, &Error{File: f.Name, Summary: "it adds to " + of + ", which is not among the files"}
		}
	}
	return out, nil
}

// effective are the settings that count, in order: an empty assignment takes
// back those of its key before it, and only takes back.
func (u *unit) effective() []setting {
	var out []setting
	for _, s := range u.settings {
		if s.value == "" {
			out = slices.DeleteFunc(out, func(o setting) bool { return o.section == s.section && o.key == s.key })
			continue
		}
		out = append(out, s)
	}
	return out
}

// last returns the last value of a key that has one; "" where none has.
func (u *unit) last(section, key string) string {
	value := ""
	for _, s := range u.effective() {
		if s.section == section && s.key == key {
			value = s.value
		}
	}
	return value
}

// unitWords takes a value apart as systemd does: quotes of both kinds, and the escapes of C.
func unitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, open := byte(0), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			n, err := unitEscape(s[i+1:], &word)
			if err != nil {
				return nil, err
			}
			i += n
			open = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case (c == '"' || c == '\'') && !open:
			quote, open = c, true
		case (c == '"' || c == '\'') && strings.IndexByte(s[i+1:], c) >= 0:
			quote = c // inside a word, as in Environment=A="b c"
		case c == ' ' || c == '\t':
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// unitEscape writes what an escape stands for, and returns its length behind the backslash.
func unitEscape(s string, to *strings.Builder) (int, error) {
	if i := strings.IndexByte("abfnrtvs\\\"'", s[0]); i >= 0 {
		to.WriteByte("\a\b\f\n\r\t\v \\\"'"[i])
		return 1, nil
	}
	digits, base := 0, 16
	switch s[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '0', '1', '2', '3':
		digits, base = 2, 8
	default:
		to.WriteByte('\\') // no escape: it stands for itself
		return 0, nil
	}
	if len(s) <= digits {
		return 0, errors.New("an escape is cut off")
	}
	text := s[1 : 1+digits]
	if base == 8 {
		text = s[:3]
	}
	n, err := strconv.ParseUint(text, base, 32)
	if err != nil || n == 0 || n > utf8.MaxRune {
		return 0, errors.New(`no character is \` + s[:1+digits])
	}
	if n < 0x80 || digits > 2 {
		to.WriteRune(rune(n))
	} else {
		to.WriteByte(byte(n))
	}
	return digits + 1, nil
}

// expand puts in what the specifiers of systemd.unit(5) stand for in the
// system's own units. One that only a running host knows stays as it is.
func (u *unit) expand(s, instance string) string {
	base := strings.TrimSuffix(u.name, path.Ext(u.name))
	prefix, _, _ := strings.Cut(base, "@")
	if strings.HasSuffix(base, "@") {
		base += instance
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case '%':
			b.WriteByte('%')
		case 'i', 'I':
			b.WriteString(instance)
		case 'j', 'J':
			b.WriteString(prefix[strings.LastIndexByte(prefix, '-')+1:])
		case 'n':
			b.WriteString(base + ".service")
		case 'N':
			b.WriteString(base)
		case 'p', 'P':
			b.WriteString(prefix)
		case 't':
			b.WriteString("/run")
		case 'S':
			b.WriteString("/var/lib")
		case 'C':
			b.WriteString("/var/cache")
		case 'L':
			b.WriteString("/var/log")
		case 'E':
			b.WriteString("/etc")
		case 'T':
			b.WriteString("/tmp")
		case 'V':
			b.WriteString("/var/tmp")
		default:
			b.WriteByte('%')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
