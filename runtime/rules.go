package runtime

import (
	"errors"
	"os"
	"path"
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
	w.uint("version", uint64(r.Version))
	w.pathRules("default", r.Default)
	w.key("configurations")
	w.open('{')
	names := make([]string, 0, len(r.Configurations))
	for name := range r.Configurations {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		w.pathRules(name, r.Configurations[name])
	}
	w.close('}')
	w.close('}')
	return append(w.out, '\n')
}

func (w *writer) pathRules(k string, p rule.Paths) {
	w.key(k)
	w.open('{')
	w.strs("writable", p.Writable)
	w.strs("read_only", p.ReadOnly)
	w.strs("rootfs", p.Rootfs)
	if len(p.Credentials) > 0 {
		w.key("credentials")
		w.open('{')
		ids := make([]string, 0, len(p.Credentials))
		for id := range p.Credentials {
			ids = append(ids, id)
		}
		sort.Strings(ids)
		for _, id := range ids {
			w.strs(id, p.Credentials[id])
		}
		w.close('}')
	}
	w.close('}')
}

func decodeRules(data []byte) (rule.Rules, error) {
	out := rule.Rules{Configurations: map[string]rule.Paths{}}
	r := &reader{data: data}
	r.object(func(key string) bool {
		switch key {
		case "version":
			out.Version = int(r.uint(31))
		case "default":
			out.Default = r.pathRules()
		case "configurations":
			r.members(func(name string) { out.Configurations[name] = r.pathRules() })
		default:
			return false
		}
		return true
	})
	r.end()
	if r.err != nil {
		return rule.Rules{}, r.err
	}
	if out.Version != rule.Version {
		return rule.Rules{}, errors.New("version " + strconv.Itoa(out.Version) + "; this hostctl reads " + strconv.Itoa(rule.Version))
	}
	return out, nil
}

func (r *reader) pathRules() (p rule.Paths) {
	r.object(func(key string) bool {
		switch key {
		case "writable":
			p.Writable = r.strs()
		case "read_only":
			p.ReadOnly = r.strs()
		case "rootfs":
			p.Rootfs = r.strs()
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
func allowed(s Spec, r rule.Paths) (map[string]string, error) {
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
	for _, x := range s.Secrets {
		if !rule.Match(r.Credentials[x.Credential], s.Name) {
			return nil, errors.New("the host's policy does not give credential " + strconv.Quote(x.Credential) + " to container " + s.Name)
		}
	}
	return below, nil
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
