package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// table is one of the colon-separated files of passwd(5), group(5), shadow(5),
// gshadow(5) or subuid(5). Lines that are not changed keep every byte: comments,
// blank lines, NIS lines and what cannot be read at all.
type table struct {
	lines []string // without their newline
	open  bool     // the last line has no newline
	dirty bool
}

func parseTable(data []byte) *table {
	t := &table{}
	if len(data) == 0 {
		return t
	}
	text := string(data)
	t.open = !strings.HasSuffix(text, "\n")
	t.lines = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return t
}

func (t *table) bytes() []byte {
	if len(t.lines) == 0 {
		return nil
	}
	text := strings.Join(t.lines, "\n")
	if !t.open {
		text += "\n"
	}
	return []byte(text)
}

// fields splits a line as glibc's reader does: blanks before the name do not
// count, "#" starts a comment, and "+" and "-" start NIS lines. It returns nil
// for a line that is no entry.
func fields(line string) []string {
	line = strings.TrimLeft(line, " \t")
	if line == "" || strings.ContainsRune("#+-", rune(line[0])) {
		return nil
	}
	f := strings.Split(line, ":")
	if len(f) < 2 || f[0] == "" {
		return nil
	}
	return f
}

// find returns the index of the entry of that name, or -1. Two entries of one name are an error.
func (t *table) find(name string) (int, error) {
	at := -1
	for i, line := range t.lines {
		f := fields(line)
		if f == nil || f[0] != name {
			continue
		}
		if at >= 0 {
			return -1, fmt.Errorf("%s stands on the lines %d and %d", name, at+1, i+1)
		}
		at = i
	}
	return at, nil
}

// at returns the fields of the entry on line i, which must have n of them.
func (t *table) at(i, n int) ([]string, error) {
	f := fields(t.lines[i])
	if len(f) != n {
		return nil, fmt.Errorf("line %d has %d fields instead of %d", i+1, len(f), n)
	}
	return f, nil
}

// put replaces line i by an entry.
func (t *table) put(i int, f []string) {
	if line := strings.Join(f, ":"); line != t.lines[i] {
		t.lines[i], t.dirty = line, true
	}
}

// add appends an entry, before the NIS lines that end the file where there are such.
func (t *table) add(f []string) {
	at := slices.IndexFunc(t.lines, func(l string) bool { return l != "" && (l[0] == '+' || l[0] == '-') })
	if at < 0 {
		at, t.open = len(t.lines), false
	}
	t.lines = slices.Insert(t.lines, at, strings.Join(f, ":"))
	t.dirty = true
}

func (t *table) remove(i int) {
	if t.open && i == len(t.lines)-1 {
		t.open = false
	}
	t.lines = slices.Delete(t.lines, i, i+1)
	t.dirty = true
}

// number reads a uid, a gid or a count.
func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// members splits the last field of group(5) and gshadow(5).
func members(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(m string) bool { return m == "" })
}
