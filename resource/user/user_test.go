package user

import (
	"strings"
	"testing"

	"hostctl/resource"
)

var shopAddr = resource.Addr{Kind: "user", Name: "shop"}

func newUser(change func(*User)) *User {
	u := Kind().New().(*User)
	if change != nil {
		change(u)
	}
	return u
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("a", 32)
	tests := []struct {
		name string
		addr resource.Addr
		user *User
		want string // paths of the problems
	}{
		{"defaults", shopAddr, newUser(nil), ""},
		{"all set", resource.Addr{Kind: "user", Name: "w", Key: "mail"}, newUser(func(u *User) {
			u.UID, u.Groups, u.Home, u.Shell = 60000, []string{"adm", "_apt", "systemd-journal"}, "/", "/bin/sh"
		}), ""},
		{"root", resource.Addr{Kind: "user", Name: "root"}, newUser(nil), "-"},
		{"digit first", resource.Addr{Kind: "user", Name: "1a"}, newUser(nil), "-"},
		{"long", resource.Addr{Kind: "user", Name: long}, newUser(nil), "-"},
		{"long with its key", resource.Addr{Kind: "user", Name: long[:20], Key: long[:20]}, newUser(nil), "-"},
		{"system uid", shopAddr, newUser(func(u *User) { u.UID = 999 }), "uid"},
		{"uid of systemd", shopAddr, newUser(func(u *User) { u.UID = 60001 }), "uid"},
		{"group by number", shopAddr, newUser(func(u *User) { u.Groups = []string{"4"} }), "groups"},
		{"group that is two", shopAddr, newUser(func(u *User) { u.Groups = []string{"a,b"} }), "groups"},
		{"group with a line", shopAddr, newUser(func(u *User) { u.Groups = []string{"a\nb:x:0:"} }), "groups"},
		{"own and double group", shopAddr, newUser(func(u *User) { u.Groups = []string{"shop", "adm", "adm", ""} }), "groups groups groups"},
		{"home", shopAddr, newUser(func(u *User) { u.Home = "srv" }), "home"},
		{"home and shell that end fields", shopAddr, newUser(func(u *User) { u.Home, u.Shell = "/a:b", "/a\nb" }), "home shell"},
		{"unclean", shopAddr, newUser(func(u *User) { u.Home, u.Shell = "/srv/../etc", "/bin//sh" }), "home shell"},
		{"empty", shopAddr, newUser(func(u *User) { u.Home, u.Shell = "", "" }), "home shell"},
	}
	for _, tt := range tests {
		var got []string
		for _, p := range tt.user.Validate(tt.addr) {
			if p.Addr != tt.addr {
				t.Errorf("%s: problem of %s", tt.name, p.Addr)
			}
			if p.Path == "" {
				p.Path = "-"
			}
			got = append(got, p.Path)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: problems at %q, want %q", tt.name, s, tt.want)
		}
	}
}

func TestResolve(t *testing.T) {
	grant := func(owner, name string, uid uint64) resource.Grant {
		return resource.Grant{Pool: Pool, Owner: owner, Addr: resource.Addr{Kind: "user", Name: name}, Span: resource.Span{Start: uid, Size: 1}}
	}
	used := map[string][]resource.Span{Pool: {{Start: 2000, Size: 1}, {Start: 2001, Size: 1}, {Start: 2150, Size: 1}}}
	live := resource.State{shopAddr: newUser(func(u *User) { u.UID, u.GID = 2150, 2150 })}
	tests := []struct {
		name   string
		uid    uint32
		live   resource.State
		grants []resource.Grant
		want   uint32 // 0 is a problem
	}{
		{"the first free number", 0, nil, nil, 2002},
		{"the number it was given", 0, nil, []resource.Grant{grant("shop", "shop", 2100)}, 2100},
		{"not what somebody changed on the host", 0, live, []resource.Grant{grant("shop", "shop", 2100)}, 2100},
		{"what the host says when the ledger is lost", 0, live, nil, 2150},
		{"not what another was given", 0, nil, []resource.Grant{grant("other", "shop", 2002)}, 2003},
		{"the declared number", 3000, nil, []resource.Grant{grant("shop", "shop", 2100)}, 3000},
		{"a declared number that another was given", 3000, nil, []resource.Grant{grant("shop", "web", 3000)}, 0},
	}
	for _, tt := range tests {
		r := resource.NewResolver("shop", tt.live, tt.grants, used)
		u := newUser(func(u *User) { u.UID, u.Groups = tt.uid, []string{"b", "a"} })
		problems := u.Resolve(shopAddr, r)
		if (tt.want == 0) != (len(problems) > 0) || tt.want != 0 && (u.UID != tt.want || u.GID != tt.want) {
			t.Errorf("%s: %d:%d, %v; want %d", tt.name, u.UID, u.GID, problems, tt.want)
		}
		if !u.Locked || u.Groups[0] != "a" {
			t.Errorf("%s: %+v", tt.name, u)
		}
	}
}
