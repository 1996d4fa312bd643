package user

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// Door is what the kind needs of the account files; [host.Passwd] is the real one.
type Door interface {
	Accounts(context.Context) (host.Accounts, error)
	AddAccount(context.Context, host.Account) error
	SetAccount(context.Context, host.Account) error
	MoveAccount(ctx context.Context, name, comment, newName, newComment string) error
	RemoveAccount(ctx context.Context, name, comment string) error
	Elsewhere(ctx context.Context, name string, uid uint32) (string, error)
	Processes(uid uint32) ([]int, error)
	SubIDs(context.Context) ([]host.SubID, error)
}

// NewHost returns the effects half of the kind.
func NewHost(door Door) resource.Host { return live{door} }

type live struct{ door Door }

const markPrefix = "hostctl/"

// mark is what the comment of an account reads that belongs to a resource. A
// colon cannot stand there, and nobody but root writes that whole field.
func mark(owner string, addr resource.Addr) string {
	return markPrefix + owner + "/" + addr.String()
}

// parseMark is the inverse of mark. ok is false for any other comment, and for
// a mark on an account of another name than its own.
func parseMark(a host.Account) (owner string, addr resource.Addr, ok bool) {
	rest, ok := strings.CutPrefix(a.Comment, markPrefix)
	owner, text, cut := strings.Cut(rest, "/")
	if !ok || !cut || resource.CheckName(owner) != nil {
		return "", addr, false
	}
	addr, err := resource.ParseAddr(text)
	return owner, addr, err == nil && addr.Kind == "user" && addr.HostName() == a.Name
}

// Read implements [resource.Host]. The mark alone proves an account ours; last
// only vouches for one that has a password, see [foreign].
func (h live) Read(ctx context.Context, owner string, last resource.State) (resource.Reading, error) {
	known, err := h.door.Accounts(ctx)
	if err != nil {
		return resource.Reading{}, err
	}
	ranges, err := h.door.SubIDs(ctx)
	if err != nil {
		return resource.Reading{}, err
	}
	out := resource.Reading{State: resource.State{}, Status: map[resource.Addr]string{}, Unread: map[resource.Addr][]string{}}
	var used []resource.Span
	for _, a := range known.Users {
		used = append(used, resource.Span{Start: uint64(a.UID), Size: 1})
		by, addr, ok := parseMark(a)
		if !ok || by != owner || foreign(a, owner, addr, last[addr]) != "" {
			continue
		}
		u := &User{UID: a.UID, GID: a.GID, Groups: a.Groups, Home: a.Home, Shell: a.Shell, Locked: a.Locked}
		out.State[addr], out.Status[addr] = u, fmt.Sprintf("uid %d", a.UID)
		if known.ShadowUnread {
			out.Unread[addr] = []string{"locked"}
		}
		if was, ok := last[addr].(*User); ok && len(was.Groups) == 0 && len(a.Groups) > 0 {
			out.Foreign = append(out.Foreign, resource.Problem{Addr: addr, Summary: fmt.Sprintf("account %s was put into groups that nobody declared: %s", a.Name, strings.Join(a.Groups, ", ")),
				Detail: fmt.Sprintf("it stays in them; declare them (groups), or take it out: gpasswd --delete %s %s", a.Name, a.Groups[0])})
		}
		if !a.Locked {
			out.Status[addr] += ", has a password"
		}
		if a.Unlisted {
			u.Locked = false // in what is missing nothing says so
			out.Status[addr] += ", is not in /etc/shadow or /etc/gshadow"
		}
		switch g, ok := known.Group(a.Name); {
		case !ok:
			u.GID = 0
			out.Status[addr] += ", its group is missing"
		case g.GID != a.UID:
			u.GID = g.GID
		}
	}
	for _, g := range known.Groups {
		used = append(used, resource.Span{Start: uint64(g.GID), Size: 1})
	}
	for _, r := range ranges {
		used = append(used, resource.Span{Start: r.Start, Size: r.Count})
	}
	out.Used = map[string][]resource.Span{Pool: used}
	return out, nil
}

