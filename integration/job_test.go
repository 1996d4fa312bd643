package integration

import (
	"strings"
	"testing"
)

const jobs = `hostctl {
  name = "jobs"
}

variable "what" {
  type    = string
  default = "one"
}

variable "memory" {
  type    = string
  default = "64M"
}

volume "log" {
  path  = "/srv/log"
  owner = user.log
}

user "log" {
}

container "migrate" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/sh", "-c", "sleep 0.5; echo ${var.what} >> /run/log/runs; cat /run/log/verdict 2> /dev/null && exit 3; true"]
  run_as  = user.log
  job     = true

  mount "/run/log" {
    volume = volume.log
  }
  file "/etc/httpd.conf" {
    content = "x"
  }
  limits {
    memory = var.memory
  }
}

container "after" {
  rootfs     = "/srv/rootfs/busybox"
  command    = ["/bin/sleep", "1000000"]
  depends_on = [container.migrate]
}
`

// A job is run to its end once for each change of what it is run with, also over reboots.
func TestJob(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", jobs)
	runs := func(want string) {
		t.Helper()
		equal(t, strings.Join(strings.Fields(h.sh("cat /srv/log/runs")), " "), want)
	}
	h.apply()
	runs("one") // the apply has waited for it
	h.clean()
	h.apply()
	runs("one")
	equal(t, h.property("hostctl-migrate.service", "SubState"), "exited")
	equal(t, h.property("hostctl-migrate.service", "ExecMainStatus"), "0")
	contains(t, h.hostctl(0, "status").stdout, "done at 20")

	// A change of what it runs with runs it again, one of its limits does not.
	h.apply("-var", "what=two")
	runs("one two")
	h.apply("-var", "what=two", "-var", "memory=96M")
	runs("one two")
	h.clean("-var", "what=two", "-var", "memory=96M")
	// Nor one of its unit alone, for which that is made anew.
	h.write("main.hcl", strings.Replace(jobs, "job     = true", "job     = true\n  stop_timeout = \"7s\"", 1))
	contains(t, h.apply("-var", "what=two", "-var", "memory=96M").stdout, "replaced")
	runs("one two")
	h.clean("-var", "what=two", "-var", "memory=96M")
	h.write("main.hcl", jobs)
	h.apply("-var", "what=two", "-var", "memory=96M")
	runs("one two")
	h.clean("-var", "what=two", "-var", "memory=96M")

	// After a reboot, which takes all of /run along, it is still done; what depends on it runs.
	h.sh("systemctl stop hostctl-keep-migrate.slice hostctl-keep-after.slice hostctl-migrate.service hostctl-after.service || true; rm -r /run/hostctl/containers /run/hostctl/specs /run/hostctl/running /run/hostctl/files")
	plan := h.hostctl(2, "plan", "-detailed-exitcode", "-var", "what=two", "-var", "memory=96M").stdout
	contains(t, plan, "container.after will be created")
	if strings.Contains(plan, "container.migrate w") {
		t.Errorf("a job that was run is planned again after a reboot:\n%s", plan)
	}
	h.apply("-var", "what=two", "-var", "memory=96M")
	runs("one two")
	h.apply("-var", "what=two", "-var", "memory=64M")
	runs("one two")
	h.apply("-var", "what=three")
	runs("one two three")

	// One that fails fails the apply and what depends on it, returns to what it was, and is run again by the next.
	h.sh("echo because > /srv/log/verdict")
	r := h.hostctl(6, "apply", "-auto-approve", "-var", "what=four")
	contains(t, r.all(), "container migrate", "exit status 3", "because")
	runs("one two three four")
	contains(t, h.hostctl(0, "status").stdout, "done at") // as what it was, which is not run again
	h.hostctl(6, "apply", "-auto-approve", "-var", "what=four")
	runs("one two three four four")
	h.sh("rm /srv/log/verdict")
	h.apply("-var", "what=four")
	runs("one two three four four four")
	h.clean("-var", "what=four")

	// Stopped it is not run, started it is, and what was killed on its way is not done.
	h.hostctl(0, "stop", "migrate")
	h.apply("-var", "what=four")
	runs("one two three four four four")
	h.hostctl(0, "start", "migrate")
	runs("one two three four four four four")
	h.write("main.hcl", strings.Replace(jobs, "sleep 0.5", "sleep 60", 1))
	h.sh("(cd " + work + "; timeout -s KILL 2 hostctl apply -auto-approve -var what=five) || true; systemctl kill -s KILL hostctl-migrate.service; for i in $(seq 100); do systemctl -q is-failed hostctl-migrate.service && exit; sleep 0.02; done; exit 1")
	contains(t, h.hostctl(2, "plan", "-detailed-exitcode", "-var", "what=five").stdout, "container.migrate")

	// Nothing is left of it.
	h.write("main.hcl", "hostctl {\n  name = \"jobs\"\n}\n")
	h.apply()
	equal(t, h.sh("systemctl list-units --all --plain --no-legend 'hostctl-*' | grep -v hostctl-log || true; ls /var/lib/hostctl/jobs"), "")
}

