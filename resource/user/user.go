package user

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"hostctl/resource"
)

// Pool is the name of the pool of numbers that accounts and their groups have.
// One number is both the account's uid and its group's gid, so it must be free as either.
const Pool = "uid"

// The numbers hostctl chooses from when uid is not set. They are above what
// distributions give to their own and to the first people's accounts, and below what systemd
// (systemd.io/UIDS-GIDS) and the subordinate ranges of useradd(8) use.
const (
	LowUID  = 2000
	HighUID = 59999
)

const (
	minUID  = 1000  // below are the accounts of the system, login.defs(5)
	maxUID  = 60000 // UID_MAX of login.defs(5); systemd uses what is above
	maxName = 31    // utmp(5), and what systemd takes as a user's name
	maxText = 255
)

// User is an account of the host, with a primary group of the same name and
// number. The account is locked: it has no password and its default shell lets nobody in.
// The account's name is the block's label, joined with the for_each key by "-".
//
// hostctl knows its own accounts by the comment field, which reads
// hostctl/CONFIGURATION/ADDRESS. It neither creates nor removes the home
// directory, and removing the account leaves its files where they are.
type User struct {
	// UID is the account's number, and that of its own group. It lies between
	// 1000 and 60000. Unset, hostctl chooses a number that is free as a user and as a group from
	// 2000 to 59999, and keeps it. Changing it changes the owner of declared
	// volumes, and of no other file.
	UID uint32 `json:"uid" diff:"live" attr:"computed"`
	// GID is the number of the account's own group; it equals UID.
	GID uint32 `json:"gid" diff:"live" attr:"internal"`
	// Groups are the supplementary groups, in any order. They must exist on the host.
	Groups []string `json:"groups,omitempty" diff:"live"`
	// Home is the home directory that the account names; it need not exist.
	// The default is that of Debian's system accounts.
	Home string `json:"home" diff:"live" default:"/nonexistent"`
	// Shell is the program that a login would start. The default refuses every login.
	Shell string `json:"shell" diff:"live" default:"/usr/sbin/nologin"`
	// Locked says that no password opens the account. hostctl keeps it so.
	Locked bool `json:"locked" diff:"live" attr:"internal"`
}

// noHome is the home directory of an account that has none, and noShells are the shells that let nobody in.
const noHome = "/nonexistent"

var noShells = []string{"/usr/sbin/nologin", "/sbin/nologin", "/usr/bin/false", "/bin/false"}

// Kind returns the kind.
func Kind() resource.Kind {
	return resource.Kind{
		Name:    "user",
		Renames: true,
		New:     func() resource.Spec { return resource.SetDefaults(new(User)) },
	}
}

// IDs returns the account's uid and its own group's gid; zero before Resolve.
func (u *User) IDs() (uid, gid uint32) { return u.UID, u.GID }

// Validate implements [resource.Spec].
func (u *User) Validate(self resource.Addr) []resource.Problem {
	var out []resource.Problem
	bad := func(path, summary, detail string) {
		out = append(out, resource.Problem{Addr: self, Path: path, Summary: summary, Detail: detail})
	}
	switch name := self.HostName(); {
	case name == "root":
		bad("", "root is no account that hostctl makes", "")
	case name[0] < 'a' || name[0] > 'z':
		bad("", fmt.Sprintf("%q cannot be an account's name", name), "an account's name starts with a letter")
	case len(name) > maxName:
		bad("", fmt.Sprintf("%q cannot be an account's name", name),
			fmt.Sprintf("it has %d characters; an account's name has at most %d", len(name), maxName))
	}
	if u.UID != 0 && (u.UID < minUID || u.UID > maxUID) {
		bad("uid", fmt.Sprintf("uid %d is out of range", u.UID),
			fmt.Sprintf("numbers below %d belong to the system and those above %d to systemd and to containers; choose one between them, or leave uid out",
				minUID, maxUID))
	}
	seen := map[string]bool{}
	for _, g := range u.Groups {
		switch {
		case CheckGroup(g) != nil:
			bad("groups", fmt.Sprintf("%q is no group's name", g), CheckGroup(g).Error())
		case g == self.HostName():
			bad("groups", fmt.Sprintf("%q is the account's own group", g), "it is a member already; leave it out")
		case seen[g]:
			bad("groups", fmt.Sprintf("%q stands twice", g), "")
		}
		seen[g] = true
	}
	for _, p := range []struct{ attr, value string }{{"home", u.Home}, {"shell", u.Shell}} {
		if err := checkPath(p.value); err != nil {
			bad(p.attr, fmt.Sprintf("%q cannot stand in an account", p.value), err.Error())
		}
	}
	return out
}

