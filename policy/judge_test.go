package policy

import (
	"strings"
	"testing"

	"hostctl/resource"
)

// file is a policy with something in every attribute.
func file() *File {
	return &File{
		Sections: Sections{
			Imports: []string{"alice"},
			Paths:   Paths{Writable: []string{"/srv"}, ReadOnly: []string{"/srv/shared", "/usr/share"}},
			Rootfs:  Rootfs{Directories: []string{"/srv/rootfs"}},
			Users:   Users{Allow: []string{"app", "web-*"}, UIDs: []string{"3000-3999", "5000"}, Shells: []string{"/bin/bash"}, Homes: []string{"/home/apps"}, Groups: []string{"adm"}},
			Network: Network{HostNetwork: []string{"proxy"}, HostPorts: []string{"127.0.0.1:8000-8999", "10.0.0.0/8:53", "*:443", "[fd00::/8]:80"},
				Subnets: []string{"10.20.0.0/16", "fd20::/32"}},
			Privileges: Privileges{
				Capabilities: []string{"chown", "setuid"}, Devices: []string{"/dev/net/tun:rw", "/dev/dri/*"}, Sysctls: []string{"net.ipv4.*", "kernel.sem"},
				SystemCalls: []string{"keyctl"}, Root: []string{"ephemeral"}, Boot: []string{"sys-*"}, SELinux: []string{"system_u:system_r:container_t:s0"},
				Rlimits: []string{"memlock"}, OOMScoreAdjust: -500,
			},
			Limits:     Limits{Amounts: Amounts{Memory: 1 << 30, CPU: 2}, Unlimited: []string{"tasks"}},
			Credential: map[string]Credential{"tls": {File: "/etc/hostctl/tls", Containers: []string{"web", "web-*"}}},
		},
		Configuration: map[string]Configuration{
			"blog": {Directories: []string{"/srv/git/blog"}, Sections: Sections{
				Names: []string{"blog", "blog-*"}, Slices: []string{"blog"}, Paths: Paths{Writable: []string{"/srv/blog"}},
				Privileges: Privileges{Capabilities: []string{}},
			}},
		},
	}
}

