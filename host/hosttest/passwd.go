package hosttest

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"hostctl/host"
)

// Passwd is the account files of a [Machine], as [host.Passwd] shows them.
type Passwd struct {
	*Faults
	mu        sync.Mutex
	users     map[string]host.Account // Groups unused; membership is in groups
	groups    map[string]host.Group
	subids    []host.SubID
	processes map[int]uint32
	elsewhere map[string]uint32
}

func newPasswd(f *Faults) *Passwd {
	p := &Passwd{Faults: f, users: map[string]host.Account{}, groups: map[string]host.Group{},
		processes: map[int]uint32{}, elsewhere: map[string]uint32{}}
	for name, id := range map[string]uint32{"root": 0, "daemon": 1, "nobody": 65534} {
		p.users[name] = host.Account{Name: name, UID: id, GID: id, Home: "/", Shell: "/usr/sbin/nologin", Locked: true}
	}
	for name, id := range map[string]uint32{"root": 0, "daemon": 1, "adm": 4, "docker": 998, "nogroup": 65534} {
		p.groups[name] = host.Group{Name: name, GID: id}
	}
	return p
}

// PutAccount sets an account and its memberships as an administrator would, without any check.
func (p *Passwd) PutAccount(a host.Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(a)
}

// PutGroup sets a group as an administrator would, without any check.
func (p *Passwd) PutGroup(g host.Group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups[g.Name] = g
}

// PutProcess makes a process run as uid; with EndProcess it ends.
func (p *Passwd) PutProcess(pid int, uid uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.processes[pid] = uid
}

// EndProcess ends a process.
func (p *Passwd) EndProcess(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.processes, pid)
}

// PutElsewhere makes an account known to a source other than the files.
func (p *Passwd) PutElsewhere(name string, uid uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.elsewhere[name] = uid
}

func (p *Passwd) put(a host.Account) {
	for name, g := range p.groups {
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return m == a.Name })
		if slices.Contains(a.Groups, name) {
			g.Members = append(g.Members, a.Name)
		}
		p.groups[name] = g
	}
	a.Groups = nil
	p.users[a.Name] = a
}

// Accounts is as [host.Passwd.Accounts]; the entries are sorted by name.
func (p *Passwd) Accounts(context.Context) (host.Accounts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accounts(), nil
}

func (p *Passwd) accounts() host.Accounts {
	var out host.Accounts
	for _, name := range slices.Sorted(maps.Keys(p.groups)) {
		g := p.groups[name]
		g.Members = slices.Clone(g.Members)
		out.Groups = append(out.Groups, g)
	}
	for _, name := range slices.Sorted(maps.Keys(p.users)) {
		a := p.users[name]
		for _, g := range out.Groups {
			if g.Name != name && slices.Contains(g.Members, name) {
				a.Groups = append(a.Groups, g.Name)
			}
		}
		out.Users = append(out.Users, a)
	}
	return out
}

