package integration

import (
	"strings"
	"testing"
)

const secretive = `hostctl {
  name = "shop"
}

variable "password" {
  type      = string
  sensitive = true
}

container "web" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["/bin/sh", "-c", "echo up; exec sleep 1000000"]
  user        = "33:34"
  restart     = "always"
  environment = {
    PASSWORD = var.password
  }
  secret "tls.key" {
    credential = "tls-key"
  }
  secret "db" {
    credential = "db"
    path       = "/run/app/db"
    owner      = "0:34"
    mode       = "0440"
  }
}

container "front" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["/bin/sleep", "1000000"]
  depends_on = [container.web]
}

container "once" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sh", "-c", "grep -q encrypted $CREDENTIALS_DIRECTORY/db"]
  job     = true
  secret "db" {
    credential = "db"
  }
}
`

// given is a policy that has the credentials, one in that file.
func given(file, containers string) string {
	return generous + `
credential "tls-key" {
  file       = "` + file + `"
  containers = ["` + containers + `"]
}
credential "db" {
  file       = "/etc/hostctl/credentials/db"
  encrypted  = true
  containers = ["web", "once"]
}
`
}

// Credentials by their id: read by systemd, copied by the launcher, and nowhere else.
func TestSecrets(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", secretive)
	h.write("x.auto.hclvars", "password = \"S3CR3T-variable\"\n")
	secret := func(path string) string { return h.sh("hostctl exec web cat " + path) }

	// What is not there, or not root's alone, is said before anything is done.
	r := h.hostctl(3, "plan")
	contains(t, r.stderr, `does not allow credential "tls-key"`, "main.hcl line 19", `has no credential of that id`)
	h.policy(given("/etc/hostctl/credentials/tls-key", "web"))
	r = h.hostctl(1, "apply", "-auto-approve")
	contains(t, r.stderr, `cannot give credential "tls-key"`, "install -m 0600", "main.hcl line 19")
	h.sh(`
		mkdir -m 0700 /etc/hostctl/credentials
		printf S3CR3T-credential > /etc/hostctl/credentials/tls-key
		chmod 0644 /etc/hostctl/credentials/tls-key
		printf S3CR3T-encrypted | systemd-creds encrypt --with-key=host --name=other - /etc/hostctl/credentials/db
		chmod 0600 /etc/hostctl/credentials/db
	`)
	r = h.hostctl(1, "apply", "-auto-approve")
	contains(t, r.stderr, "chmod 0600 /etc/hostctl/credentials/tls-key", `cannot give credential "db"`, "systemd-creds encrypt --name=db")
	equal(t, h.sh("ls /run/credentials"), "")
	h.sh(`
		chmod 0600 /etc/hostctl/credentials/tls-key
		printf S3CR3T-encrypted | systemd-creds encrypt --with-key=host --name=db - /etc/hostctl/credentials/db
		chmod 0600 /etc/hostctl/credentials/db
	`)
	h.hostctl(0, "plan", "-out=/tmp/saved.plan")
	h.hostctl(0, "apply", "/tmp/saved.plan")
	h.clean()

	// Inside they are the program's, in memory that it cannot write to, and nothing leads to where they come from.
	equal(t, secret("/run/secrets/tls.key"), "S3CR3T-credential")
	equal(t, secret("/run/app/db"), "S3CR3T-encrypted")
	equal(t, h.sh("hostctl exec web stat -c '%u:%g %a' /run/secrets/tls.key /run/app/db"), "33:34 400\n0:34 440")
	equal(t, h.sh("hostctl exec web sh -c 'echo $CREDENTIALS_DIRECTORY'"), "/run/secrets")
	contains(t, h.sh("grep ' /run/secrets ' /proc/"+h.pid("web")+"/mountinfo"), " ro,nosuid,nodev,noexec", "tmpfs", "noswap")
	equal(t, h.sh("grep -c /run/credentials /proc/"+h.pid("web")+"/mountinfo || true"), "0")
	for _, bad := range []string{"echo x > /run/secrets/tls.key", "rm -f /run/secrets/tls.key", "ls /run/credentials"} {
		if r := h.run("hostctl", "exec", "web", "sh", "-c", bad); r.exit == 0 {
			t.Errorf("inside: %s", bad)
		}
	}
	if r := h.run("hostctl", "exec", "-user=1000", "web", "cat", "/run/secrets/tls.key"); r.exit == 0 {
		t.Errorf("another user of the container reads it: %s", r.all())
	}
	equal(t, h.sh("hostctl cp web:/run/secrets/tls.key /tmp/copied > /dev/null; cat /tmp/copied; rm /tmp/copied"), "S3CR3T-credential")

	t.Run("canary", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "plan", "-out=/tmp/saved.plan", "-replace=container.web")
		for _, where := range []string{
			"grep -rl CANARY /run/systemd /run/hostctl /run/log /run/udev /var/lib/hostctl /var/log /tmp 2> /dev/null",
			"systemctl show --all hostctl-web.service | grep CANARY",
			"systemctl cat hostctl-web.service | grep CANARY",
			"busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/hostctl_2dweb_2eservice org.freedesktop.DBus.Properties GetAll s '' | grep CANARY",
			"ps -efww | grep '[C]ANARY'",
			"grep -l '[C]ANARY' /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2> /dev/null",
			"journalctl -q --no-pager -o export | grep -a CANARY",
			"hostctl plan -replace=container.web 2>&1 | grep CANARY",
			"hostctl plan -json -replace=container.web | grep CANARY",
			"hostctl status 2>&1 | grep CANARY",
			"hostctl show container.web 2>&1 | grep CANARY",
			"hostctl show -json container.web 2>&1 | grep CANARY",
			"hostctl audit web 2>&1 | grep CANARY",
			"hostctl graph 2>&1 | grep CANARY",
			"echo var.password | hostctl console 2>&1 | grep CANARY",
			"hostctl policy explain container.web 2>&1 | grep CANARY",
			"hostctl logs web 2>&1 | grep CANARY",
			"setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c 'grep -rl [C]ANARY /run /var/lib /etc/hostctl /tmp 2> /dev/null'",
		} {
			for _, canary := range []string{"S3CR3T-credential", "S3CR3T-encrypted", "S3CR3T-variable"} {
				script := strings.NewReplacer("[C]ANARY", "[S]"+canary[1:], "CANARY", canary).Replace(where)
				out := h.sh("{ " + script + "; } || true")
				// A sensitive variable is the program's environment: root's files have it, and the program's own processes.
				if canary == "S3CR3T-variable" {
					out = h.sh("printf '%s\n' " + quoted(out) + " | grep -v -e '^/run/hostctl/specs/' -e '^/var/lib/hostctl/ledger.json$' -e '^/var/lib/hostctl/generations/' -e '^/proc/[0-9]*/environ$' || true")
				}
				if out != "" {
					t.Errorf("%s: %s", script, out)
				}
			}
		}
		// It is where it belongs, so that these would find it.
		equal(t, h.sh("grep -rl S3CR3T /run/credentials/hostctl-web.service | sort"), "/run/credentials/hostctl-web.service/db\n/run/credentials/hostctl-web.service/tls-key")
		h.sh("grep -rl S3CR3T-variable /run/hostctl/specs && grep -l S3CR3T-variable /var/lib/hostctl/ledger.json && grep -l S3CR3T-variable /proc/" + h.payload("web") + "/environ")
		equal(t, h.sh("find /run/hostctl /var/lib/hostctl -type f ! -perm 600 ! -name lock"), "")
		h.sh("rm /tmp/saved.plan")
	})

	// hostctl itself leaves no core, which would hold the variable: what Go is told by the caller counts for nothing, and it is not dumpable.
	t.Run("core", func(t *testing.T) {
		h := h.in(t)
		equal(t, h.sh(`
			mkdir /tmp/cores
			cd /tmp/cores
			ulimit -c unlimited
			GOTRACEBACK=crash hostctl logs -f web > /tmp/log 2> /tmp/trace &
			until grep -q up /tmp/log; do sleep 0.05; done
			kill -ABRT $!
			wait $! 2> /tmp/said && exit 1
			grep 'core dumped' /tmp/said || true
			ls
		`), "")
		h.sh("rm -r /tmp/cores")
	})

	// The file's new content is had from the next start on, whoever starts it; also with another key.
	h.sh(`
		printf S3CR3T-second > /etc/hostctl/credentials/tls-key
		test "$(hostctl exec web cat /run/secrets/tls.key)" = S3CR3T-credential
		systemctl daemon-reload
		systemctl restart hostctl-web.service
	`)
	equal(t, secret("/run/secrets/tls.key"), "S3CR3T-second")
	h.clean()

	// Another file by the policy: the plan says so, and the unit is made anew.
	h.sh("install -m 0600 /etc/hostctl/credentials/tls-key /etc/hostctl/credentials/moved; printf S3CR3T-moved > /etc/hostctl/credentials/moved")
	h.policy(given("/etc/hostctl/credentials/moved", "web"))
	r = h.hostctl(2, "plan", "-detailed-exitcode")
	contains(t, r.stdout, "source", "/etc/hostctl/credentials/tls-key", "/etc/hostctl/credentials/moved")
	missing(t, r.stdout, "S3CR3T")
	h.apply()
	equal(t, secret("/run/secrets/tls.key"), "S3CR3T-moved")
	h.clean()

	// A file that goes: what runs goes on; a start fails, once, and says why.
	h.sh("mv /etc/hostctl/credentials/moved /etc/hostctl/credentials/away")
	if r := h.run("systemctl", "restart", "hostctl-web.service"); r.exit == 0 {
		t.Error("it started without its credential")
	}
	h.sh("sleep 2.5")
	equal(t, h.property("hostctl-web.service", "ActiveState")+" "+h.property("hostctl-web.service", "NRestarts"), "failed 0")
	r = h.hostctl(1, "apply", "-auto-approve")
	contains(t, r.stderr, "/etc/hostctl/credentials/moved", "install -m 0600")
	h.sh("mv /etc/hostctl/credentials/away /etc/hostctl/credentials/moved")
	h.apply()
	equal(t, secret("/run/secrets/tls.key"), "S3CR3T-moved")

	// A policy that takes it away: what runs goes on, the plan refuses it, and so does the launcher at the next start.
	h.policy(given("/etc/hostctl/credentials/moved", "db"))
	r = h.hostctl(3, "apply", "-auto-approve")
	contains(t, r.stderr, `does not allow credential "tls-key"`)
	equal(t, secret("/run/secrets/tls.key"), "S3CR3T-moved")
	if r := h.run("systemctl", "restart", "hostctl-web.service"); r.exit == 0 {
		t.Error("it started with a credential that it may not have any more")
	}
	equal(t, h.property("hostctl-web.service", "ExecMainStatus"), "78")
	contains(t, h.sh("journalctl --sync; journalctl -q --no-pager -o cat -u hostctl-web.service"), `policy does not give credential "tls-key" to container web`)
	missing(t, h.sh("journalctl --sync; journalctl -q --no-pager -o export"), "S3CR3T")

	h.policy(given("/etc/hostctl/credentials/moved", "web"))
	h.hostctl(0, "destroy", "-auto-approve")
	equal(t, h.sh("ls /run/credentials"), "")
	equal(t, h.sh("ls /etc/hostctl/credentials"), "db\nmoved\ntls-key")
}

// quoted is a text as a shell takes it.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
