package user

import (
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
)

// What somebody deleted of an account by hand is drift, and is made again.
func TestWhatWasDeletedByHandIsDrift(t *testing.T) {
	for name, damage := range map[string]func(a *host.Account, g *host.Group){
		"its group's number": func(_ *host.Account, g *host.Group) { g.GID = 51300 },
		"its shadow line":    func(a *host.Account, _ *host.Group) { a.Unlisted = true },
	} {
		t.Run(name, func(t *testing.T) {
			m := hosttest.New()
			a := host.Account{Name: "shop", UID: 51200, GID: 51200, Comment: mark("shop", shopAddr), Home: "/nonexistent", Shell: "/usr/sbin/nologin", Locked: true}
			g := host.Group{Name: "shop", GID: 51200}
			read := func() *User {
				t.Helper()
				r, err := NewHost(m).Read(t.Context(), "shop", nil)
				if err != nil {
					t.Fatal(err)
				}
				u, _ := r.State[shopAddr].(*User)
				return u
			}
			put := func() { m.PutAccount(a); m.PutGroup(g) }
			put()
			good := resource.Leaves(read())
			damage(&a, &g)
			put()
			bad := resource.Leaves(read())
			same := len(good) == len(bad)
			for i := range min(len(good), len(bad)) {
				same = same && good[i].Value == bad[i].Value
			}
			if same {
				t.Errorf("no drift: %v", bad)
			}
		})
	}
}
