package runtime

import (
	"errors"
	pathpkg "path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hostctl/policy/rule"
)

// MaxName is the length limit of a container's name, in bytes.
const MaxName = 48

// MinTmpfs is the smallest Tmpfs.Size, in bytes: one page.
const MinTmpfs = 4096

// noID is the number that chown(2) and setresuid(2) read as "leave as it is"; it is nobody's id.
const noID = 1<<32 - 1

// Validate says what is wrong with a Spec, as one error that joins every problem, or nil.
// It looks at the Spec alone, never at the machine.
func (s Spec) Validate() error {
	var errs []error
	bad := func(field, what string) { errs = append(errs, errors.New("spec: "+field+": "+what)) }

	if s.Version < 1 || s.Version > SpecVersion {
		bad("version", strconv.Itoa(s.Version)+" is not 1 to "+strconv.Itoa(SpecVersion))
	}
	if err := ValidName(s.Name); err != nil {
		errs = append(errs, &StepError{"spec: name", err})
	}
	text := func(field, v string) {
		if !plain(v) {
			bad(field, "holds control characters or is not valid UTF-8")
		}
	}
	text("owner", s.Owner)
	text("address", s.Address)
	if len(s.Declared) > 0 {
		r := &reader{data: s.Declared}
		r.skip(0)
		if r.end(); r.err != nil {
			bad("declared", "is not JSON: "+r.err.Error())
		}
	}
	path := func(field, v string) bool {
		if err := cleanPath(v); err != nil {
			errs = append(errs, &StepError{"spec: " + field, err})
			return false
		}
		return true
	}
	if path("rootfs", s.Rootfs) && s.Rootfs == "/" {
		bad("rootfs", "is the host's own root directory")
	}
	if len(s.Args) == 0 || s.Args[0] == "" {
		bad("args", "names no command")
	} else if a := s.Args[0]; strings.Contains(a, "/") && a[0] != '/' {
		bad("args", strconv.Quote(a)+" is neither an absolute path nor a name to look up in PATH")
	}
	for i, a := range s.Args {
		if !bytesOK(a) {
			bad("args["+strconv.Itoa(i)+"]", "holds NUL or is not valid UTF-8")
		}
	}
	seen := make(map[string]bool, len(s.Env))
	for _, e := range s.Env {
		key, _, ok := strings.Cut(e, "=")
		switch {
		case !bytesOK(e):
			bad("env", "an entry holds NUL or is not valid UTF-8")
		case !ok || key == "":
			bad("env", "an entry is not KEY=value")
		case seen[key]:
			bad("env", strconv.Quote(key)+" stands twice")
		}
		seen[key] = true
	}
	if s.Dir != "" {
		path("dir", s.Dir)
	}
	if err := validUser(s.User); err != nil {
		errs = append(errs, &StepError{"spec: user", err})
	}
	last := uint64(s.IDs.Base) + uint64(s.IDs.Count) - 1
	switch {
	case s.IDs.Base == 0:
		bad("ids", "the range holds the host's id 0")
	case s.IDs.Count == 0 || last >= noID:
		bad("ids", "the range is empty or goes past 4294967294")
	}
	if s.RunAs != nil {
		for _, id := range []uint32{s.RunAs.UID, s.RunAs.GID} {
			switch {
			case id == 0 || id == noID:
				bad("run_as", strconv.FormatUint(uint64(id), 10)+" is not an account that a container may run as")
			case uint64(id) >= uint64(s.IDs.Base) && uint64(id) <= last:
				bad("run_as", strconv.FormatUint(uint64(id), 10)+" lies in the container's own id range")
			}
		}
	}
	if s.Hostname != "" && !validHostname(s.Hostname) {
		bad("hostname", strconv.Quote(s.Hostname)+" is not a host name of at most 64 characters")
	}
	if s.Netns != "" {
		path("netns", s.Netns)
	}
	targets := map[string]bool{}
	target := func(field, v string) {
		if !path(field, v) {
			return
		}
		switch {
		case v == "/":
			bad(field, "is the root directory")
		case below(v, "/proc"), below(v, "/sys"), below(v, "/dev"):
			bad(field, v+" lies on /proc, /sys or /dev, which the container has of its own")
		case targets[v]:
			bad(field, v+" stands twice")
		}
		targets[v] = true
	}
	for _, m := range s.Mounts {
		target("mount target", m.Target)
		path("mount source", m.Source)
		if m.Path != "" {
			path("mount path", "/"+m.Path)
		}
		if m.Mountpoint != "" {
			path("mountpoint", m.Mountpoint)
			if m.Source != m.Mountpoint && !below(m.Source, m.Mountpoint) {
				bad("mountpoint", m.Mountpoint+" is not above "+m.Source)
			}
		}
		if m.Owner != nil && (m.Owner.UID == noID || m.Owner.GID == noID) {
			bad("mount owner", "4294967295 is nobody's id")
		}
	}
	for _, t := range s.Tmpfs {
		target("tmpfs target", t.Target)
		if t.Size < MinTmpfs || t.Size > 1<<62 {
			bad("tmpfs size", "is not "+strconv.Itoa(MinTmpfs)+" bytes to 4 EiB")
		}
		if t.Mode > 0o1777 {
			bad("tmpfs mode", "0"+strconv.FormatUint(uint64(t.Mode), 8)+" is above 01777")
		}
	}
	inside := func(what string, f File) {
		target(what+" target", f.Target)
		if f.Mode > 0o777 {
			bad(what+" mode", "0"+strconv.FormatUint(uint64(f.Mode), 8)+" is above 0777")
		}
		if err := validUser(f.Owner); err != nil {
			errs = append(errs, &StepError{"spec: " + what + " owner", err})
		}
		if onMount(s, f.Target) {
			bad(what+" target", f.Target+" lies on a mount")
		}
		if dir := pathpkg.Dir(f.Target); dir == "/run" || dir == "/tmp" || targets[dir] {
			bad(what+" target", dir+" is the payload's to write, and no place for the file "+pathpkg.Base(f.Target))
		}
		for other := range targets {
			if other != f.Target && below(other, f.Target) {
				bad(what+" target", other+" would lie below the file "+f.Target)
			}
		}
	}
	for _, f := range s.Files {
		inside("file", f)
		if len(f.Sum) != 64 || !isHex(f.Sum) {
			bad("file sum", "is not a sha256")
		}
	}
	for _, x := range s.Secrets {
		inside("secret", x.file())
		if !rule.ValidCredential(x.Credential) {
			bad("secret credential", strconv.Quote(x.Credential)+" is no id of a credential")
		}
	}
	validRoot(s, bad)
	if s.Notify && !s.Init || s.Watchdog != 0 && !s.Notify {
		bad("notify", "needs the init, and a watchdog needs notify")
	}
	s.validateDuties(bad)
	if s.initTells() && slices.Contains(s.Capabilities, "sys_ptrace") {
		bad("notify", "the payload would be the init by sys_ptrace, and say to systemd what it likes")
	}
	if len(s.Listen) > 64 {
		bad("listen", "has "+strconv.Itoa(len(s.Listen))+" sockets")
	}
	for _, name := range s.Listen {
		if err := ValidName(name); err != nil {
			errs = append(errs, &StepError{"spec: listen", err})
		}
	}
	if s.AppArmor != "" && (s.SELinux != "" || !ValidProfile(s.AppArmor)) {
		bad("apparmor", strconv.Quote(s.AppArmor)+" is no profile, or there is a context of SELinux's too")
	}
	if s.SELinux != "" && !ValidContext(s.SELinux) {
		bad("selinux", strconv.Quote(s.SELinux)+" is no context")
	}
	s.validateDevices(bad)
	s.validateNetwork(bad)
	s.validatePrivileges(bad)
	if s.NoFile > 1<<30 {
		bad("nofile", strconv.FormatUint(s.NoFile, 10)+" is above 1073741824")
	}
	return errors.Join(errs...)
}

