package integration

import (
	"strings"
	"testing"
	"time"
)

// TestPayloadDrift changes a program that runs from outside, at the kernel, and what else of hostctl's lies on the host: each is named by
// drift, and by the plan, and put right by an apply that touches nobody else.
func TestPayloadDrift(t *testing.T) {
	h := shop(t)
	h.sh("echo x > /srv/shop/site/index.html")
	h.hostctl(0, "drift")
	bystander := func() string { return h.sh("systemctl show -P InvocationID -P MainPID hostctl-batch-b.service") }
	before := bystander()
	in := func(script string) string {
		return "nsenter -t $(systemctl show -P MainPID hostctl-web.service) " + script
	}
	spec := "$(readlink -f /run/hostctl/containers/web)"
	record := "/run/hostctl/running/$(systemctl show -P InvocationID hostctl-web.service)"
	bridge := "$(ip -o link show type bridge | grep -v other | awk -F': ' '{print $2; exit}')"
	// swap puts another process, started by a command, in the place of the first one.
	swap := func(command string) string {
		return command + ` sleep 1000 > /dev/null 2>&1 < /dev/null & pid=$!
			for i in $(seq 100); do [ "$(cat /proc/$pid/comm)" = sleep ] && break; sleep 0.05; done
			start=$(awk '{print $22}' /proc/$pid/stat)
			sed -i -E "s/\"pid\":[0-9]+/\"pid\":$pid/; s/\"start_time\":[0-9]+/\"start_time\":$start/" ` + record
	}
	for _, c := range []struct {
		name, change, addr string
		mention            []string
	}{
		{"killed and not started again", "systemctl kill -s KILL hostctl-batch-a.service; systemctl stop hostctl-batch-a.service", `container.batch["a"]`, []string{"enabled"}},
		{"mount gone", in("-m -p umount -l /site"), "container.web", []string{`mount "/site"`}},
		{"mount made writable", in("-m -p mount -o remount,bind,rw /site"), "container.web", []string{`"mount /site"`, "made writable"}},
		{"root made writable", in("-m -p mount -o remount,bind,rw /"), "container.web", []string{`"mount /"`, "made writable"}},
		{"setuid allowed", in("-m -p mount -o remount,bind,suid,nodev,ro /site"), "container.web", []string{"without nosuid"}},
		{"mount added", in("-m -p mount -t tmpfs x /srv"), "container.web", []string{`"mount /srv"`, "added from outside"}},
		{"mount covered", in("-m -p mount -t tmpfs x /site"), "container.web", []string{`"mount /site"`, "covered from outside"}},
		{"masked path uncovered", in("-m -p umount $(awk '$5 ~ \"^/proc/.\" && $5 != \"/proc/sys\" && / tmpfs / {print $5; exit}' /proc/$(systemctl show -P MainPID hostctl-web.service)/mountinfo)"), "container.web", []string{`"mount /proc/`, "gone"}},
		{"/proc/sys writable", in("-m -p umount /proc/sys"), "container.web", []string{`"mount /proc/sys"`, "gone"}},
		{"volume replaced behind it", "mv /srv/shop/site /srv/shop/old; cp -a /srv/shop/old /srv/shop/site; rm -r /srv/shop/old", "container.web", []string{"what is mounted was deleted"}},
		{"namespaces the host's", swap(""), "container.web", []string{"namespace pid", "namespace user", "the host's own", "uid_map", "capabilities", "no_new_privs", "seccomp"}},
		{"one namespace another's", swap("unshare -n " + in("-m -u -i -U -C")), "container.web", []string{"namespace pid", "netns_path"}},
		{"spec removed", "rm " + spec, "container.web", []string{"pending"}},
		{"spec damaged", "echo x >> " + spec, "container.web", []string{"pending"}},
		{"spec readable", "chmod 0644 " + spec, "container.web", []string{"pending"}},
		{"spec another's", "chown shop " + spec, "container.web", []string{"pending"}},
		{"spec a link", "s=" + spec + "; mv $s $s.x; ln -s $s.x $s", "container.web", []string{"pending"}},
		{"link of the spec removed", "rm /run/hostctl/containers/web", "container.web", []string{"id_base"}},
		{"record removed", "rm " + record, "container.web", []string{"pending"}},
		{"record damaged", "echo x > " + record, "container.web", []string{"pending"}},
		{"port moved to another bridge", "ip link add other type bridge; ip link set $(ip -o link show type veth | awk -F'[ :@]+' '{print $2; exit}') master other", "netns.front", []string{"network"}},
		{"address of the bridge gone", "ip addr del 10.77.0.1/24 dev " + bridge, "network.lan", []string{"10.77.0.1"}},
		{"bridge's MTU", "ip link set " + bridge + " mtu 1400", "network.lan", []string{`"mtu"`, "1400, not 1500"}},
		{"bridge's MTU too small for IPv6", "ip link set " + bridge + " mtu 1000", "network.lan", []string{`"mtu"`, "1000, not 1500"}},
		{"MTU inside", "ip -n front link set eth0 mtu 9000", "netns.front", []string{`"mtu eth0"`, "9000, not 1500"}},
		{"MTU outside", "ip link set $(ip -o link show type veth | awk -F'[ :@]+' '{print $2; exit}') mtu 1300", "netns.front", []string{`"mtu hc-front-`, "1300, not 1500"}},
		{"blackhole route", "ip -n front route add blackhole 10.9.0.0/16", "netns.front", []string{`"ip route blackhole 10.9.0.0/16"`, "added from outside"}},
		{"unreachable route", "ip -n front route add unreachable 10.77.0.1/32", "netns.front", []string{`"ip route unreachable 10.77.0.1/32"`}},
		{"prohibit route before all tables'", "ip -n front route add prohibit 10.77.0.0/24 table local", "netns.front", []string{`"ip route prohibit 10.77.0.0/24 table local"`}},
		{"blackhole route of IPv6", "ip -n front -6 route add blackhole default metric 1", "netns.front", []string{`"ip -6 route blackhole default metric 1"`}},
		{"blackhole in the default route's place", "ip -n front route replace blackhole default", "netns.front", []string{`route "default"`, `"ip route blackhole default"`}},
		{"rule added", "ip -n front rule add pref 100 from 10.77.0.10 fwmark 7 lookup 7", "netns.front", []string{`"ip rule 100: from 10.77.0.10/32 fwmark 0x7/0xffffffff lookup 7"`, "added from outside"}},
		{"rule of IPv6 added", "ip -n front -6 rule add pref 100 prohibit", "netns.front", []string{`"ip -6 rule 100: from all prohibit"`}},
		{"rule of the kernel's removed", "ip -n front rule del pref 32766", "netns.front", []string{`"ip rule 32766: from all lookup main"`, "gone"}},
		{"limit lowered", "prlimit --pid $(systemctl show -P MainPID hostctl-web.service) --nofile=64:128", "container.web", []string{`"limit open files"`, "128, not "}},
		{"killed first", "echo 500 > /proc/$(systemctl show -P MainPID hostctl-web.service)/oom_score_adj", "container.web", []string{"oom_score_adj", "500, not 0"}},
		{"set-id and sticky bits", "chmod u+s,g+s,+t /srv/shop/site", "volume.site", []string{"special", "setuid", "setgid", "sticky"}},
		{"account locked out of its group", "groupmod -g 2999 shop", "user.shop", []string{"gid"}},
		{"account with a password", "echo shop:secret | chpasswd", "user.shop", []string{"locked"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			h.sh(c.change)
			begun := time.Now()
			r := h.hostctl(2, "drift")
			took := time.Since(begun)
			contains(t, r.stdout, append([]string{`Configuration "shop"`, "Changed outside hostctl", c.addr}, c.mention...)...)
			if took > 2*time.Second {
				t.Errorf("drift took %v", took)
			}
			contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stdout, "Changed outside hostctl", c.addr)
			h.hostctl(0, "drift", "-ignore", strings.Split(c.addr, "[")[0], "-ignore", "volume.site", "-ignore", "container.web", "-ignore", "container.client")
			h.apply("-settle=0s")
			r = h.hostctl(0, "drift")
			contains(t, r.stdout, "No drift")
			h.clean()
			equal(t, bystander(), before)
		})
	}
}

