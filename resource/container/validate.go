package container

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hostctl/resource"
	"hostctl/runtime"
)

const (
	maxPath     = 1024      // far below PATH_MAX, for paths are put together from this one
	maxArgs     = 512 << 10 // bytes of command and environment; the kernel takes a quarter of the stack limit, 2 MiB
	maxArg      = 128 << 10 // MAX_ARG_STRLEN, execve(2)
	maxHostname = 64        // HOST_NAME_MAX
	minMemory   = 4 << 20   // the launcher itself needs that much before exec
	minTasks    = 16        // the launcher's threads
	maxTasks    = 4 << 20   // PID_MAX_LIMIT
	maxFiles    = 512 << 10 // DefaultLimitNOFILE=, the hard limit of systemd's services
	maxCPU      = 4096
	minFiles    = 64
)

// Validate implements resource.Spec.
func (c *Container) Validate(self resource.Addr) []resource.Problem {
	v := &validator{self: self}
	if err := checkPath(c.Rootfs); err != nil {
		v.bad("rootfs", fmt.Sprintf("%q cannot be a root directory", c.Rootfs), err.Error())
	} else if c.Rootfs == "/" {
		v.bad("rootfs", "the host's own root cannot be a container's", "make a directory for it, such as /srv/rootfs/"+self.Name)
	}
	c.validateProgram(v)
	c.validateRoot(v)
	c.validateBoot(v)
	c.validateTargets(v)
	c.validateFiles(v)
	c.validateSecrets(v)
	c.validateReload(v)
	c.validatePrivileges(v)
	c.validateNetwork(v)
	c.validateDevices(v)
	c.validateLabel(v)
	c.validateListen(v)
	c.validateJob(v)
	c.validateUpdate(v)
	c.validateHealth(v)
	c.validateLimits(v)
	c.validateUnit(v)
	c.validateUnitChoices(v)
	return v.problems
}

type validator struct {
	self     resource.Addr
	problems []resource.Problem
}

func (v *validator) bad(path, summary, detail string) {
	v.problems = append(v.problems, resource.Problem{Addr: v.self, Path: path, Summary: summary, Detail: detail})
}

func (c *Container) validateProgram(v *validator) {
	size := 0
	switch {
	case len(c.Command) == 0 && c.Boot:
	case len(c.Command) == 0:
		v.bad("command", "the command is empty", `write the program and its arguments, such as ["/bin/httpd", "-f"]`)
	case c.Command[0] == "":
		v.bad("command", "the command's first element, the program, is empty", "")
	case strings.Contains(c.Command[0], "/") && !strings.HasPrefix(c.Command[0], "/"):
		v.bad("command", fmt.Sprintf("%q is a relative path", c.Command[0]), "write an absolute path inside the container, or a bare name to be found in PATH")
	}
	for i, arg := range c.Command {
		size += len(arg) + 1
		if strings.ContainsRune(arg, 0) || !utf8.ValidString(arg) {
			v.bad("command", fmt.Sprintf("element %d holds a NUL byte or is not valid UTF-8", i), "")
		} else if len(arg) >= maxArg {
			v.bad("command", fmt.Sprintf("element %d has %d bytes", i, len(arg)), fmt.Sprintf("the kernel takes less than %d", maxArg))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Environment)) {
		value := c.Environment[key]
		size += len(key) + len(value) + 2
		at := `environment[` + strconv.Quote(key) + `]`
		switch {
		case key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsFunc(key, unicode.IsControl) || !utf8.ValidString(key):
			v.bad("environment", fmt.Sprintf("%q cannot be a variable's name", key), `a name is not empty and holds no "=" and no control character`)
		case strings.ContainsRune(value, 0) || !utf8.ValidString(value):
			v.bad(at, "the value holds a NUL byte or is not valid UTF-8", "")
		case len(key)+len(value)+1 >= maxArg:
			v.bad(at, fmt.Sprintf("the variable has %d bytes", len(key)+len(value)+1), fmt.Sprintf("the kernel takes less than %d", maxArg))
		}
	}
	if size > maxArgs {
		v.bad("command", fmt.Sprintf("command and environment have %d bytes together", size), fmt.Sprintf("at most %d are taken; put long data into a file", maxArgs))
	}
	if c.Workdir != "" {
		if err := checkPath(c.Workdir); err != nil {
			v.bad("workdir", fmt.Sprintf("%q cannot be a working directory", c.Workdir), err.Error())
		}
	}
	if err := checkUser(c.User); err != nil {
		v.bad("user", fmt.Sprintf("%q is no user", c.User), err.Error())
	}
	if c.Hostname != "" && !isHostname(c.Hostname) {
		v.bad("hostname", fmt.Sprintf("%q is no host name", c.Hostname), fmt.Sprintf("letters, digits, \"-\" and \".\", at most %d characters", maxHostname))
	}
}