func TestJudge(t *testing.T) {
	p, problems := New("/etc/hostctl/policy.hcl", file())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	const everybody, blog = "shop", "blog"
	for _, c := range []struct {
		owner string
		right resource.Right
		value string
		n     float64
		want  bool
	}{
		{everybody, resource.RightVolume, "/srv/a", 0, true},
		{everybody, resource.RightVolume, "/srv2", 0, false},
		{everybody, resource.RightVolume, "/srv/shared/a", 0, false},
		{everybody, resource.RightWrite, "/srv/a", 0, true},
		{everybody, resource.RightWrite, "/srv", 0, false},
		{everybody, resource.RightRead, "/srv/shared", 0, true},
		{everybody, resource.RightRead, "/usr/share/zoneinfo", 0, true},
		{everybody, resource.RightRead, "/usr/lib", 0, false},
		{everybody, resource.RightRootfs, "/srv/rootfs/web", 0, true},
		{everybody, resource.RightRootfs, "/srv/web", 0, false},
		{everybody, resource.RightRoot, "ephemeral", 0, true},
		{everybody, resource.RightRoot, "writable", 0, false},
		{everybody, resource.RightUser, "app", 0, true},
		{everybody, resource.RightUser, "apps", 0, false},
		{everybody, resource.RightUser, "web-1", 0, true},
		{everybody, resource.RightUser, "web", 0, false},
		{everybody, resource.RightUID, "3000", 3000, true},
		{everybody, resource.RightUID, "3999", 3999, true},
		{everybody, resource.RightUID, "4000", 4000, false},
		{everybody, resource.RightUID, "5000", 5000, true},
		{everybody, resource.RightUID, "0", 0, false},
		{everybody, resource.RightShell, "/bin/bash", 0, true},
		{everybody, resource.RightShell, "/bin/sh", 0, false},
		{everybody, resource.RightHome, "/home/apps/a", 0, true},
		{everybody, resource.RightHome, "/srv/home", 0, false},
		{everybody, resource.RightSlice, "shop", 0, true},
		{everybody, resource.RightSlice, "", 0, true},
		{blog, resource.RightSlice, "shop", 0, false},
		{blog, resource.RightSlice, "", 0, false},
		{blog, resource.RightSlice, "blog", 0, true},
		{everybody, resource.RightLimit, "cpu_weight", 0, true},
		{everybody, resource.RightLimit, "cpu_weight", 100, true},
		{everybody, resource.RightLimit, "cpu_weight", 101, false},
		{everybody, resource.RightLimit, "io_weight", 10000, false},
		{everybody, resource.RightHome, "/root", 0, false},
		{everybody, resource.RightHome, "/home/alice", 0, false},
		{everybody, resource.RightImport, "alice", 0, true},
		{everybody, resource.RightImport, "bob", 0, false},
		{everybody, resource.RightGroup, "adm", 0, true},
		{everybody, resource.RightGroup, "docker", 0, false},
		{everybody, resource.RightHostNetwork, "proxy", 0, true},
		{everybody, resource.RightHostNetwork, "proxy2", 0, false},
		{everybody, resource.RightPort, "127.0.0.1:8000", 0, true},
		{everybody, resource.RightPort, "127.0.0.1:7999", 0, false},
		{everybody, resource.RightPort, "127.0.0.2:8000", 0, false},
		{everybody, resource.RightPort, ":8000", 0, false},
		{everybody, resource.RightPort, ":443", 0, true},
		{everybody, resource.RightPort, "192.0.2.1:443", 0, true},
		{everybody, resource.RightPort, "10.1.2.3:53", 0, true},
		{everybody, resource.RightPort, "11.1.2.3:53", 0, false},
		{everybody, resource.RightPort, "[fd00::1]:80", 0, true},
		{everybody, resource.RightPort, "[fe00::1]:80", 0, false},
		{everybody, resource.RightPort, "[::ffff:10.0.0.1]:53", 0, false}, // no 10.0.0.0/8
		{everybody, resource.RightPort, "nonsense", 0, false},
		{everybody, resource.RightSubnet, "10.20.3.0/24", 0, true},
		{everybody, resource.RightSubnet, "10.20.0.0/16", 0, true},
		{everybody, resource.RightSubnet, "10.0.0.0/8", 0, false},
		{everybody, resource.RightSubnet, "10.21.0.0/24", 0, false},
		{everybody, resource.RightSubnet, "fd20::/64", 0, true},
		{everybody, resource.RightSubnet, "fd21::/64", 0, false},
		{everybody, resource.RightSysctl, "net.ipv4.ip_forward", 0, true},
		{everybody, resource.RightSysctl, "net.ipv6.x", 0, false},
		{everybody, resource.RightSysctl, "kernel.sem", 0, true},
		{everybody, resource.RightSysctl, "kernel.semx", 0, false},
		{everybody, resource.RightCapability, "chown", 0, true},
		{everybody, resource.RightCapability, "net_admin", 0, false},
		{blog, resource.RightCapability, "chown", 0, false},
		{everybody, resource.RightSystemCall, "keyctl", 0, true},
		{everybody, resource.RightSystemCall, "bpf", 0, false},
		{everybody, resource.RightDevice, "/dev/net/tun:rw", 0, true},
		{everybody, resource.RightDevice, "/dev/net/tun:r", 0, true},
		{everybody, resource.RightDevice, "/dev/net/tun:rwm", 0, false},
		{everybody, resource.RightDevice, "/dev/net/tun2:r", 0, false},
		{everybody, resource.RightDevice, "/dev/dri/card0:rwm", 0, true},
		{everybody, resource.RightDevice, "/dev/dri:r", 0, false},
		{everybody, resource.RightBoot, "sys-a", 0, true},
		{everybody, resource.RightBoot, "sys", 0, false},
		{everybody, resource.RightSELinux, "system_u:system_r:container_t:s0", 0, true},
		{everybody, resource.RightSELinux, "system_u:system_r:init_t:s0", 0, false},
		{everybody, resource.RightRlimit, "memlock", 0, true},
		{everybody, resource.RightRlimit, "rtprio", 0, false},
		{everybody, resource.RightOOM, "", -500, true},
		{everybody, resource.RightOOM, "", -501, false},
		{everybody, resource.RightLimit, "memory", 1 << 30, true},
		{everybody, resource.RightLimit, "memory", 1<<30 + 1, false},
		{everybody, resource.RightLimit, "memory", 0, false},
		{everybody, resource.RightLimit, "tasks", 0, true},
		{everybody, resource.RightLimit, "tasks", 1e6, true},
		{everybody, resource.RightLimit, "files", 0, false},
		{everybody, resource.RightLimit, "files", 1e6, true},
		{everybody, resource.RightLimit, "cpu", 0, false}, // bounded: it has to be said
		{everybody, resource.RightLimit, "cpu", 2, true},
		{everybody, resource.RightLimit, "cpu", 2.5, false},
		{everybody, resource.RightLimit, "swap", 1 << 40, true},
		{everybody, resource.RightLimit, "time", 1, false},
		{everybody, resource.RightCredential, "tls web", 0, true},
		{everybody, resource.RightCredential, "tls web-1", 0, true},
		{everybody, resource.RightCredential, "tls db", 0, false},
		{everybody, resource.RightCredential, "ssh web", 0, false},
		{everybody, resource.RightName, "anything", 0, true},
		{blog, resource.RightName, "blog-1", 0, true},
		{blog, resource.RightName, "shop", 0, false},
		{everybody, resource.RightDirectory, "/anywhere", 0, true},
		{blog, resource.RightDirectory, "/srv/git/blog", 0, true},
		{blog, resource.RightDirectory, "/srv/git/blog/hosts/a", 0, true},
		{blog, resource.RightDirectory, "/srv/git/blog2", 0, false},
		// What the block of a configuration does not say, the top says; what it says stands alone.
		{blog, resource.RightVolume, "/srv/blog/x", 0, true},
		{blog, resource.RightVolume, "/srv/a", 0, false},
		{blog, resource.RightRead, "/usr/share", 0, true},
		{blog, resource.RightRootfs, "/srv/rootfs/web", 0, true},
		{blog, resource.RightSystemCall, "keyctl", 0, true},
		{everybody, "something new", "x", 0, false},
	} {
		v := p.configuration(c.owner).judge(resource.Demand{Right: c.right, Value: c.value, Amount: c.n})
		if v.Allowed != c.want || !v.Allowed && v.Why == "" {
			t.Errorf("%s: %s %s %v: %+v, want %v", c.owner, c.right, c.value, c.n, v, c.want)
		}
		if v.Allow != "" {
			obeyed(t, c.owner, v)
		}
	}
}

