package runtime

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What each word takes away, and nothing else: the payload says it, and a command that enters says the same.
func TestPrivileges(t *testing.T) {
	const (
		none   = "0000000000000000"
		owning = "00000000000000c1" // chown, setgid, setuid
	)
	for _, c := range []struct {
		name   string
		change func(*Spec)
		status map[string]string
		groups []int
		calls  []string // that are no longer denied
		try    map[string]string
	}{
		{"capabilities of root", func(s *Spec) { s.Capabilities = []string{"chown", "setgid", "setuid"} },
			map[string]string{"CapInh": none, "CapPrm": owning, "CapEff": owning, "CapBnd": owning, "CapAmb": none}, nil, nil, nil},
		{"capabilities of a user", func(s *Spec) { s.User, s.Capabilities = "www", []string{"chown", "setgid", "setuid"} },
			map[string]string{"CapInh": owning, "CapPrm": owning, "CapEff": owning, "CapBnd": owning, "CapAmb": owning}, nil, nil, nil},
		{"chroot", func(s *Spec) { s.Capabilities = []string{"sys_chroot"} },
			map[string]string{"CapEff": "0000000000040000"}, nil, []string{"chroot"}, nil},
		{"packets", func(s *Spec) { s.Capabilities = []string{"net_raw", "net_admin"} },
			map[string]string{"CapEff": "0000000000003000"}, nil, []string{"socket AF_PACKET"}, nil},
		{"system calls", func(s *Spec) { s.SystemCalls = []string{"ptrace", "keyctl"} }, nil, nil, []string{"keyctl", "ptrace"}, nil},
		{"groups", func(s *Spec) { s.User, s.Groups = "www", []string{"web", "4"} }, nil, []int{4, 77}, nil, nil},
		{"modes", func(s *Spec) { s.SystemCalls = []string{"chmod", "fchmodat"} }, nil, nil, nil, map[string]string{"setuid chmod": "ok", "setgid fchmodat": "ok"}},
	} {
		for _, init := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, init %v", c.name, init), func(t *testing.T) {
				b := newBed(t)
				change := func(s *Spec) { c.change(s); s.Init = init }
				plain := b.probe(b.spec(func(s *Spec) { s.Init = init; s.User = b.spec(c.change).User }))
				payload := b.probe(b.spec(change))
				st := b.launch(b.spec(func(s *Spec) { change(s); s.Args = []string{"probe", "wait"} }), nil, nil)
				readLine(t, st.out, "ready\n")
				out, errs, code := b.enter(Entry{Args: []string{"/bin/probe"}})
				var entered report
				if err := json.Unmarshal([]byte(out), &entered); err != nil || code != 0 {
					t.Fatalf("exit %d, %v: %s %s", code, err, out, errs)
				}
				b.must(unix.Kill(st.pid(), unix.SIGTERM))
				st.end()
				for who, r := range map[string]report{"payload": payload, "entered": entered} {
					check := func(what string, got, want any) {
						t.Helper()
						if fmt.Sprint(got) != fmt.Sprint(want) {
							t.Errorf("%s: %s is %v, want %v", who, what, got, want)
						}
					}
					for _, key := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
						if want, ok := c.status[key]; ok {
							check(key, r.Status[key], want)
						} else if c.status == nil {
							check(key, r.Status[key], none)
						}
					}
					check("NoNewPrivs", r.Status["NoNewPrivs"], 1)
					check("Seccomp_filters", r.Status["Seccomp_filters"], 1)
					slices.Sort(r.Groups)
					check("groups", r.Groups, append([]int{}, c.groups...))
					for name, got := range r.Calls {
						if lifted := got != plain.Calls[name]; lifted != slices.Contains(c.calls, name) {
							t.Errorf("%s: %s: %s, without the word: %s", who, name, got, plain.Calls[name])
						}
					}
					for what, got := range r.Try {
						want := plain.Try[what]
						if w, ok := c.try[what]; ok {
							want = w
						}
						check(what, got, want)
					}
				}
			})
		}
	}
}

// A payload that is root inside and becomes somebody else loses what it had, as an entrypoint does that drops root.
func TestCapabilitiesAreDropped(t *testing.T) {
	b := newBed(t)
	o := b.run(b.spec(func(s *Spec) {
		s.Capabilities = []string{"setgid", "setuid"}
		s.Args = []string{"/bin/probe", "become", "33", "/bin/busybox", "grep", "Cap", "/proc/self/status"}
	}))
	if o.code != 0 || strings.Count(o.out, "0000000000000000") != 4 || !strings.Contains(o.out, "CapBnd:\t00000000000000c0") {
		t.Errorf("exit %d: %s%s", o.code, o.out, o.line)
	}
}