// ValidName checks a container's name: [a-z0-9]([a-z0-9-]*[a-z0-9])?, no "--", at most MaxName bytes.
func ValidName(name string) error {
	ok := name != "" && len(name) <= MaxName && name[0] != '-' && name[len(name)-1] != '-' && !strings.Contains(name, "--")
	for i := 0; i < len(name); i++ {
		c := name[i]
		ok = ok && (c == '-' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}
	if !ok {
		return errors.New(strconv.Quote(name) + " is not a name: a-z, 0-9 and single - inside, at most " + strconv.Itoa(MaxName) + " characters")
	}
	return nil
}

// NextSuffix ends the link's name of the helper of a start-first update, which starts the same container on its new spec. No container's
// name holds it.
const NextSuffix = "--next"

// validLink checks the name of a link: a container's name, or that of its start-first helper.
func validLink(name string) error { return ValidName(strings.TrimSuffix(name, NextSuffix)) }

// below says whether path is dir or lies below it; both are clean and absolute.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir) && path[len(dir)] == '/'
}

func cleanPath(p string) error {
	switch {
	case !plain(p):
		return errors.New("path holds control characters or is not valid UTF-8")
	case len(p) > 4095:
		return errors.New("path is longer than 4095 bytes")
	case p == "" || p[0] != '/':
		return errors.New(strconv.Quote(p) + " is not an absolute path")
	case p == "/":
		return nil
	}
	for _, c := range strings.Split(p[1:], "/") {
		if c == "" || c == "." || c == ".." {
			return errors.New(strconv.Quote(p) + ` is not a clean path (empty, "." or ".." inside)`)
		}
	}
	return nil
}

// plain says whether s is valid UTF-8 without control characters and line separators.
func plain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' {
			return false
		}
	}
	return true
}

func bytesOK(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func validHostname(h string) bool {
	if len(h) > 64 || h[0] == '-' || h[0] == '.' || h[len(h)-1] == '.' {
		return false
	}
	for i := 0; i < len(h); i++ {
		c := h[i]
		if !(c == '-' || c == '.' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}
