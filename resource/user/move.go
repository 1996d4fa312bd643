package user

import (
	"context"
	"fmt"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// An account's name follows its resource's address. Taking another address it
// is renamed in place, own group and memberships with it: its numbers stay, so
// that files and processes do not notice. The mark goes last, see [host.Passwd.MoveAccount].

// old returns the account that a moved resource has under its old address, and whether there is one.
func (h live) old(c resource.Change, known host.Accounts) (host.Account, bool) {
	if c.From == (resource.Addr{}) {
		return host.Account{}, false
	}
	a, ok := known.User(c.From.HostName())
	return a, ok && foreign(a, c.Owner, c.From, c.Last) == ""
}

// take makes the account that a change moves or imports the resource's, and
// returns the accounts as they are then.
func (h live) take(ctx context.Context, c resource.Change, known host.Accounts) (host.Accounts, error) {
	a, ok := h.old(c, known)
	if c.Import != "" {
		if a, ok = known.User(c.Import); ok {
			if why := unfit(a, c.Owner, c.Addr); why != "" {
				return known, fmt.Errorf("account %s: %s", a.Name, why)
			}
		}
	}
	if !ok {
		return known, nil
	}
	if err := h.door.MoveAccount(ctx, a.Name, a.Comment, c.Addr.HostName(), mark(c.Owner, c.Addr)); err != nil {
		return known, err
	}
	return h.door.Accounts(ctx)
}

// Find implements [resource.Importer]; the id is the account's name.
func (h live) Find(ctx context.Context, owner string, addr resource.Addr, id string) (resource.Spec, bool, []resource.Problem) {
	refuse := func(summary, detail string) (resource.Spec, bool, []resource.Problem) {
		return nil, false, []resource.Problem{{Addr: addr, Summary: summary, Detail: detail}}
	}
	if id != addr.HostName() {
		return refuse(fmt.Sprintf("account %q cannot become %s", id, addr),
			fmt.Sprintf("an account has the name of its block, which is %s, and hostctl renames none that others made: call the block so", addr.HostName()))
	}
	known, err := h.door.Accounts(ctx)
	if err != nil {
		return refuse("the accounts cannot be read", err.Error())
	}
	a, ok := known.User(id)
	if !ok {
		return refuse(fmt.Sprintf("there is no account %s on this host", id), "take the import block out, and hostctl makes one; or look for a mistake in the id")
	}
	if why := unfit(a, owner, addr); why != "" {
		return refuse(fmt.Sprintf("account %s cannot be imported: %s", id, why), "take the import block out, and choose another name")
	}
	_, _, marked := parseMark(a)
	live := &User{UID: a.UID, GID: a.GID, Groups: a.Groups, Home: a.Home, Shell: a.Shell, Locked: a.Locked}
	// With a password it counts as ours only by the ledger's word, see foreign: then it is imported still.
	return live, marked && a.Locked, nil
}

// unfit says why an account cannot be taken over, "" when it can.
func unfit(a host.Account, owner string, addr resource.Addr) string {
	switch {
	case strings.HasPrefix(a.Comment, markPrefix) && a.Comment != mark(owner, addr):
		return fmt.Sprintf("its comment says that it belongs to %q", strings.TrimPrefix(a.Comment, markPrefix))
	case a.UID < minUID || a.UID > maxUID:
		return fmt.Sprintf("uid %d is of the system or of containers; hostctl's accounts have one from %d to %d", a.UID, minUID, maxUID)
	}
	return ""
}

// Untold implements [resource.Untold]: the mark takes the comment's place.
func (h live) Untold(ctx context.Context, id string) ([]string, error) {
	known, err := h.door.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	if a, _ := known.User(id); a.Comment != "" && !strings.HasPrefix(a.Comment, markPrefix) {
		return []string{fmt.Sprintf("its comment %q: hostctl's mark takes its place", a.Comment)}, nil
	}
	return nil, nil
}