// With net_admin the payload rules its own network namespace, which is nobody else's, and no other.
func TestOwnNetwork(t *testing.T) {
	b := newBed(t)
	script := "busybox ip addr add 10.9.9.1/24 dev lo && busybox ip -o addr | busybox awk '{print $2, $4}'; ls /sys/class/net; busybox ping -c 1 -W 1 127.0.0.1 | busybox grep -c 'bytes from'"
	o := b.run(b.spec(func(s *Spec) { s.Capabilities, s.Args = []string{"net_admin", "net_raw"}, []string{"sh", "-c", script} }))
	for _, want := range []string{"lo 127.0.0.1/8", "lo 10.9.9.1/24", "lo\n", "\n1\n"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("%q is missing: exit %d, %s%s", want, o.code, o.out, o.line)
		}
	}
	if addrs, err := net.InterfaceAddrs(); err != nil || strings.Contains(fmt.Sprint(addrs), "10.9.9.1") {
		t.Errorf("the host has the address: %v, %v", addrs, err)
	}
	o = b.run(b.spec(func(s *Spec) { s.Capabilities, s.Args = []string{"chown"}, []string{"sh", "-c", script} }))
	if strings.Contains(o.out, "10.9.9.1") {
		t.Errorf("without net_admin: %s", o.out)
	}
}

func TestMaskedLimitsAndOOM(t *testing.T) {
	b := newBed(t)
	b.must(os.WriteFile(b.rootfs+"/etc/secret", []byte("canary"), 0o644))
	b.must(os.Symlink("secret", b.rootfs+"/etc/link"))
	b.must(os.WriteFile(b.rootfs+"/data/x", []byte("canary"), 0o644))
	b.must(os.Chmod(b.rootfs+"/data", 0o777))
	s := b.spec(func(s *Spec) {
		s.Masked = []string{"/proc/cpuinfo", "/etc/link", "/data"}
		s.Limits = []Limit{{"core", 0, 0}, {"memlock", 8192, 16384}, {"nproc", 100, 200}}
		s.OOMScoreAdjust = 500 // less than 0 takes CAP_SYS_RESOURCE
		s.Args = []string{"sh", "-c", "cat /etc/secret /etc/link /data/x /proc/cpuinfo; cat /proc/self/limits /proc/self/oom_score_adj"}
	})
	for _, init := range []bool{false, true} {
		s.Init = init
		o := b.run(s)
		for _, want := range []string{"Max core file size 0 0", "Max locked memory 8192 16384",
			"Max processes 100 200", "us 500"} {
			if !strings.Contains(strings.Join(strings.Fields(o.out), " "), want) {
				t.Errorf("init %v: %q is missing: %s%s", init, want, o.out, o.line)
			}
		}
		if strings.Contains(o.out, "canary") || strings.Contains(o.out, "model name") {
			t.Errorf("init %v: a masked file was read: %s", init, o.out)
		}
	}
	wait := s
	wait.Args = []string{"probe", "wait"}
	st := b.launch(wait, nil, nil)
	readLine(t, st.out, "ready\n")
	out, errs, _ := b.enter(Entry{Args: []string{"sh", "-c", "cat /proc/self/limits /proc/self/oom_score_adj"}})
	if !strings.Contains(out, "16384") || !strings.Contains(out, "\n500\n") {
		t.Errorf("entered: %s%s", out, errs)
	}
	b.must(unix.Kill(st.pid(), unix.SIGTERM))
	st.end()
	s.Masked = []string{"/etc/nothing"}
	b.refused("a masked path that is not there", ExitSetup, s, "mask /etc/nothing")
}

// What no container is given says why.
func TestValidPrivileges(t *testing.T) {
	for name, want := range map[string]string{
		"chown": "", "CAP_CHOWN": `write it in lower case and without cap_: "chown"`, "sys_admin": "takes the container's own mounts apart",
		"sys_module": "the host's own user namespace", "cap_sys_time": "the host's own user namespace", "chwon": "no such capability", "": "no such capability",
	} {
		if err := ValidCapability(name); fmt.Sprint(err) == "<nil>" != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{"ptrace": "", "read": "", "mount": "no container is allowed it", "kexec_load": "no container is allowed it", "clone": "its flags make namespaces", "clone3": "its flags make namespaces", "setns": "no container", "unshare": "no container", "raed": "no such system call"} {
		if err := ValidSystemCall(name); fmt.Sprint(err) == "<nil>" != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, change := range []func(*Spec){
		func(s *Spec) { s.Capabilities = []string{"chown", "chown"} },
		func(s *Spec) { s.Capabilities = []string{"sys_admin"} },
		func(s *Spec) { s.Capabilities, s.Netns = []string{"net_raw"}, "/run/netns/x" },
		func(s *Spec) { s.Groups = []string{"a:b"} },
		func(s *Spec) { s.Groups = []string{"4294967295"} },
		func(s *Spec) { s.Groups = make([]string, 65) },
		func(s *Spec) { s.SystemCalls = []string{"setns"} },
		func(s *Spec) { s.SystemCalls = []string{"clone3"} },
		func(s *Spec) { s.Init, s.Notify, s.Capabilities = true, true, []string{"sys_ptrace"} },
		func(s *Spec) { s.Masked = []string{"proc"} },
		func(s *Spec) { s.Masked = []string{"/"} },
		func(s *Spec) { s.Limits = []Limit{{"nofile", 1, 1}} },
		func(s *Spec) { s.Limits = []Limit{{"core", 2, 1}} },
		func(s *Spec) { s.OOMScoreAdjust = 1001 },
	} {
		s := minimal()
		if change(&s); s.Validate() == nil {
			t.Errorf("accepted: %+v", s)
		}
	}
}
