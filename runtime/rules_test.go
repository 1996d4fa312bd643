package runtime

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"hostctl/policy/rule"
)

func TestRules(t *testing.T) {
	p := Paths{Run: t.TempDir() + "/run"}
	if _, err := p.Rules(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no rules: %v", err)
	}
	want := rule.Rules{
		Default: rule.Grants{Writable: []string{"/srv"}, ReadOnly: []string{"/usr/share"}, Rootfs: []string{"/srv", "/a \"b\"\\"},
			Privileges: rule.Privileges{Capabilities: []string{"chown"}, Boot: []string{"*"}, OOMScoreAdjust: -500}},
		Configurations: map[string]rule.Grants{
			"blog": {Writable: []string{"/srv/blog"}, ReadOnly: []string{}, Rootfs: []string{}, Credentials: map[string][]string{"a.b": {"blog-*"}, "key": {}}},
			"shop": {Writable: []string{}, ReadOnly: []string{}, Rootfs: []string{}},
		},
	}
	if os.Geteuid() != 0 {
		skip(t, "root")
	}
	if err := p.WriteRules(want); err != nil {
		t.Fatal(err)
	}
	got, err := p.Rules()
	if err != nil || !reflect.DeepEqual(got.Of("shop").Writable, []string(nil)) && len(got.Of("shop").Writable) != 0 || got.Of("nobody").Writable[0] != "/srv" || got.Of("blog").Writable[0] != "/srv/blog" {
		t.Errorf("%+v, %v", got, err)
	}
	if string(encodeRules(got)) != string(encodeRules(want)) {
		t.Errorf("read back: %s", encodeRules(got))
	}
	for name, spoil := range map[string]func(file string) error{
		"another's": func(f string) error { return os.Chown(f, 65534, 0) },
		"open":      func(f string) error { return os.Chmod(f, 0o644) },
		"a link":    func(f string) error { return errors.Join(os.Rename(f, f+".old"), os.Symlink(f+".old", f)) },
		"a newer":   func(f string) error { return os.WriteFile(f, []byte(`{"version":3,"default":{}}`), 0o600) },
		"unknown":   func(f string) error { return os.WriteFile(f, []byte(`{"version":1,"allow_all":{}}`), 0o600) },
		"cut off": func(f string) error {
			return os.WriteFile(f, []byte(`{"version":1,"default":{"writable":["/"]`), 0o600)
		},
		"empty":      func(f string) error { return os.Truncate(f, 0) },
		"a pipe":     func(f string) error { return errors.Join(os.Remove(f), mkfifo(f)) },
		"two values": func(f string) error { return os.WriteFile(f, []byte(`{"version":1}{"version":1}`), 0o600) },
	} {
		if err := errors.Join(os.RemoveAll(p.rules()), p.WriteRules(want)); err != nil {
			t.Fatal(err)
		}
		if err := spoil(p.rules()); err != nil {
			t.Fatal(err)
		}
		if r, err := p.Rules(); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// A launcher of an older release, which knows no privileges, goes on with the rules of a host that grants none.
func TestRulesOfOlderReleases(t *testing.T) {
	paths := rule.Grants{Writable: []string{"/srv"}, ReadOnly: []string{}, Rootfs: []string{"/srv"}}
	loose := paths
	loose.Privileges = rule.Privileges{Boot: []string{"*"}, OOMScoreAdjust: -5}
	const old = `"writable":["/srv"],"read_only":[],"rootfs":["/srv"]`
	for name, c := range map[string]struct {
		rules rule.Rules
		want  string
	}{
		"none":    {rule.Rules{Default: paths}, `{"version":1,"default":{` + old + `},"configurations":{}}`},
		"by name": {rule.Rules{Default: paths, Configurations: map[string]rule.Grants{"a": loose}}, `{"version":2,"default":{` + old + `},"configurations":{"a":{` + old + `,"privileges":{"boot":["*"],"oom_score_adjust_below_0":5}}}}`},
		"of all":  {rule.Rules{Default: loose}, `{"version":2,"default":{` + old + `,"privileges":{"boot":["*"],"oom_score_adjust_below_0":5}},"configurations":{}}`},
	} {
		if got := string(encodeRules(c.rules)); got != c.want+"\n" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for text, want := range map[string]string{
		`{"version":1,"default":{` + old + `,"privileges":{"host_network":[],"boot":["*"],"oom_score_adjust_below_0":0}}}`: "",
		`{"version":3,"default":{"later":[]}}`: "version 3; this launcher reads up to 2",
		`{"default":{}}`:                       "no version",
		`{"version":1,"default":{"later":[]}}`: `unknown field "later"`,
	} {
		if _, err := decodeRules([]byte(text)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What a container has beyond what every one has is judged at every start.
func TestPrivilegesObeyRules(t *testing.T) {
	may := rule.Privileges{
		HostNetwork: []string{"proxy"}, Boot: []string{"sys-*"}, Root: []string{RootEphemeral}, Capabilities: []string{"chown"}, SystemCalls: []string{"keyctl"},
		Devices: []string{"/dev/net/tun:rw"}, Sysctls: []string{"net.ipv4.*"}, SELinux: []string{"u:r:t:s0"}, Rlimits: []string{"memlock"}, OOMScoreAdjust: -100,
	}
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Name: "web"}, ""},
		{Spec{Name: "proxy", HostNetwork: true}, ""},
		{Spec{Name: "web", HostNetwork: true}, "the host's network"},
		{Spec{Name: "sys-a", Boot: true}, ""},
		{Spec{Name: "sys", Boot: true}, "a whole system"},
		{Spec{Root: RootEphemeral}, ""},
		{Spec{Root: RootWritable}, "a root that is writable"},
		{Spec{Capabilities: []string{"chown"}}, ""},
		{Spec{Capabilities: []string{"chown", "net_admin"}}, "capability net_admin"},
		{Spec{SystemCalls: []string{"keyctl", "ptrace"}}, "system call ptrace"},
		{Spec{Devices: []Device{{Path: "/dev/net/tun", Source: "/dev/net/tun"}}}, ""},
		{Spec{Devices: []Device{{Path: "/dev/net/tun", Source: "/dev/kvm"}}}, "device /dev/kvm"},
		{Spec{Sysctls: []Sysctl{{Name: "net.ipv4.ip_forward"}}}, ""},
		{Spec{Sysctls: []Sysctl{{Name: "kernel.sem"}}}, "sysctl kernel.sem"},
		{Spec{SELinux: "u:r:t:s0"}, ""},
		{Spec{SELinux: "u:r:init_t:s0"}, "the SELinux context"},
		{Spec{Limits: []Limit{{Name: "core"}, {Name: "memlock"}}}, ""},
		{Spec{Limits: []Limit{{Name: "rtprio"}}}, "resource limit rtprio"},
		{Spec{OOMScoreAdjust: -100}, ""},
		{Spec{OOMScoreAdjust: 500}, ""},
		{Spec{OOMScoreAdjust: -101}, "an oom_score_adjust of -101"},
	} {
		if got := privileged(c.spec, may); c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.spec, got, c.want)
		}
		if got := privileged(c.spec, rule.Privileges{}); got == "" && c.spec.Name != "web" && c.spec.OOMScoreAdjust <= 0 {
			t.Errorf("%+v is allowed by nothing", c.spec)
		}
	}
}

// What the host's owner does not allow is not started, whatever the spec says, and trying again does not help.
func TestLaunchObeysRules(t *testing.T) {
	b := newBed(t)
	outside := t.TempDir()
	for _, dir := range []string{b.dir + "/vol/sub", b.dir + "/readonly", b.dir + "/other/vol"} {
		b.must(os.MkdirAll(dir, 0o755))
	}
	b.must(os.Symlink(outside, b.dir+"/vol/link"))
	b.must(os.Symlink(b.dir+"/vol", b.dir+"/alias"))
	mount := func(source, path string, readOnly bool) func(*Spec) {
		return func(s *Spec) {
			s.Mounts = []Mount{{Target: "/data", Source: source, Path: path, ReadOnly: readOnly, Owner: &Account{4242, 4242}}}
		}
	}
	ours := rule.Grants{Writable: []string{b.dir + "/vol"}, ReadOnly: []string{b.dir + "/vol/ro", b.dir + "/readonly", "/usr/share"}, Rootfs: []string{b.dir}}
	for name, c := range map[string]struct {
		rules  rule.Grants
		change func(*Spec)
		want   string // in what the journal says; "" starts
	}{
		"writable":              {ours, mount(b.dir+"/vol/sub", "", false), ""},
		"a part":                {ours, mount(b.dir+"/other", "vol", true), "policy does not allow reading"},
		"read of a writable":    {ours, mount(b.dir+"/vol/sub", "", true), ""},
		"read-only":             {ours, mount(b.dir+"/readonly", "", true), ""},
		"writing to read-only":  {ours, mount(b.dir+"/readonly", "", false), "policy does not allow writing to"},
		"holding read-only":     {ours, mount(b.dir+"/vol", "", false), "policy does not allow writing to"},
		"elsewhere":             {ours, mount(outside, "", true), "policy does not allow reading"},
		"by a link below":       {ours, mount(b.dir+"/vol/link", "", true), "symbolic link"},
		"by a link in the part": {ours, mount(b.dir+"/vol", "link", true), "RESOLVE_NO_SYMLINKS"},
		"by a link above":       {rule.Grants{Writable: []string{b.dir + "/alias"}, Rootfs: ours.Rootfs}, mount(b.dir+"/alias/sub", "", true), "symbolic link"},
		"the system's":          {ours, mount("/usr/share", "", false), "/usr holds the system's programs"},
		"the system's secrets":  {rule.Grants{Writable: []string{"/"}, ReadOnly: []string{"/"}, Rootfs: []string{"/"}}, mount("/etc/ssl/private", "", true), "/etc holds the host's configuration"},
		"the journal's socket":  {rule.Grants{Writable: []string{"/run"}, Rootfs: ours.Rootfs}, mount("/run/systemd", "", false), "/run/systemd is systemd's own"},
		"no rootfs":             {rule.Grants{Writable: ours.Writable}, nil, "policy does not allow rootfs"},
		"nothing":               {rule.Grants{}, nil, "policy does not allow rootfs"},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.t = t
			b.allow(c.rules)
			if c.change == nil {
				c.change = func(*Spec) {}
			}
			o := b.launch(b.spec(func(s *Spec) { s.Args = []string{"/bin/true"}; c.change(s) }), nil, nil).end()
			switch {
			case c.want == "" && o.code != 0:
				t.Errorf("exit %d: %s", o.code, o.line)
			case c.want != "" && (!strings.Contains(o.line, c.want) || o.record != nil):
				t.Errorf("exit %d: %s, want %q", o.code, o.line, c.want)
			case strings.HasPrefix(c.want, "policy") && o.code != ExitConfig:
				t.Errorf("exit %d, which is tried again", o.code)
			}
		})
	}
	b.must(os.Remove(b.paths.rules()))
	if o := b.launch(b.spec(nil), nil, nil).end(); o.code != ExitConfig || !strings.Contains(o.line, "policy.json is missing") {
		t.Errorf("without rules: exit %d: %s", o.code, o.line)
	}
}
