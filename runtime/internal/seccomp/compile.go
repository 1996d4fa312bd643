package seccomp

import (
	"fmt"
	"slices"
)

// Arch is an architecture that there is a table for.
type Arch struct {
	audit uint32 // AUDIT_ARCH of linux/audit.h, the value of seccomp_data.arch
	x32   bool   // its numbers may carry the bit of a second architecture
	// number picks the architecture's number from a row; negative where it has no such call.
	number func(row) int
}

// The architectures.
var (
	AMD64 = Arch{audit: 0xc000003e, x32: true, number: func(r row) int { return int(r.amd64) }}
	ARM64 = Arch{audit: 0xc00000b7, number: func(r row) int { return int(r.arm64) }}
)

// row is one system call.
type row struct {
	name         string
	amd64, arm64 int16 // -1: not there
	rule         Rule
}

// Instruction is struct sock_filter of linux/filter.h.
type Instruction struct {
	Code   uint16
	JT, JF uint8
	K      uint32
}

// The instructions that are used, and the offsets in struct seccomp_data. Arguments are 64 bits wide, of which the
// kernel itself looks at the low half only in every argument that is judged here but clone's flags, whose high half
// is no flag: judging the low half cannot be tricked by setting the high one.
const (
	load = 0x20 // BPF_LD|BPF_W|BPF_ABS
	and  = 0x54 // BPF_ALU|BPF_AND|BPF_K
	jeq  = 0x15 // BPF_JMP|BPF_JEQ|BPF_K
	jge  = 0x35 // BPF_JMP|BPF_JGE|BPF_K
	jump = 0x05 // BPF_JMP|BPF_JA
	ret  = 0x06 // BPF_RET|BPF_K

	offNumber = 0
	offArch   = 4
	offArg0   = 16
	offArg1   = 24

	x32Bit = 0x40000000
)

// What a filter answers: SECCOMP_RET_* of linux/seccomp.h, with the error number.
const (
	retAllow  = 0x7fff0000
	retEPERM  = 0x00050000 | 1
	retENOSYS = 0x00050000 | 38
	retKill   = 0x80000000 // SECCOMP_RET_KILL_PROCESS
)

// Known reports whether the name is a system call of any architecture that there is a table for.
func Known(name string) bool {
	_, ok := find(name)
	return ok
}

// Names are the system calls that there are, sorted.
func Names() []string {
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].name
	}
	return names
}

func find(name string) (row, bool) {
	i, ok := slices.BinarySearchFunc(table[:], name, func(r row, name string) int {
		switch {
		case r.name < name:
			return -1
		case r.name > name:
			return 1
		}
		return 0
	})
	if !ok {
		return row{}, false
	}
	return table[i], true
}

// span is a range of numbers that one rule holds for, up to the next span's first.
type span struct {
	first uint32
	rule  Rule
}

// most is greater than every number.
const most = 512

// Compile returns the program for an architecture: the default rules, with the calls named in more allowed whatever
// their arguments. A call of another architecture kills the process, whose program was not written for this one.
// A name that is no system call is an error; one that the architecture does not have changes nothing.
func Compile(a Arch, more []string) ([]Instruction, error) {
	var rules [most]Rule
	end := 0
	for _, r := range table {
		n := a.number(r)
		if n < 0 {
			continue
		}
		rules[n] = r.rule
		end = max(end, n+1)
	}
	for _, name := range more {
		r, ok := find(name)
		if !ok {
			return nil, fmt.Errorf("there is no system call %q", name)
		}
		if n := a.number(r); n >= 0 {
			rules[n] = Allow
		}
	}
	spans := make([]span, 0, 160)
	for n := range end {
		if n == 0 || rules[n] != rules[n-1] {
			spans = append(spans, span{uint32(n), rules[n]})
		}
	}
	spans = append(spans, span{uint32(end), Missing})

	p := make([]Instruction, 0, 512)
	p = append(p, Instruction{load, 0, 0, offArch}, Instruction{jeq, 1, 0, a.audit}, Instruction{ret, 0, 0, retKill},
		Instruction{load, 0, 0, offNumber})
	if a.x32 {
		p = append(p, Instruction{jge, 0, 1, x32Bit}, Instruction{ret, 0, 0, retKill})
	}
	return tree(p, spans), nil
}

// tree appends a binary search of the spans: every system call costs as many comparisons as the list has doublings.
func tree(p []Instruction, spans []span) []Instruction {
	if len(spans) == 1 {
		return leaf(p, spans[0].rule)
	}
	half := len(spans) / 2
	at := len(p)
	p = append(p, Instruction{jge, 0, 0, spans[half].first})
	p = tree(p, spans[:half])
	if far := len(p) - at - 1; far <= 255 {
		p[at].JT = uint8(far)
	} else {
		// A conditional jump reaches 255 instructions; an unconditional one behind it every place.
		p = slices.Insert(p, at+1, Instruction{jump, 0, 0, uint32(far)})
		p[at].JT, p[at].JF = 0, 1
	}
	return tree(p, spans[half:])
}

// leaf appends what is done with the system calls of a rule.
func leaf(p []Instruction, r Rule) []Instruction {
	switch r {
	case Allow:
		return append(p, Instruction{ret, 0, 0, retAllow})
	case Missing:
		return append(p, Instruction{ret, 0, 0, retENOSYS})
	case Clone:
		// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. CLONE_NEWTIME is none of clone's flags.
		return append(p, Instruction{load, 0, 0, offArg0}, Instruction{and, 0, 0, 0x7e020000}, Instruction{jeq, 1, 0, 0},
			Instruction{ret, 0, 0, retEPERM}, Instruction{ret, 0, 0, retAllow})
	case Socket:
		return except(p, offArg0, 17 /* AF_PACKET */, 38 /* AF_ALG */, 40 /* AF_VSOCK */)
	case IOCtl:
		return except(p, offArg1, 0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */)
	case Personality:
		return only(p, offArg0, 0, 0x8, 0x20000, 0x20008, 0xffffffff)
	}
	return append(p, Instruction{ret, 0, 0, retEPERM})
}

// except allows every value of an argument but these.
func except(p []Instruction, arg uint32, values ...uint32) []Instruction {
	return match(p, arg, retEPERM, retAllow, values)
}

// only allows these values of an argument.
func only(p []Instruction, arg uint32, values ...uint32) []Instruction {
	return match(p, arg, retAllow, retEPERM, values)
}

func match(p []Instruction, arg, hit, miss uint32, values []uint32) []Instruction {
	p = append(p, Instruction{load, 0, 0, arg})
	for i, v := range values {
		p = append(p, Instruction{jeq, uint8(len(values) - i), 0, v})
	}
	return append(p, Instruction{ret, 0, 0, miss}, Instruction{ret, 0, 0, hit})
}
