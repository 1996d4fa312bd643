package container

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"hostctl/resource"
	"hostctl/runtime"
)

func (c *Container) validateNetwork(v *validator) {
	if c.HostNetwork && c.Netns != (resource.Addr{}) {
		v.bad("host_network", fmt.Sprintf("the container is in %s and in the host's network at once", c.Netns), "keep netns or host_network")
	}
	for _, name := range c.Capabilities {
		if runtime.NetworkCapability(name) && c.HostNetwork {
			v.bad("capabilities["+strconv.Quote(name)+"]", fmt.Sprintf("%q has no force over the host's network", name), "leave host_network out for a network that is the container's own")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sysctls)) {
		at := "sysctls[" + strconv.Quote(name) + "]"
		if err := runtime.ValidSysctl(name, c.Sysctls[name]); err != nil {
			v.bad(at, fmt.Sprintf("%q is no setting of a container", name), "it "+err.Error())
			continue
		}
		switch own := !strings.HasPrefix(name, "net."); {
		case own:
		case c.Netns != resource.Addr{}:
			v.bad(at, fmt.Sprintf("%q is a setting of %s", name, c.Netns), "write it in sysctls there")
		case c.HostNetwork:
			v.bad(at, fmt.Sprintf("%q is a setting of the host's network", name), "a container does not change it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.ExtraHosts)) {
		at := "extra_hosts[" + strconv.Quote(name) + "]"
		if !isHostname(name) {
			v.bad(at, fmt.Sprintf("%q is no host name", name), fmt.Sprintf("letters, digits, \"-\" and \".\", at most %d characters", maxHostname))
		}
		if addr, err := netip.ParseAddr(c.ExtraHosts[name]); err != nil || addr.Zone() != "" {
			v.bad(at, fmt.Sprintf("%q is no address", c.ExtraHosts[name]), "write an IPv4 or IPv6 address")
		}
	}
	if len(c.ExtraHosts) > 500 {
		v.bad("extra_hosts", fmt.Sprintf("there are %d names", len(c.ExtraHosts)), "at most 500 are taken")
	}
	if c.Timezone != "" && !isZone(c.Timezone) {
		v.bad("timezone", fmt.Sprintf("%q is no zone", c.Timezone), `write a name of the tz database, such as "Europe/Vienna" or "UTC"`)
	}
}

// hosts is /etc/hosts inside; "" leaves the rootfs's own.
func (c *Container) hosts(self resource.Addr) string {
	if len(c.ExtraHosts) == 0 {
		return ""
	}
	name := c.Hostname
	if name == "" {
		name = self.HostName()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 %s\n", name)
	for _, name := range slices.Sorted(maps.Keys(c.ExtraHosts)) {
		fmt.Fprintf(&b, "%s %s\n", c.ExtraHosts[name], name)
	}
	return b.String()
}

// isZone accepts the names that the tz database has: Area/Location, of letters, digits, "_", "-" and "+".
func isZone(name string) bool {
	parts := strings.Split(name, "/")
	for _, p := range parts {
		if p == "" || len(p) > 32 || strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-") != "" {
			return false
		}
	}
	return len(parts) <= 3
}

// hasZone looks for a zone in a rootfs, below which no link leads out of it.
func hasZone(rootfs, zone string) bool {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return true // said of the rootfs
	}
	defer root.Close()
	if zone == "UTC" {
		return true // every C library knows it
	}
	_, err = root.Lstat(path.Join("usr/share/zoneinfo", zone))
	return err == nil
}