const scheduled = `hostctl {
  name = "scheduled"
}

variable "what" {
  type    = string
  default = "one"
}

container "tick" {
  rootfs  = "/srv/rootfs/busybox"
  command = ["/bin/echo", "tick ${var.what}"]
  job     = true

  schedule {
    calendar     = "*:*:0/2"
    random_delay = "100ms"
    persistent   = true
  }
}
`

// A job with a schedule is run by a timer.
func TestSchedule(t *testing.T) {
	h := boot(t)
	h.write("main.hcl", scheduled)
	h.apply()
	h.clean()
	await := func(text string, times string) {
		t.Helper()
		h.sh(`for i in $(seq 400); do [ $(journalctl -q --no-pager -o cat -u hostctl-tick.service | grep -c '^` + text + `$') -ge ` + times + ` ] && exit; sleep 0.05; done; journalctl -q --no-pager -n 40; systemctl list-timers --all --no-pager; exit 1`)
	}
	await("tick one", "2")
	h.clean()
	contains(t, h.hostctl(0, "status").stdout, "scheduled, next at 20")
	contains(t, h.sh("systemctl list-timers --no-pager"), "hostctl-tick.timer")
	h.apply("-var", "what=two")
	await("tick two", "1")
	h.sh("systemctl stop hostctl-tick.timer")
	contains(t, h.hostctl(2, "plan", "-detailed-exitcode", "-var", "what=two").stdout, "container.tick")
	h.apply("-var", "what=two")
	h.clean("-var", "what=two")
	h.hostctl(0, "stop", "tick")
	h.sh("! systemctl -q is-active hostctl-tick.timer")
	h.hostctl(0, "start", "tick")
	await("tick two", "3")
	// What is ordered after the job keeps its unit loaded, and not its timer.
	h.write("main.hcl", scheduled+"\ncontainer \"after\" {\n  rootfs = \"/srv/rootfs/busybox\"\n  command = [\"sleep\", \"1000000\"]\n  depends_on = [container.tick]\n}\n")
	h.apply("-var", "what=two")
	h.sh("systemctl stop hostctl-tick.timer")
	equal(t, h.sh("systemctl list-units --all --plain --no-legend 'hostctl-tick.*' | cut -d' ' -f1"), "hostctl-tick.service")
	h.apply("-var", "what=two")
	h.clean("-var", "what=two")
	h.sh("systemctl -q is-active hostctl-tick.timer")
	h.write("main.hcl", strings.Replace(scheduled, "*:*:0/2", "Mon 03:00 Atlantis/Vienna", 1))
	contains(t, h.hostctl(1, "plan").all(), "does not know the zone Atlantis/Vienna")
	h.write("main.hcl", strings.Replace(scheduled, "*:*:0/2", "hourly", 1))
	h.apply("-var", "what=two")
	h.clean("-var", "what=two")
	contains(t, h.sh("systemctl show -P TimersCalendar hostctl-tick.timer"), "*-*-* *:00:00")
	h.write("main.hcl", "hostctl {\n  name = \"scheduled\"\n}\n")
	h.apply()
	equal(t, h.sh("systemctl list-units --all --plain --no-legend 'hostctl-*' | grep -v hostctl-log || true; ls /var/lib/systemd/timers | grep hostctl || true"), "")
}
