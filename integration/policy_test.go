package integration

import (
	"strings"
	"testing"
)

const policed = `
hostctl { name = "shop" }
user "shop" {}
volume "data" {
  path  = "/srv/shop/data"
  owner = user.shop
}
container "web" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "1000000"]
  run_as  = user.shop
  restart = "no"
  mount "/data" {
    volume = volume.data
  }
}
`

// TestPolicy: nothing that the host's owner does not allow comes onto the host, by no way, and what he takes back is not
// started again.
func TestPolicy(t *testing.T) {
	h := boot(t)
	h.policy("")
	refused := func(exit int, words ...string) {
		t.Helper()
		before := h.snap()
		for _, args := range [][]string{{"plan"}, {"plan", "-out", "/tmp/refused.plan"}, {"apply", "-auto-approve"}} {
			contains(t, h.hostctl(exit, args...).stderr, words...)
		}
		if after := h.snap(); after != before {
			t.Errorf("something was done all the same:\n%s", diff(before, after))
		}
		h.sh("test ! -e /tmp/refused.plan")
	}

	// Without a policy: /srv, and nothing loosened. What is refused stands in its line, with what would allow it.
	h.write("main.hcl", strings.Replace(policed, "restart = ", "host_network = true\n  capabilities = [\"chown\"]\n  restart = ", 1))
	refused(3, "does not allow the host's network", "main.hcl line 13", `network { host_network = ["web"] }`, `privileges { capabilities = ["chown"] }`, "the built-in policy")
	h.write("main.hcl", strings.Replace(policed, "/srv/shop/data", "/opt/data", 1))
	refused(3, "does not allow writing to /opt/data", "does not allow /opt/data as a volume", `paths { writable = ["/srv", "/opt/data"] }`)
	h.write("main.hcl", strings.Replace(policed, "restart = ", "listen \"ssh\" {\n    stream = \":22\"\n  }\n  restart = ", 1))
	refused(3, "does not allow listening on :22", `"*:22"`)
	h.write("main.hcl", strings.Replace(policed, "/srv/rootfs/busybox", "/opt/rootfs", 1))
	refused(3, "does not allow /opt/rootfs as a root directory")

	// What is the host's own is taken over only where its owner says so: an import makes it the configuration's to change and remove.
	h.sh("useradd -M -u 4000 alice; mkdir -p /srv/theirs")
	h.write("main.hcl", policed+`
user "alice" {
  shell = "/bin/bash"
  home  = "/home/alice"
}
volume "theirs" { path = "/srv/theirs" }
import {
  to = user.alice
  id = "alice"
}
import {
  to = volume.theirs
  id = "/srv/theirs"
}
`)
	refused(3, "the import of alice", "the import of /srv/theirs", `imports = ["alice"]`, "an account that can log in with /bin/bash", "/home/alice as a home directory")
	h.sh("userdel alice; rmdir /srv/theirs")

	// A file that anybody else could have written, or that is not understood to its last word, allows nothing.
	h.write("main.hcl", policed)
	const good = "paths {\n  writable = [\"/srv\"]\n}\n"
	for name, spoil := range map[string]string{
		"for all":                       "chmod 666 /etc/hostctl/policy.hcl",
		"another's":                     "chown 1000 /etc/hostctl/policy.hcl",
		"a link":                        "mv /etc/hostctl/policy.hcl /etc/hostctl/real.hcl; ln -s real.hcl /etc/hostctl/policy.hcl",
		"directory":                     "chmod 777 /etc/hostctl",
		"another's, above, and missing": "rm /etc/hostctl/policy.hcl; chown 1000 /etc/hostctl",
		"a pipe":                        "rm /etc/hostctl/policy.hcl; mkfifo /etc/hostctl/policy.hcl",
		"unknown word":                  "echo 'allow_everything = true' >> /etc/hostctl/policy.hcl",
		"no HCL":                        "echo '{' > /etc/hostctl/policy.hcl",
		"no text":                       "printf '\\0\\377' > /etc/hostctl/policy.hcl",
		"too much":                      "echo 'paths { writable = [\"/etc\"] }' > /etc/hostctl/policy.hcl",
		"too deep":                      "printf 'names = %.0s' 1 > /etc/hostctl/policy.hcl; printf '[%.0s' $(seq 100000) >> /etc/hostctl/policy.hcl",
	} {
		h.sh("rm -rf /etc/hostctl")
		h.policy(good)
		h.sh(spoil)
		before := h.snap()
		for _, args := range [][]string{{"plan"}, {"apply", "-auto-approve"}} {
			if r := h.run(append([]string{"hostctl"}, args...)...); r.exit != 1 || !strings.Contains(r.stderr, "policy") || strings.Contains(r.stderr, "goroutine") {
				t.Errorf("%s: %s: %s", name, args[0], r.all())
			}
		}
		if after := h.snap(); after != before {
			t.Errorf("%s: something was applied:\n%s", name, diff(before, after))
		}
	}
	h.sh("rm -rf /etc/hostctl; chmod 755 /etc")

	// An empty one is the built-in one. A saved plan stands on the policy that it was made under.
	h.policy("")
	h.hostctl(0, "plan", "-out", "/tmp/site.plan")
	h.policy(good)
	contains(t, h.hostctl(4, "apply", "/tmp/site.plan").stderr, "The host's policy changed since the plan was made")
	h.hostctl(0, "plan", "-out", "/tmp/site.plan")
	h.hostctl(0, "apply", "/tmp/site.plan")
	pid := h.pid("web")

	// A repository that could not be fetched is no wish that everything be gone.
	h.write("empty/README", "nothing")
	contains(t, h.hostctl(1, "apply", "-auto-approve", "-chdir=empty").stderr, "No configuration")
	h.sh("! hostctl apply -auto-approve -chdir=nowhere")
	equal(t, h.pid("web"), pid)

	// A tightened one takes nothing from what runs, says so, and lets it start no more.
	h.policy("paths {\n  writable = [\"/srv/other\"]\n}\n")
	contains(t, h.hostctl(3, "plan").stderr, "does not allow writing to /srv/shop/data", "This host has it so since before")
	r := h.hostctl(3, "status")
	contains(t, r.stdout, "container.web", "running")
	contains(t, r.stderr, "does not allow")
	h.hostctl(3, "apply", "-auto-approve")
	equal(t, h.pid("web"), pid)
	h.sh("! systemctl restart hostctl-web.service")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -u hostctl-web.service"), "the host's policy does not allow writing to /srv/shop/data", "paths.writable has /srv/other")
	equal(t, h.property("hostctl-web.service", "ExecMainStatus"), "78")
	h.policy(good)
	h.hostctl(0, "apply", "-auto-approve")
	h.clean()

	// So it is with what a container has beyond others, whoever starts it, and though the configuration would leave it as it is.
	loose := good + "privileges {\n  capabilities = [\"chown\"]\n}\n"
	h.policy(loose)
	h.write("main.hcl", strings.Replace(policed, "restart = ", "capabilities = [\"chown\"]\n  restart = ", 1))
	h.apply()
	pid = h.pid("web")
	h.policy(good)
	contains(t, h.hostctl(3, "plan").stderr, `does not allow capability "chown"`, "This host has it so since before", "and is not started")
	h.write("main.hcl", strings.Replace(policed, "restart = ", "environment = { A = \"1\" }\n  lifecycle {\n    ignore_changes = [capabilities]\n  }\n  restart = ", 1))
	contains(t, h.hostctl(3, "apply", "-auto-approve").stderr, `does not allow capability "chown"`)
	equal(t, h.pid("web"), pid)
	h.sh("! systemctl restart hostctl-web.service")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -u hostctl-web.service"), "the host's policy does not allow capability chown")
	h.write("main.hcl", policed)
	h.hostctl(0, "apply", "-auto-approve")
	h.clean()

	// A root that is written is what is written.
	h.policy(good + "rootfs {\n  directories = [\"/srv\"]\n}\nprivileges {\n  root = [\"writable\"]\n}\nconfiguration \"shop\" {\n  paths {\n    read_only = [\"/srv/rootfs\"]\n  }\n}\n")
	h.write("main.hcl", strings.Replace(policed, "restart = ", "root = \"writable\"\n  restart = ", 1))
	contains(t, h.hostctl(3, "plan").stderr, "does not allow writing to /srv/rootfs/busybox", "which nothing writes to")
	h.policy(good)
	h.write("main.hcl", policed)

	// What has become a link since leads nowhere, a week later.
	h.sh("mv /srv/shop/data /srv/shop/moved; ln -s /srv/shop/moved /srv/shop/data; ! systemctl restart hostctl-web.service; rm /srv/shop/data; mkdir /srv/shop/evil; ln -s /etc /srv/shop/data; ! systemctl restart hostctl-web.service; rm /srv/shop/data; mv /srv/shop/moved /srv/shop/data; rmdir /srv/shop/evil")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -u hostctl-web.service"), "RESOLVE_BENEATH")
	h.sh("systemctl restart hostctl-web.service")

	// Without the rules nothing starts; an apply writes them again.
	h.sh("rm /run/hostctl/policy.json; ! systemctl restart hostctl-web.service")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -u hostctl-web.service"), "/run/hostctl/policy.json is missing")
	h.apply()
	equal(t, h.sh("stat -c '%a %U' /run/hostctl/policy.json"), "600 root")

	// A configuration is what it says it is only where it lies: one that takes the name, and wants nothing, would remove all.
	h.write("evil/main.hcl", "hostctl { name = \"shop\" }\n")
	h.policy(good + "configuration \"shop\" {\n  directories = [\"/srv/git/shop\"]\n}\n")
	contains(t, h.hostctl(3, "apply", "-auto-approve", "-chdir=evil").stderr, "does not allow this configuration from /work/evil", `directories = ["/srv/git/shop", "/work/evil"]`)
	h.hostctl(3, "destroy", "-auto-approve")
	h.sh("mkdir -p /srv/git; cp -r /work /srv/git/shop; rm -r /srv/git/shop/evil; hostctl plan -detailed-exitcode -chdir=/srv/git/shop")
	h.sh("ln -s /work/evil /srv/git/shop/link")
	h.hostctl(3, "plan", "-chdir=/srv/git/shop/link")
	h.hostctl(0, "destroy", "-auto-approve", "-chdir=/srv/git/shop")
}