// foreign says why an account of the resource's name is not the resource's, "" when it is.
//
// Where chfn(1) lets people write their own comment, a person could claim to be
// a declared account and get its groups. Such a person has a password, and the
// accounts hostctl makes have none: a password on a marked account is drift
// only when the ledger knows the account.
func foreign(a host.Account, owner string, addr resource.Addr, last resource.Spec) string {
	by, of, ok := parseMark(a)
	switch {
	case !ok:
		return "hostctl did not make it"
	case by != owner:
		return fmt.Sprintf("it is %s of configuration %q", of, by)
	case of != addr:
		return fmt.Sprintf("it is %s of this configuration", of)
	case !a.Locked && last == nil:
		return "it has a password, which hostctl gives to none"
	}
	return ""
}

// Check implements [resource.Host].
func (h live) Check(ctx context.Context, changes []resource.Change, _ resource.State) []resource.Problem {
	if len(changes) == 0 {
		return nil
	}
	known, err := h.door.Accounts(ctx)
	if err != nil {
		return []resource.Problem{{Addr: changes[0].Addr, Summary: "the accounts cannot be read", Detail: err.Error()}}
	}
	var out []resource.Problem
	for _, c := range changes {
		switch c.Action {
		case resource.Create, resource.Update:
			out = append(out, h.checkWanted(ctx, c, known, leaving(changes, known))...)
		case resource.Delete:
			out = append(out, checkDelete(c, known)...)
		}
	}
	return out
}

// leaving are the accounts that give up their number before the changes that take one.
func leaving(changes []resource.Change, known host.Accounts) map[string]bool {
	names := map[string]bool{}
	for _, c := range changes {
		name := c.Addr.HostName()
		if c.From != (resource.Addr{}) {
			names[c.From.HostName()] = true
		}
		a, ok := known.User(name)
		if want, isWanted := c.Want.(*User); c.Action == resource.Delete || ok && isWanted && want.UID != a.UID && !taken(known, want.UID) {
			names[name] = true
		}
	}
	return names
}

func taken(known host.Accounts, uid uint32) bool {
	_, ok := known.UserByUID(uid)
	return ok
}

func (h live) checkWanted(ctx context.Context, c resource.Change, known host.Accounts, leaving map[string]bool) []resource.Problem {
	want, name := c.Want.(*User), c.Addr.HostName()
	var out []resource.Problem
	bad := func(path, detail, format string, args ...any) {
		out = append(out, resource.Problem{Addr: c.Addr, Path: path, Summary: fmt.Sprintf(format, args...), Detail: detail})
	}
	a, exists := known.User(name)
	old, moving := h.old(c, known)
	if exists && c.Import == "" {
		if why := foreign(a, c.Owner, c.Addr, c.Last); why != "" {
			bad("", remedy(a, c), "account %s is on this host, and %s", name, why)
			return out
		}
	} else if !exists {
		if g, taken := known.Group(name); taken && !(moving && g.GID == old.GID) {
			bad("", "choose another name, or remove the group with groupdel if nothing needs it", "group %s is on this host without an account", name)
		}
		line, err := h.door.Elsewhere(ctx, name, want.UID)
		if err != nil {
			bad("", "", "the host's other sources of accounts do not answer: %v", err)
		} else if line != "" {
			taken, _, _ := strings.Cut(line, ":")
			bad("", "see the passwd line of /etc/nsswitch.conf; choose another name or uid",
				"account %s or uid %d is taken by %s in another source of accounts", name, want.UID, taken)
		}
	}
	const other = "choose another uid, or leave it out"
	for _, u := range known.Users {
		if u.UID == want.UID && u.Name != name && !leaving[u.Name] {
			bad("uid", other, "uid %d is that of account %s", want.UID, u.Name)
		}
	}
	for _, g := range known.Groups {
		if g.GID == want.GID && g.Name != name && !leaving[g.Name] {
			bad("uid", other+"; an account's own group has its number", "gid %d is that of group %s", want.GID, g.Name)
		}
	}
	for _, g := range want.Groups {
		if _, ok := known.Group(g); !ok {
			bad("groups", "make it with groupadd, or leave it out", "there is no group %s on this host", g)
		}
	}
	return out
}

