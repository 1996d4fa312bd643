package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
)

// MaxSpec is the largest spec in bytes that Decode reads.
const MaxSpec = 4 << 20

// Encode writes a valid Spec as JSON, always the same bytes for the same Spec, and the sha256 of
// these bytes in hexadecimal, which names the file. It refuses what Decode would refuse.
func Encode(s Spec) (data []byte, sum string, err error) {
	if err := s.Validate(); err != nil {
		return nil, "", err
	}
	w := &writer{first: true}
	w.open('{')
	w.uint("version", uint64(s.Version))
	w.str("name", s.Name)
	w.str("owner", s.Owner)
	w.str("address", s.Address)
	if len(s.Declared) > 0 {
		w.key("declared")
		w.out = append(w.out, s.Declared...)
	}
	w.str("rootfs", s.Rootfs)
	w.optional("root", s.Root)
	w.optional("upper", s.Upper)
	if s.RootSize != 0 {
		w.uint("root_size", s.RootSize)
	}
	if s.ShmSize != 0 {
		w.uint("shm_size", s.ShmSize)
	}
	w.strs("args", s.Args)
	if len(s.Env) > 0 {
		w.strs("env", s.Env)
	}
	w.optional("dir", s.Dir)
	w.optional("user", s.User)
	w.key("ids")
	w.open('{')
	w.uint("base", uint64(s.IDs.Base))
	w.uint("count", uint64(s.IDs.Count))
	w.close('}')
	w.account("run_as", s.RunAs)
	w.optional("hostname", s.Hostname)
	w.optional("netns", s.Netns)
	if s.HostNetwork {
		w.flag("host_network", true)
	}
	if len(s.Sysctls) > 0 {
		w.key("sysctls")
		w.open('[')
		for _, c := range s.Sysctls {
			w.sep()
			w.open('{')
			w.str("name", c.Name)
			w.str("value", c.Value)
			w.close('}')
		}
		w.close(']')
	}
	if len(s.Devices) > 0 {
		w.key("devices")
		w.open('[')
		for _, d := range s.Devices {
			w.sep()
			w.open('{')
			w.str("path", d.Path)
			w.str("source", d.Source)
			w.close('}')
		}
		w.close(']')
	}
	w.optional("hosts", s.Hosts)
	if len(s.Mounts) > 0 {
		w.key("mounts")
		w.open('[')
		for _, m := range s.Mounts {
			w.sep()
			w.open('{')
			w.str("target", m.Target)
			w.str("source", m.Source)
			w.optional("path", m.Path)
			if m.Mountpoint != "" {
				w.str("mountpoint", m.Mountpoint)
			}
			if m.ReadOnly {
				w.flag("read_only", true)
			}
			w.account("owner", m.Owner)
			w.close('}')
		}
		w.close(']')
	}
	if len(s.Tmpfs) > 0 {
		w.key("tmpfs")
		w.open('[')
		for _, t := range s.Tmpfs {
			w.sep()
			w.open('{')
			w.str("target", t.Target)
			w.uint("size", t.Size)
			if t.Mode != 0 {
				w.uint("mode", uint64(t.Mode))
			}
			w.close('}')
		}
		w.close(']')
	}
	if len(s.Files) > 0 {
		w.key("files")
		w.open('[')
		for _, f := range s.Files {
			w.sep()
			w.open('{')
			w.str("target", f.Target)
			w.str("sum", f.Sum)
			w.uint("mode", uint64(f.Mode))
			w.optional("owner", f.Owner)
			w.close('}')
		}
		w.close(']')
	}
	if len(s.Secrets) > 0 {
		w.key("secrets")
		w.open('[')
		for _, x := range s.Secrets {
			w.sep()
			w.open('{')
			w.str("target", x.Target)
			w.str("credential", x.Credential)
			w.uint("mode", uint64(x.Mode))
			w.optional("owner", x.Owner)
			w.close('}')
		}
		w.close(']')
	}
	for _, l := range []struct {
		key  string
		list []string
	}{{"capabilities", s.Capabilities}, {"groups", s.Groups}, {"system_calls", s.SystemCalls}, {"masked", s.Masked}} {
		if len(l.list) > 0 {
			w.strs(l.key, l.list)
		}
	}
	if len(s.Limits) > 0 {
		w.key("rlimits")
		w.open('[')
		for _, l := range s.Limits {
			w.sep()
			w.open('{')
			w.str("name", l.Name)
			w.uint("soft", l.Soft)
			w.uint("hard", l.Hard)
			w.close('}')
		}
		w.close(']')
	}
	if s.OOMScoreAdjust != 0 {
		w.key("oom_score_adjust")
		w.out = strconv.AppendInt(w.out, int64(s.OOMScoreAdjust), 10)
	}
	if s.Boot {
		w.flag("boot", true)
	}
	w.flag("init", s.Init)
	if s.Notify {
		w.flag("notify", true)
	}
	if s.Watchdog != 0 {
		w.uint("watchdog", s.Watchdog)
	}
	w.duties(s.Duties)
	if len(s.Listen) > 0 {
		w.strs("listen", s.Listen)
	}
	w.optional("apparmor", s.AppArmor)
	w.optional("selinux", s.SELinux)
	if s.NoFile != 0 {
		w.uint("nofile", s.NoFile)
	}
	w.close('}')
	w.out = append(w.out, '\n')
	if len(w.out) > MaxSpec {
		return nil, "", errors.New("spec: larger than " + strconv.Itoa(MaxSpec) + " bytes")
	}
	return w.out, Sum(w.out), nil
}

