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
	jset = 0x45 // BPF_JMP|BPF_JSET|BPF_K
	sub  = 0x14 // BPF_ALU|BPF_SUB|BPF_K
	rsh  = 0x7c // BPF_ALU|BPF_RSH|BPF_X
	imm  = 0x00 // BPF_LD|BPF_IMM
	tax  = 0x07 // BPF_MISC|BPF_TAX
	jump = 0x05 // BPF_JMP|BPF_JA
	ret  = 0x06 // BPF_RET|BPF_K

	offNumber = 0
	offArch   = 4
	offArg0   = 16
	offArg1   = 24
	offArg2   = 32
	offArg3   = 40

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

// leaf is a span with single numbers in it that have rules of their own: one comparison finds each, where two more spans would
// take two.
type leaf struct {
	span
	but []span
}

// leaves gathers spans.
func leaves(spans []span) []leaf {
	out := make([]leaf, 0, len(spans))
	for i := 0; i < len(spans); {
		l := leaf{span: spans[i]}
		for i++; len(l.but) < 3 && i+1 < len(spans) && spans[i+1] == (span{spans[i].first + 1, l.rule}); i += 2 {
			l.but = append(l.but, spans[i])
		}
		out = append(out, l)
	}
	return out
}

// weight is the number of comparisons that leaves take.
func weight(leaves []leaf) (n int) {
	for _, l := range leaves {
		n += 1 + len(l.but)
	}
	return n
}

// Rules that no table names.
const (
	packetSocket Rule = 255 - iota // Socket with AF_PACKET
	kill                           // ends the process
	thread                         // clone for a thread, and nothing else
	self                           // the first argument is the compiler's process
)

// most is greater than every number.
const most = 512

// More is what is allowed on top of the default rules. The zero More is nothing.
type More struct {
	Calls  []string // by name, whatever their arguments
	Packet bool     // sockets of AF_PACKET
}

// Compile returns the program for an architecture: the default rules, and more. A call of another architecture kills the process, whose program was not written for this one.
// A name that is no system call is an error; one that the architecture does not have changes nothing.
func Compile(a Arch, more More) ([]Instruction, error) {
	var rules [most]Rule
	end := 0
	for _, r := range table {
		n := a.number(r)
		if n < 0 {
			continue
		}
		rules[n] = r.rule
		if r.rule == Socket && more.Packet {
			rules[n] = packetSocket
		}
		end = max(end, n+1)
	}
	for _, name := range more.Calls {
		r, ok := find(name)
		if !ok {
			return nil, fmt.Errorf("there is no system call %q", name)
		}
		if n := a.number(r); n >= 0 {
			rules[n] = Allow
		}
	}
	return compiler{}.program(a, rules[:end], Missing), nil
}

// compiler is what the instructions hold besides the rules.
type compiler struct{ self uint32 }

// program makes the whole of a program: rules by number, and the rule of every greater number.
func (c compiler) program(a Arch, rules []Rule, newer Rule) []Instruction {
	spans := make([]span, 0, 160)
	for n := range rules {
		if n == 0 || rules[n] != rules[n-1] {
			spans = append(spans, span{uint32(n), rules[n]})
		}
	}
	if newer != rules[len(rules)-1] {
		spans = append(spans, span{uint32(len(rules)), newer})
	}
	p := make([]Instruction, 0, 512)
	p = append(p, Instruction{load, 0, 0, offArch}, Instruction{jeq, 1, 0, a.audit}, Instruction{ret, 0, 0, retKill},
		Instruction{load, 0, 0, offNumber})
	if a.x32 {
		p = append(p, Instruction{jge, 0, 1, x32Bit}, Instruction{ret, 0, 0, retKill})
	}
	return c.tree(p, leaves(spans))
}

// tree appends a binary search of the leaves: every system call costs as many comparisons as the list has doublings.
func (c compiler) tree(p []Instruction, list []leaf) []Instruction {
	const few = 160 // comparisons, of which every jump reaches every place
	if weight(list) <= few {
		return c.island(p, list)
	}
	half := len(list) / 2
	at := len(p)
	p = append(p, Instruction{jge, 0, 0, list[half].first})
	p = c.tree(p, list[:half])
	if far := len(p) - at - 1; far <= 255 {
		p[at].JT = uint8(far)
	} else {
		// A conditional jump reaches 255 instructions; an unconditional one behind it every place.
		p = slices.Insert(p, at+1, Instruction{jump, 0, 0, uint32(far)})
		p[at].JT, p[at].JF = 0, 1
	}
	return c.tree(p, list[half:])
}

// The answers that the jumps of an island share. Half of a program would be such returns, and the kernel takes
// longer to compile a longer one.
var answers = [...]uint32{retAllow, retEPERM, retENOSYS, retKill}

// exit is a jump that is yet to be pointed at one of the answers.
type exit struct {
	at     int
	taken  bool // its JT, not its JF
	answer int
}

// maker makes an island.
type maker struct {
	compiler
	p     []Instruction
	exits []exit
}

// island appends the search of a few leaves and, behind it, the answers.
func (c compiler) island(p []Instruction, list []leaf) []Instruction {
	m := &maker{compiler: c, p: p}
	if answer, ok := plain(list[0].rule); ok && len(list) == 1 && len(list[0].but) == 0 {
		return append(p, Instruction{ret, 0, 0, answers[answer]})
	}
	m.search(list)
	var place [len(answers)]int
	for _, e := range m.exits {
		if place[e.answer] == 0 {
			place[e.answer] = len(m.p)
			m.p = append(m.p, Instruction{ret, 0, 0, answers[e.answer]})
		}
		far := place[e.answer] - e.at - 1
		if far > 255 {
			panic("bug: a jump of the filter is too long")
		}
		if e.taken {
			m.p[e.at].JT = uint8(far)
		} else {
			m.p[e.at].JF = uint8(far)
		}
	}
	return m.p
}

