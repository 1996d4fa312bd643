package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// SubID is a range of subordinate ids: one line of subuid(5) and subgid(5).
type SubID struct {
	// Name is the user's name or number. hostctl registers a container's range
	// under OWNER/ADDRESS, which no account can be called: useradd(8) and every
	// other tool keep off the range, and newuidmap(1) gives it to nobody.
	Name  string
	Start uint64
	Count uint64
}

var subIDFiles = []string{"subuid", "subgid"}

// SubIDs reads the ranges of both files, each once. A missing file has none;
// lines that are no ranges are left out.
func (p Passwd) SubIDs(context.Context) ([]SubID, error) {
	dir, err := p.open()
	if err != nil {
		return nil, fmt.Errorf("subordinate ids: %w", err)
	}
	defer dir.close()
	var out []SubID
	for _, name := range subIDFiles {
		t, err := readSubIDs(dir, name)
		if err != nil {
			return nil, fmt.Errorf("subordinate ids: %w", err)
		}
		for _, line := range t.lines {
			if s, ok := parseSubID(line); ok && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// AddSubID registers ranges in both files, all of them or none; nil means that
// they stand in both. A range that overlaps another's is fs.ErrExist.
func (p Passwd) AddSubID(ctx context.Context, ranges ...SubID) error {
	return p.editSubIDs(ctx, func(t *table) error {
		for _, s := range ranges {
			if err := t.addSubID(s); err != nil {
				return fmt.Errorf("%s of %s: %w", s.span(), s.Name, err)
			}
		}
		return nil
	})
}

func (t *table) addSubID(s SubID) error {
	if same, ok := parseSubID(s.line()); !ok || same != s || strings.ContainsAny(s.Name, "\n\x00") {
		return errors.New("is no range of subordinate ids")
	}
	found := false
	for _, line := range t.lines {
		other, ok := parseSubID(line)
		switch {
		case !ok:
		case other == s:
			found = true
		case other.Start < s.Start+s.Count && s.Start < other.Start+other.Count:
			return fmt.Errorf("overlaps %s of %s: %w", other.span(), other.Name, fs.ErrExist)
		}
	}
	if !found {
		t.add(strings.Split(s.line(), ":"))
	}
	return nil
}

// MoveSubID registers under to.Name the range that name has; a range that name has not is left as it is.
func (p Passwd) MoveSubID(ctx context.Context, name string, to SubID) error {
	if same, ok := parseSubID(to.line()); !ok || same != to || strings.ContainsAny(to.Name, "\n\x00") {
		return fmt.Errorf("%s of %s: is no range of subordinate ids", to.span(), to.Name)
	}
	return p.editSubIDs(ctx, func(t *table) error {
		for i, line := range t.lines {
			if s, ok := parseSubID(line); ok && s == (SubID{name, to.Start, to.Count}) {
				t.put(i, strings.Split(to.line(), ":"))
			}
		}
		return nil
	})
}

// RemoveSubID removes exactly this range; nil means that it stands in neither file.
// Whoever calls it knows that no file carries these ids any more.
func (p Passwd) RemoveSubID(ctx context.Context, s SubID) error {
	return p.editSubIDs(ctx, func(t *table) error {
		for i := len(t.lines) - 1; i >= 0; i-- {
			if other, ok := parseSubID(t.lines[i]); ok && other == s {
				t.remove(i)
			}
		}
		return nil
	})
}

func (p Passwd) editSubIDs(ctx context.Context, change func(*table) error) error {
	err := p.locked(ctx, subIDFiles, func(dir *etc) error {
		tables := map[string]*table{}
		for _, name := range subIDFiles {
			t, err := readSubIDs(dir, name)
			if err != nil {
				return err
			}
			if err := change(t); err != nil {
				return fmt.Errorf("/etc/%s: %w", name, err)
			}
			tables[name] = t
		}
		return dir.replace(subIDFiles, func(name string) *table { return tables[name] })
	})
	if err != nil {
		return fmt.Errorf("subordinate ids: %w", err)
	}
	return nil
}

func readSubIDs(dir *etc, name string) (*table, error) {
	data, err := dir.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return parseTable(nil), nil
	}
	if err != nil {
		return nil, err
	}
	return parseTable(data), nil
}

func parseSubID(line string) (SubID, bool) {
	f := fields(line)
	if len(f) != 3 {
		return SubID{}, false
	}
	start, ok1 := number(f[1])
	count, ok2 := number(f[2])
	s := SubID{f[0], uint64(start), uint64(count)}
	return s, ok1 && ok2 && count > 0
}

func (s SubID) line() string {
	return s.Name + ":" + strconv.FormatUint(s.Start, 10) + ":" + strconv.FormatUint(s.Count, 10)
}

// span is the range as people write it.
func (s SubID) span() string { return fmt.Sprintf("%d-%d", s.Start, s.Start+s.Count-1) }