func (w *writer) account(k string, a *Account) {
	if a != nil {
		w.key(k)
		w.open('{')
		w.uint("uid", uint64(a.UID))
		w.uint("gid", uint64(a.GID))
		w.close('}')
	}
}

// Sum is the sha256 of data in hexadecimal: the name of a spec's file without its ".json".
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Decode reads a Spec and validates all of it. Unknown and repeated fields, a version above
// SpecVersion and everything that Validate refuses are errors; nothing is guessed.
func Decode(data []byte) (Spec, error) {
	var s Spec
	if len(data) > MaxSpec {
		return Spec{}, errors.New("spec: larger than " + strconv.Itoa(MaxSpec) + " bytes")
	}
	r := &reader{data: data}
	r.object(func(key string) bool {
		switch key {
		case "version":
			// A later layout may hold fields that this one does not know: say the cause, not the symptom.
			if s.Version = int(r.uint(31)); s.Version > SpecVersion {
				r.err = &VersionError{s.Version}
			}
		case "name":
			s.Name = r.str()
		case "owner":
			s.Owner = r.str()
		case "address":
			s.Address = r.str()
		case "declared":
			s.Declared = r.raw()
		case "rootfs":
			s.Rootfs = r.str()
		case "root":
			s.Root = r.str()
		case "upper":
			s.Upper = r.str()
		case "root_size":
			s.RootSize = r.uint(64)
		case "shm_size":
			s.ShmSize = r.uint(64)
		case "args":
			s.Args = r.strs()
		case "env":
			s.Env = r.strs()
		case "dir":
			s.Dir = r.str()
		case "user":
			s.User = r.str()
		case "ids":
			s.IDs = r.idRange()
		case "run_as":
			s.RunAs = r.account()
		case "hostname":
			s.Hostname = r.str()
		case "netns":
			s.Netns = r.str()
		case "host_network":
			s.HostNetwork = r.boolean()
		case "sysctls":
			r.array(func() { s.Sysctls = append(s.Sysctls, r.sysctl()) })
		case "devices":
			r.array(func() { s.Devices = append(s.Devices, r.device()) })
		case "hosts":
			s.Hosts = r.str()
		case "mounts":
			r.array(func() { s.Mounts = append(s.Mounts, r.mount()) })
		case "tmpfs":
			r.array(func() { s.Tmpfs = append(s.Tmpfs, r.tmpfs()) })
		case "files":
			r.array(func() { s.Files = append(s.Files, r.file()) })
		case "secrets":
			r.array(func() { s.Secrets = append(s.Secrets, r.secret()) })
		case "capabilities":
			s.Capabilities = r.strs()
		case "groups":
			s.Groups = r.strs()
		case "system_calls":
			s.SystemCalls = r.strs()
		case "masked":
			s.Masked = r.strs()
		case "rlimits":
			r.array(func() { s.Limits = append(s.Limits, r.limit()) })
		case "oom_score_adjust":
			s.OOMScoreAdjust = r.int()
		case "boot":
			s.Boot = r.boolean()
		case "init":
			s.Init = r.boolean()
		case "notify":
			s.Notify = r.boolean()
		case "watchdog":
			s.Watchdog = r.uint(63)
		case "listen":
			s.Listen = r.strs()
		case "apparmor":
			s.AppArmor = r.str()
		case "selinux":
			s.SELinux = r.str()
		case "nofile":
			s.NoFile = r.uint(64)
		default:
			return r.duty(&s.Duties, key)
		}
		return true
	})
	r.end()
	if r.err != nil {
		return Spec{}, &StepError{Step: "spec", Err: r.err}
	}
	if err := s.Validate(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

func (r *reader) idRange() (out IDRange) {
	r.object(func(key string) bool {
		switch key {
		case "base":
			out.Base = r.uint32()
		case "count":
			out.Count = r.uint32()
		default:
			return false
		}
		return true
	})
	return out
}

// account reads an Account. Both fields must stand there: a forgotten one would be 0.
func (r *reader) account() *Account {
	out, fields := new(Account), 0
	r.object(func(key string) bool {
		switch fields++; key {
		case "uid":
			out.UID = r.uint32()
		case "gid":
			out.GID = r.uint32()
		default:
			return false
		}
		return true
	})
	if r.err == nil && fields != 2 {
		r.fail("an account has a uid and a gid")
	}
	return out
}

func (r *reader) sysctl() (out Sysctl) {
	r.object(func(key string) bool {
		switch key {
		case "name":
			out.Name = r.str()
		case "value":
			out.Value = r.str()
		default:
			return false
		}
		return true
	})
	return out
}

func (r *reader) device() (out Device) {
	r.object(func(key string) bool {
		switch key {
		case "path":
			out.Path = r.str()
		case "source":
			out.Source = r.str()
		default:
			return false
		}
		return true
	})
	return out
}

func (r *reader) limit() (out Limit) {
	r.object(func(key string) bool {
		switch key {
		case "name":
			out.Name = r.str()
		case "soft":
			out.Soft = r.uint(64)
		case "hard":
			out.Hard = r.uint(64)
		default:
			return false
		}
		return true
	})
	return out
}

func (r *reader) mount() (out Mount) {
	r.object(func(key string) bool {
		switch key {
		case "target":
			out.Target = r.str()
		case "source":
			out.Source = r.str()
		case "path":
			out.Path = r.str()
		case "mountpoint":
			out.Mountpoint = r.str()
		case "read_only":
			out.ReadOnly = r.boolean()
		case "owner":
			out.Owner = r.account()
		default:
			return false
		}
		return true
	})
	return out
}

func (r *reader) tmpfs() (out Tmpfs) {
	r.object(func(key string) bool {
		switch key {
		case "target":
			out.Target = r.str()
		case "size":
			out.Size = r.uint(64)
		case "mode":
			out.Mode = r.uint32()
		default:
			return false
		}
		return true
	})
	return out
}

func (r *reader) file() (out File) {
	r.object(func(key string) bool {
		switch key {
		case "target":
			out.Target = r.str()
		case "sum":
			out.Sum = r.str()
		case "mode":
			out.Mode = r.uint32()
		case "owner":
			out.Owner = r.str()
		default:
			return false
		}
		return true
	})
	return out
}

func (r *reader) secret() (out Secret) {
	r.object(func(key string) bool {
		switch key {
		case "target":
			out.Target = r.str()
		case "credential":
			out.Credential = r.str()
		case "mode":
			out.Mode = r.uint32()
		case "owner":
			out.Owner = r.str()
		default:
			return false
		}
		return true
	})
	return out
}
