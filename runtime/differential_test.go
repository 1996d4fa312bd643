package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNeverWeakerThanCrun starts one probe as crun's default spec has it and as a container of ours without a word of
// choice, and turns what each saw into a set of powers: every power of ours is one of crun's too. A power that crun
// has no name for, such as a mount that only we make, is held to the strictest.
func TestNeverWeakerThanCrun(t *testing.T) {
	crun, err := exec.LookPath("crun")
	if err != nil {
		skip(t, "crun")
	}
	b := newBed(t)
	args := []string{"/bin/probe", "powers"}
	theirs := b.crun(crun, args)
	allowed := powers(theirs, nil)
	// The comparison is worth something only where the other side can do things.
	for _, p := range []string{"effective capability 5", "permitted capability 5", "host's namespace user", "host id 0", "new user namespace"} {
		if !slices.Contains(allowed, p) {
			t.Errorf("crun's container lacks %q: the probe does not see it", p)
		}
	}
	for _, init := range []bool{false, true} {
		ours := b.probe(b.spec(func(s *Spec) { s.Args, s.Init = args, init }))
		got := powers(ours, parseMounts(theirs.Mountinfo))
		for _, p := range got {
			if !slices.Contains(allowed, p) {
				t.Errorf("init %v: hostctl's payload has a power that crun's lacks: %s", init, p)
			}
		}
		t.Logf("init %v: %d powers, crun's %d", init, len(got), len(allowed))
	}
}

// crun runs the probe in a container of `crun spec`. Changed is only what it must be without a terminal, and on a host
// whose cgroup2 has no controllers or stands in a hybrid hierarchy, which crun refuses: there it sees the former alone.
func (b *bed) crun(program string, args []string) (r report) {
	b.t.Helper()
	bundle := b.dir + "/bundle"
	b.must(os.MkdirAll(bundle, 0o755))
	b.must(os.Symlink(b.rootfs, bundle+"/rootfs"))
	cmd := exec.Command(program, "spec")
	cmd.Dir = bundle
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("crun spec: %v\n%s", err, out)
	}
	text, err := os.ReadFile(bundle + "/config.json")
	b.must(err)
	var config map[string]any
	b.must(json.Unmarshal(text, &config))
	process := config["process"].(map[string]any)
	process["terminal"], process["args"] = false, args
	delete(config["linux"].(map[string]any), "resources")
	text, err = json.Marshal(config)
	b.must(err)
	b.must(os.WriteFile(bundle+"/config.json", text, 0o644))
	run := exec.Command("unshare", "--mount", "sh", "-c",
		`if test -d /sys/fs/cgroup/unified; then mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup; fi; exec "$@"`, "sh",
		program, "--root", b.dir+"/crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, "hostctl-differential")
	var out, errs bytes.Buffer
	run.Stdout, run.Stderr = &out, &errs
	if err := run.Run(); err != nil {
		b.t.Fatalf("crun run: %v\n%s", err, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		b.t.Fatalf("%v\n%s", err, out.String())
	}
	return r
}

// powers are what a payload can do, each in words, sorted. peers, unless nil, are another's mounts: where it has one
// at the same path, its options count; a mount that it lacks must be nosuid and nodev, or read-only devices.
func powers(r report, peers []insideMount) (out []string) {
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	for _, set := range []struct{ name, field string }{{"inheritable", "CapInh"}, {"permitted", "CapPrm"}, {"effective", "CapEff"},
		{"bounding", "CapBnd"}, {"ambient", "CapAmb"}} {
		bits, _ := strconv.ParseUint(r.Status[set.field], 16, 64)
		for i := range 64 {
			if bits>>i&1 == 1 {
				add("%s capability %d", set.name, i)
			}
		}
	}
	if r.Status["NoNewPrivs"] != "1" {
		add("new privileges")
	}
	if r.Status["Seccomp"] != "2" {
		add("no system call filter")
	}
	for name, got := range r.Calls {
		if got != "operation not permitted" && got != "function not implemented" && got != "permission denied" {
			add("system call %s: %s", name, got)
		}
	}
	for how, got := range r.Foreign {
		if got != "signal: bad system call" {
			add("foreign system calls by %s", how)
		}
	}
	for what, got := range r.Try {
		if got == "ok" {
			add("%s", what)
		}
	}
	for name, id := range r.Namespaces {
		if host, err := os.Readlink("/proc/self/ns/" + name); err == nil && host == id {
			add("host's namespace %s", name)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(r.UIDMap), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[1] == "0" {
			add("host id 0")
		}
	}
	for _, g := range r.Groups {
		if g != r.GID {
			add("group %d", g)
		}
	}
	for fd, path := range r.FDs {
		if n, _ := strconv.Atoi(fd); n > 2 && path != "" && !strings.HasPrefix(path, "anon_inode:") && !strings.HasSuffix(path, "/fd") {
			add("descriptor of %s", path)
		}
	}
	if keys := strings.TrimSpace(r.Keys); keys != "" {
		add("sight of %d keys", strings.Count(keys, "\n")+1)
	}
	for _, p := range r.Readable {
		// Both run in this test's own cgroup, which throwaway hosts of other tests share, and come to and leave meanwhile.
		if !strings.Contains(p, "/hostctl-try-") {
			add("read %s", p)
		}
	}
	for _, p := range r.Writable {
		add("write %s", p)
	}
	for _, m := range parseMounts(r.Mountinfo) {
		opts := strings.Split(m.opts, ",")
		known := peers == nil || slices.ContainsFunc(peers, func(p insideMount) bool { return p.path == m.path })
		for _, opt := range []string{"ro", "nosuid", "nodev", "noexec"} {
			if !slices.Contains(opts, opt) && (known || opt == "nosuid" || opt == "nodev") {
				add("mount %s without %s", m.path, opt)
			}
		}
		if m.propagation != "" {
			add("mount %s propagates: %s", m.path, m.propagation)
		}
	}
	slices.Sort(out)
	return out
}
