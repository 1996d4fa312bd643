package network_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"hostctl/resource"
	"hostctl/resource/network"
)

var self = resource.Addr{Kind: "network", Name: "lan"}

func spec(subnet, address, ipv6, address6 string) *network.Spec {
	s := network.Kind().New().(*network.Spec)
	for _, set := range []struct {
		text string
		into interface{ UnmarshalText([]byte) error }
	}{{subnet, &s.Subnet}, {address, &s.Address}, {ipv6, &s.IPv6}, {address6, &s.IPv6Address}} {
		if err := set.into.UnmarshalText([]byte(set.text)); err != nil {
			panic(err)
		}
	}
	return s
}

func TestValidate(t *testing.T) {
	tests := []struct {
		spec *network.Spec
		says string // "" for no problem
	}{
		{spec("10.20.0.0/24", "", "", ""), ""},
		{spec("10.20.0.0/24", "10.20.0.254", "fd20::/64", "fd20::ffff"), ""},
		{spec("", "", "fd20::/64", ""), ""},
		{spec("192.168.1.4/30", "", "", ""), ""},
		{spec("", "", "", ""), "a network needs an address range"},
		{spec("", "10.20.0.1", "fd20::/64", ""), "network.lan.address: an address needs its network"},
		{spec("10.20.0.1/24", "", "", ""), `network.lan.subnet: 10.20.0.1/24 is an address, not a network: write "10.20.0.0/24"`},
		{spec("fd20::/64", "", "", ""), "fd20::/64 is no IPv4 network"},
		{spec("", "", "10.20.0.0/24", ""), "network.lan.ipv6: 10.20.0.0/24 is no IPv6 network"},
		{spec("", "", "::ffff:10.20.0.0/112", ""), "is no IPv6 network"},
		{spec("10.20.0.0/31", "", "", ""), "has no fitting size"},
		{spec("0.0.0.0/0", "", "", ""), "has no fitting size"},
		{spec("127.0.0.0/8", "", "", ""), "is reserved"},
		{spec("169.254.0.0/16", "", "", ""), "is reserved"},
		{spec("224.0.0.0/8", "", "", ""), "is reserved"},
		{spec("", "", "fe80::/64", ""), "is reserved"},
		{spec("10.20.0.0/24", "10.21.0.1", "", ""), "network.lan.address: 10.21.0.1 cannot be the host's address: it is not in 10.20.0.0/24; the first of the network is 10.20.0.1"},
		{spec("10.20.0.0/24", "10.20.0.0", "", ""), "it is the network's own number"},
		{spec("10.20.0.0/24", "10.20.0.255", "", ""), "it is the broadcast address"},
		{spec("10.20.0.0/24", "fd20::1", "", ""), "it is not in 10.20.0.0/24"},
		{spec("", "", "fd20::/64", "fd20::1%eth0"), "it is not in fd20::/64"},
	}
	for _, test := range tests {
		var got []string
		for _, p := range test.spec.Validate(self) {
			got = append(got, p.Error())
		}
		if all := strings.Join(got, "\n"); len(got) > 1 || (len(got) == 0) != (test.says == "") || !strings.Contains(all, test.says) {
			t.Errorf("%+v: got %q, want %q", test.spec, all, test.says)
		}
	}
}

func TestResolve(t *testing.T) {
	s := spec("10.20.0.0/24", "", "fd20::/64", "fd20::9")
	s.Resolve(self, &resource.Resolver{Owner: "shop"})
	want := []netip.Prefix{netip.MustParsePrefix("10.20.0.1/24"), netip.MustParsePrefix("fd20::9/64")}
	if got := s.Addresses(); !slices.Equal(got, want) {
		t.Errorf("addresses %v, want %v", got, want)
	}
	if s.Link != network.LinkName("shop", self) || len(s.Link) > 15 || s.Link == network.LinkName("blog", self) {
		t.Errorf("link %q", s.Link)
	}
}

func TestOverlap(t *testing.T) {
	other := resource.Addr{Kind: "network", Name: "wan"}
	want := resource.State{self: spec("10.20.0.0/24", "", "fd20::/64", ""), other: spec("10.20.0.128/25", "", "fd20::/48", "")}
	var got []string
	for _, p := range network.Kind().Check(want) {
		got = append(got, p.Error())
	}
	if all := strings.Join(got, "\n"); len(got) != 2 || !strings.Contains(all, "network.wan.subnet: 10.20.0.128/25 overlaps 10.20.0.0/24 of network.lan") || !strings.Contains(all, "network.wan.ipv6: fd20::/48") {
		t.Errorf("problems:\n%s", all)
	}
	want[other] = spec("10.21.0.0/24", "", "fd21::/64", "")
	if got := network.Kind().Check(want); len(got) > 0 {
		t.Error(got)
	}
}
