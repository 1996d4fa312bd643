package integration

import (
	"fmt"
	"strings"
	"testing"
)

// TestCollisions: whatever of the names is taken by somebody else is reported, all in one run, and nothing
// is touched, by plan, apply or destroy.
func TestCollisions(t *testing.T) {
	h := shop(t)
	link := h.sh(`ip -o link show type bridge | awk -F': ' '{print $2}'`)
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh("rm -r /srv/shop")
	h.sh(`
		printf '[Service]\nExecStart=/bin/sleep infinity\n' > /run/systemd/system/hostctl-web.service
		systemctl daemon-reload && systemctl start hostctl-web.service
		ip netns add front
		ip link add ` + link + ` type bridge
		useradd -M -u 2100 -c foreign shop
		mkdir -p /srv/shop/site && echo mine > /srv/shop/site/file
	`)
	before, ids := h.snap(), h.invocations()
	for _, args := range [][]string{{"plan"}, {"apply", "-auto-approve"}} {
		r := h.hostctl(1, args...)
		contains(t, r.stderr, `container "web"`, `netns "front"`, `network "lan"`, `user "shop"`, `volume "site"`, "main.hcl")
	}
	h.hostctl(0, "destroy", "-auto-approve")
	if after := h.snap(); after != before {
		t.Errorf("foreign objects were touched:\n%s", diff(before, after))
	}
	equal(t, h.invocations(), ids)
	// The foreign objects gone, all goes well.
	h.sh("systemctl stop hostctl-web.service; rm /run/systemd/system/hostctl-web.service; systemctl daemon-reload; ip netns del front; ip link del " + link + "; userdel shop; rm -r /srv/shop")
	h.apply()
	h.clean()
}

// TestHundredCollisions: of 100 objects of others whose names are taken, each is named by plan and by apply, and none is changed.
func TestHundredCollisions(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", "hostctl { name = \"crowd\" }\n"+`
network "l" {
  count  = 15
  subnet = "10.80.${count.index}.0/24"
}
`)
	h.apply() // whose links have names that hostctl makes
	links := strings.Fields(h.sh(`ip -o link show type bridge | awk -F': ' '{print $2}'`))
	h.hostctl(0, "destroy", "-auto-approve")
	const container = `
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
`
	config, script := "hostctl { name = \"crowd\" }\n", ""
	var addrs []string
	for _, of := range []struct {
		kind, name, body, make string // where %s is the number
		n                      int
	}{
		{"container", "runs", container, "printf '[Service]\nExecStart=/bin/sleep infinity\n' > /run/systemd/system/hostctl-runs-%s.service; started+=\" hostctl-runs-%s.service\"", 15},
		{"container", "file", container, "printf '[Service]\nExecStart=/bin/sleep infinity\n' > /etc/systemd/system/hostctl-file-%s.service", 10},
		{"container", "keep", container, "printf '[Unit]\nDescription=mine\n' > /run/systemd/system/hostctl-keep-keep_%s.slice; started+=\" hostctl-keep-keep_%s.slice\"", 5},
		{"network", "l", "\n  subnet = \"10.80.%s.0/24\"\n", "", 15},
		{"netns", "ns", "", "ip netns add ns-%s", 15},
		{"netns", "nsfile", "", "echo mine > /run/netns/nsfile-%s", 5},
		{"user", "u", "", "useradd -M -c mine u-%s", 10},
		{"user", "g", "", "groupadd g-%s", 10},
		{"volume", "d", "\n  path = \"/srv/d/%s\"\n", "mkdir -p /srv/d/%s; echo mine > /srv/d/%s/file", 10},
		{"volume", "m", "\n  path = \"/srv/m/%s\"\n", "mkdir -p /srv/m/%s; mount -t tmpfs mine /srv/m/%s", 5},
	} {
		config += fmt.Sprintf("%s %q {\n  count = %d\n%s}\n", of.kind, of.name, of.n, strings.ReplaceAll(of.body, "%s", "${count.index}"))
		for i := range of.n {
			script += strings.ReplaceAll(of.make, "%s", fmt.Sprint(i)) + "\n"
			addrs = append(addrs, fmt.Sprintf("%s %q for count.index %d:", of.kind, of.name, i))
		}
	}
	for _, link := range links {
		script += "ip link add " + link + " type bridge\n"
	}
	h.sh("started=\n" + script + "systemctl daemon-reload; systemctl start $started")
	h.write("main.hcl", config)
	before, ids := h.snap(), h.invocations()
	equal(t, fmt.Sprint(len(addrs)), "100")
	for _, args := range [][]string{{"plan"}, {"apply", "-auto-approve"}} {
		r := h.hostctl(1, args...)
		contains(t, r.stderr, addrs...)
	}
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, diff(before, h.snap()), "")
	equal(t, h.invocations(), ids)
}

