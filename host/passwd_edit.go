package host

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// accountFiles are the four files in memory. Its methods are the whole of what
// an edit decides; they touch nothing else.
type accountFiles struct {
	tables       map[string]*table // shadow and gshadow are nil where the host has no such file
	shadowUnread bool              // shadow is there, and the caller may not read it
}

func readAccountFiles(dir *etc) (*accountFiles, error) {
	f := &accountFiles{tables: map[string]*table{}}
	for _, name := range writeOrder {
		data, err := dir.read(name)
		optional := name == "shadow" || name == "gshadow"
		switch {
		case err == nil:
			f.tables[name] = parseTable(data)
		case optional && errors.Is(err, fs.ErrNotExist):
		case optional && errors.Is(err, fs.ErrPermission):
			f.shadowUnread = true
		default:
			return nil, err
		}
	}
	return f, nil
}

func (f *accountFiles) accounts() Accounts {
	out := Accounts{ShadowUnread: f.shadowUnread}
	memberOf, grouped := map[string][]string{}, map[string]bool{}
	for _, line := range f.tables["group"].lines {
		e := fields(line)
		if len(e) < 4 {
			continue
		}
		gid, ok := number(e[2])
		if !ok {
			continue
		}
		g := Group{Name: e[0], GID: gid, Members: members(e[3])}
		out.Groups, grouped[g.Name] = append(out.Groups, g), true
		for _, m := range g.Members {
			memberOf[m] = append(memberOf[m], g.Name)
		}
	}
	passwords, gshadowed := f.secondFields("shadow"), f.secondFields("gshadow")
	for _, line := range f.tables["passwd"].lines {
		e := fields(line)
		if len(e) < 7 {
			continue
		}
		uid, ok1 := number(e[2])
		gid, ok2 := number(e[3])
		if !ok1 || !ok2 {
			continue
		}
		groups := slices.DeleteFunc(memberOf[e[0]], func(g string) bool { return g == e[0] })
		slices.Sort(groups)
		password := e[1]
		if password == "x" {
			hash, ok := passwords[e[0]]
			if password = hash; !ok {
				password = "!" // no entry, no password
			}
		}
		out.Users = append(out.Users, Account{Name: e[0], UID: uid, GID: gid, Comment: e[4], Home: e[5], Shell: e[6],
			Groups: slices.Compact(groups), Locked: locked(password),
			Unlisted: e[1] == "x" && f.lacks("shadow", passwords, e[0]) || grouped[e[0]] && f.lacks("gshadow", gshadowed, e[0])})
	}
	return out
}

// secondFields are those of a file's entries by name, of two of one name the first.
func (f *accountFiles) secondFields(file string) map[string]string {
	byName := map[string]string{}
	if t := f.tables[file]; t != nil {
		for _, line := range t.lines {
			if e := fields(line); e != nil {
				if _, twice := byName[e[0]]; !twice {
					byName[e[0]] = e[1]
				}
			}
		}
	}
	return byName
}

// lacks reports whether a file that the host has is without an entry of that name.
func (f *accountFiles) lacks(file string, entries map[string]string, name string) bool {
	_, there := entries[name]
	return f.tables[file] != nil && !there
}

// locked says whether a password field lets nobody in, shadow(5). The empty field lets everybody in.
func locked(password string) bool {
	return strings.HasPrefix(password, "!") || strings.HasPrefix(password, "*")
}

func (f *accountFiles) add(a Account) error {
	if err := checkAccount(a); err != nil {
		return err
	}
	for _, file := range writeOrder {
		if f.tables[file] == nil {
			continue
		}
		i, err := f.tables[file].find(a.Name)
		if err != nil {
			return fmt.Errorf("/etc/%s: %w; take one out with %s", file, err, editors[file])
		}
		if i >= 0 && !harmless(file, fields(f.tables[file].lines[i])) {
			return fmt.Errorf("/etc/%s has an entry of that name (%w); if it is a removed account's, take it out with %s", file, fs.ErrExist, editors[file])
		}
	}
	if err := f.free(a); err != nil {
		return err
	}
	f.tables["passwd"].add([]string{a.Name, f.hidden(), "0", "0", a.Comment, a.Home, a.Shell})
	return f.set(a)
}

// editors are the commands that people edit the files with, vipw(8).
var editors = map[string]string{"passwd": "vipw", "group": "vigr", "shadow": "vipw -s", "gshadow": "vigr -s"}

// harmless says that an entry which an account left behind is just as that of a new one:
// it has no password, and as a group's nobody in it.
func harmless(file string, entry []string) bool {
	switch file {
	case "shadow":
		return len(entry) == 9 && locked(entry[1])
	case "gshadow":
		return len(entry) == 4 && locked(entry[1]) && entry[2] == "" && entry[3] == ""
	}
	return false
}

// hidden is the password field of passwd(5) for an account without a password.
func (f *accountFiles) hidden() string {
	if f.tables["shadow"] == nil {
		return "!"
	}
	return "x"
}

// free checks that nobody else has the account's numbers.
func (f *accountFiles) free(a Account) error {
	known := f.accounts()
	for _, u := range known.Users {
		if u.Name != a.Name && u.UID == a.UID {
			return fmt.Errorf("uid %d is that of %s: %w", a.UID, u.Name, fs.ErrExist)
		}
	}
	for _, g := range known.Groups {
		if g.Name != a.Name && g.GID == a.GID {
			return fmt.Errorf("gid %d is that of %s: %w", a.GID, g.Name, fs.ErrExist)
		}
	}
	return nil
}