// remedy says what to do about an account that is not ours. Handing one over is
// for root to do, and is offered only where it could be hostctl's by its number.
func remedy(a host.Account, c resource.Change) string {
	by, of, marked := parseMark(a)
	switch {
	case marked && by != c.Owner:
		return "choose another name; " + resource.AdoptRemedy(by)
	case a.UID < minUID || a.UID > maxUID:
		return "choose another name"
	case marked && of != c.Addr:
		return "choose another name, or remove it there first"
	}
	return fmt.Sprintf("choose another name; or hand the account over, so that hostctl locks it and manages it: usermod --lock --comment '%s' %s, with uid = %d in the block to keep its number",
		mark(c.Owner, c.Addr), a.Name, a.UID)
}

func checkDelete(c resource.Change, known host.Accounts) []resource.Problem {
	name := c.Addr.HostName()
	a, exists := known.User(name)
	if !exists || foreign(a, c.Owner, c.Addr, c.Last) != "" {
		return nil // ours is gone, and this one stays
	}
	var others []string
	if g, ok := known.Group(name); ok {
		for _, u := range known.Users {
			if u.Name != name && (u.GID == g.GID || slices.Contains(g.Members, u.Name)) {
				others = append(others, u.Name)
			}
		}
	}
	if len(others) == 0 {
		return nil
	}
	return []resource.Problem{{Addr: c.Addr,
		Summary: fmt.Sprintf("the account's group is also that of %s", strings.Join(others, ", ")),
		Detail:  fmt.Sprintf("take them out with gpasswd --delete USER %s, or give them another primary group", name)}}
}

// Apply implements [resource.Host].
func (h live) Apply(ctx context.Context, c resource.Change) error {
	known, err := h.door.Accounts(ctx)
	if err != nil {
		return err
	}
	name := c.Addr.HostName()
	a, exists := known.User(name)
	switch c.Action {
	case resource.Delete:
		return h.remove(ctx, c, a, exists)
	case resource.Forget:
		if !exists || foreign(a, c.Owner, c.Addr, c.Last) != "" {
			return nil
		}
		return h.door.MoveAccount(ctx, name, a.Comment, name, "")
	case resource.Adopt:
		if !exists || a.Comment != mark(c.Former, c.Addr) {
			return nil // it is gone, or adopted already, or another's
		}
		return h.door.MoveAccount(ctx, name, a.Comment, name, mark(c.Owner, c.Addr))
	}
	if known, err = h.take(ctx, c, known); err != nil {
		return err
	}
	a, exists = known.User(name)
	want := c.Want.(*User)
	to := host.Account{Name: name, UID: want.UID, GID: want.GID, Comment: mark(c.Owner, c.Addr),
		Home: want.Home, Shell: want.Shell, Groups: want.Groups, Locked: true}
	if !exists {
		return h.door.AddAccount(ctx, to)
	}
	if why := foreign(a, c.Owner, c.Addr, c.Last); why != "" && c.Import == "" {
		return fmt.Errorf("account %s is on this host, and %s", name, why)
	}
	if c.Action == resource.Update && !slices.Contains(c.Paths, "groups") {
		to.Groups = a.Groups // neither declared nor once declared: the host's own
	}
	return h.door.SetAccount(ctx, to)
}

func (h live) remove(ctx context.Context, c resource.Change, a host.Account, exists bool) error {
	if !exists || foreign(a, c.Owner, c.Addr, c.Last) != "" {
		return nil
	}
	pids, err := h.door.Processes(a.UID)
	if err != nil {
		return err
	}
	if len(pids) > 0 {
		return fmt.Errorf("account %s: processes still run as it: %s; stop them first", a.Name,
			strings.Trim(fmt.Sprint(pids), "[]"))
	}
	return h.door.RemoveAccount(ctx, a.Name, a.Comment)
}