const rootReadOnly Root = "read-only"

var roots = []Root{rootReadOnly, runtime.RootEphemeral, runtime.RootPersistent, runtime.RootWritable}

func (c *Container) validateRoot(v *validator) {
	if c.Root != "" && !slices.Contains(roots, c.Root) {
		v.bad("root", fmt.Sprintf("%q is no kind of root", c.Root), `write "read-only", "ephemeral", "persistent" or "writable"`)
	}
	switch {
	case c.RootSize == 0:
	case c.Root != runtime.RootEphemeral:
		v.bad("root_size", "only an ephemeral root has a size", `write root = "ephemeral", or take the size away`)
	case c.RootSize < 1<<20 || c.RootSize > 1<<50:
		v.bad("root_size", fmt.Sprintf("%s is no size of a root", c.RootSize), "at least 1M")
	}
	if c.ShmSize != 0 && (c.ShmSize < 4096 || c.ShmSize > 1<<50) {
		v.bad("shm_size", fmt.Sprintf("%s is no size of /dev/shm", c.ShmSize), "at least 4K")
	}
	for _, target := range slices.Sorted(maps.Keys(c.Mount)) {
		if p := c.Mount[target].Path; p != "" {
			if err := checkPath("/" + p); err != nil {
				v.bad("mount["+strconv.Quote(target)+"].path", fmt.Sprintf("%q is no path in a volume", p), "write it relative to the volume, without \".\", \"..\" and slashes at its ends")
			}
		}
	}
}

// validateBoot refuses what a whole system decides by itself.
func (c *Container) validateBoot(v *validator) {
	if !c.Boot {
		return
	}
	if c.Root == "" || c.Root == rootReadOnly {
		v.bad("root", "a whole system writes to its root", `write root = "persistent", or "ephemeral" for one that begins anew each time`)
	}
	for _, own := range []struct {
		path string
		set  bool
	}{
		{"user", c.User != ""}, {"run_as", c.RunAs != resource.Addr{}}, {"capabilities", len(c.Capabilities) > 0},
		{"groups", len(c.Groups) > 0}, {"system_calls", len(c.SystemCalls) > 0}, {"workdir", c.Workdir != ""},
	} {
		if own.set {
			v.bad(own.path, fmt.Sprintf("a whole system has its own %s", own.path), "take it away, or boot = true")
		}
	}
}

func (c *Container) validateTargets(v *validator) {
	for _, target := range slices.Sorted(maps.Keys(c.Mount)) {
		at := `mount[` + strconv.Quote(target) + `]`
		if err := checkTarget(target); err != nil {
			v.bad(at, fmt.Sprintf("nothing can be mounted at %q", target), err.Error())
		}
		if _, twice := c.Tmpfs[target]; twice {
			v.bad(at, fmt.Sprintf("%s is a mount and a tmpfs", target), "keep one of them")
		}
	}
	for _, target := range slices.Sorted(maps.Keys(c.Tmpfs)) {
		at := `tmpfs[` + strconv.Quote(target) + `]`
		if err := checkTarget(target); err != nil {
			v.bad(at, fmt.Sprintf("nothing can be mounted at %q", target), err.Error())
		}
		if c.Tmpfs[target].Size < 4096 {
			v.bad(at+".size", "a tmpfs needs a size", `without one it is all of the host's memory; write one such as "64M"`)
		}
	}
}

func (c *Container) validateLimits(v *validator) {
	l := c.Limits
	if l.Memory != 0 && l.Memory < minMemory {
		v.bad("limits.memory", fmt.Sprintf("%s is too little memory", l.Memory), fmt.Sprintf("at least %s, or 0 for no limit", resource.Bytes(minMemory)))
	}
	if l.CPU != 0 && (!(l.CPU >= 0.01) || l.CPU > maxCPU || !nearly(l.CPU*1000)) {
		v.bad("limits.cpu", fmt.Sprintf("%v is no number of processors", l.CPU), "from 0.01 in steps of 0.001, such as 1.5, or 0 for no limit")
	}
	if l.Tasks != 0 && (l.Tasks < minTasks || l.Tasks > maxTasks) {
		v.bad("limits.tasks", fmt.Sprintf("%d is no limit on tasks", l.Tasks), fmt.Sprintf("from %d to %d, or 0 for no limit", minTasks, maxTasks))
	}
	if l.Files < minFiles || l.Files > maxFiles {
		v.bad("limits.files", fmt.Sprintf("%d is no limit on open files", l.Files), fmt.Sprintf("from %d to %d", minFiles, maxFiles))
	}
}

