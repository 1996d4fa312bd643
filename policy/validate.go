package policy

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"hostctl/policy/rule"
	"hostctl/resource"
)

// Validate implements [resource.Spec]: what is wrong with the policy by itself. One that says less than its author meant
// is dangerous, so that nothing which has no effect is taken.
func (f *File) Validate(resource.Addr) []resource.Problem {
	v := &validator{}
	v.sections("", &f.Sections)
	for _, name := range slices.Sorted(maps.Keys(f.Configuration)) {
		at := "configuration[" + strconv.Quote(name) + "]"
		if err := resource.CheckName(name); err != nil {
			v.bad(at, fmt.Sprintf("%q cannot be a configuration's name", name), err.Error())
		}
		c := f.Configuration[name]
		for _, dir := range c.Directories {
			v.path(at+".directories", dir)
		}
		v.sections(at+".", &c.Sections)
	}
	return v.problems
}

type validator struct{ problems []resource.Problem }

func (v *validator) bad(path, summary, detail string) {
	v.problems = append(v.problems, resource.Problem{Path: path, Summary: summary, Detail: detail})
}

func (v *validator) sections(at string, s *Sections) {
	v.patterns(at+"names", s.Names)
	for _, slice := range s.Slices {
		if slice != "" {
			v.patterns(at+"slices", []string{slice})
		}
	}
	for _, home := range s.Users.Homes {
		v.path(at+"users.homes", home)
	}
	for _, dir := range s.Paths.Writable {
		if v.path(at+"paths.writable", dir) {
			v.open(at+"paths.writable", dir, false)
		}
	}
	for _, dir := range s.Paths.ReadOnly {
		if v.path(at+"paths.read_only", dir) {
			v.open(at+"paths.read_only", dir, true)
		}
	}
	for _, dir := range s.Rootfs.Directories {
		if v.path(at+"rootfs.directories", dir) {
			v.open(at+"rootfs.directories", dir, false)
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(s.Images.Allow)) {
		v.image(at+"images.allow["+strconv.Quote(prefix)+"]", prefix, s.Images.Allow[prefix])
	}
	v.patterns(at+"users.allow", s.Users.Allow)
	each(v, at+"users.uids", s.Users.UIDs, parseSpan)
	v.words(at+"users.groups", s.Users.Groups)
	v.words(at+"imports", s.Imports)
	for _, shell := range s.Users.Shells {
		v.path(at+"users.shells", shell)
	}
	v.patterns(at+"network.host_network", s.Network.HostNetwork)
	each(v, at+"network.host_ports", s.Network.HostPorts, parsePort)
	each(v, at+"network.subnets", s.Network.Subnets, parseSubnet)
	v.words(at+"privileges.capabilities", s.Privileges.Capabilities)
	each(v, at+"privileges.devices", s.Privileges.Devices, parseDevice)
	v.patterns(at+"privileges.sysctls", s.Privileges.Sysctls)
	v.words(at+"privileges.system_calls", s.Privileges.SystemCalls)
	v.oneOf(at+"privileges.root", s.Privileges.Root, []string{"ephemeral", "persistent", "writable"})
	v.patterns(at+"privileges.boot", s.Privileges.Boot)
	v.oneOf(at+"privileges.rlimits", s.Privileges.Rlimits, rule.Raised)
	if n := s.Privileges.OOMScoreAdjust; n < -1000 || n > 0 {
		v.bad(at+"privileges.oom_score_adjust", fmt.Sprintf("%d is no bound", n), "what is above 0 needs no policy; write from -1000 to -1")
	}
	v.oneOf(at+"limits.unlimited", s.Limits.Unlimited, []string{"memory", "tasks", "files"})
	for _, l := range amounts {
		most, standard := l.of(s.Limits.Amounts), l.of(s.Defaults)
		for _, n := range []struct {
			block string
			value float64
		}{{"limits.", most}, {"defaults.", standard}} {
			if n.value < 0 {
				v.bad(at+n.block+l.name, fmt.Sprintf("a limit of %s cannot be negative", l.name), "")
			}
		}
		if most > 0 && standard > most {
			v.bad(at+"defaults."+l.name, fmt.Sprintf("the default of %s is above its limit", l.name), "")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Credential)) {
		v.credential(at+"credential["+strconv.Quote(id)+"]", id, s.Credential[id])
	}
}

// path reports a path that is not absolute and clean, and whether it is.
func (v *validator) path(at, p string) bool {
	switch {
	case !strings.HasPrefix(p, "/") || path.Clean(p) != p:
		v.bad(at, fmt.Sprintf("%q is no path of a policy", p), `write an absolute path without ".", "..", double or trailing slashes; it stands for all that is below it`)
	case strings.ContainsAny(p, "*?[") || strings.ContainsFunc(p, unicode.IsControl):
		v.bad(at, fmt.Sprintf("%q is no path of a policy", p), "a directory stands for all that is below it; there are no patterns")
	default:
		return true
	}
	return false
}

// open refuses an entry that opens nothing: what lies in a reserved directory.
func (v *validator) open(at, p string, read bool) {
	dir, why := rule.Reserved(p)
	if dir == "" || !rule.Within(p, dir) || read && rule.Readable(p) {
		return // an entry that holds reserved directories opens the rest
	}
	v.bad(at, fmt.Sprintf("no policy opens %s", p), dir+" "+why)
}

func (v *validator) patterns(at string, list []string) {
	for _, p := range list {
		if strings.Contains(strings.TrimSuffix(p, "*"), "*") || strings.ContainsFunc(p, unicode.IsSpace) || p == "" {
			v.bad(at, fmt.Sprintf("%q is no pattern", p), `write a name, or its beginning with one "*" behind it`)
		}
	}
}

// words refuses what looks like a pattern where every name is to be written.
func (v *validator) words(at string, list []string) {
	for _, w := range list {
		if w == "" || strings.ContainsAny(w, "*? ") {
			v.bad(at, fmt.Sprintf("%q is no name", w), "each is written out here; there are no patterns")
		}
	}
}

func (v *validator) oneOf(at string, list, known []string) {
	for _, w := range list {
		if !slices.Contains(known, w) {
			near := ""
			if n := resource.Nearest(w, known); n != "" {
				near = fmt.Sprintf("; did you mean %q?", n)
			}
			v.bad(at, fmt.Sprintf("%q has no meaning here", w), "these have: "+strings.Join(known, ", ")+near)
		}
	}
}

func each[T any](v *validator, at string, list []string, parse func(string) (T, error)) {
	for _, s := range list {
		if _, err := parse(s); err != nil {
			v.bad(at, fmt.Sprintf("%q has no meaning here", s), err.Error())
		}
	}
}

func (v *validator) image(at, prefix string, i Image) {
	if prefix == "" || strings.ContainsFunc(prefix, unicode.IsSpace) {
		v.bad(at, fmt.Sprintf("%q begins no image's source", prefix), `write such as "docker.io/library/" or "dir:/srv/images/"`)
	}
	for _, key := range i.Keys {
		v.path(at+".keys", key)
	}
	ways := 0
	for _, set := range []bool{len(i.Keys) > 0, i.DigestPinned, i.Unsigned} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		v.bad(at, "it is not said what proves an image", "write keys, digest_pinned = true or unsigned = true, and one of them")
	}
}

func (v *validator) credential(at, id string, c Credential) {
	if !rule.ValidCredential(id) {
		v.bad(at, fmt.Sprintf("%q cannot be a credential's id", id), rule.CredentialForm)
	}
	if v.path(at+".file", c.File) && !rule.ValidCredentialFile(c.File) {
		v.bad(at+".file", fmt.Sprintf("%q cannot be a credential's file", c.File),
			"systemd has a meaning for other characters in it than letters, digits and - _ . / + @ , =; move the file")
	}
	v.patterns(at+".containers", c.Containers)
}