// obeyed checks that the line which a refusal prints would allow what it refuses.
func obeyed(t *testing.T, owner string, v Verdict) {
	t.Helper()
	f := file()
	attribute, list, isList := strings.Cut(v.Allow, " = [")
	if !isList || strings.HasPrefix(v.Allow, "containers") || strings.HasPrefix(v.Allow, "a block") {
		return
	}
	var entries []string
	for entry := range strings.SplitSeq(strings.TrimRight(list, "] }"), ", ") {
		entries = append(entries, strings.Trim(entry, `"`))
	}
	s := f.Sections
	of := map[string]*[]string{
		"paths { writable": &s.Paths.Writable, "paths { read_only": &s.Paths.ReadOnly, "rootfs { directories": &s.Rootfs.Directories,
		"users { allow": &s.Users.Allow, "users { uids": &s.Users.UIDs, "users { groups": &s.Users.Groups,
		"network { host_network": &s.Network.HostNetwork, "network { host_ports": &s.Network.HostPorts, "network { subnets": &s.Network.Subnets,
		"privileges { capabilities": &s.Privileges.Capabilities, "privileges { devices": &s.Privileges.Devices, "privileges { sysctls": &s.Privileges.Sysctls,
		"privileges { system_calls": &s.Privileges.SystemCalls, "privileges { root": &s.Privileges.Root, "privileges { boot": &s.Privileges.Boot,
		"privileges { selinux": &s.Privileges.SELinux, "privileges { rlimits": &s.Privileges.Rlimits, "limits { unlimited": &s.Limits.Unlimited, "users { shells": &s.Users.Shells, "imports": &s.Imports, "users { homes": &s.Users.Homes, "slices": &s.Slices, "names": &s.Names,
	}
	if attribute == "directories" {
		return
	}
	to := of[attribute]
	if to == nil {
		t.Errorf("the line %q assigns to nothing", v.Allow)
		return
	}
	*to = entries
	// What has no meaning as an entry is refused by the policy itself.
	p, problems := New("x", &File{Sections: s, Configuration: map[string]Configuration{owner: {Sections: s}}})
	if len(problems) > 0 {
		return
	}
	if again := p.configuration(owner).judge(v.Demand); !again.Allowed {
		t.Errorf("%s %s: with %q it is refused still: %+v", v.Right, v.Value, v.Allow, again)
	}
}

// Whatever a policy lacks is as in a host without one.
func TestBuiltin(t *testing.T) {
	p := Builtin()
	for _, c := range []struct {
		right resource.Right
		value string
		want  bool
	}{
		{resource.RightVolume, "/srv/x", true}, {resource.RightVolume, "/opt/x", false}, {resource.RightRead, "/usr/share", false},
		{resource.RightRootfs, "/var/lib/machines/debian", true}, {resource.RightRootfs, "/opt/debian", false}, {resource.RightUser, "anyone", true},
		{resource.RightPort, "127.0.0.1:8080", true}, {resource.RightPort, "127.0.0.1:80", false}, {resource.RightPort, ":8080", false}, {resource.RightSubnet, "10.1.0.0/24", true},
		{resource.RightSubnet, "8.8.8.0/24", false},
	} {
		if v := p.top.judge(resource.Demand{Right: c.right, Value: c.value}); v.Allowed != c.want {
			t.Errorf("%+v", v)
		}
	}
	for _, right := range []resource.Right{
		resource.RightRoot, resource.RightGroup, resource.RightHostNetwork, resource.RightSysctl, resource.RightCapability, resource.RightSystemCall,
		resource.RightDevice, resource.RightBoot, resource.RightSELinux, resource.RightRlimit, resource.RightCredential, resource.RightShell, resource.RightHome, resource.RightImport,
	} {
		if v := p.top.judge(resource.Demand{Right: right, Value: "writable"}); v.Allowed {
			t.Errorf("something is loosened: %+v", v)
		}
	}
	for _, limit := range []string{"memory", "tasks", "files"} {
		if v := p.top.judge(resource.Demand{Right: resource.RightLimit, Value: limit}); v.Allowed {
			t.Errorf("no limit: %+v", v)
		}
	}
	if v := p.top.judge(resource.Demand{Right: resource.RightOOM, Amount: -1}); v.Allowed {
		t.Errorf("%+v", v)
	}
}
