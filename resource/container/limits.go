package container

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// properties are the limits that a running unit takes. With a limit on memory, swap
// is none: else the limit would only move the container's memory to the disk. They
// are all set together, and in the order of the files that systemd keeps each in
// (50-CPUQuota.conf, 50-MemoryMax.conf, ...): in any other, systemd finds its own
// list of them changed, and tells people to run daemon-reload.
//
// What nobody declares and nobody did before, was, is left out.
func (l Limits) properties(was Limits) []host.Property {
	memory, swap, tasks, cpu := uint64(l.Memory), uint64(0), l.Tasks, uint64(math.Round(l.CPU*1e6))
	if memory == 0 {
		memory, swap = host.NoLimit, host.NoLimit
	} else if l.Swap != 0 {
		swap = uint64(l.Swap)
	}
	if tasks == 0 {
		tasks = host.NoLimit
	}
	if cpu == 0 {
		cpu = host.NoLimit
	}
	var p []host.Property
	if l.CPUs != "" || was.CPUs != "" {
		mask, _ := cpuMask(l.CPUs)
		p = append(p, host.Property{Name: "AllowedCPUs", Value: mask})
	}
	p = append(p, host.Property{Name: "CPUQuotaPerSecUSec", Value: cpu})
	weight := func(name string, n, had uint64) {
		if n == 0 && had == 0 {
			return
		}
		if n == 0 {
			n = host.NoLimit // CGROUP_WEIGHT_INVALID: as if it had never been set
		}
		p = append(p, host.Property{Name: name, Value: n})
	}
	weight("CPUWeight", l.CPUWeight, was.CPUWeight)
	weight("IOWeight", l.IOWeight, was.IOWeight)
	weight("MemoryHigh", uint64(l.MemoryHigh), uint64(was.MemoryHigh))
	return append(p,
		host.Property{Name: "MemoryMax", Value: memory},
		host.Property{Name: "MemorySwapMax", Value: swap},
		host.Property{Name: "TasksMax", Value: tasks},
	)
}

// cpuMask reads a list of processors, "0-3,6", as the bytes of a bit mask, the first processor in the lowest bit of the first: that
// is how systemd takes it. "" is the empty mask.
func cpuMask(list string) ([]byte, error) {
	mask := []byte{}
	if list == "" {
		return mask, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, err1 := strconv.ParseUint(first, 10, 16)
		high, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil || low > high || high > 8191 || first[0] == '+' || last[0] == '+' {
			return nil, fmt.Errorf("%q is no processor and no range of them", part)
		}
		for cpu := low; cpu <= high; cpu++ {
			for uint64(len(mask)) <= cpu/8 {
				mask = append(mask, 0)
			}
			mask[cpu/8] |= 1 << (cpu % 8)
		}
	}
	return mask, nil
}

// cpuList is the inverse of [cpuMask].
func cpuList(mask []byte) string {
	has := func(cpu int) bool { return cpu < 8*len(mask) && mask[cpu/8]&(1<<(cpu%8)) != 0 }
	var parts []string
	for first := 0; first < 8*len(mask); first++ {
		if !has(first) {
			continue
		}
		last := first
		for has(last + 1) {
			last++
		}
		part := strconv.Itoa(first)
		if last > first {
			part += "-" + strconv.Itoa(last)
		}
		parts, first = append(parts, part), last
	}
	return strings.Join(parts, ",")
}

// sliceUnit is the slice that the unit is in.
func (c *Container) sliceUnit() string {
	if c.Slice == "" {
		return Slice
	}
	return slicePrefix + c.Slice + ".slice"
}

const slicePrefix = "hostctl-"

// checkSlice accepts a name that nests no deeper (a dash would) and is no slice of hostctl's own.
func checkSlice(name string) error {
	if name == "" || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return errors.New("a slice has a name of a-z and 0-9, at most 32")
	}
	if slicePrefix+name+".slice" == keeperSlice {
		return errors.New("hostctl keeps its own there")
	}
	return nil
}