// Two configurations live side by side; one's objects are not the other's to take or to remove.
func TestTwoConfigurations(t *testing.T) {
	h := shop(t)
	ids := h.invocations()
	h.write("other/main.hcl", `
hostctl { name = "other" }
netns "front" {}
container "web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`)
	contains(t, h.hostctl(1, "apply", "-auto-approve", "-chdir=other").stderr, "netns.front", "container.web", "shop")
	h.hostctl(0, "destroy", "-auto-approve", "-chdir=other")
	equal(t, h.invocations(), ids)
	h.write("other/main.hcl", `
hostctl { name = "other" }
container "api" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`)
	h.apply("-chdir=other")
	h.hostctl(0, "destroy", "-auto-approve", "-chdir=other")
	equal(t, h.invocations(), ids)
	h.clean()
}

// TestRefused: each of these is refused before anything is changed, with the place and the reason.
func TestRefused(t *testing.T) {
	h := boot(t)
	h.sh(`
		mkdir -p /srv/real && ln -s real /srv/link && echo x > /srv/file
		useradd -M -u 2500 somebody
		ip link add taken type bridge && ip link set taken addrgenmode none && ip addr add 10.78.0.9/24 dev taken && ip link set taken up
	`)
	before := h.snap()
	const container = `container "c" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  %
}
`
	for _, c := range []struct{ name, text, want string }{
		{"no rootfs", strings.Replace(container, "/srv/rootfs/busybox", "/srv/rootfs/none", 1), "/srv/rootfs/none"},
		{"volume is a link", `volume "v" { path = "/srv/link" }`, "/srv/link"},
		{"volume below a link", `volume "v" { path = "/srv/link/v" }`, "/srv/link"},
		{"volume is a file", `volume "v" { path = "/srv/file" }`, "/srv/file"},
		{"volume was there", `volume "v" { path = "/srv/real" }`, "/srv/real"},
		{"not mounted", "volume \"v\" {\n  path = \"/srv/disk/v\"\n  mountpoint = \"/srv/disk\"\n}", "/srv/disk"},
		{"uid in use", `user "u" { uid = 2500 }`, "2500"},
		{"address clash", `network "n" { subnet = "10.78.0.0/24" }`, "10.78.0"},
		{"one name twice", container + strings.Replace(`container "x" {
  for_each = toset(["a"])
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
container "x-a" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
}
`, "%", "", 1), "x-a"},
		{"unknown attribute", strings.Replace(container, "%", `memry = "1M"`, 1), "memry"},
		{"unknown reference", strings.Replace(container, "%", "netns = netns.fornt", 1), "netns.fornt"},
		{"cycle", strings.Replace(container, "%", "depends_on = [container.c]", 1), "container.c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			h.write("main.hcl", "hostctl { name = \"refused\" }\n"+strings.ReplaceAll(c.text, "%", ""))
			for _, command := range []string{"plan", "apply"} {
				args := []string{command}
				if command == "apply" {
					args = append(args, "-auto-approve")
				}
				contains(t, h.hostctl(1, args...).stderr, c.want, "main.hcl")
			}
		})
	}
	if after := h.snap(); after != before {
		t.Errorf("the host was changed:\n%s", diff(before, after))
	}
}
