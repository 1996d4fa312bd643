package netns_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"hostctl/resource"
	"hostctl/resource/netns"
)

// with is a configuration of network.lan and one namespace.
func with(s *netns.Spec) resource.State {
	return resource.State{addr("network.lan"): lan("10.20.0.0/24", "fd20::/64"), addr("netns.front"): s}
}

func eth0(addresses ...string) map[string]netns.Interface {
	return map[string]netns.Interface{"eth0": iface("network.lan", addresses...)}
}

func TestProblems(t *testing.T) {
	tests := []struct {
		name string
		want resource.State
		says []string // parts of the only problems, in order
	}{
		{"nothing at all", with(&netns.Spec{}), nil},
		{"two families", with(&netns.Spec{Interface: eth0("10.20.0.10/24", "fd20::10/64"), Route: routes("default", "10.20.0.1", "::/0", "fd20::1")}), nil},
		{"no network", with(&netns.Spec{Interface: map[string]netns.Interface{"eth0": {Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.10/24")}}}}),
			[]string{`netns.front.interface["eth0"].network: an interface needs a network`}},
		{"no address", with(&netns.Spec{Interface: eth0()}), []string{`interface["eth0"].addresses: an interface needs an address`}},
		{"interface names", with(&netns.Spec{Interface: map[string]netns.Interface{
			"lo": iface("network.lan", "10.20.0.10/24"), "a-name-too-long-": iface("network.lan", "10.20.0.11/24"), "a/b": iface("network.lan", "10.20.0.12/24"),
			"eth0.5": iface("network.lan", "10.20.0.13/24"), "": iface("network.lan", "10.20.0.14/24")}}),
			[]string{`"" cannot be`, `"a-name-too-long-" cannot be`, `"a/b" cannot be`, `"eth0.5" cannot be`, `"lo" cannot be`}},
		{"outside the subnet", with(&netns.Spec{Interface: eth0("10.21.0.10/24")}), []string{"10.21.0.10/24 does not fit network.lan: it is not in 10.20.0.0/24"}},
		{"the wrong length", with(&netns.Spec{Interface: eth0("10.20.0.10/16", "fd20::5/128")}),
			[]string{`write "10.20.0.10/24"`, `write "fd20::5/64"`}},
		{"the host's own", with(&netns.Spec{Interface: eth0("10.20.0.1/24")}), []string{"10.20.0.1 is the host's own address on network.lan"}},
		{"broadcast", with(&netns.Spec{Interface: eth0("10.20.0.255/24", "10.20.0.0/24")}), []string{"the network's own number", "the broadcast address"}},
		{"twice in one list", with(&netns.Spec{Interface: eth0("10.20.0.10/24", "10.20.0.10/24")}), []string{"10.20.0.10 stands there twice"}},
		{"a family that the network has not", resource.State{addr("network.lan"): lan("10.20.0.0/24", ""), addr("netns.front"): &netns.Spec{Interface: eth0("fd20::10/64")}},
			[]string{"fd20::10/64 does not fit network.lan"}},
		{"mapped, link-local, loopback", with(&netns.Spec{Interface: eth0("::ffff:10.20.0.9/120", "fe80::1/64", "127.0.0.2/8")}),
			[]string{"127.0.0.2/8 cannot be", "::ffff:10.20.0.9/120 cannot be", "fe80::1/64 cannot be", "does not fit", "does not fit", "does not fit"}},
		{"claimed twice", resource.State{addr("network.lan"): lan("10.20.0.0/24", ""), addr("netns.a"): &netns.Spec{Interface: eth0("10.20.0.10/24")}, addr("netns.b"): &netns.Spec{Interface: eth0("10.20.0.10/24")}},
			[]string{`netns.b.interface["eth0"].addresses: 10.20.0.10 is the address of interface "eth0" of netns.a`}},
		{"routes", with(&netns.Spec{Interface: eth0("10.20.0.10/24"), Route: routes("10.9.0.1/16", "10.20.0.1", "0.0.0.0/0", "10.20.0.1", "nowhere", "10.20.0.1", "fd00::/8", "10.20.0.1", "10.8.0.0/16", "10.99.0.1", "10.7.0.0/16", "10.20.0.10")}),
			[]string{`0.0.0.0/0 is written "default"`, `write "10.9.0.0/16"`, `"nowhere" is no destination`, "fd00::/8 cannot be reached via 10.20.0.1", "10.20.0.10 is on no network", "10.99.0.1 is on no network"}},
		{"one destination twice", with(&netns.Spec{Interface: eth0("fd20::10/64"), Route: routes("default", "fd20::1", "::/0", "fd20::2")}), []string{`route "default" goes to the destination of route "::/0"`}},
		{"no gateway", with(&netns.Spec{Interface: eth0("10.20.0.10/24"), Route: map[string]netns.Route{"default": {}}}), []string{`route["default"].via: a route needs a gateway`}},
		{"sysctls", with(&netns.Spec{Sysctls: map[string]string{"kernel.core_pattern": "|/bin/sh", "net.ipv4/../../kernel": "1", "net..x": "1", "net.ipv4.route.flush": "1", "net.ipv4.ip_forward": "1\n2", "net.core.somaxconn": ""}}),
			[]string{`"kernel.core_pattern" is no sysctl`, `"net..x" is no sysctl`, `"1\n2" is no value`, `"" is no value`, `"net.ipv4/../../kernel" is no sysctl`, "net.ipv4.route.flush is a command"}},
	}
	for _, test := range tests {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			got := texts(resolve("shop", test.want))
			rest := got
			for _, part := range test.says {
				if !strings.Contains(rest, part) {
					t.Errorf("no problem with %q in:\n%s", part, got)
				}
				rest = strings.Replace(rest, part, "", 1)
			}
			if n := len(strings.Fields(got)); len(test.says) == 0 && n > 0 {
				t.Errorf("problems:\n%s", got)
			}
			if got != "" && len(strings.Split(got, "\n")) != len(test.says) {
				t.Errorf("%d problems are wanted:\n%s", len(test.says), got)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	want := with(&netns.Spec{Interface: eth0("10.20.0.10/24"), Route: routes()})
	if p := resolve("shop", want); len(p) > 0 {
		t.Fatal(p)
	}
	s := want[addr("netns.front")].(*netns.Spec)
	if got := s.Sysctls["net.ipv4.ip_unprivileged_port_start"]; got != "0" {
		t.Errorf("unprivileged ports start at %q", got)
	}
	if !s.Mounted || !s.Loopback || !s.Interface["eth0"].Up || !strings.HasPrefix(s.Interface["eth0"].Link, "hc-front-") {
		t.Errorf("resolved to %+v", s)
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	back, err := kinds.DecodeState(data)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(back); string(again) != string(data) {
		t.Errorf("got %s, want %s", again, data)
	}
	if netns.Path(addr(`netns.back["a"]`)) != "/run/netns/back-a" {
		t.Error(netns.Path(addr(`netns.back["a"]`)))
	}
}

// FuzzValidate feeds hostile labels and keys: no panic, and what is accepted is harmless as a path.
func FuzzValidate(f *testing.F) {
	f.Add("eth0", "default", "10.20.0.1", "net.ipv4.ip_forward", "1")
	f.Add("../x", "::/0", "fe80::1%eth0", "net.ipv4.conf.../../x", "\x1b[2J")
	f.Add("lo", "0.0.0.0/0", "::ffff:1.2.3.4", "net.", "")
	f.Fuzz(func(t *testing.T, label, to, via, key, value string) {
		s := &netns.Spec{Interface: map[string]netns.Interface{label: iface("network.lan", "10.20.0.10/24")}, Sysctls: map[string]string{key: value}}
		a, _ := netip.ParseAddr(via)
		s.Route = map[string]netns.Route{to: {Via: a}}
		if len(resolve("shop", with(s))) > 0 {
			return
		}
		if strings.ContainsAny(label, "/. \n\x00") || len(label) > 15 || strings.Contains(key, "/") || strings.Contains(key, "..") || !strings.HasPrefix(key, "net.") || strings.ContainsAny(value, "\n\x00\x1b") {
			t.Errorf("accepted interface %q, sysctl %q = %q", label, key, value)
		}
	})
}