// checkField accepts what no unit file can take for anything else: systemd writes it into one without escaping.
func checkField(name, value string) error {
	const upper, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	switch {
	case name == "" || len(name) > 64 || !strings.Contains(upper, name[:1]) || strings.Trim(name, upper+digits+"_") != "":
		return errors.New("a field's name has A-Z, 0-9 and _, begins with a letter, and is at most 64 long")
	case strings.HasPrefix(name, "HOSTCTL_"):
		return errors.New("these are hostctl's own fields")
	case slices.Contains([]string{"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_FACILITY", "SYSLOG_PID", "CODE_FILE", "CODE_LINE", "CODE_FUNC", "ERRNO", "UNIT", "USER_UNIT"}, name):
		return errors.New("that field is systemd's or the program's")
	case len(value) > 256 || strings.Trim(value, upper+strings.ToLower(upper)+digits+"._:@/+-") != "":
		return errors.New("a field's value has letters, digits and . _ : @ / + -, at most 256")
	}
	return nil
}

// journalFields are the fields as a unit takes them.
func (c *Container) journalFields() (out [][]byte, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.JournalFields)) {
		if err := checkField(name, c.JournalFields[name]); err != nil {
			return nil, fmt.Errorf("journal field %q: %w", name, err)
		}
		out = append(out, []byte(name+"="+c.JournalFields[name]))
	}
	return out, nil
}

func (c *Container) validateUnitChoices(v *validator) {
	l := c.Limits
	if l.MemoryHigh != 0 && (l.MemoryHigh < minMemory || l.Memory != 0 && l.MemoryHigh > l.Memory) {
		v.bad("limits.memory_high", fmt.Sprintf("%s is no bound below the limit", l.MemoryHigh), fmt.Sprintf("at least %s, and at most limits.memory", resource.Bytes(minMemory)))
	}
	if l.Swap != 0 && l.Memory == 0 {
		v.bad("limits.swap", "without a limit on memory swap is not limited either", "write limits.memory, or take it away")
	}
	for _, w := range []struct {
		path string
		n    uint64
	}{{"limits.cpu_weight", l.CPUWeight}, {"limits.io_weight", l.IOWeight}} {
		if w.n > 10000 {
			v.bad(w.path, fmt.Sprintf("%d is no weight", w.n), "from 1 to 10000; all others have 100")
		}
	}
	if _, err := cpuMask(l.CPUs); err != nil {
		v.bad("limits.cpus", fmt.Sprintf("%q is no list of processors", l.CPUs), err.Error()+`; write such as "0-3,6"`)
	}
	if c.Notify && (!c.Init || c.Boot) {
		v.bad("notify", "the tiny init passes on what the program says, and there is none", "take init = false away, or notify; a whole system says nothing to its host")
	}
	if c.Watchdog != 0 && !c.Notify {
		v.bad("watchdog", "a watchdog hears from the program by notify", "write notify = true, or take it away")
	}
	for _, d := range []struct {
		path  string
		value resource.Duration
	}{{"watchdog", c.Watchdog}, {"start_timeout", c.StartTimeout}} {
		if d.value != 0 && (d.value < 100e6 || d.value > 86400e9) {
			v.bad(d.path, fmt.Sprintf("%s is out of range", d.value), "from 100ms to 24h")
		}
	}
	if s := c.StartLimit; s != (StartLimit{}) && (s.Burst < 1 || s.Burst > 1000 || s.Interval < 1e9 || s.Interval > 86400e9) {
		v.bad("start_limit", "a limit of starts needs a number and a time", "write burst = 1 to 1000 and interval = 1s to 24h, such as burst = 5 and interval = \"10m\"")
	}
	if c.Slice != "" {
		if err := checkSlice(c.Slice); err != nil {
			v.bad("slice", fmt.Sprintf("%q is no slice", c.Slice), err.Error())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.JournalFields)) {
		if err := checkField(name, c.JournalFields[name]); err != nil {
			v.bad("journal_fields["+strconv.Quote(name)+"]", fmt.Sprintf("%s cannot be a field of the journal", name), err.Error())
		}
	}
}

// hardFiles reads the hard limit of "Max open files" (proc_pid_limits(5)); 0 where it is not known.
func hardFiles(file string) uint64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(data), "Max open files")
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.ParseUint(fields[1], 10, 64)
	return n
}
