package seccomp

import (
	"slices"
	"strings"
	"testing"
)

// Every number but those of the list ends the process, whatever its arguments; so do other architectures.
func TestCompute(t *testing.T) {
	const pid = 4711
	const threads = 0x50f00 // the flags of Go's runtime
	list := strings.Fields(computing)
	if !slices.IsSorted(list) {
		t.Error("the list is not sorted")
	}
	for _, arch := range arches {
		p := Compute(arch.Arch, pid)
		names := map[uint32]string{}
		for _, r := range table {
			if n := arch.number(r); n >= 0 {
				names[uint32(n)] = r.name
			}
		}
		longest := 0
		for n := range uint32(2 * most) {
			for _, first := range []uint64{0, 1, pid, threads, threads | 0x40000000, 0x11, 0xffffffff} {
				want := uint32(retKill)
				switch name := names[n]; {
				case name == "clone" && first != threads, name == "tgkill" && first != pid:
				case slices.Contains(list, name):
					want = retAllow
				}
				got, steps := run(t, p, data{nr: n, arch: arch.audit, args: [6]uint64{first}})
				if got != want {
					t.Errorf("%s %d %s(%#x): %#x, want %#x", arch.name, n, names[n], first, got, want)
				}
				longest = max(longest, steps)
			}
		}
		t.Logf("%s: %d instructions, at most %d for a call", arch.name, len(p), longest)
		for _, d := range []data{{arch: 0x40000003}, {arch: AMD64.audit ^ ARM64.audit ^ arch.audit}, {nr: x32Bit, arch: arch.audit}, {nr: 1<<32 - 1, arch: arch.audit}} {
			if got, _ := run(t, p, d); got != retKill {
				t.Errorf("%s: %+v is answered with %#x", arch.name, d, got)
			}
		}
	}
}
