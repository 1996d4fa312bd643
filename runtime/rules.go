package runtime

import (
	"errors"
	"os"
	"path"
	"slices"
	"sort"
	"strconv"

	"golang.org/x/sys/unix"

	"hostctl/policy/rule"
)

// The rules of the host's owner lie beside the specs, as plain data: whoever reads the configuration wrote them from the policy, and
// the launcher holds what it opens against them at every start, so that a spec of last week gets nothing that is
// not allowed today. Without them nothing starts.

func (p Paths) rules() string { return p.Run + "/" + rulesFile }

const rulesFile = "policy.json"

// rulesVersion is the highest version of the file that this launcher reads. Version 2 has privileges; where nobody may have any, version 1
// says the same, and is what is written: a launcher of an older release goes on with it.
const rulesVersion = 2

// WriteRules makes these the rules of every start from now on, in one rename; nil means that they are on stable storage,
// with mode 0600.
func (p Paths) WriteRules(r rule.Rules) error {
	data := encodeRules(r)
	if fd, old, err := openOwn(p.rules()); err == nil {
		unix.Close(fd)
		if string(old) == string(data) {
			return nil
		}
	}
	if err := p.makeDirs(); err != nil {
		return step("rules", err)
	}
	return step("rules", writeFile(p.Run, rulesFile, data))
}

// Rules reads the rules. The error is os.ErrNotExist where none were written since the host booted.
func (p Paths) Rules() (rule.Rules, error) {
	fd, data, err := openOwn(p.rules())
	if errors.Is(err, unix.ENOENT) {
		return rule.Rules{}, os.ErrNotExist
	}
	if err != nil {
		return rule.Rules{}, err
	}
	unix.Close(fd)
	r, err := decodeRules(data)
	return r, step(p.rules(), err)
}

func encodeRules(r rule.Rules) []byte {
	w := &writer{first: true}
	w.open('{')
	version := uint64(1)
	if loosens(r.Default) {
		version = rulesVersion
	}
	for _, g := range r.Configurations {
		if loosens(g) {
			version = rulesVersion
		}
	}
	w.uint("version", version)
	w.grants("default", r.Default)
	w.key("configurations")
	w.open('{')
	for _, name := range sortedKeys(r.Configurations) {
		w.grants(name, r.Configurations[name])
	}
	w.close('}')
	w.close('}')
	return append(w.out, '\n')
}

// loosens reports whether there are privileges among the grants.
func loosens(g rule.Grants) bool {
	return g.Privileges.OOMScoreAdjust != 0 || slices.ContainsFunc(privilegeLists(&g.Privileges), func(l privilegeList) bool { return len(*l.list) > 0 })
}

// sortedKeys are a map's keys in order, so that equal rules are equal bytes.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (w *writer) grants(k string, p rule.Grants) {
	w.key(k)
	w.open('{')
	w.strs("writable", p.Writable)
	w.strs("read_only", p.ReadOnly)
	w.strs("rootfs", p.Rootfs)
	if loosens(p) {
		w.key("privileges")
		w.open('{')
		for _, l := range privilegeLists(&p.Privileges) {
			if len(*l.list) > 0 {
				w.strs(l.name, *l.list)
			}
		}
		if n := p.Privileges.OOMScoreAdjust; n != 0 {
			w.uint("oom_score_adjust_below_0", uint64(-n)) // never above 0, and the reader knows no sign
		}
		w.close('}')
	}
	if len(p.Credentials) > 0 {
		w.key("credentials")
		w.open('{')
		for _, id := range sortedKeys(p.Credentials) {
			w.strs(id, p.Credentials[id])
		}
		w.close('}')
	}
	w.close('}')
}

func decodeRules(data []byte) (rule.Rules, error) {
	out := rule.Rules{Configurations: map[string]rule.Grants{}}
	r := &reader{data: data}
	version := 0
	r.object(func(key string) bool {
		switch key {
		case "version":
			if version = int(r.uint(31)); version > rulesVersion {
				r.fail("version " + strconv.Itoa(version) + "; this launcher reads up to " + strconv.Itoa(rulesVersion) + ": use the release that wrote it, or have this one's hostctl write it anew (hostctl replay)")
			}
		case "default":
			out.Default = r.grants()
		case "configurations":
			r.members(func(name string) { out.Configurations[name] = r.grants() })
		default:
			return false
		}
		return true
	})
	r.end()
	if r.err != nil {
		return rule.Rules{}, r.err
	}
	if version < 1 {
		return rule.Rules{}, errors.New("no version")
	}
	return out, nil
}

type privilegeList struct {
	name string
	list *[]string
}

// privilegeLists are the lists of privileges by their names.
func privilegeLists(p *rule.Privileges) []privilegeList {
	return []privilegeList{
		{"host_network", &p.HostNetwork}, {"boot", &p.Boot}, {"root", &p.Root}, {"capabilities", &p.Capabilities}, {"system_calls", &p.SystemCalls},
		{"devices", &p.Devices}, {"sysctls", &p.Sysctls}, {"selinux", &p.SELinux}, {"rlimits", &p.Rlimits},
	}
}