// owned returns the account's line in passwd, when it carries the mark.
func (f *accountFiles) owned(name, comment string) (line int, entry []string, err error) {
	passwd := f.tables["passwd"]
	line, err = passwd.find(name)
	if err != nil {
		return 0, nil, fmt.Errorf("/etc/passwd: %w", err)
	}
	if line < 0 {
		return 0, nil, fs.ErrNotExist
	}
	if entry, err = passwd.at(line, 7); err != nil {
		return 0, nil, fmt.Errorf("/etc/passwd: %w", err)
	}
	if comment == "" || entry[4] != comment {
		return 0, nil, ErrNotOwned
	}
	return line, entry, nil
}

func (f *accountFiles) set(a Account) error {
	if err := checkAccount(a); err != nil {
		return err
	}
	line, entry, err := f.owned(a.Name, a.Comment)
	if err != nil {
		return err
	}
	if err := f.free(a); err != nil {
		return err
	}
	if a.Locked && entry[1] != "x" && !locked(entry[1]) {
		entry[1] = f.hidden()
	}
	entry[2], entry[3], entry[5], entry[6] = text(a.UID), text(a.GID), a.Home, a.Shell
	f.tables["passwd"].put(line, entry)

	err = f.entry("shadow", a.Name, 9, []string{a.Name, "!", "", "", "", "", "", "", ""}, func(e []string) {
		if a.Locked && !locked(e[1]) {
			e[1] = "!"
		}
	})
	if err != nil {
		return err
	}
	err = f.entry("group", a.Name, 4, []string{a.Name, "x", text(a.GID), ""}, func(e []string) { e[2] = text(a.GID) })
	if err != nil {
		return err
	}
	if err := f.entry("gshadow", a.Name, 4, []string{a.Name, "!", "", ""}, func([]string) {}); err != nil {
		return err
	}
	return f.join(a.Name, a.Groups)
}

// entry changes the account's line of a file, and adds it first when it is missing.
// A file that the host does not have is left so.
func (f *accountFiles) entry(file, name string, n int, fresh []string, change func([]string)) error {
	t := f.tables[file]
	if t == nil {
		return nil
	}
	i, err := t.find(name)
	if err == nil && i < 0 {
		t.add(fresh)
		i, err = t.find(name)
	}
	if err != nil {
		return fmt.Errorf("/etc/%s: %w", file, err)
	}
	e, err := t.at(i, n)
	if err != nil {
		return fmt.Errorf("/etc/%s: %w", file, err)
	}
	change(e)
	t.put(i, e)
	return nil
}

// join makes name a member of these groups and of no others, its own apart.
func (f *accountFiles) join(name string, groups []string) error {
	for _, g := range groups {
		i, err := f.tables["group"].find(g)
		if err != nil {
			return fmt.Errorf("/etc/group: %w", err)
		}
		if i < 0 {
			return fmt.Errorf("group %s: %w", g, fs.ErrNotExist)
		}
	}
	for _, file := range []string{"group", "gshadow"} {
		t := f.tables[file]
		if t == nil {
			continue
		}
		for i, line := range t.lines {
			e := fields(line)
			if len(e) < 4 || e[0] == name {
				continue
			}
			list := members(e[3])
			in, want := slices.Contains(list, name), slices.Contains(groups, e[0])
			switch {
			case want && !in:
				list = append(list, name)
			case in && !want:
				list = slices.DeleteFunc(list, func(m string) bool { return m == name })
			default:
				continue
			}
			e[3] = strings.Join(list, ",")
			t.put(i, e)
		}
	}
	return nil
}

func (f *accountFiles) remove(name, comment string) error {
	line, _, err := f.owned(name, comment)
	if err != nil {
		return err
	}
	known := f.accounts()
	if g, ok := known.Group(name); ok {
		others := slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return m == name })
		for _, u := range known.Users {
			if u.Name != name && u.GID == g.GID {
				others = append(others, u.Name)
			}
		}
		if len(others) > 0 {
			return fmt.Errorf("group %s is also that of %s", name, strings.Join(others, ", "))
		}
	}
	if err := f.join(name, nil); err != nil {
		return err
	}
	for _, file := range []string{"gshadow", "group", "shadow"} {
		t := f.tables[file]
		if t == nil {
			continue
		}
		i, err := t.find(name)
		if err != nil {
			return fmt.Errorf("/etc/%s: %w", file, err)
		}
		if i >= 0 {
			t.remove(i)
		}
	}
	f.tables["passwd"].remove(line)
	return nil
}

// checkAccount refuses what would not be one line of seven fields again.
func checkAccount(a Account) error {
	texts := append([]string{a.Name, a.Comment, a.Home, a.Shell}, a.Groups...)
	for _, s := range texts {
		if strings.ContainsAny(s, ":\n\x00") {
			return fmt.Errorf("%q cannot stand in a field of an account", s)
		}
	}
	switch {
	case a.Name == "" || strings.ContainsAny(a.Name, " \t,/#+") || a.Name[0] == '-':
		return fmt.Errorf("%q is no account's name", a.Name)
	case a.UID == 0 || a.GID == 0:
		return errors.New("an account needs a uid and a gid, and root's are taken")
	case a.Comment == "":
		return errors.New("an account needs a mark in its comment")
	}
	return nil
}

func text(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
