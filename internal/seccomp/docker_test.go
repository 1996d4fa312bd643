package seccomp

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// dockerRule is one line of testdata/docker.txt: NAME [on ARCH] [if argN OP VALUE], where several lines of a name are alternatives.
type dockerRule struct {
	arch  string
	arg   int
	op    string // "", "<", "=", or "&", which is = 0
	value uint64
}

func (r dockerRule) allows(arch string, args [6]uint64) bool {
	if r.arch != "" && r.arch != arch {
		return false
	}
	switch a := args[r.arg]; r.op {
	case "<":
		return a < r.value
	case "=":
		return a == r.value
	case "&":
		return a&r.value == 0
	}
	return true
}

func dockerRules(t *testing.T) map[string][]dockerRule {
	t.Helper()
	text, err := os.ReadFile("testdata/docker.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string][]dockerRule{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var r dockerRule
		head, condition, conditional := strings.Cut(strings.TrimSpace(line), " if ")
		name, arch, _ := strings.Cut(head, " on ")
		if r.arch = arch; conditional {
			if _, err := fmt.Sscanf(condition, "arg%d %s %v", &r.arg, &r.op, &r.value); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		rules[name] = append(rules[name], r)
	}
	return rules
}

// What this filter allows, Docker's default profile allows too: each call, and of those that are judged by an argument each value.
func TestNoWiderThanDocker(t *testing.T) {
	rules := dockerRules(t)
	if len(rules) < 360 {
		t.Fatalf("%d of Docker's calls", len(rules))
	}
	values := []uint64{0xffffffff, 0xfffffffe, 0x80000000, 0x7e020000}
	for v := range uint64(300) {
		values = append(values, v)
	}
	for bit := range 32 {
		values = append(values, 1<<bit, 1<<bit|0x11, 0x20008^1<<bit)
	}
	for _, arch := range arches {
		p, err := Compile(arch.Arch, More{})
		if err != nil {
			t.Fatal(err)
		}
		allowed, conditions := 0, 0
		for _, r := range table {
			n := arch.number(r)
			if n < 0 {
				continue
			}
			before := allowed
			for _, v := range values {
				args := [6]uint64{v}
				if got, _ := run(t, p, data{uint32(n), arch.audit, args}); got != retAllow {
					continue
				}
				allowed++
				theirs := false
				for _, rule := range rules[r.name] {
					theirs = theirs || rule.allows(arch.name, args)
				}
				if !theirs {
					t.Errorf("%s: %s(%#x) is allowed here and not by Docker", arch.name, r.name, v)
				}
			}
			if n := allowed - before; n > 0 && n < len(values) {
				conditions++
			}
		}
		if conditions < 3 { // clone, personality and socket
			t.Errorf("%s: of %d calls an argument was judged", arch.name, conditions)
		}
	}
}

// Every family is answered as the policy has it, and one beyond all that there are is denied.
func TestFamilies(t *testing.T) {
	want := map[uint64]bool{}
	for _, f := range []uint64{0, 1, 2, 7, 8, 9, 10, 13, 14, 15, 16, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45} {
		want[f] = true
	}
	for _, arch := range arches {
		r, _ := find("socket")
		for _, packet := range []bool{false, true} {
			p, err := Compile(arch.Arch, More{Packet: packet})
			if err != nil {
				t.Fatal(err)
			}
			check := func(family uint64, want bool) {
				t.Helper()
				if got, _ := run(t, p, data{uint32(arch.number(r)), arch.audit, [6]uint64{family}}); (got == retAllow) != want || got != retAllow && got != retEPERM {
					t.Errorf("%s, packet %v: family %#x is answered with %#x", arch.name, packet, family, got)
				}
			}
			for f := range uint64(300) {
				check(f, want[f] || packet && f == afPacket)
				check(f|1<<32, want[f] || packet && f == afPacket) // the kernel reads 32 bits
			}
			for _, f := range []uint64{0x80000000, 0xffffffff, 0x10000002, 64 + 2, 256 + 2} {
				check(f, false)
			}
		}
	}
}
