package main

import (
	"slices"
	"testing"

	"hostctl/host"
	"hostctl/runtime"
)

// audit names everything that a payload has more than others, and nothing that it has less.
func TestLoosened(t *testing.T) {
	const newest = 7
	plain := auditRow{NoNewPrivs: true, SeccompFilters: 1}
	for _, c := range []struct {
		what     string
		row      auditRow
		spec     runtime.Spec
		landlock int
		want     []string
	}{
		{"the default", plain, runtime.Spec{}, newest, nil},
		{"a volume", auditRow{NoNewPrivs: true, SeccompFilters: 1, Writable: []string{"/srv", "/srv", "/data"}}, runtime.Spec{}, newest, []string{"writable volumes /srv, /data"}},
		{"its root", auditRow{NoNewPrivs: true, SeccompFilters: 1, Writable: []string{"/"}}, runtime.Spec{}, newest, []string{"the root is writable"}},
		{"spared", auditRow{NoNewPrivs: true, SeccompFilters: 1, OOMScoreAdjust: -500}, runtime.Spec{OOMScoreAdjust: -500}, newest, []string{"spared by 500 when memory is short"}},
		{"not spared", auditRow{NoNewPrivs: true, SeccompFilters: 1, OOMScoreAdjust: 500}, runtime.Spec{OOMScoreAdjust: 500}, newest, nil},
		{"unfiltered", auditRow{}, runtime.Spec{}, newest, []string{"may gain privileges by exec", "no seccomp filter"}},
		{"root", auditRow{NoNewPrivs: true, SeccompFilters: 1, UIDMap: []host.IDRange{{Inside: 0, Outside: 0, Count: 1}}}, runtime.Spec{}, newest, []string{"the host's root is mapped"}},
		{"run_as", plain, runtime.Spec{RunAs: &runtime.Account{UID: 2100, GID: 2101}}, newest, []string{"is uid 2100 and gid 2101 of the host"}},
		{"an old kernel", plain, runtime.Spec{HostNetwork: true}, 1, []string{"no Landlock"}},
		{"a newer one", plain, runtime.Spec{HostNetwork: true}, 5, []string{"abstract sockets of the network that it shares"}},
		{"a namespace that is shared", plain, runtime.Spec{Netns: "/run/netns/x"}, 5, []string{"abstract sockets of the network that it shares"}},
		{"one of its own", plain, runtime.Spec{}, 5, nil},
		{"a system", plain, runtime.Spec{Boot: true}, newest, []string{"a whole system, with the powers of its own root", "no Landlock"}},
		{"words", plain, runtime.Spec{Devices: []runtime.Device{{Path: "/dev/a", Source: "/dev/b"}}, SystemCalls: []string{"keyctl"}, Listen: []string{"web"}}, newest,
			[]string{"the host's /dev/b", "system calls keyctl", "sockets of the host's network: web"}},
		{"raised limits", plain, runtime.Spec{Limits: []runtime.Limit{{Name: "core", Soft: 1, Hard: 1}, {Name: "memlock", Soft: 0, Hard: 9 << 20},
			{Name: "msgqueue", Soft: 0, Hard: 819201}, {Name: "nice", Soft: 0, Hard: 1}, {Name: "nproc", Soft: 0, Hard: runtime.Unlimited}}}, newest,
			[]string{"raised rlimits core, memlock, msgqueue, nice, nproc"}},
		{"lowered limits", plain, runtime.Spec{Limits: []runtime.Limit{{Name: "core", Soft: 0, Hard: runtime.Unlimited}, {Name: "memlock", Soft: 8 << 20, Hard: 8 << 20},
			{Name: "nproc", Soft: 5, Hard: 5}, {Name: "cpu", Soft: 5, Hard: runtime.Unlimited}}}, newest, nil},
	} {
		c.row.judge()
		c.row.granted(c.spec, c.landlock)
		if !slices.Equal(c.row.Loosened, c.want) {
			t.Errorf("%s: %q, want %q", c.what, c.row.Loosened, c.want)
		}
	}
}
