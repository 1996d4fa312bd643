package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// remembered is a configuration with something of everything that a generation has to carry along.
const remembered = `
hostctl { name = "shop" }
variable "token" {
  type      = string
  sensitive = true
}
user "shop" {}
volume "data" {
  path  = "/srv/shop/data"
  owner = user.shop
}
container "web" {
  rootfs      = "/srv/rootfs/busybox"
  command     = ["sleep", "1000000"]
  run_as      = user.shop
  environment = { TOKEN = var.token, GREETING = "GREETING" }
  file "/etc/site.conf" {
    content = "CONTENT\n"
  }
  mount "/data" {
    volume = volume.data
  }
}
`

// generationList is the answer of generations -json.
type generationList struct {
	Generations []struct {
		Number  uint64 `json:"generation"`
		Outcome string `json:"outcome"`
		Current bool   `json:"current"`
		BackTo  uint64 `json:"back_to"`
		Dir     string `json:"dir"`
		Commit  string `json:"commit"`
		By      struct {
			Name    string  `json:"name"`
			UID     uint32  `json:"uid"`
			SudoUID *uint32 `json:"sudo_uid"`
		} `json:"by"`
	} `json:"generations"`
}

func (h *host) generations(args ...string) generationList {
	h.t.Helper()
	var list generationList
	decode(h.t, h.hostctl(0, append([]string{"generations", "-json"}, args...)...).stdout, &list)
	return list
}

// outcomes are the outcomes of the generations, the oldest first.
func (h *host) outcomes(args ...string) string {
	h.t.Helper()
	var words []string
	for _, g := range h.generations(args...).Generations {
		words = append(words, g.Outcome)
	}
	return strings.Join(words, " ")
}

// cutOff kills an apply, with these flags, in a step: where it is about to give a container another spec, which is the first symbolic link
// that it makes.
func (h *host) cutOff(whose string, flags ...string) {
	h.t.Helper()
	before := len(h.generations(whose).Generations)
	kill := []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=symlinkat", "-e", "inject=symlinkat:signal=KILL", "hostctl", "apply", "-auto-approve", "-settle=0s"}
	r := h.run(append(kill, flags...)...)
	if all := h.generations(whose).Generations; len(all) != before+1 || all[before].Outcome != "interrupted" {
		h.t.Fatalf("was not killed in a step: %s", r.all())
	}
}