// nearly reports whether f is a whole number but for the rounding of its binary form.
func nearly(f float64) bool {
	d := f - float64(int64(f+0.5))
	return -1e-6 < d && d < 1e-6
}

func (c *Container) validateUnit(v *validator) {
	if !slices.Contains(restarts, c.Restart) {
		v.bad("restart", fmt.Sprintf("%q is no restart policy", c.Restart), `write "no", "on-failure", "always", "on-success", "on-abnormal", "on-abort" or "on-watchdog"`)
	}
	if _, ok := signals[c.StopSignal]; !ok {
		detail := "write one of " + strings.Join(signalNames(), ", ")
		if bare := Signal(strings.TrimPrefix(string(c.StopSignal), "SIG")); signals[bare] != 0 {
			detail = fmt.Sprintf("write it without SIG: %q", bare)
		}
		v.bad("stop_signal", fmt.Sprintf("%q is no signal to stop with", c.StopSignal), detail)
	}
	for _, d := range []struct {
		path      string
		value     resource.Duration
		low, high resource.Duration
	}{
		{"restart_delay", c.RestartDelay, 100e6, 3600e9},
		{"stop_timeout", c.StopTimeout, 100e6, 3600e9},
	} {
		if d.value < d.low || d.value > d.high {
			v.bad(d.path, fmt.Sprintf("%s is out of range", d.value), fmt.Sprintf("from %s to %s", d.low, d.high))
		}
	}
	seen := map[resource.Addr]bool{}
	for _, d := range c.DependsOn {
		to := d.To
		switch {
		case to == v.self:
			v.bad("depends_on", "a container cannot depend on itself", "")
		case seen[to]:
			v.bad("depends_on", fmt.Sprintf("%s stands twice", to), "")
		}
		seen[to] = true
	}
}

func signalNames() []string {
	var names []string
	for s := range signals {
		names = append(names, string(s))
	}
	slices.Sort(names)
	return names
}

// checkTarget refuses what the launcher makes itself, and what would be above it.
func checkTarget(p string) error {
	if err := checkPath(p); err != nil {
		return err
	}
	if p == "/" {
		return fmt.Errorf("the root is the rootfs")
	}
	for _, own := range []string{"/proc", "/sys", "/dev"} {
		if p == own || strings.HasPrefix(p, own+"/") {
			return fmt.Errorf("%s is made by hostctl, fresh for each container", own)
		}
	}
	if strings.Contains(p, `"`) || strings.Contains(p, `\`) {
		return fmt.Errorf("it may not hold quotes and backslashes")
	}
	return nil
}

func checkPath(p string) error {
	switch {
	case p == "":
		return fmt.Errorf("write an absolute path")
	case !strings.HasPrefix(p, "/") || path.Clean(p) != p:
		return fmt.Errorf("write an absolute path without \".\", \"..\", double or trailing slashes")
	case len(p) > maxPath:
		return fmt.Errorf("it has %d bytes; at most %d are taken", len(p), maxPath)
	case !utf8.ValidString(p):
		return fmt.Errorf("it is not valid UTF-8")
	case strings.ContainsFunc(p, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("it may not hold control characters, line separators or invisible characters")
	}
	for part := range strings.SplitSeq(p, "/") {
		if len(part) > 255 {
			return fmt.Errorf("a directory's name has at most 255 bytes")
		}
	}
	return nil
}

// checkUser accepts uid, uid:gid, name and name:group; whether the rootfs knows a name is asked later.
func checkUser(s string) error {
	if s == "" {
		return nil
	}
	user, group, two := strings.Cut(s, ":")
	for i, part := range []string{user, group} {
		if i == 1 && !two {
			break
		}
		if n, err := strconv.ParseUint(part, 10, 64); err == nil {
			if n >= RangeSize || part[0] == '+' || len(part) > 1 && part[0] == '0' {
				return fmt.Errorf("a number inside is from 0 to %d", RangeSize-1)
			}
			continue
		}
		if part == "" || len(part) > 255 || strings.ContainsFunc(part, func(r rune) bool {
			return r <= ' ' || r >= 0x7f || r == ':' || r == ',' || r == '/'
		}) || '0' <= part[0] && part[0] <= '9' || part[0] == '-' || part[0] == '+' {
			return fmt.Errorf("write a uid, uid:gid, a name, or name:group")
		}
	}
	return nil
}

func isHostname(s string) bool {
	if len(s) > maxHostname {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			switch c := label[i]; {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
			default:
				return false
			}
		}
	}
	return true
}
