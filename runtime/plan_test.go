package runtime

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestPlanGolden(t *testing.T) {
	base := func(change func(*Spec)) Spec {
		s := minimal()
		s.Args = []string{"/bin/httpd"}
		change(&s)
		return s
	}
	for _, c := range []struct {
		name  string
		spec  Spec
		facts facts
	}{
		{"default", base(func(s *Spec) {}), facts{}},
		{"init", base(func(s *Spec) { s.Init = true }), facts{}},
		{"full", sample(), facts{}},
		{"shifted", base(func(s *Spec) {}), facts{Shifted: true}},
		{"old-proc", base(func(s *Spec) {}), facts{ProcInside: true}},
		{"landlock", sample(), facts{Landlock: 7, NoSwap: true}},
		{"privileged", base(func(s *Spec) {
			s.Capabilities, s.Groups = []string{"net_admin", "sys_chroot"}, []string{"10"}
			s.SystemCalls, s.Masked = []string{"ptrace"}, []string{"/proc/cpuinfo", "/etc/shadow"}
		}), facts{}},
		{"ephemeral", base(func(s *Spec) { s.Root, s.RootSize = RootEphemeral, 64<<20 }), facts{Landlock: 7}},
		{"boot", base(func(s *Spec) { s.Boot, s.Root, s.Args = true, RootEphemeral, []string{"/sbin/init"} }), facts{Landlock: 7, UUID: "x"}},
		{"boot-host-network", base(func(s *Spec) {
			s.Boot, s.Root, s.HostNetwork, s.Args = true, RootEphemeral, true, []string{"/sbin/init"}
			s.Mounts = []Mount{{Target: "/srv", Source: "/srv/shared"}, {Target: "/opt", Source: "/srv/opt", ReadOnly: true}}
		}), facts{Landlock: 6, UUID: "x"}},
		{"host-network", base(func(s *Spec) { s.HostNetwork = true }), facts{Landlock: 7}},
		{"sysctls", base(func(s *Spec) {
			s.Sysctls = []Sysctl{{"net.core.somaxconn", "1024"}, {"kernel.sem", "250 32000 32 128"}}
		}), facts{}},
		{"apparmor", base(func(s *Spec) { s.AppArmor = "hostctl-web" }), facts{}},
		{"selinux", base(func(s *Spec) { s.SELinux, s.Init = "system_u:system_r:container_t:s0:c1,c2", true }), facts{}},
		{"writable", base(func(s *Spec) { s.Root = RootWritable }), facts{Landlock: 7}},
		{"own-run", base(func(s *Spec) {
			s.Tmpfs = []Tmpfs{{Target: "/run", Size: 1 << 20}}
			s.Mounts = []Mount{{Target: "/tmp", Source: "/srv/tmp"}, {Target: "/run/app/x", Source: "/srv/x"}}
		}), facts{}},
	} {
		user, err := lookupUser(c.spec, func(string) ([]byte, error) { return []byte(passwd), nil })
		if err != nil {
			t.Fatal(err)
		}
		c.facts.LastCap = 40
		if c.facts.ID, err = mapUser(c.spec, user); err != nil {
			t.Fatal(err)
		}
		if c.facts.ID.Groups, err = lookupGroups(c.spec.Groups, c.facts.ID.GIDMap, func(string) ([]byte, error) { return []byte(group), nil }); err != nil {
			t.Fatal(err)
		}
		for _, f := range c.spec.Files {
			owner, err := fileOwner(c.spec, f, c.facts.ID, func(string) ([]byte, error) { return []byte(passwd), nil })
			if err != nil {
				t.Fatal(err)
			}
			c.facts.Owners = append(c.facts.Owners, owner)
		}
		for _, x := range c.spec.Secrets {
			owner, err := secretOwner(c.spec, x, c.facts.ID, func(string) ([]byte, error) { return []byte(passwd), nil })
			if err != nil {
				t.Fatal(err)
			}
			c.facts.Owners = append(c.facts.Owners, owner)
		}
		got := makePlan(c.spec, c.facts).String()
		file := "testdata/plan/" + c.name + ".txt"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v\n%s", file, err, got)
		}
		if again := makePlan(c.spec, c.facts).String(); again != got {
			t.Errorf("%s: another plan the second time", c.name)
		}
	}
}

// TestPlanOrder: whatever the spec, a mount comes after those above it and the launcher's own come last.
func TestPlanOrder(t *testing.T) {
	s := sample()
	s.Mounts = []Mount{{Target: "/a/b/c", Source: "/x"}, {Target: "/a", Source: "/y"}, {Target: "/run/z", Source: "/z"}}
	s.Tmpfs = []Tmpfs{{Target: "/a/b", Size: 4096}}
	s.Files, s.Secrets = []File{{Target: "/a.conf"}, {Target: "/run/y/z.conf"}, {Target: "/etc/x/y.conf"}}, nil
	id, err := mapUser(s, passwdUser{UID: 33, GID: 33})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, o := range makePlan(s, facts{ID: id, LastCap: 40, Owners: make([]Account, 3)}).Build {
		switch o := o.(type) {
		case attachOp:
			order = append(order, o.target)
		case roomOp:
			order = append(order, "room "+o.dir)
		case ownOp:
			order = append(order, "own /"+o.path)
		}
	}
	want := []string{"room /", "/a", "/run", "/tmp", "/a/b", "room /etc/x", "room /run/y", "/run/z", "/a/b/c", "own /dev", "own /proc", "own /sys", "own /dev/pts", "own /dev/shm"}
	if len(order) != len(want) {
		t.Fatalf("%v", order)
	}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("%v, want %v", order, want)
		}
	}
}

func TestPayloadEnv(t *testing.T) {
	s := minimal()
	got := payloadEnv(s, identity{Home: "/srv"})
	want := []string{"PATH=" + DefaultPath, "HOME=/srv", "container=hostctl"}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%q", got)
	}
	s.Env = []string{"HOME=", "PATHX=1", "container=x", "PATH=/b"}
	if got := payloadEnv(s, identity{Home: "/srv"}); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

func TestForwardable(t *testing.T) {
	set := forwardable()
	for sig, want := range map[uint]bool{1: true, 2: true, 15: true, 10: true, 28: true, 34: true, 64: true, 6: true, 9: false, 17: false, 19: false, 11: false, 23: false} {
		if got := set&(1<<(sig-1)) != 0; got != want {
			t.Errorf("signal %d: %v", sig, got)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine("a\nb\x1b[0m\u2028ü"); got != "a;b?[0m?ü" {
		t.Errorf("%q", got)
	}
}
