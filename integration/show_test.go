package integration

import (
	"encoding/json"
	"strings"
	"testing"
)

// Two configurations on one host, seen by show, ls and status.
func TestShowAndList(t *testing.T) {
	h := boot(t, "/srv/other")
	h.write("main.hcl", fixture(t, "shop.hcl"))
	h.write("other/main.hcl", `hostctl {
  name = "other"
}

variable "token" {
  type      = string
  sensitive = true
}

user "other" {}

container "other" {
  rootfs      = "`+busybox+`"
  command     = ["/bin/sleep", "2147483647"]
  run_as      = user.other
  environment = { TOKEN = var.token, "PLAIN" = "seen" }
}
`)
	contains(t, h.hostctl(0, "ls").stdout, "No configuration has anything on this host")
	h.apply()
	h.apply("-chdir=other", "-var=token=hunter2")

	t.Run("ls", func(t *testing.T) {
		h := h.in(t)
		r := h.hostctl(0, "ls")
		contains(t, r.stdout, "CONFIGURATION", "shop", "other", "1 user, 1 container", "1 running")
		type list struct {
			Configurations []struct {
				Name      string         `json:"name"`
				Resources map[string]int `json:"resources"`
				Running   int            `json:"running"`
				InLedger  bool           `json:"in_ledger"`
				Applied   struct {
					Dir string `json:"dir"`
				} `json:"applied"`
			} `json:"configurations"`
		}
		var all list
		decode(t, h.hostctl(0, "ls", "-json").stdout, &all)
		if len(all.Configurations) != 2 || all.Configurations[0].Name != "other" || all.Configurations[1].Resources["container"] != 4 || !all.Configurations[0].InLedger {
			t.Errorf("ls -json: %+v", all)
		}
		equal(t, all.Configurations[0].Applied.Dir, work+"/other")
		// As wide as the terminal, and no wider.
		for _, command := range []string{"ls", "status"} {
			equal(t, h.sh("COLUMNS=40 LC_ALL=C.UTF-8 hostctl "+command+" | grep -cE '^.{41,}' || true"), "0")
			contains(t, h.sh("COLUMNS=40 hostctl "+command), "…")
			missing(t, h.sh("hostctl "+command), "…")
		}
		// Without the ledger the marks tell the same, but for the volumes.
		h.sh("mv /var/lib/hostctl/ledger.json /tmp/ledger")
		r = h.hostctl(0, "ls")
		contains(t, r.stderr, "The ledger is missing")
		contains(t, r.stdout, "shop", "other", "1 user, 1 container", "1 running")
		if r := h.hostctl(0, "show", "-name", "other"); len(r.stdout) == 0 {
			t.Error("show without the ledger shows nothing")
		} else {
			contains(t, r.stderr, "No value is shown")
			missing(t, r.stdout, "hunter2", "seen")
		}
		h.sh("mv /tmp/ledger /var/lib/hostctl/ledger.json")
	})
	t.Run("status", func(t *testing.T) {
		h := h.in(t)
		missing(t, h.hostctl(0, "status").stdout, "container.other")
		contains(t, h.hostctl(0, "status", "-chdir=other", "-var=token=hunter2").stdout, "container.other  present  running")
	})
	t.Run("show", func(t *testing.T) {
		h := h.in(t)
		r := h.hostctl(0, "show", "container.web")
		contains(t, r.stdout, "container.web: running, pid ", `limits.memory`, `= "64M"`)
		missing(t, r.stdout, "~", "container.client", "\x1b")
		// The variables of a configuration need not be given to look at it, and its sensitive values are not shown.
		r = h.hostctl(0, "show", "container.other", "-chdir", "other")
		contains(t, r.stdout, `environment["TOKEN"]`, "(withheld)", `"seen"`)
		for _, args := range [][]string{{"-chdir=other"}, {"-name=other"}, {"-name=other", "-json"}, {"-name=other", "-live", "-json"}} {
			missing(t, h.hostctl(0, append([]string{"show"}, args...)...).all(), "hunter2")
		}
		contains(t, h.hostctl(1, "show", "container.wbe").stderr, `did you mean "container.web"`)
		contains(t, h.hostctl(1, "show", "container.other").stderr, `configuration "shop" has no container.other`)
		contains(t, h.hostctl(0, "show", "container.batch").stdout, `container.batch["a"]: running`, `container.batch["b"]: running`)
	})
	t.Run("drift", func(t *testing.T) {
		h := h.in(t)
		before := h.hostctl(0, "show", "-live", "-json").stdout
		if again := h.hostctl(0, "show", "-live", "-json").stdout; again != before {
			t.Errorf("two exports of one state differ:\n%s", diff(before, again))
		}
		h.sh("chmod 0700 /srv/shop/site")
		contains(t, h.hostctl(0, "show", "volume.site").stdout, `  ~ mode `, `"0700"`, `# applied: "0750"`)
		after := h.hostctl(0, "show", "-live", "-json").stdout
		contains(t, diff(before, after), `+       "mode": "0700"`)
		h.sh("systemctl stop hostctl-web.service")
		contains(t, h.hostctl(0, "show", "container.web").stdout, "container.web: stopped", "~ enabled")
		h.apply()
		if end := h.hostctl(0, "show", "-live", "-json").stdout; end != before {
			t.Errorf("apply did not bring back what was:\n%s", diff(before, end))
		}
	})
	t.Run("plan file", func(t *testing.T) {
		h := h.in(t)
		plan := h.hostctl(0, "plan", "-var", "memory=96M", "-out", "/tmp/change.plan")
		r := h.hostctl(0, "show", "/tmp/change.plan")
		contains(t, r.stdout, `A plan for configuration "shop"`, `"64M" -> "96M"`, "1 to change")
		contains(t, plan.stdout, "1 to change")
		var doc struct {
			FormatVersion int `json:"format_version"`
			Plan          struct {
				Owner string `json:"owner"`
			} `json:"plan"`
		}
		decode(t, h.hostctl(0, "show", "/tmp/change.plan", "-json").stdout, &doc)
		if doc.FormatVersion != 1 || doc.Plan.Owner != "shop" {
			t.Errorf("show FILE -json: %+v", doc)
		}
	})
	// The completion knows what is on the host, where the configuration is not.
	contains(t, h.sh("cd / && hostctl __complete -- stop container."), "container.other\ton this host", "container.web\ton this host")
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

// missing fails the test for each part that text has.
func missing(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			t.Errorf("%q stands in:\n%s", p, text)
		}
	}
}
