package seccomp

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// data is struct seccomp_data.
type data struct {
	nr, arch uint32
	args     [6]uint64
}

// run does what the kernel's machine does with a program, and counts the instructions.
func run(t *testing.T, p []Instruction, d data) (answer uint32, steps int) {
	t.Helper()
	word := func(off uint32) uint32 {
		switch {
		case off == offNumber:
			return d.nr
		case off == offArch:
			return d.arch
		case off >= offArg0 && off%4 == 0 && off < 64:
			arg := d.args[(off-offArg0)/8]
			if off%8 != 0 {
				arg >>= 32
			}
			return uint32(arg)
		}
		t.Fatalf("load from %d", off)
		return 0
	}
	var a, x uint32
	for pc := 0; pc < len(p); steps++ {
		in := p[pc]
		pc++
		taken := func(yes bool) {
			if yes {
				pc += int(in.JT)
			} else {
				pc += int(in.JF)
			}
		}
		switch in.Code {
		case load:
			a = word(in.K)
		case and:
			a &= in.K
		case imm:
			a = in.K
		case tax:
			x = a
		case sub:
			a -= in.K
		case rsh:
			if x > 31 {
				t.Fatalf("a shift by %d", x)
			}
			a >>= x
		case jeq:
			taken(a == in.K)
		case jge:
			taken(a >= in.K)
		case jset:
			taken(a&in.K != 0)
		case jump:
			pc += int(in.K)
		case ret:
			return in.K, steps
		default:
			t.Fatalf("instruction %#x", in.Code)
		}
	}
	t.Fatal("the program has no end")
	return 0, 0
}

var arches = []struct {
	name string
	Arch
}{{"amd64", AMD64}, {"arm64", ARM64}}

