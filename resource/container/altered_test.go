package container

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"hostctl/runtime"
)

func TestDifferences(t *testing.T) {
	base := func() runtime.Facts {
		return runtime.Facts{
			Namespaces:   map[string]string{"net": "net:[5]", "pid": "pid:[6]", "mnt": "mnt:[7]"},
			Capabilities: 1 << 0, NoNewPrivs: true, SeccompFilters: 2,
			Mounts: "8:1 /r / ro,nosuid,nodev,relatime ext4\n0:5 / /proc rw,nosuid,nodev,noexec proc\n0:9 /f /proc/kcore ro,nosuid,nodev,noexec tmpfs\n8:2 /srv/db /data rw,nosuid,nodev ext4\n",
		}
	}
	lines := func(change func([]string) []string) func(*runtime.Facts) {
		return func(f *runtime.Facts) {
			f.Mounts = strings.Join(change(slices.Collect(strings.Lines(f.Mounts))), "")
		}
	}
	swap := func(old, new string) func(*runtime.Facts) {
		return func(f *runtime.Facts) { f.Mounts = strings.Replace(f.Mounts, old, new, 1) }
	}
	for name, c := range map[string]struct {
		change func(*runtime.Facts)
		want   string
		system string // the answer of a whole system, where it is another
	}{
		"as it was":             {func(*runtime.Facts) {}, "", ""},
		"in another order":      {lines(func(m []string) []string { slices.Reverse(m); return m }), "", ""},
		"gave them up":          {func(f *runtime.Facts) { f.Capabilities, f.SeccompFilters = 0, 3 }, "", ""},
		"has ended":             {func(f *runtime.Facts) { *f = runtime.Facts{SeccompFilters: -1} }, "", ""},
		"the host's":            {func(f *runtime.Facts) { f.Namespaces["net"] = "net:[1]" }, "namespace net: the host's own", "="},
		"another's":             {func(f *runtime.Facts) { f.Namespaces["pid"] = "pid:[2]" }, "namespace pid: another one", "="},
		"more capabilities":     {func(f *runtime.Facts) { f.Capabilities |= 1 << 21 }, "capabilities: more than it was given: sys_admin", "="},
		"new privileges":        {func(f *runtime.Facts) { f.NoNewPrivs = false }, "no_new_privs: not set", "="},
		"fewer filters":         {func(f *runtime.Facts) { f.SeccompFilters = 1 }, "seccomp: filters 1, not 2", "="},
		"unmounted":             {lines(func(m []string) []string { return m[:3] }), "mount /data: gone", "="},
		"a mask gone":           {lines(func(m []string) []string { return slices.Delete(m, 2, 3) }), "mount /proc/kcore: gone", "="},
		"mounted":               {func(f *runtime.Facts) { f.Mounts += "8:3 / /mnt rw ext4\n" }, "mount /mnt: added from outside", ""},
		"mounted over":          {func(f *runtime.Facts) { f.Mounts += "8:3 / /data rw ext4\n" }, "mount /data: covered from outside", ""},
		"another":               {swap("8:2 /srv/db", "8:3 /srv/x"), "mount /data: another in its place", "="},
		"writable":              {swap("/ ro,nosuid", "/ rw,nosuid"), "mount /: made writable", "="},
		"setuid and devices":    {swap("/data rw,nosuid,nodev", "/data rw"), "mount /data: without nosuid, nodev", "="},
		"made read-only":        {swap("/data rw", "/data ro"), "mount /data: options ro,nosuid,nodev, not rw,nosuid,nodev", ""},
		"deleted":               {swap("/srv/db", "/srv/db//deleted"), "mount /data: what is mounted was deleted on the host", "="},
		"of too many to notice": {func(f *runtime.Facts) { f.Mounts = "" }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, system := range []bool{false, true} {
				was, now := base(), base()
				was.Boot = system
				c.change(&now)
				got := []string{}
				for what, how := range differences(was, now, func(kind string) string { return kind + ":[1]" }) {
					got = append(got, what+": "+how)
				}
				want := c.want
				if system && c.system != "=" {
					want = c.system
				}
				slices.Sort(got)
				if strings.Join(got, "; ") != want {
					t.Errorf("system %v: %q, want %q", system, got, want)
				}
			}
		})
	}
	if d := maps.Collect(maps.All(differences(runtime.Facts{}, base(), func(string) string { return "" }))); len(d) != 1 {
		t.Errorf("of nothing that is known: %v", d) // capabilities: none may be had
	}
}

// Of its limits a program can lower the hard ones and raise its score itself; hostctl's own process does neither.
func TestLimitDifferences(t *testing.T) {
	const was = "Max cpu time=unlimited\nMax open files=4096\noom_score_adj=0\n"
	for name, c := range map[string]struct{ now, program, init string }{
		"as it was":       {was, "", ""},
		"not known":       {"", "", ""},
		"another release": {"oom_score_adj=0\n", "", ""},
		"raised":          {strings.Replace(was, "4096", "9000", 1), "limit open files: 9000, not 4096", "="},
		"to unlimited":    {strings.Replace(was, "4096", "unlimited", 1), "limit open files: unlimited, not 4096", "="},
		"lowered":         {strings.Replace(was, "unlimited", "7", 1), "", "limit cpu time: 7, not unlimited"},
		"killed last":     {strings.Replace(was, "adj=0", "adj=-5", 1), "oom_score_adj: -5, not 0", "="},
		"killed first":    {strings.Replace(was, "adj=0", "adj=5", 1), "", "oom_score_adj: 5, not 0"},
	} {
		if c.init == "=" {
			c.init = c.program
		}
		for own, want := range map[bool]string{false: c.program, true: c.init} {
			out := map[string]string{}
			limitDifferences(out, was, c.now, "", own)
			got := ""
			for what, how := range out {
				got += what + ": " + how
			}
			if got != want {
				t.Errorf("%s, own %v: %q, want %q", name, own, got, want)
			}
		}
	}
}