// plain is the answer of a rule that looks at no argument.
func plain(r Rule) (answer int, ok bool) {
	switch r {
	case Allow:
		return 0, true
	case Deny:
		return 1, true
	case Missing:
		return 2, true
	case kill:
		return 3, true
	}
	return 0, false
}

func (m *maker) search(list []leaf) {
	if len(list) == 1 {
		m.leaf(list[0])
		return
	}
	half := len(list) / 2
	at := len(m.p)
	m.p = append(m.p, Instruction{jge, 0, 0, list[half].first})
	for i, side := range [][]leaf{list[:half], list[half:]} {
		if !m.exit(at, i == 1, side[0].rule, len(side) == 1 && len(side[0].but) == 0) {
			m.search(side)
		}
	}
}

// leaf compares the number with those that are excepted, and ends in the answer of what is left.
func (m *maker) leaf(l leaf) {
	for i, but := range l.but {
		at := len(m.p)
		m.p = append(m.p, Instruction{jeq, 0, 0, but.first})
		if !m.exit(at, true, but.rule, true) {
			// What the number is judged by stands between this comparison and the next.
			m.arguments(but.rule)
		}
		if m.exit(at, false, l.rule, i == len(l.but)-1) {
			return
		}
	}
	m.arguments(l.rule)
}

// exit points one side of the comparison at a place straight to an answer, where it is the last and the rule has one;
// else on to what follows, and says so.
func (m *maker) exit(at int, taken bool, rule Rule, last bool) bool {
	if answer, ok := plain(rule); ok && last {
		m.exits = append(m.exits, exit{at, taken, answer})
		return true
	}
	if far := uint8(len(m.p) - at - 1); taken {
		m.p[at].JT = far
	} else {
		m.p[at].JF = far
	}
	return false
}

// arguments judges a system call by one of its arguments.
func (m *maker) arguments(r Rule) {
	switch r {
	case Clone:
		// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. CLONE_NEWTIME is none of clone's flags.
		m.p = append(m.p, Instruction{load, 0, 0, offArg0}, Instruction{and, 0, 0, 0x7e020000})
		m.match(retAllow, retEPERM, 0)
	case Socket:
		m.family(families)
	case packetSocket:
		m.family(families | 1<<afPacket)
	case IOCtl:
		m.p = append(m.p, Instruction{load, 0, 0, offArg1})
		m.match(retEPERM, retAllow, 0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */)
	case Personality:
		m.p = append(m.p, Instruction{load, 0, 0, offArg0})
		m.match(retAllow, retEPERM, 0, 0x8, 0x20000, 0x20008, 0xffffffff)
	case thread:
		// CLONE_THREAD, which implies the same memory and signals; none of the namespaces.
		m.p = append(m.p, Instruction{load, 0, 0, offArg0}, Instruction{and, 0, 0, 0x7e020000 | 0x10000})
		m.match(retAllow, retKill, 0x10000)
	case self:
		m.p = append(m.p, Instruction{load, 0, 0, offArg0})
		m.match(retAllow, retKill, m.self)
	case Mode1:
		m.mode(offArg1)
	case Mode2:
		m.mode(offArg2)
	case Open:
		m.open(offArg1)
	case OpenAt:
		m.open(offArg2)
	default:
		panic("bug: a rule without arguments")
	}
}

// mode denies a mode with S_ISUID or S_ISGID in it.
func (m *maker) mode(off uint32) {
	m.p = append(m.p, Instruction{load, 0, 0, off}, Instruction{jset, 0, 0, 0o6000})
	m.exits = append(m.exits, exit{len(m.p) - 1, true, 1}, exit{len(m.p) - 1, false, 0})
}

// open does where O_CREAT or O_TMPFILE is in the flags: the kernel reads no mode without them, and callers leave there what was.
func (m *maker) open(flags uint32) {
	m.p = append(m.p, Instruction{load, 0, 0, flags}, Instruction{jset, 0, 0, 0o20000100})
	m.exits = append(m.exits, exit{len(m.p) - 1, false, 0})
	m.mode(flags + 8)
}

// family allows the address families whose bits are set. A jump for each would be longer than the rest of the search.
func (m *maker) family(allowed uint64) {
	m.p = append(m.p, Instruction{load, 0, 0, offArg0}, Instruction{jge, 0, 0, 64})
	m.exits = append(m.exits, exit{len(m.p) - 1, true, 1})
	m.p = append(m.p,
		Instruction{jge, 0, 4, 32},
		Instruction{sub, 0, 0, 32}, Instruction{tax, 0, 0, 0}, Instruction{imm, 0, 0, uint32(allowed >> 32)}, Instruction{jump, 0, 0, 2},
		Instruction{tax, 0, 0, 0}, Instruction{imm, 0, 0, uint32(allowed)},
		Instruction{rsh, 0, 0, 0}, Instruction{jset, 0, 0, 1})
	m.exits = append(m.exits, exit{len(m.p) - 1, true, 0}, exit{len(m.p) - 1, false, 1})
}

// match answers with hit where the loaded value is one of these, else with miss.
func (m *maker) match(hit, miss uint32, values ...uint32) {
	for i, v := range values {
		m.p = append(m.p, Instruction{jeq, uint8(len(values) - i), 0, v})
	}
	m.p = append(m.p, Instruction{ret, 0, 0, miss}, Instruction{ret, 0, 0, hit})
}