// Every number of every architecture is answered as the table says.
func TestEveryNumber(t *testing.T) {
	for _, arch := range arches {
		p, err := Compile(arch.Arch, More{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[int]Rule{}
		end := 0
		for _, r := range table {
			if n := arch.number(r); n >= 0 {
				want[n] = r.rule
				end = max(end, n)
			}
		}
		longest := 0
		for n := range end + 100 {
			rule := want[n]
			if n > end {
				rule = Missing
			}
			got, steps := run(t, p, data{nr: uint32(n), arch: arch.audit})
			longest = max(longest, steps)
			switch rule {
			case Allow, IOCtl, Socket, Clone, Personality, Mode1, Mode2, Open, OpenAt: // these allow an argument of 0
				if got != retAllow {
					t.Errorf("%s %d: %#x", arch.name, n, got)
				}
			case Missing:
				if got != retENOSYS {
					t.Errorf("%s %d: %#x", arch.name, n, got)
				}
			default:
				if got != retEPERM {
					t.Errorf("%s %d: %#x", arch.name, n, got)
				}
			}
		}
		t.Logf("%s: %d instructions, at most %d for a call", arch.name, len(p), longest)
		if len(p) > 120 || longest > 20 {
			t.Errorf("%s: %d instructions, at most %d for a call", arch.name, len(p), longest)
		}
	}
}

func TestArguments(t *testing.T) {
	const high = 1 << 32
	for _, c := range []struct {
		call string
		args [6]uint64
		want uint32
	}{
		{"clone", [6]uint64{0x11}, retAllow},
		{"clone", [6]uint64{0x3d0f00}, retAllow}, // a thread of glibc's
		{"clone", [6]uint64{0x10000000 | 0x11}, retEPERM},
		{"clone", [6]uint64{0x20000}, retEPERM},
		{"clone", [6]uint64{0x02000000}, retEPERM},
		{"clone", [6]uint64{0x40000000}, retEPERM},
		{"clone3", [6]uint64{}, retENOSYS},
		{"socket", [6]uint64{2, 1, 0}, retAllow},
		{"socket", [6]uint64{16, 3, 0}, retAllow},
		{"socket", [6]uint64{38, 5, 0}, retEPERM},
		{"socket", [6]uint64{38 | high, 5, 0}, retEPERM},
		{"socket", [6]uint64{40, 1, 0}, retEPERM},
		{"socket", [6]uint64{17 | high, 3, 0}, retEPERM},
		{"ioctl", [6]uint64{0, 0x5413}, retAllow},
		{"ioctl", [6]uint64{0, 0x5412}, retEPERM},
		{"ioctl", [6]uint64{0, 0x5412 | high}, retEPERM},
		{"ioctl", [6]uint64{0, 0x541c | 0xffffffff<<32}, retEPERM},
		{"chmod", [6]uint64{0, 0o1777}, retAllow},
		{"chmod", [6]uint64{0, 0o4755}, retEPERM},
		{"chmod", [6]uint64{0, 0o2755}, retEPERM},
		{"chmod", [6]uint64{0, 0o4755 | high}, retEPERM},
		{"fchmod", [6]uint64{3, 0o6755}, retEPERM},
		{"fchmodat", [6]uint64{0o6000, 0o6000, 0o755, 0o6000}, retAllow},
		{"fchmodat", [6]uint64{3, 0, 0o2000}, retEPERM},
		{"fchmodat2", [6]uint64{3, 0, 0o4000, 0}, retEPERM},
		{"creat", [6]uint64{0, 0o4755}, retEPERM},
		{"mknod", [6]uint64{0, 0o104755}, retEPERM},
		{"mknod", [6]uint64{0, 0o010644}, retAllow},
		{"mknodat", [6]uint64{3, 0, 0o102755}, retEPERM},
		{"open", [6]uint64{0, 0, 0o6777}, retAllow}, // makes nothing: the mode is what lay there
		{"open", [6]uint64{0, 0o100, 0o644}, retAllow},
		{"open", [6]uint64{0, 0o100, 0o4755}, retEPERM},
		{"openat", [6]uint64{3, 0, 0o200000, 0o6777}, retAllow}, // O_DIRECTORY
		{"openat", [6]uint64{3, 0, 0o101, 0o4755}, retEPERM},
		{"openat", [6]uint64{3, 0, 0o101 | high, 0o4755 | high}, retEPERM},
		{"openat", [6]uint64{3, 0, 0o20200002, 0o2755}, retEPERM}, // O_TMPFILE
		{"openat2", [6]uint64{}, retENOSYS},
		{"personality", [6]uint64{0xffffffff}, retAllow},
		{"personality", [6]uint64{0xffffffffffffffff}, retAllow},
		{"personality", [6]uint64{0x20008}, retAllow},
		{"personality", [6]uint64{0x0400000}, retEPERM}, // READ_IMPLIES_EXEC
		{"personality", [6]uint64{0x0040000}, retEPERM}, // ADDR_NO_RANDOMIZE
		{"personality", [6]uint64{0x0040000 | high}, retEPERM},
	} {
		for _, arch := range arches {
			p, err := Compile(arch.Arch, More{})
			if err != nil {
				t.Fatal(err)
			}
			r, ok := find(c.call)
			if !ok {
				t.Fatal(c.call)
			}
			if arch.number(r) < 0 {
				continue
			}
			if got, _ := run(t, p, data{uint32(arch.number(r)), arch.audit, c.args}); got != c.want {
				t.Errorf("%s %s%#x: %#x, want %#x", arch.name, c.call, c.args[:2], got, c.want)
			}
		}
	}
}

func TestForeign(t *testing.T) {
	for _, arch := range arches {
		p, err := Compile(arch.Arch, More{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []data{
			{nr: 0, arch: 0x40000003}, // i386
			{nr: 0, arch: 0x40000028}, // 32-bit ARM
			{nr: 0, arch: 0},
			{nr: 0, arch: arch.audit ^ 0x80000000},
			{nr: 20, arch: AMD64.audit ^ ARM64.audit ^ arch.audit}, // the other one
		} {
			if got, _ := run(t, p, d); got != retKill {
				t.Errorf("%s: %+v is answered with %#x", arch.name, d, got)
			}
		}
		want := uint32(retENOSYS)
		if arch.x32 {
			want = retKill
		}
		for _, nr := range []uint32{x32Bit, x32Bit | 1, x32Bit | 520, 0xffffffff} {
			if got, _ := run(t, p, data{nr: nr, arch: arch.audit}); got != want {
				t.Errorf("%s: call %#x is answered with %#x", arch.name, nr, got)
			}
		}
	}
}

func TestMore(t *testing.T) {
	for _, arch := range arches {
		p, err := Compile(arch.Arch, More{Calls: []string{"ptrace", "clone3", "ioperm"}})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]uint32{"ptrace": retAllow, "clone3": retAllow, "bpf": retEPERM, "read": retAllow} {
			r, _ := find(name)
			if got, _ := run(t, p, data{nr: uint32(arch.number(r)), arch: arch.audit}); got != want {
				t.Errorf("%s: %s is answered with %#x", arch.name, name, got)
			}
		}
	}
	for packet, want := range map[bool]uint32{false: retEPERM, true: retAllow} {
		p, err := Compile(AMD64, More{Packet: packet})
		if err != nil {
			t.Fatal(err)
		}
		for family, want := range map[uint64]uint32{17: want, 2: retAllow, 38: retEPERM, 40: retEPERM} {
			if got, _ := run(t, p, data{nr: 41, arch: AMD64.audit, args: [6]uint64{family}}); got != want {
				t.Errorf("packet %v: a socket of family %d is answered with %#x", packet, family, got)
			}
		}
	}
	if _, err := Compile(AMD64, More{Calls: []string{"read", "raed"}}); err == nil || err.Error() != `there is no system call "raed"` {
		t.Errorf("an unknown name: %v", err)
	}
}

// No more is allowed than where the field draws the line, and what the escapes of the past used is denied.
func TestPolicy(t *testing.T) {
	n := 0
	for _, r := range table {
		if r.rule == Allow {
			n++
		}
	}
	if n > 363 {
		t.Errorf("%d system calls are allowed", n)
	}
	for _, name := range []string{
		"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr", "unshare", "setns", "bpf",
		"perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key", "ptrace",
		"process_vm_readv", "process_vm_writev", "pidfd_getfd", "open_by_handle_at", "kexec_load", "kexec_file_load", "init_module", "finit_module",
		"delete_module", "swapon", "swapoff", "reboot", "settimeofday", "clock_settime", "sethostname", "setdomainname", "acct", "quotactl", "quotactl_fd",
		"lookup_dcookie", "nfsservctl", "syslog", "vhangup", "iopl", "ioperm", "fanotify_init", "kcmp", "move_pages", "migrate_pages", "mbind", "set_mempolicy", "process_madvise", "uselib", "ustat", "_sysctl",
	} {
		r, ok := find(name)
		if !ok {
			if name == "_sysctl" {
				continue // gone from the kernel's tables
			}
			t.Errorf("%s is in no table", name)
		}
		if r.rule != Deny {
			t.Errorf("%s is not denied", name)
		}
	}
}

func TestTableIsGenerated(t *testing.T) {
	out := filepath.Join(t.TempDir(), "table")
	if text, err := exec.Command("go", "run", "gen.go", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("table.go is not what gen.go writes: run `go generate` here")
	}
	if !slices.IsSorted(Names()) {
		t.Error("the table is not sorted")
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(AMD64, More{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever is allowed on top, every number is answered as its rule says: a filter that is cut into many spans too.
func TestScattered(t *testing.T) {
	var more []string
	for i, name := range Names() {
		if i%3 == 0 {
			more = append(more, name)
		}
	}
	for _, arch := range arches {
		p, err := Compile(arch.Arch, More{Calls: more})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range table {
			n := arch.number(r)
			if n < 0 {
				continue
			}
			want := map[Rule]uint32{Deny: retEPERM, Missing: retENOSYS}[r.rule]
			if want == 0 || i%3 == 0 {
				want = retAllow
			}
			if got, _ := run(t, p, data{nr: uint32(n), arch: arch.audit}); got != want {
				t.Errorf("%s %s: %#x, want %#x", arch.name, r.name, got, want)
			}
		}
	}
}

func Example() {
	p, err := Compile(AMD64, More{Calls: []string{"ptrace"}})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%#x %d\n", p[1].K, p[len(p)-1].Code)
	// Output: 0xc000003e 6
}
