package host

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// MoveAccount gives the account with this name and comment another name and
// comment; where the names are equal, the comment alone. Its own group, its
// password and its memberships go along, and its numbers stay, so that what runs
// as it and what it owns is not touched. nil also where that was so before.
//
// The account must have this very comment, else the error is [ErrNotOwned]; it is fs.ErrNotExist where
// there is no such account, and fs.ErrExist where something has the new name. The line
// in passwd(5) is changed last: until then the account is the old one, and the call can be repeated.
func (p Passwd) MoveAccount(ctx context.Context, name, comment, newName, newComment string) error {
	backwards := slices.Clone(writeOrder)
	slices.Reverse(backwards)
	return p.edit(ctx, name, func(f *accountFiles) error { return f.move(name, comment, newName, newComment) }, backwards)
}

func (f *accountFiles) move(name, comment, newName, newComment string) error {
	if err := checkAccount(Account{Name: newName, Comment: "-" + newComment, UID: 1, GID: 1}); err != nil {
		return err
	}
	passwd := f.tables["passwd"]
	there, err := passwd.find(newName)
	if err != nil {
		return fmt.Errorf("/etc/passwd: %w", err)
	}
	if there >= 0 {
		e, err := passwd.at(there, 7)
		switch {
		case err != nil:
			return fmt.Errorf("/etc/passwd: %w", err)
		case e[4] == newComment:
			return nil
		case name != newName:
			return fmt.Errorf("/etc/passwd has an entry %s: %w", newName, fs.ErrExist)
		}
	}
	line, err := passwd.find(name)
	if err != nil {
		return fmt.Errorf("/etc/passwd: %w", err)
	}
	if line < 0 {
		return fs.ErrNotExist
	}
	entry, err := passwd.at(line, 7)
	switch {
	case err != nil:
		return fmt.Errorf("/etc/passwd: %w", err)
	case entry[4] != comment:
		return ErrNotOwned
	}
	if name != newName {
		if err := f.rename(name, newName, entry[3]); err != nil {
			return err
		}
	}
	entry[0], entry[4] = newName, newComment
	passwd.put(line, entry)
	return nil
}

// rename changes a name in all files but passwd. An entry that has the new name
// already is one that a cut-off call left, if it stands in the old one's place; the own
// group's number tells that.
func (f *accountFiles) rename(name, newName, gid string) error {
	for _, file := range []string{"shadow", "group", "gshadow"} {
		t := f.tables[file]
		if t == nil {
			continue
		}
		from, err := t.find(name)
		to, err2 := t.find(newName)
		switch {
		case err != nil || err2 != nil:
			return fmt.Errorf("/etc/%s has an entry twice, %s or %s", file, name, newName)
		case to >= 0 && (from >= 0 || file == "group" && !hasNumber(t.lines[to], gid)):
			return fmt.Errorf("/etc/%s has an entry %s: %w", file, newName, fs.ErrExist)
		case from >= 0:
			e := fields(t.lines[from])
			e[0] = newName
			t.put(from, e)
		}
		if file == "shadow" {
			continue
		}
		for i, l := range t.lines {
			e := fields(l)
			if len(e) < 4 {
				continue
			}
			// Members, and in gshadow(5) the group's administrators before them.
			for _, at := range []int{2, 3} {
				if at == 2 && file == "group" {
					continue
				}
				list := members(e[at])
				for j := range list {
					if list[j] == name {
						list[j] = newName
					}
				}
				if slices.Contains(list, newName) {
					e[at] = strings.Join(list, ",")
				}
			}
			t.put(i, e)
		}
	}
	return nil
}

func hasNumber(line, n string) bool {
	e := fields(line)
	return len(e) > 2 && e[2] == n
}