// Demands implements [resource.Demander].
func (u *User) Demands(self resource.Addr) []resource.Demand {
	list := []resource.Demand{{Right: resource.RightUser, Value: self.HostName()}}
	if u.UID != 0 {
		list = append(list, resource.Demand{Path: "uid", Right: resource.RightUID, Value: strconv.FormatUint(uint64(u.UID), 10), Amount: float64(u.UID)})
	}
	if u.Home != noHome {
		list = append(list, resource.Demand{Path: "home", Right: resource.RightHome, Value: u.Home})
	}
	if !slices.Contains(noShells, u.Shell) {
		list = append(list, resource.Demand{Path: "shell", Right: resource.RightShell, Value: u.Shell})
	}
	for _, group := range u.Groups {
		list = append(list, resource.Demand{Path: "groups", Right: resource.RightGroup, Value: group})
	}
	return list
}

// Claims implements [resource.Claimer]: a uid that is written down is nobody else's to get.
func (u *User) Claims() []resource.Claim {
	if u.UID == 0 {
		return nil
	}
	return []resource.Claim{{Pool: Pool, Span: resource.Span{Start: uint64(u.UID), Size: 1}}}
}

// Resolve implements [resource.Spec]. It gives the account its number and puts the groups in order.
func (u *User) Resolve(self resource.Addr, r *resource.Resolver) []resource.Problem {
	slices.Sort(u.Groups)
	u.Locked = true
	var err error
	if want := u.number(self, r); want != 0 {
		u.UID = want
		err = r.Claim(Pool, self, resource.Span{Start: uint64(want), Size: 1})
	} else {
		var span resource.Span
		span, err = r.Take(Pool, self, 1, LowUID, HighUID)
		u.UID = uint32(span.Start)
	}
	u.GID = u.UID
	if err != nil {
		return []resource.Problem{{Addr: self, Path: "uid", Summary: "no uid for the account", Detail: err.Error()}}
	}
	return nil
}

// number is the uid to claim, or 0 for the pool's own choice. When the ledger
// remembers no grant, the number that the account has on the host is kept.
func (u *User) number(self resource.Addr, r *resource.Resolver) uint32 {
	if u.UID != 0 {
		return u.UID
	}
	if _, held := r.Held(Pool, self); held {
		return 0
	}
	if live, ok := r.Live[self].(*User); ok && live.UID >= minUID && live.UID <= maxUID {
		return live.UID
	}
	return 0
}

// CheckGroup reports whether s can be the name of a group of the host, made by
// whatever tool: letters, digits, "_", "-" and ".", not starting with "-" or ".", and
// not a number. That is what systemd accepts (systemd.io/USER_NAMES, relaxed).
func CheckGroup(s string) error {
	if s == "" || len(s) > maxName {
		return fmt.Errorf("a group's name has 1 to %d characters", maxName)
	}
	digits := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', i > 0 && (c == '-' || c == '.'):
		case '0' <= c && c <= '9':
			digits++
		default:
			return fmt.Errorf("a group's name holds letters, digits, \"_\", \"-\" and \".\"")
		}
	}
	if digits == len(s) {
		return fmt.Errorf("groups are named, not numbered")
	}
	return nil
}

// checkPath keeps out of the account's line what would end a field or the line, passwd(5).
func checkPath(p string) error {
	switch {
	case !strings.HasPrefix(p, "/") || path.Clean(p) != p:
		return fmt.Errorf("write an absolute path without \".\", \"..\", double or trailing slashes")
	case len(p) > maxText:
		return fmt.Errorf("it has %d bytes; at most %d fit", len(p), maxText)
	}
	for i := range len(p) {
		if c := p[i]; c <= ' ' || c >= 0x7f || c == ':' || c == ',' {
			return fmt.Errorf("it may hold printable ASCII without spaces, colons and commas")
		}
	}
	return nil
}