// TestGenerations: what was applied is remembered, shown without its secrets, and goes back without the repository.
func TestGenerations(t *testing.T) {
	h := boot(t)
	write := func(dir, greeting, content string) {
		h.write(dir+"/main.hcl", strings.NewReplacer("GREETING = \"GREETING\"", "GREETING = \""+greeting+"\"", "CONTENT", content).Replace(remembered))
	}
	const commit = "0123456789012345678901234567890123456789"
	h.write("repo/.git/HEAD", "ref: refs/heads/main\n")
	h.write("repo/.git/refs/heads/main", commit+"\n")
	const dir = "-chdir=repo/host"
	token := []string{dir, "-var=token=hunter2"}
	write("repo/host", "hello", "first")
	contains(t, h.hostctl(1, "generations", dir).stderr, `configuration "shop" has no generations on this host; none was applied here yet`)
	contains(t, h.hostctl(1, "rollback", dir, "-auto-approve").stderr, "has no generations")
	h.apply(token...)
	h.write("other/main.hcl", strings.NewReplacer("shop", "other", `"web"`, `"front"`).Replace(remembered))
	h.apply("-chdir=other", "-var=token=hunter2")

	// Two changes, and one that fails half-way; where nothing is done there is nothing to remember.
	write("repo/host", "bye", "second")
	h.sh("SUDO_UID=65534 SUDO_USER=nobody hostctl apply -auto-approve " + strings.Join(token, " "))
	h.apply(token...)
	h.sh("echo precious > /srv/shop/data/file")
	write("repo/host", "again", "third")
	h.write("repo/host/bad.hcl", "container \"bad\" {\n  rootfs  = \"/srv/rootfs/busybox\"\n  command = [\"false\"]\n  job     = true\n}\n")
	h.hostctl(1, append([]string{"apply", "-auto-approve", "-no-rollback"}, token...)...)

	t.Run("list", func(t *testing.T) {
		h := h.in(t)
		equal(t, h.outcomes(dir), "applied applied failed")
		all := h.generations(dir).Generations
		equal(t, all[0].Commit, commit)
		equal(t, all[0].Dir, work+"/repo/host")
		if by := all[1].By; by.Name != "nobody" || by.UID != 0 || by.SudoUID == nil || *by.SudoUID != 65534 {
			t.Errorf("by: %+v", by)
		}
		if all[1].Current || !all[2].Current {
			t.Errorf("current: %+v", all)
		}
		r := h.hostctl(0, "generations", "-name", "shop")
		contains(t, r.stdout, "OUTCOME", "012345678901", "nobody", "apply", "3 added", "*")
		equal(t, h.outcomes("-name=other"), "applied")
		contains(t, h.hostctl(1, "generations", "-name=shpo").stderr, `did you mean "shop"`, "other, shop")
		r = h.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "hostctl", "generations", "-name=shop")
		contains(t, r.stderr, "only root reads what was applied")
		missing(t, r.all(), "nobody")
		equal(t, h.sh("stat -c %a /var/lib/hostctl/generations /var/lib/hostctl/generations/shop | sort -u; stat -c '%a %U' /var/lib/hostctl/generations/shop/* | sort -u"), "700\n600 root")
	})
	t.Run("looked at", func(t *testing.T) {
		h := h.in(t)
		for _, args := range [][]string{
			{"generations"}, {"generations", "-json"}, {"generations", "diff", "1", "3"}, {"generations", "diff", "1", "3", "-json"},
			{"history", "container.web"}, {"history", "container.web", "-json"}, {"show", "-generation=1"}, {"show", "-generation=1", "-json"},
		} {
			missing(t, h.hostctl(0, append(args, "-name=shop")...).all(), "hunter2")
		}
		r := h.hostctl(0, "generations", "diff", "1", "2", dir)
		contains(t, r.stdout, `From generation 1 to generation 2 of configuration "shop":`, `"hello" -> "bye"`, "content = ", "1 to change")
		contains(t, h.hostctl(0, "generations", "diff", "2", "2", dir).stdout, "Generation 2 declares what generation 2 does.")
		contains(t, h.hostctl(1, "generations", "diff", "1", "9", dir).stderr, "has no generation 9; it has 1, 2, 3")
		r = h.hostctl(0, "history", "container.web", dir)
		contains(t, r.stdout, "Generation 1 of configuration", "container.web created", "Generation 2", `~ environment["GREETING"] = "hello" -> "bye"`, "(withheld)", "failed")
		contains(t, h.hostctl(0, "history", "container.bad", dir).stdout, "Generation 3", "not created")
		contains(t, h.hostctl(1, "history", "container.wbe", dir).stderr, `did you mean "container.web"`)
		r = h.hostctl(0, "show", "-generation", "1", "container.web", dir)
		contains(t, r.stdout, "Generation 1 of configuration", "container.web: declared", `"hello"`, "(withheld)")
		missing(t, r.stdout, "user.shop: ")
	})
	contains(t, h.sh("cd / && hostctl __complete -- rollback -name shop ''"), "2\tGeneration 2 of configuration")
	t.Run("back", func(t *testing.T) {
		h := h.in(t)
		for _, wrong := range []struct{ operand, says string }{
			{"3", "generation 3 is the current one"}, {"7", "has no generation 7; it has 1, 2, 3"}, {"0", "no number of a generation"}, {"-1", "no flag"}, {"x", "no number"},
		} {
			contains(t, h.hostctl(1, "rollback", "-name=shop", "-auto-approve", wrong.operand).stderr, wrong.says)
		}
		contains(t, h.hostctl(1, "rollback", "-name=other", "-auto-approve").stderr, "has nothing to go back to")
		contains(t, h.hostctl(1, "rollback", "-name=shop", "-json").stderr+h.run("hostctl", "rollback", "-name=shop", "-json").stdout, "-auto-approve")
		// The newest that was applied before the one that failed, and nobody needs the files any more.
		if err := os.Rename(filepath.Join(h.work, "repo"), filepath.Join(h.work, "away")); err != nil {
			t.Fatal(err)
		}
		r := h.sh("cd / && hostctl rollback -name shop -auto-approve")
		contains(t, r, `back to generation 2 of configuration "shop"`, "Data on volumes is not rolled back", "go back with the rest")
		equal(t, h.outcomes("-name=shop"), "applied applied failed applied")
		if last := h.generations("-name=shop").Generations[3]; last.BackTo != 2 || last.Commit != commit || last.Dir != work+"/repo/host" {
			t.Errorf("the rollback: %+v", last)
		}
		env := h.sh("tr '\\0' '\\n' < /proc/" + h.payload("web") + "/environ")
		contains(t, env, "GREETING=bye", "TOKEN=hunter2")
		equal(t, h.sh("cat /proc/"+h.payload("web")+"/root/etc/site.conf"), "second")
		equal(t, h.sh("cat /srv/shop/data/file"), "precious")
		equal(t, h.property("hostctl-bad.service", "LoadState"), "not-found")
		contains(t, h.hostctl(0, "rollback", "-name=shop", "-auto-approve", "2").stdout, "No changes. The host is as generation 2 says.")
		equal(t, h.outcomes("-name=shop"), "applied applied failed applied")
		// Destroyed, and back with the numbers that it had.
		uid := h.sh("id -u shop")
		h.hostctl(0, "rollback", "-name=shop", "-auto-approve", "1")
		equal(t, h.sh("cat /proc/"+h.payload("web")+"/root/etc/site.conf"), "first")
		write("repo/host", "hello", "first")
		h.clean(token...)
		h.hostctl(0, append([]string{"destroy", "-auto-approve"}, token...)...)
		h.hostctl(0, "rollback", "-name=shop", "-auto-approve")
		equal(t, h.sh("id -u shop; cat /srv/shop/data/file"), uid+"\nprecious")
		h.clean(token...)
		equal(t, h.outcomes("-name=shop"), "applied applied failed applied applied applied applied")
	})
	t.Run("policy", func(t *testing.T) {
		h := h.in(t)
		ids := h.invocations()
		h.policy("paths {\n  writable = [\"/srv/other\"]\n}\n")
		contains(t, h.hostctl(3, "rollback", "-name=shop", "-auto-approve", "2").stderr, "does not allow writing to /srv/shop/data")
		h.policy(generous + "configuration \"shop\" {\n  directories = [\"/srv/git/shop\"]\n}\n") // where the generation did not lie
		contains(t, h.hostctl(3, "rollback", "-name=shop", "-auto-approve", "2").stderr, "does not allow this configuration from "+work+"/repo/host")
		equal(t, h.invocations(), ids)
		h.policy(generous)
	})
	t.Run("stopped", func(t *testing.T) {
		h := h.in(t)
		h.hostctl(0, "stop", "-name=shop", "container.web")
		h.hostctl(0, "rollback", "-name=shop", "-auto-approve", "2")
		equal(t, h.property("hostctl-web.service", "ActiveState"), "inactive")
		h.hostctl(0, "start", "-name=shop", "container.web")
		contains(t, h.hostctl(0, "rollback", "-name=shop", "-auto-approve", "2").stdout, "No changes")
		contains(t, h.sh("tr '\\0' '\\n' < /proc/"+h.payload("web")+"/environ"), "GREETING=bye")
	})
	t.Run("killed", func(t *testing.T) {
		h := h.in(t)
		write("repo/host", "killed", "killed")
		h.cutOff(dir, token...)
		list := h.generations(dir).Generations
		r := h.apply(token...)
		contains(t, r.stderr, fmt.Sprintf("Generation %d was interrupted", list[len(list)-1].Number))
		missing(t, h.hostctl(0, append([]string{"plan"}, token...)...).stderr, "interrupted")
		h.clean(token...)
		// Cut off after its last step: nothing is left to be done, and it is said once.
		newest := "/var/lib/hostctl/generations/shop/" + fmt.Sprint(len(h.generations(dir).Generations)) + ".json"
		h.sh("sed -i '$d' " + newest)
		contains(t, h.apply(token...).all(), "was interrupted", "No changes")
		missing(t, h.apply(token...).stderr, "interrupted")
		if words := h.outcomes(dir); !strings.HasSuffix(words, " interrupted") {
			t.Error(words)
		}
	})
	t.Run("a part", func(t *testing.T) {
		h := h.in(t)
		write("repo/host", "part", "part")
		h.write("repo/host/bad.hcl", "user \"new\" {}\n")
		h.apply(append([]string{"-target=user.new"}, token...)...)
		list := h.generations(dir).Generations
		shown := h.hostctl(0, "show", dir, fmt.Sprintf("-generation=%d", list[len(list)-1].Number)).stdout
		contains(t, shown, "user.new: declared", "container.web: declared", `"killed`)
		missing(t, shown, `"part"`)
	})
}
