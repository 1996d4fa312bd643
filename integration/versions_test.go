package integration

import "testing"

const moved = `
hostctl { name = "moved" }
variable "command" {
  type    = string
  default = "11111"
}
container "a" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", var.command]
}
container "b" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["sleep", "22222"]
  depends_on = [container.a]
}
container "off" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["sleep", "33333"]
}
container "daily" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["true"]
  job     = true
  schedule {
    calendar = "daily"
  }
}
`

// TestMovedPrograms: a unit that starts a program which is not there any more is made anew; one whose program is there is left alone.
func TestMovedPrograms(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", moved)
	h.sh(`for n in 1 2 3; do mkdir -p /opt/h$n; cp /usr/local/bin/hostctl /usr/local/bin/hostctl-launch /opt/h$n; done
		/opt/h1/hostctl apply -auto-approve; /opt/h1/hostctl stop container.off; /opt/h2/hostctl plan -detailed-exitcode; /opt/h2/hostctl drift; rm -r /opt/h1`)
	r := h.run("/opt/h2/hostctl", "plan", "-detailed-exitcode")
	contains(t, r.stdout, "container.a", "container.b", "container.off", "container.daily", "/opt/h1/hostctl-launch", "4 to replace")
	equal(t, h.sh("/opt/h2/hostctl drift > /dev/null || echo $?"), "2")
	h.sh("! systemctl restart hostctl-b.service 2> /dev/null") // 203/EXEC
	h.sh("/opt/h2/hostctl apply -auto-approve; /opt/h2/hostctl plan -detailed-exitcode; /opt/h2/hostctl drift; systemctl restart hostctl-b.service; systemctl start hostctl-daily.service")
	equal(t, h.property("hostctl-off.service", "ActiveState"), "inactive")

	// Another version, the one of before being there still.
	was := h.invocations()
	h.sh("/opt/h3/hostctl plan -detailed-exitcode; /opt/h3/hostctl apply -auto-approve")
	equal(t, h.invocations(), was)
	h.sh("/opt/h3/hostctl apply -auto-approve -var=command=44444; rm -r /opt/h2; systemctl restart hostctl-a.service; systemctl is-active hostctl-a.service")
	contains(t, h.property("hostctl-a.service", "ExecStart"), "/opt/h3/hostctl-launch")
	contains(t, h.sh("/opt/h3/hostctl plan -var=command=44444"), "container.daily", "/opt/h2/hostctl-launch")
	h.sh("/opt/h3/hostctl destroy -auto-approve -var=command=44444")
}

// TestVersionsByLink: what is started through links that root alone can turn is named by them, so that turning one is an upgrade.
func TestVersionsByLink(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", moved)
	h.sh(`mkdir -p /opt/hostctl-1/bin; cp /usr/local/bin/hostctl /usr/local/bin/hostctl-launch /opt/hostctl-1/bin; cp -a /opt/hostctl-1 /opt/hostctl-2
		ln -s hostctl-1 /opt/hostctl; ln -s ../../opt/hostctl/bin/hostctl /usr/bin/hostctl
		/usr/bin/hostctl install; /usr/bin/hostctl apply -auto-approve`)
	equal(t, h.sh("grep ^ExecStart= /etc/systemd/system/hostctl.service"), "ExecStart=/usr/bin/hostctl replay -lock-timeout=24h")
	contains(t, h.property("hostctl-a.service", "ExecStart"), "path=/opt/hostctl/bin/hostctl-launch ")
	h.sh("ln -sfn hostctl-2 /opt/hostctl; rm -r /opt/hostctl-1; /usr/bin/hostctl plan -detailed-exitcode; systemctl restart hostctl-b.service")
	h.powerOff()
	h.sh("systemctl start hostctl.service; systemctl is-active hostctl-a.service hostctl-b.service")
	h.sh("/usr/bin/hostctl plan -detailed-exitcode; /usr/bin/hostctl destroy -auto-approve")

	// One that another could turn is not named.
	h.sh("/usr/bin/hostctl uninstall; chown -h 65534 /opt/hostctl; /usr/bin/hostctl install")
	equal(t, h.sh("grep ^ExecStart= /etc/systemd/system/hostctl.service"), "ExecStart=/opt/hostctl-2/bin/hostctl replay -lock-timeout=24h")
	h.sh("/usr/bin/hostctl uninstall")
}
