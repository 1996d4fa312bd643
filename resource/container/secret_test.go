package container

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"hostctl/host"
	"hostctl/resource"
)

func sealed(change ...func(*Secret)) map[string]Secret {
	s := Secret{Credential: "tls-key", Mode: 0o400}
	for _, c := range change {
		c(&s)
	}
	return map[string]Secret{"tls.key": s}
}

func at(path string) func(*Secret) { return func(s *Secret) { s.Path = path } }

func TestValidateSecrets(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(*Container)
		wants []string // path and a part of the summary, for each problem
	}{
		{"as it should be", func(c *Container) {
			c.Secret = map[string]Secret{"a": {Credential: "a", Mode: 0o400}, "b": {Credential: "a", Path: "/etc/app/b", Owner: "0:www", Mode: 0o440}}
			c.File = map[string]File{"/etc/app/app.conf": plain("x")}
		}, nil},
		{"a path for an id", func(c *Container) { c.Secret = sealed(func(s *Secret) { s.Credential = "/etc/shadow" }) }, []string{`secret["tls.key"].credential "/etc/shadow" is no id`}},
		{"a way up for an id", func(c *Container) { c.Secret = sealed(func(s *Secret) { s.Credential = "../shadow" }) }, []string{`secret["tls.key"].credential "../shadow" is no id`}},
		{"text for an id", func(c *Container) { c.Secret = sealed(func(s *Secret) { s.Credential = "hunter2 hunter2" }) }, []string{`secret["tls.key"].credential "hunter2 hunter2" is no id`}},
		{"no id", func(c *Container) { c.Secret = sealed(func(s *Secret) { s.Credential = "" }) }, []string{`secret["tls.key"].credential "" is no id`}},
		{"label with a slash", func(c *Container) { c.Secret = map[string]Secret{"/etc/x": {Credential: "a", Mode: 0o400}} }, []string{`secret["/etc/x"] "/etc/x" is no name of a file`}},
		{"label is dots", func(c *Container) { c.Secret = map[string]Secret{"..": {Credential: "a", Mode: 0o400}} }, []string{`secret[".."] ".." is no name`}},
		{"empty label", func(c *Container) { c.Secret = map[string]Secret{"": {Credential: "a", Mode: 0o400}} }, []string{`secret[""] "" is no name`}},
		{"relative", func(c *Container) { c.Secret = sealed(at("etc/x")) }, []string{`secret["tls.key"].path no file`}},
		{"in proc", func(c *Container) { c.Secret = sealed(at("/proc/x")) }, []string{`secret["tls.key"].path no file`}},
		{"in run", func(c *Container) { c.Secret = sealed(at("/run/x")) }, []string{`secret["tls.key"].path /run is the program's`}},
		{"over a file", func(c *Container) { c.Secret, c.File = sealed(at("/etc/x")), map[string]File{"/etc/x": plain("x")} }, []string{`secret["tls.key"].path /etc/x is a file of this container too`}},
		{"below a file", func(c *Container) { c.Secret, c.File = sealed(at("/etc/x/y")), map[string]File{"/etc/x": plain("x")} }, []string{`secret["tls.key"].path /etc/x is a file`}},
		{"above a file", func(c *Container) { c.Secret, c.File = sealed(at("/etc/x")), map[string]File{"/etc/x/y": plain("x")} }, []string{`secret["tls.key"].path the file /etc/x/y would be below`}},
		{"on a volume", func(c *Container) {
			c.Secret, c.Mount = sealed(at("/data/x")), map[string]Mount{"/data": {Volume: resource.Addr{Kind: "volume", Name: "v"}}}
		}, []string{`secret["tls.key"].path /data/x would be on the volume`}},
		{"secrets in a volume", func(c *Container) {
			c.Secret, c.Mount = sealed(), map[string]Mount{"/run/secrets": {Volume: resource.Addr{Kind: "volume", Name: "v"}}}
		}, []string{`secret["tls.key"] /run/secrets/tls.key would be on the volume`}},
		{"in a tmpfs", func(c *Container) {
			c.Secret, c.Tmpfs = sealed(), map[string]Tmpfs{"/run/secrets": {Size: 1 << 20, Mode: 0o755}}
		}, []string{`secret["tls.key"] /run/secrets is the program's`}},
		{"twice one path", func(c *Container) {
			c.Secret = map[string]Secret{"a": {Credential: "a", Mode: 0o400}, "b": {Credential: "b", Path: "/run/secrets/a", Mode: 0o400}}
		}, []string{`secret["b"].path /run/secrets/a is the path of secret "a"`}},
		{"one in another", func(c *Container) {
			c.Secret = map[string]Secret{"a": {Credential: "a", Mode: 0o400}, "b": {Credential: "b", Path: "/run/secrets/a/b", Mode: 0o400}}
		}, []string{`secret["b"] /run/secrets/a is a secret`}},
		{"no mode", func(c *Container) { c.Secret = sealed(func(s *Secret) { s.Mode = 0 }) }, []string{`secret["tls.key"].mode 0000 is no mode`}},
		{"set-id", func(c *Container) { c.Secret = sealed(func(s *Secret) { s.Mode = 0o4400 }) }, []string{`secret["tls.key"].mode 4400 is no mode`}},
		{"no owner", func(c *Container) { c.Secret = sealed(func(s *Secret) { s.Owner = "a:b:c" }) }, []string{`secret["tls.key"].owner "a:b:c" is no owner`}},
	} {
		c := fresh()
		test.set(c)
		var got []string
		for _, p := range c.Validate(web) {
			got = append(got, p.Path+" "+p.Summary)
		}
		ok := len(got) == len(test.wants)
		for i := range test.wants {
			ok = ok && i < len(got) && strings.HasPrefix(got[i], test.wants[i])
		}
		if !ok {
			t.Errorf("%s: %q, want %q", test.name, got, test.wants)
		}
	}
}

