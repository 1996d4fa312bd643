package host_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"hostctl/host"
)

func TestLinkName(t *testing.T) {
	shape := regexp.MustCompile(`^hc-[a-z0-9-]*[a-z0-9]-[a-z2-7]{6}$`)
	seen := map[string]string{}
	for i := range 2000 {
		for _, hint := range []string{"worker-a-very-long-name-indeed", "a", "lan", "ab-cd"} {
			mark := host.Mark("shop", fmt.Sprintf("netns.%s-%d:eth0", hint, i))
			name := host.LinkName(hint, mark)
			if !shape.MatchString(name) || len(name) > 15 {
				t.Fatalf("name %q of %q", name, mark)
			}
			if other := seen[name]; other != "" {
				t.Fatalf("%q and %q are both %q", other, mark, name)
			}
			seen[name] = mark
		}
	}
	// The names of links that exist must not change with a release.
	if got := host.LinkName("lan", "hostctl:shop:network.lan"); got != "hc-lan-o7n2zw" {
		t.Errorf("the bridge of network.lan is %q", got)
	}
}

func TestLinkMAC(t *testing.T) {
	mac, err := net.ParseMAC(host.LinkMAC("hostctl:shop:network.lan"))
	if err != nil || len(mac) != 6 || mac[0]&3 != 2 {
		t.Errorf("%s, %v: not a locally administered unicast address", mac, err)
	}
	if host.LinkMAC("a") == host.LinkMAC("b") {
		t.Error("two marks, one address")
	}
}

func TestCarries(t *testing.T) {
	mark := host.Mark("shop", "network.lan")
	tests := []struct {
		link host.Link
		want bool
	}{
		{host.Link{Alias: mark}, true},
		{host.Link{MAC: host.LinkMAC(mark)}, true},
		{host.Link{Alias: "uplink", MAC: host.LinkMAC(mark)}, false},
		{host.Link{Alias: mark + "x"}, false},
		{host.Link{}, false},
	}
	for _, test := range tests {
		if got := test.link.Carries(mark); got != test.want {
			t.Errorf("%+v: %v", test.link, got)
		}
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add("hostctl:shop:network.lan")
	f.Add("hostctl::x")
	f.Add("hostctl:shop:netns.front:eth0")
	f.Fuzz(func(t *testing.T, text string) {
		owner, object, ok := host.ParseMark(text)
		if ok && (host.Mark(owner, object) != text || strings.Contains(owner, ":")) {
			t.Errorf("%q became %q and %q", text, owner, object)
		}
	})
}