// AddAccount is as [host.Passwd.AddAccount].
func (p *Passwd) AddAccount(_ context.Context, a host.Account) error {
	if err := p.call("AddAccount " + a.Name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.users[a.Name]; ok {
		return fmt.Errorf("account %s: %w", a.Name, fs.ErrExist)
	}
	if _, ok := p.groups[a.Name]; ok {
		return fmt.Errorf("group %s: %w", a.Name, fs.ErrExist)
	}
	return p.become(a)
}

// SetAccount is as [host.Passwd.SetAccount].
func (p *Passwd) SetAccount(_ context.Context, a host.Account) error {
	if err := p.call("SetAccount " + a.Name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.owned(a.Name, a.Comment); err != nil {
		return err
	}
	return p.become(a)
}

func (p *Passwd) owned(name, comment string) error {
	old, ok := p.users[name]
	if !ok {
		return fmt.Errorf("account %s: %w", name, fs.ErrNotExist)
	}
	if comment == "" || old.Comment != comment {
		return fmt.Errorf("account %s: %w", name, host.ErrNotOwned)
	}
	return nil
}

func (p *Passwd) become(a host.Account) error {
	if a.UID == 0 || a.GID == 0 || a.Comment == "" ||
		strings.ContainsAny(a.Name+a.Comment+a.Home+a.Shell, ":\n\x00") {
		return fmt.Errorf("account %s: not an account", a.Name)
	}
	for _, u := range p.users {
		if u.Name != a.Name && u.UID == a.UID {
			return fmt.Errorf("account %s: uid %d: %w", a.Name, a.UID, fs.ErrExist)
		}
	}
	for _, g := range p.groups {
		if g.Name != a.Name && g.GID == a.GID {
			return fmt.Errorf("account %s: gid %d: %w", a.Name, a.GID, fs.ErrExist)
		}
	}
	for _, g := range a.Groups {
		if _, ok := p.groups[g]; !ok {
			return fmt.Errorf("account %s: group %s: %w", a.Name, g, fs.ErrNotExist)
		}
	}
	a.Locked = a.Locked || p.users[a.Name].Locked
	own := p.groups[a.Name]
	own.Name, own.GID = a.Name, a.GID
	p.groups[a.Name] = own
	p.put(a)
	return nil
}

// RemoveAccount is as [host.Passwd.RemoveAccount].
func (p *Passwd) RemoveAccount(_ context.Context, name, comment string) error {
	if err := p.call("RemoveAccount " + name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.owned(name, comment); err != nil {
		return err
	}
	own := p.groups[name]
	for _, u := range p.users {
		if u.Name != name && (u.GID == own.GID || slices.Contains(own.Members, u.Name)) {
			return fmt.Errorf("account %s: group %s is also that of %s", name, name, u.Name)
		}
	}
	p.put(host.Account{Name: name})
	delete(p.users, name)
	delete(p.groups, name)
	return nil
}

// Elsewhere is as [host.Passwd.Elsewhere].
func (p *Passwd) Elsewhere(_ context.Context, name string, uid uint32) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, id := range p.elsewhere {
		if n == name || id == uid {
			return fmt.Sprintf("%s:*:%d:%d::/:/bin/sh", n, id, id), nil
		}
	}
	return "", nil
}

// Processes is as [host.Passwd.Processes].
func (p *Passwd) Processes(uid uint32) ([]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var pids []int
	for pid, u := range p.processes {
		if u == uid {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// SubIDs is as [host.Passwd.SubIDs].
func (p *Passwd) SubIDs(context.Context) ([]host.SubID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.subids), nil
}

// AddSubID is as [host.Passwd.AddSubID].
func (p *Passwd) AddSubID(_ context.Context, ranges ...host.SubID) error {
	p.mu.Lock()
	subids := slices.Clone(p.subids)
	p.mu.Unlock()
	for _, s := range ranges {
		if err := p.call("AddSubID " + s.Name); err != nil {
			return err
		}
		if s.Name == "" || strings.ContainsAny(s.Name, ":\n\x00") || s.Count == 0 {
			return fmt.Errorf("subordinate ids of %q: not a range", s.Name)
		}
		found := false
		for _, o := range subids {
			if found = o == s; found {
				break
			}
			if o.Start < s.Start+s.Count && s.Start < o.Start+o.Count {
				return fmt.Errorf("subordinate ids of %s: those of %s: %w", s.Name, o.Name, fs.ErrExist)
			}
		}
		if !found {
			subids = append(subids, s)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subids = subids
	return nil
}

// MoveSubID is as [host.Passwd.MoveSubID].
func (p *Passwd) MoveSubID(_ context.Context, name string, to host.SubID) error {
	if err := p.call("MoveSubID " + name); err != nil {
		return err
	}
	if to.Name == "" || strings.ContainsAny(to.Name, ":\n\x00") || to.Count == 0 {
		return fmt.Errorf("subordinate ids of %q: not a range", to.Name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.subids {
		if s == (host.SubID{Name: name, Start: to.Start, Count: to.Count}) {
			p.subids[i] = to
		}
	}
	return nil
}

// RemoveSubID is as [host.Passwd.RemoveSubID].
func (p *Passwd) RemoveSubID(_ context.Context, s host.SubID) error {
	if err := p.call("RemoveSubID " + s.Name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subids = slices.DeleteFunc(p.subids, func(o host.SubID) bool { return o == s })
	return nil
}

// String prints the accounts and groups that a machine does not start with.
func (p *Passwd) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := newPasswd(p.Faults)
	known := p.accounts()
	var b strings.Builder
	for _, a := range known.Users {
		if _, old := fresh.users[a.Name]; old {
			continue
		}
		fmt.Fprintf(&b, "user %s %d:%d %q %s %s", a.Name, a.UID, a.GID, a.Comment, a.Home, a.Shell)
		if !a.Locked {
			b.WriteString(" password")
		}
		b.WriteString("\n")
	}
	for _, g := range known.Groups {
		if _, old := fresh.groups[g.Name]; old && len(g.Members) == 0 {
			continue
		}
		fmt.Fprintf(&b, "group %s %d %s\n", g.Name, g.GID, strings.Join(g.Members, ","))
	}
	for _, s := range p.subids {
		fmt.Fprintf(&b, "subid %s %d+%d\n", s.Name, s.Start, s.Count)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// MoveAccount is as [host.Passwd.MoveAccount].
func (p *Passwd) MoveAccount(_ context.Context, name, comment, newName, newComment string) error {
	if err := p.call("MoveAccount " + name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if there, ok := p.users[newName]; ok {
		if there.Comment == newComment {
			return nil
		}
		if name != newName {
			return fmt.Errorf("account %s: %w", newName, fs.ErrExist)
		}
	}
	a, ok := p.users[name]
	switch {
	case !ok:
		return fmt.Errorf("account %s: %w", name, fs.ErrNotExist)
	case a.Comment != comment:
		return fmt.Errorf("account %s: %w", name, host.ErrNotOwned)
	}
	if _, taken := p.groups[newName]; taken && name != newName {
		return fmt.Errorf("group %s: %w", newName, fs.ErrExist)
	}
	delete(p.users, name)
	a.Name, a.Comment = newName, newComment
	p.users[newName] = a
	if own, ok := p.groups[name]; ok && name != newName {
		delete(p.groups, name)
		own.Name = newName
		p.groups[newName] = own
	}
	for g, group := range p.groups {
		group.Members = slices.Clone(group.Members)
		for i, m := range group.Members {
			if m == name {
				group.Members[i] = newName
			}
		}
		p.groups[g] = group
	}
	return nil
}