// The policy alone says what file a credential is, and where that is another the unit is made anew.
func TestResolveSecrets(t *testing.T) {
	resolved := func(file string, encrypted bool) *Container {
		c := fresh()
		c.Secret = sealed(func(s *Secret) { s.Source, s.Encrypted = "/etc/shadow", true }) // of a forged plan
		r := resource.NewResolver("shop", nil, nil, nil)
		r.Credentials = func(id, container string) (resource.Credential, bool) {
			return resource.Credential{File: file, Encrypted: encrypted}, id == "tls-key" && container == "web" && file != ""
		}
		if p := c.Resolve(web, r); len(p) > 0 {
			t.Fatal(p)
		}
		return c
	}
	old, moved, locked, none := resolved("/etc/a", false), resolved("/etc/b", false), resolved("/etc/a", true), resolved("", false)
	if none.Secret["tls.key"].Source != "" || none.Secret["tls.key"].Encrypted {
		t.Errorf("not given: %+v", none.Secret)
	}
	if d := difference(moved, old); d != `secret["tls.key"].source: "/etc/a" -> "/etc/b"`+"\n" {
		t.Errorf("moved: %s", d)
	}
	if d := difference(locked, old); !strings.Contains(d, `secret["tls.key"].encrypted`) {
		t.Errorf("encrypted: %s", d)
	}
	for _, path := range []string{"credential", "source", "encrypted"} {
		if a := resource.SchemaOf(old).Attr("secret").Nested.Attr(path); a.Class != resource.Replace {
			t.Errorf("a change of %s is one of class %s, and the unit has it for good", path, a.Class)
		}
	}
	want := resource.Demand{Path: `secret["tls.key"].credential`, Right: resource.RightCredential, Value: "tls-key web"}
	found := false
	for _, d := range old.Demands(web) {
		found = found || d == want
	}
	if !found {
		t.Errorf("%+v", old.Demands(web))
	}
}

func TestUnitCredentials(t *testing.T) {
	c := fresh()
	c.Secret = map[string]Secret{
		"a": {Credential: "one", Source: "/etc/c/one", Mode: 0o400}, "b": {Credential: "two", Source: "/etc/c/two", Encrypted: true, Mode: 0o400},
		"c": {Credential: "one", Source: "/etc/c/one", Path: "/etc/x", Mode: 0o400},
	}
	unit, err := c.transient(web, "shop", launcher)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range unit.Properties {
		got[p.Name] = fmt.Sprint(p.Value)
	}
	if got["LoadCredential"] != "[{one /etc/c/one}]" || got["LoadCredentialEncrypted"] != "[{two /etc/c/two}]" || got["RestartPreventExitStatus"] != "{[78 203 243] []}" {
		t.Errorf("%q", got)
	}
	spec, err := c.launcherSpec(web, "shop")
	if err != nil || len(spec.Secrets) != 3 || spec.Secrets[2].Target != "/etc/x" || !strings.Contains(fmt.Sprint(spec.Env), "CREDENTIALS_DIRECTORY=/run/secrets") {
		t.Errorf("%+v, %v", spec, err)
	}
	for name, s := range map[string]Secret{
		"newline": {Credential: "one", Source: "/etc/x\n[Service]\nExecStopPost=/bin/touch /x"}, "id": {Credential: "a\nb", Source: "/etc/x"},
		"specifier": {Credential: "one", Source: "/etc/%n"}, "none": {Credential: "one"}, "colon": {Credential: "one:/etc/shadow", Source: "/etc/x"},
	} {
		c.Secret = map[string]Secret{"a": s}
		if _, err := c.transient(web, "shop", launcher); err == nil {
			t.Errorf("%s: a unit was made of it", name)
		}
	}
}

func TestKeyless(t *testing.T) {
	c := fresh()
	failed := &host.JobError{Verb: "start", Unit: "hostctl-web.service", Result: "failed", Failure: &host.Failure{Result: "exit-code", Code: "exited", Status: 243}}
	if got := keyless(c, failed); got != error(failed) {
		t.Errorf("without secrets 243 is the program's own: %v", got)
	}
	c.Secret = sealed(func(s *Secret) { s.Source = "/etc/c" })
	if got := keyless(c, failed); !errors.Is(got, failed) || !strings.Contains(got.Error(), `"tls-key" from /etc/c`) {
		t.Errorf("%v", got)
	}
	if keyless(c, nil) != nil {
		t.Error("an error of none")
	}
}
