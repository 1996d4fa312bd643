package integration

import "testing"

// TestDrift changes the host behind hostctl's back, one way at a time. Each is seen by the next plan and
// repaired by the next apply, and who has nothing to do with it runs on. (Limits have no truth here, for there
// may be no controllers: see TestLimits.)
func TestDrift(t *testing.T) {
	h := shop(t)
	h.sh("echo x > /srv/shop/site/index.html")
	bystander := h.property("hostctl-batch-b.service", "InvocationID")
	bridge := `$(ip -o link show type bridge | awk -F': ' '{print $2}')`
	for _, c := range []struct{ name, change, addr, mention string }{
		{"container stopped", "systemctl stop hostctl-batch-a.service", "container.batch[\"a\"]", ""},
		{"container and keeper gone", "systemctl stop hostctl-keep-batch_a.slice hostctl-batch-a.service", "container.batch[\"a\"]", ""},
		{"mount gone inside", "nsenter -t $(systemctl show -P MainPID hostctl-web.service) -m umount -l /site", "container.web", "mount"},
		{"address gone", "ip -n front addr del 10.77.0.10/24 dev eth0", "netns.front", "10.77.0.10/24"},
		{"route gone", "ip -n front route del default", "netns.front", "route"},
		{"link down inside", "ip -n front link set eth0 down", "netns.front", "up"},
		{"link gone", "ip -n front link del eth0", "netns.front", "eth0"},
		{"sysctl", "ip netns exec front sysctl -qw net.ipv4.ip_forward=1", "netns.front", "net.ipv4.ip_forward"},
		{"loopback down", "ip -n front link set lo down", "netns.front", "loopback"},
		{"bridge's address gone", "ip addr del 10.77.0.1/24 dev " + bridge, "network.lan", "10.77.0.1"},
		{"bridge down", "ip link set " + bridge + " down", "network.lan", "up"},
		{"bridge gone", "ip link del " + bridge, "network.lan", ""},
		{"namespace gone", "ip netns del front", "netns.front", ""},
		{"volume's owner", "chown root: /srv/shop/site", "volume.site", "uid"},
		{"volume's mode", "chmod 0755 /srv/shop/site", "volume.site", "mode"},
		{"user's shell", "sed -i '/^shop:/s,[^:]*$,/bin/sh,' /etc/passwd", "user.shop", "shell"},
		{"user's home", "sed -i '/^shop:/s,/srv/shop,/home/shop,' /etc/passwd", "user.shop", "home"},
		{"user gone", "userdel -f shop", "user.shop", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			h.sh(c.change)
			r := h.hostctl(2, "plan", "-detailed-exitcode")
			contains(t, r.stdout, c.addr, c.mention)
			h.apply("-settle=0s")
			h.clean()
			equal(t, h.property("hostctl-batch-b.service", "InvocationID"), bystander)
			h.await("busybox wget -q -O /dev/null http://10.77.0.10/")
		})
	}
}

// What others add is theirs: it is named, and left.
func TestAdditions(t *testing.T) {
	h := shop(t)
	h.hostctl(0, "drift")
	bridge := h.sh(`ip -o link show type bridge | awk -F': ' '{print $2}'`)
	for _, c := range []struct{ change, back, says string }{
		{"usermod -aG disk,audio shop", "gpasswd -d shop disk; gpasswd -d shop audio", "user.shop: account shop was put into groups that nobody declared: audio, disk"},
		{"ip addr add 10.99.0.1/24 dev " + bridge, "ip addr del 10.99.0.1/24 dev " + bridge, "network.lan: bridge " + bridge + " has an address that nobody declared: 10.99.0.1/24"},
		{"ip -n front addr add 10.77.0.99/24 dev eth0", "ip -n front addr del 10.77.0.99/24 dev eth0", "netns.front: network namespace front has address 10.77.0.99/24 on eth0 that nobody declared"},
		{"ip -n front route add 10.9.0.0/16 via 10.77.0.1", "ip -n front route del 10.9.0.0/16", "netns.front: network namespace front has route 10.9.0.0/16 via 10.77.0.1 that nobody declared"},
	} {
		h.sh(c.change)
		contains(t, flat(h.hostctl(2, "drift").stdout), c.says)
		contains(t, flat(h.apply().stdout), c.says)
		contains(t, flat(h.hostctl(2, "drift").stdout), c.says)
		h.sh(c.back)
		h.hostctl(0, "drift")
	}
}

// One that is not enabled when it is declared is made ready, and started later.
func TestDisabledFromTheBeginning(t *testing.T) {
	h := boot(t)
	const text = `hostctl {
  name = "later"
}

variable "on" {
  type    = bool
  default = false
}

container "web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sleep", "1000000"]
  enabled = var.on
}

container "job" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/true"]
  job     = true
  enabled = var.on
}
`
	h.write("main.hcl", text)
	h.apply()
	h.clean()
	h.sh("! systemctl -q is-active hostctl-web.service; ! test -e /var/lib/hostctl/jobs/job.json")
	h.apply("-var", "on=true")
	h.clean("-var", "on=true")
	h.sh("systemctl -q is-active hostctl-web.service && test -e /var/lib/hostctl/jobs/job.json")
	h.apply()
	h.clean()
	h.sh("! systemctl -q is-active hostctl-web.service")
	h.hostctl(0, "destroy", "-auto-approve")
	h.sh("! test -e /var/lib/hostctl/jobs/job.json")
}
