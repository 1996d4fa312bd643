package policy

import (
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"hostctl/policy/rule"
)

// The entries of a policy that are more than a name.

// span is a range of numbers, both ends included.
type span struct{ low, high uint64 }

func parseSpan(s string) (span, error) {
	low, high, two := strings.Cut(s, "-")
	if !two {
		high = low
	}
	a, errA := strconv.ParseUint(low, 10, 32)
	b, errB := strconv.ParseUint(high, 10, 32)
	if errA != nil || errB != nil || a > b {
		return span{}, fmt.Errorf(`%q is no range of numbers; write such as "3000-3999"`, s)
	}
	return span{a, b}, nil
}

// port is where containers may listen on the host.
type port struct {
	network netip.Prefix // the zero value is every address
	span    span
}

const portExample = `write such as "127.0.0.1:8080", "10.0.0.0/8:1024-65535" or "*:80"`

func parsePort(s string) (port, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return port{}, fmt.Errorf("%q names no port; %s", s, portExample)
	}
	address, numbers := s[:i], s[i+1:]
	ports, err := parseSpan(numbers)
	if err != nil || ports.low == 0 || ports.high > 65535 {
		return port{}, fmt.Errorf("%q is no range of ports; %s", numbers, portExample)
	}
	if address == "*" {
		return port{span: ports}, nil
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	network, err := netip.ParsePrefix(bare)
	if err != nil {
		a, err := netip.ParseAddr(bare)
		if err != nil || a.Zone() != "" || a.Is6() != strings.HasPrefix(address, "[") {
			return port{}, fmt.Errorf("%q is no address; %s, and IPv6 addresses in brackets", address, portExample)
		}
		network = netip.PrefixFrom(a, a.BitLen())
	}
	if network != network.Masked() {
		return port{}, fmt.Errorf("%q is an address, not a network; write %s", address, network.Masked())
	}
	return port{network, ports}, nil
}

// allows reports whether a socket may listen there: "127.0.0.1:8080", or ":8080" for all addresses.
func (p port) allows(listen string) bool {
	i := strings.LastIndexByte(listen, ':')
	if i < 0 {
		return false
	}
	n, err := strconv.ParseUint(listen[i+1:], 10, 16)
	if err != nil || n < p.span.low || n > p.span.high {
		return false
	}
	if !p.network.IsValid() {
		return true
	}
	a, err := netip.ParseAddrPort(listen)
	return err == nil && p.network.Contains(a.Addr())
}

// subnet is a network in which others may lie.
type subnet = netip.Prefix

func parseSubnet(s string) (subnet, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p != p.Masked() {
		return p, fmt.Errorf(`%q is no network; write such as "10.20.0.0/16"`, s)
	}
	return p, nil
}

// parseDevice checks an entry of devices; rule.Device judges by it.
func parseDevice(s string) (string, error) {
	pattern, permissions := rule.DevicePattern(s)
	clean := strings.TrimSuffix(pattern, "*")
	if !strings.HasPrefix(clean, "/dev/") || path.Clean(pattern) != pattern || permissions == "" || strings.Trim(permissions, "rwm") != "" {
		return "", fmt.Errorf(`%q is no device; write such as "/dev/net/tun", "/dev/dri/*" or "/dev/ttyUSB0:rw"`, s)
	}
	return s, nil
}