// What can be put right of a program that runs is, without its notice.
func TestLiveDrift(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", `
hostctl { name = "lone" }
container "web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  limits {
    cpus = "0"
  }
}
`)
	h.apply()
	before := h.invocations()
	for _, c := range []struct {
		name, change string
		mention      []string
	}{
		{"processors", "systemctl set-property --runtime hostctl-web.service AllowedCPUs=0-1", []string{"cpus", `"0" -> "0-1"`}},
		{"keeper", "systemctl stop hostctl-keep-web.slice", []string{`"keeper"`, "stopped: once the container stops"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			h.sh(c.change)
			begun := time.Now()
			contains(t, h.hostctl(2, "drift").stdout, append([]string{"container.web"}, c.mention...)...)
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("drift took %v", took)
			}
			contains(t, h.hostctl(2, "plan", "-detailed-exitcode").stdout, "container.web will be updated in place (live)")
			h.apply("-settle=0s")
			contains(t, h.hostctl(0, "drift").stdout, "No drift")
			h.clean()
			equal(t, h.invocations(), before)
		})
	}
	// It keeps what it is there for.
	h.sh("systemctl stop hostctl-web.service && systemctl start hostctl-web.service")
	h.clean()
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("systemctl list-units --all --plain --no-legend 'hostctl-*' || true"), "")
}

// What others put beside a container is named, and left where it is.
func TestForeignDrift(t *testing.T) {
	h := shop(t)
	ids := h.invocations()
	for _, c := range []struct{ name, change, back, mention string }{
		{"masked", "systemctl mask hostctl-web.service", "systemctl unmask hostctl-web.service", "is masked"},
		{"masked until a reboot", "systemctl mask --runtime hostctl-web.service", "systemctl unmask --runtime hostctl-web.service", "systemctl unmask --runtime"},
		{"drop-in", "mkdir -p /etc/systemd/system/hostctl-web.service.d; printf '[Service]\nNice=5\n' > /etc/systemd/system/hostctl-web.service.d/x.conf", "rm -r /etc/systemd/system/hostctl-web.service.d", "/etc/systemd/system/hostctl-web.service.d/x.conf"},
		{"drop-in of all", "mkdir -p /run/systemd/system/hostctl-.service.d; printf '[Service]\nNice=5\n' > /run/systemd/system/hostctl-.service.d/x.conf", "rm -r /run/systemd/system/hostctl-.service.d", "hostctl-.service.d/x.conf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := h.in(t)
			h.sh(c.change)
			contains(t, h.hostctl(2, "drift").stdout, "! container.", c.mention)
			contains(t, h.hostctl(2, "drift", "-json").stdout, `"foreign"`, `"container.web"`)
			contains(t, h.run("hostctl", "plan").stdout, c.mention)
			h.apply()
			h.hostctl(2, "drift")
			h.sh(c.back + "; systemctl daemon-reload")
			h.hostctl(0, "drift")
			equal(t, h.invocations(), ids)
		})
	}
	t.Run("volume", func(t *testing.T) {
		h := h.in(t)
		for _, c := range []struct{ change, back, mention string }{
			{"mv /srv/shop/site /srv/shop/x; touch /srv/shop/site", "rm /srv/shop/site; mv /srv/shop/x /srv/shop/site", "is not a directory"},
			{"mv /srv/shop/site /srv/shop/x; ln -s x /srv/shop/site", "rm /srv/shop/site; mv /srv/shop/x /srv/shop/site", "is a symbolic link"},
			{"setfattr -x trusted.hostctl.owner /srv/shop/site", "setfattr -n trusted.hostctl.owner -v shop/volume.site /srv/shop/site", "hostctl did not make it"},
		} {
			h.sh(c.change)
			contains(t, h.hostctl(2, "drift").stdout, "volume.site", c.mention)
			h.hostctl(1, "apply", "-auto-approve")
			h.sh(c.back)
			h.hostctl(0, "drift")
		}
	})
	contains(t, h.hostctl(1, "drift", "-ignore", "container.wep").stderr, "names nothing on this host", "container.web")
	contains(t, h.hostctl(1, "drift", "-name", "shap").stderr, "shop")
	h.sh("mv /var/lib/hostctl/ledger.json /root/")
	contains(t, h.hostctl(1, "drift").stderr, "there is no ledger")
	h.sh("mv /root/ledger.json /var/lib/hostctl/")
}
