package main

import (
	"slices"
	"strings"
	"testing"

	"hostctl/apply"
	"hostctl/resource"
	"hostctl/resource/container"
)

// Several configurations can have had a container of one name: the one that is there is meant.
func TestWhichContainerIsMeant(t *testing.T) {
	web := resource.Addr{Kind: "container", Name: "web"}
	spec := container.Kind().New()
	ledger := &apply.Ledger{Owners: map[string]*apply.Owner{}}
	for _, owner := range []string{"aaa", "zzz"} {
		ledger.Owner(owner).Last[web] = spec
	}
	for name, tt := range map[string]struct {
		live       []string
		of, name   string
		want, fail string
	}{
		"the one that is there":     {live: []string{"zzz"}, name: "container.web", want: "zzz"},
		"by its name on the host":   {live: []string{"aaa"}, name: "web", want: "aaa"},
		"none is there":             {name: "web", fail: `several configurations have one: container.web of "aaa", container.web of "zzz"; say which with -name=CONFIGURATION`},
		"named, though not there":   {of: "aaa", name: "web", want: "aaa"},
		"no such container":         {name: "wep", fail: `there is no "wep" on this host`},
		"no such configuration":     {of: "aab", name: "web", fail: `configuration "aab" has nothing on this host`},
		"named, the other is there": {live: []string{"zzz"}, of: "aaa", name: "web", want: "aaa"},
	} {
		t.Run(name, func(t *testing.T) {
			observe := func(owner string) (*apply.Observation, error) {
				o := &apply.Observation{Owner: owner, Live: resource.State{}}
				if slices.Contains(tt.live, owner) {
					o.Live[web] = spec
				}
				return o, nil
			}
			found, err := findApplied(ledger, tt.of, tt.name, isStopped)
			var got string
			if err == nil {
				var seen *apply.Observation
				var addr resource.Addr
				if seen, addr, err = choose(found, observe); err == nil {
					if got = seen.Owner; addr != web {
						t.Errorf("address %s", addr)
					}
				}
			}
			if got != tt.want || (err != nil) != (tt.fail != "") || err != nil && !strings.Contains(err.Error(), tt.fail) {
				t.Errorf("%q, %v; want %q, %q", got, err, tt.want, tt.fail)
			}
		})
	}
}
