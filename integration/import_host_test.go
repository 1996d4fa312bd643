package integration

import (
	"strings"
	"testing"
)

// What was made by other tools is written as a configuration whose plan is nothing but its being taken over; applied it is ours, destroyed it
// is gone, but for the data.
func TestImportHost(t *testing.T) {
	h := boot(t)
	h.policy(strings.Replace(generous, `homes  = `, "shells = [\"/bin/sh\"]\n  homes  = ", 1))
	h.sh(`groupadd -g 3000 crew 2> /dev/null || true
		useradd -u 2100 -U -d /srv/shop -s /bin/sh -G adm -c 'The shop, est. 1999' shop
		mkdir -p /srv/site; chown shop:shop /srv/site; chmod 0750 /srv/site; echo x > /srv/site/index.html
		ip netns add front; ip -n front link set lo up
		ip netns exec front sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 15 > /proc/sys/net/ipv4/tcp_fin_timeout'
		ip -n front link add br0 type bridge; ip -n front addr add 10.9.0.2/24 dev br0; ip -n front link set br0 up; ip -n front route add 10.10.0.0/16 via 10.9.0.1`)
	inode := h.sh("stat -L -c %i /run/netns/front")
	before := h.snap()

	account := h.hostctl(0, "import", "host", "-name=site", "user", "shop")
	contains(t, account.stdout, "user \"shop\" {\n  uid    = 2100\n  groups = [\"adm\"]\n  home   = \"/srv/shop\"\n  shell  = \"/bin/sh\"\n}", "import {\n  to = user.shop\n  id = \"shop\"\n}",
		`# its comment \"The shop, est. 1999\": hostctl's mark takes its place`)
	directory := h.hostctl(0, "import", "host", "-name=site", "volume", "/srv/site")
	contains(t, directory.stdout, "volume \"site\" {\n  path  = \"/srv/site\"\n  owner = user.shop\n  mode  = \"0750\"\n}", "user \"shop\" {")
	missing(t, directory.stdout, "once it is hostctl's")
	namespace := h.hostctl(0, "import", "host", "-name=site", "netns", "front")
	contains(t, namespace.stdout, `"net.ipv4.ip_forward"`, `"net.ipv4.tcp_fin_timeout"`, `= "15"`, `"net.ipv4.ip_unprivileged_port_start"`, `= "1024"`,
		"# link br0, a bridge, 10.9.0.2/24: nobody's of hostctl's", "# route to 10.10.0.0/16 via 10.9.0.1 by link br0")
	contains(t, namespace.stderr, "Not as in the source: 2 things")
	if after := h.snap(); after != before {
		t.Errorf("import changed the host:\n%s", diff(before, after))
	}

	// The texts together are one configuration.
	_, rest, _ := strings.Cut(namespace.stdout, "\n\n")
	h.write("main.hcl", directory.stdout+"\n"+rest)
	r := h.hostctl(2, "plan", "-detailed-exitcode")
	contains(t, r.stdout, "3 to import, 0 to add, 0 to change, 0 to replace, 0 to destroy")
	equal(t, h.sh("cd "+work+" && hostctl fmt -check; echo $?"), "0")
	contains(t, h.apply().stdout, "3 imported")
	h.clean()
	equal(t, h.sh("stat -L -c %i /run/netns/front; ip netns exec front cat /proc/sys/net/ipv4/tcp_fin_timeout; id -u shop; ip -n front -o addr show br0 | awk '{print $4; exit}'"), inode+"\n15\n2100\n10.9.0.2/24")
	contains(t, h.hostctl(1, "import", "host", "-name=site", "netns", "front").stderr, `front is netns.front of configuration "site" already`)
	contains(t, h.hostctl(1, "import", "host", "netns", "front").stderr, "cannot be imported", `configuration "site"`)
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("getent passwd shop || true; ip netns; cat /srv/site/index.html"), "x")

	// What cannot be said so is a comment, and what cannot be taken over is an error.
	h.sh("mkdir -p /srv/odd; chown 4711:3000 /srv/odd; ip netns add down; useradd -u 2101 -U -p '$1$x$y' door")
	contains(t, h.hostctl(0, "import", "host", "volume", "/srv/odd").stdout, "# uid: 4711 on this host, 0 once it is hostctl's", "# gid: 3000 on this host")
	contains(t, h.hostctl(0, "import", "host", "netns", "down").stdout, "# loopback: unset on this host, true once it is hostctl's")
	contains(t, h.hostctl(0, "import", "host", "user", "door").stdout, "# locked: unset on this host, true once")
	contains(t, h.hostctl(1, "import", "host", "user", "root").stderr, "uid 0 is of the system")
	contains(t, h.hostctl(1, "import", "host", "volume", "/srv/none").stderr, "there is no directory /srv/none")
	contains(t, h.hostctl(1, "import", "host", "container", "web").stderr, `"container" is no kind of what can be imported`, "volume")
	r = h.ordinary("import", "host", "user", "shop")
	contains(t, r.stderr, "root")
	equal(t, strings.TrimSpace(r.stdout), "")
}