func (r *reader) privileges() (p rule.Privileges) {
	lists := privilegeLists(&p)
	r.object(func(key string) bool {
		if key == "oom_score_adjust_below_0" {
			p.OOMScoreAdjust = -int(r.uint(10))
			return true
		}
		for _, l := range lists {
			if l.name == key {
				*l.list = r.strs()
				return true
			}
		}
		return false
	})
	return p
}

func (r *reader) grants() (p rule.Grants) {
	r.object(func(key string) bool {
		switch key {
		case "writable":
			p.Writable = r.strs()
		case "read_only":
			p.ReadOnly = r.strs()
		case "rootfs":
			p.Rootfs = r.strs()
		case "privileges":
			p.Privileges = r.privileges()
		case "credentials":
			p.Credentials = map[string][]string{}
			r.members(func(id string) { p.Credentials[id] = r.strs() })
		default:
			return false
		}
		return true
	})
	return p
}

// allowed returns the entry of the rules that allows the rootfs, under "root", and each volume of a spec, by the slot that it is mounted
// from; and fails unless they allow its secrets too. It is pure.
func allowed(s Spec, r rule.Grants) (map[string]string, error) {
	below := make(map[string]string, len(s.Mounts)+1)
	judge := func(slot, what, p string, v rule.Verdict) error {
		if v.Root == "" {
			return errors.New("the host's policy does not allow " + what + " " + p + ": " + v.Why)
		}
		below[slot] = v.Root
		return nil
	}
	if err := judge("root", "rootfs", s.Rootfs, r.Root(s.Rootfs)); err != nil {
		return nil, err
	}
	for _, m := range s.Mounts {
		p, verdict, what := path.Join(m.Source, m.Path), r.Write, "writing to"
		if m.ReadOnly {
			verdict, what = r.Read, "reading"
		}
		if err := judge(volumeSlot(m.Target), what, p, verdict(p)); err != nil {
			return nil, err
		}
	}
	if s.Root == RootWritable {
		if err := judge("root", "writing to rootfs", s.Rootfs, r.Write(s.Rootfs)); err != nil {
			return nil, err
		}
	}
	if refused := privileged(s, r.Privileges); refused != "" {
		return nil, errors.New("the host's policy does not allow " + refused)
	}
	for _, x := range s.Secrets {
		if !rule.Match(r.Credentials[x.Credential], s.Name) {
			return nil, errors.New("the host's policy does not give credential " + strconv.Quote(x.Credential) + " to container " + s.Name)
		}
	}
	return below, nil
}

// privileged returns the first thing that a spec has beyond what every container has and that is not allowed; "" for none.
func privileged(s Spec, may rule.Privileges) string {
	switch {
	case s.HostNetwork && !rule.Match(may.HostNetwork, s.Name):
		return "the host's network"
	case s.Boot && !rule.Match(may.Boot, s.Name):
		return "a whole system"
	case s.Root != RootReadOnly && !slices.Contains(may.Root, s.Root):
		return "a root that is " + s.Root
	case s.SELinux != "" && !slices.Contains(may.SELinux, s.SELinux):
		return "the SELinux context " + strconv.Quote(s.SELinux)
	case s.OOMScoreAdjust < 0 && s.OOMScoreAdjust < may.OOMScoreAdjust:
		return "an oom_score_adjust of " + strconv.Itoa(s.OOMScoreAdjust)
	}
	for _, name := range s.Capabilities {
		if !slices.Contains(may.Capabilities, name) {
			return "capability " + name
		}
	}
	for _, name := range s.SystemCalls {
		if !slices.Contains(may.SystemCalls, name) {
			return "system call " + name
		}
	}
	for _, c := range s.Sysctls {
		if !rule.Match(may.Sysctls, c.Name) {
			return "sysctl " + c.Name
		}
	}
	for _, l := range s.Limits {
		if slices.Contains(rule.Raised, l.Name) && !slices.Contains(may.Rlimits, l.Name) {
			return "resource limit " + l.Name
		}
	}
	for _, d := range s.Devices { // with which permissions only the unit knows
		allowed := false
		for _, entry := range may.Devices {
			allowed = allowed || rule.Device(entry, d.Source, "")
		}
		if !allowed {
			return "device " + d.Source
		}
	}
	return ""
}

// openAllowed opens a directory of the host beneath the entry of the rules that allows it: whatever lies between, no link leads
// out of it.
func openAllowed(root, dir string) (int, error) {
	if !rule.Within(dir, root) { // the entry is for a part of it, and that is opened from here
		return openDir(dir)
	}
	fd, err := openDir(root)
	if err != nil || dir == root {
		return fd, err
	}
	defer unix.Close(fd)
	rest := dir[len(root):]
	for rest[0] == '/' {
		rest = rest[1:]
	}
	return openDirAt(fd, rest, unix.RESOLVE_BENEATH)
}
