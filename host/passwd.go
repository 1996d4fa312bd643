package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// ErrNotOwned is the error of a door that was asked to change an object which
// does not carry the mark that was expected on it.
var ErrNotOwned = errors.New("is not marked as ours")

// Account is one line of passwd(5), with what the other files say of it.
type Account struct {
	Name    string
	UID     uint32
	GID     uint32 // of the primary group
	Comment string // the fifth field, also called GECOS; it carries the mark
	Home    string
	Shell   string
	// Groups are the supplementary groups by name, sorted.
	Groups []string
	// Locked says that no password opens the account. Where the caller may not
	// read shadow(5), it is true unless passwd(5) itself says otherwise.
	Locked bool
	// Unlisted says that shadow(5) has no entry of the account, or gshadow(5) none of the
	// group of its name, though the host has these files and the caller may read them. In
	// what is to be it says nothing: the entries are made.
	Unlisted bool
}

// Group is one line of group(5).
type Group struct {
	Name    string
	GID     uint32
	Members []string
}

// Accounts are the entries of passwd(5) and group(5) in the order of the files.
// Lines that are no entries are left out; of two entries of one name both are here.
type Accounts struct {
	Users  []Account
	Groups []Group
	// ShadowUnread says that the caller may not read shadow(5) or gshadow(5): which accounts are
	// locked is not known then.
	ShadowUnread bool
}

// User returns the account of that name, the first as getpwnam(3) does, and whether there is one.
func (a Accounts) User(name string) (Account, bool) {
	return first(a.Users, func(u Account) bool { return u.Name == name })
}

// UserByUID returns the first account of that number, and whether there is one.
func (a Accounts) UserByUID(uid uint32) (Account, bool) {
	return first(a.Users, func(u Account) bool { return u.UID == uid })
}

// Group returns the group of that name, and whether there is one.
func (a Accounts) Group(name string) (Group, bool) {
	return first(a.Groups, func(g Group) bool { return g.Name == name })
}

// GroupByGID returns the first group of that number, and whether there is one.
func (a Accounts) GroupByGID(gid uint32) (Group, bool) {
	return first(a.Groups, func(g Group) bool { return g.GID == gid })
}

func first[T any](list []T, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i], true
	}
	var none T
	return none, false
}

// Passwd is the door to the account files: /etc/passwd, /etc/group, /etc/shadow,
// /etc/gshadow, /etc/subuid and /etc/subgid. Accounts are what these files say;
// for other sources see [Passwd.Elsewhere].
//
// Edits follow the locks of lckpwdf(3) and of the shadow tools. Each file is
// replaced by rename, with its owner, mode and extended attributes, and every
// line that an edit does not concern keeps each of its bytes. A crash between two files leaves
// the account in passwd(5), with its mark, so that the edit can be repeated.
type Passwd struct {
	// Root is the directory that stands for /; "" is / itself.
	Root string
}

// Accounts reads the files. It takes no lock: they are only ever replaced whole.
func (p Passwd) Accounts(context.Context) (Accounts, error) {
	dir, err := p.open()
	if err != nil {
		return Accounts{}, fmt.Errorf("accounts: %w", err)
	}
	defer dir.close()
	f, err := readAccountFiles(dir)
	if err != nil {
		return Accounts{}, fmt.Errorf("accounts: %w", err)
	}
	return f.accounts(), nil
}

// AddAccount makes an account that is not there, and its own group of the same
// name with the number a.GID. The error is fs.ErrExist when an account, a group or one of the
// numbers is there already, and fs.ErrNotExist when one of a.Groups is missing.
func (p Passwd) AddAccount(ctx context.Context, a Account) error {
	return p.edit(ctx, a.Name, func(f *accountFiles) error { return f.add(a) }, writeOrder)
}

// SetAccount makes the account of that name be as a says. The account must be
// there and its comment must be a.Comment, else the error is fs.ErrNotExist or
// [ErrNotOwned]. Its own group is the one of the same name.
func (p Passwd) SetAccount(ctx context.Context, a Account) error {
	return p.edit(ctx, a.Name, func(f *accountFiles) error { return f.set(a) }, writeOrder)
}

// RemoveAccount removes the account, its own group and its memberships. Its
// comment must be as given, else the error is [ErrNotOwned]; fs.ErrNotExist when there is no such account. An
// own group that somebody else is a member of is an error, and nothing is removed.
func (p Passwd) RemoveAccount(ctx context.Context, name, comment string) error {
	backwards := slices.Clone(writeOrder)
	slices.Reverse(backwards)
	return p.edit(ctx, name, func(f *accountFiles) error { return f.remove(name, comment) }, backwards)
}

// writeOrder puts the file with the mark first, so that what was begun is known
// as ours, and when it is walked backwards, as ours to the end.
var writeOrder = []string{"passwd", "shadow", "group", "gshadow"}

func (p Passwd) edit(ctx context.Context, name string, change func(*accountFiles) error, order []string) error {
	err := p.locked(ctx, writeOrder, func(dir *etc) error {
		f, err := readAccountFiles(dir)
		if err != nil {
			return err
		}
		if f.shadowUnread {
			return fmt.Errorf("/etc/shadow: %w", fs.ErrPermission)
		}
		if err := change(f); err != nil {
			return err
		}
		return dir.replace(order, func(file string) *table { return f.tables[file] })
	})
	if err != nil {
		return fmt.Errorf("account %s: %w", name, err)
	}
	return nil
}
