package importer

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

// mounts writes all that stands at a path inside: volumes, memory, files and secrets.
func (w *writer) mounts(k *block, a resource.Addr, s *Service) {
	seen := map[string]bool{}
	twice := func(target, what string) bool {
		if seen[target] {
			w.lose(k, a, what, "something else is at "+target)
		}
		defer func() { seen[target] = true }()
		return seen[target]
	}
	for _, m := range s.Mounts {
		target := absolute(m.Target)
		if twice(target, m.What) {
			continue
		}
		in := k.add("mount", target, m.What)
		in.set("volume", refValue(w.address("volume", m.Volume)), "")
		if m.ReadOnly {
			in.set("read_only", boolValue(true), "")
		}
	}
	for _, t := range s.Tmpfs {
		target := absolute(t.Target)
		if target == "/tmp" || target == "/run" || target == "/dev/shm" {
			continue // there already
		}
		if twice(target, "tmpfs "+target) {
			continue
		}
		in := k.add("tmpfs", target, "tmpfs "+t.Target)
		if t.Size > 0 {
			in.set("size", stringValue(resource.Bytes(t.Size).String()), "size "+resource.Bytes(t.Size).String())
		}
		if t.Mode != "" {
			in.set("mode", stringValue(mode(t.Mode)), "mode "+t.Mode)
		}
	}
	for _, f := range s.Files {
		target := absolute(f.Target)
		if twice(target, f.What) {
			continue
		}
		switch {
		case strings.HasSuffix(f.Source, ".sock") || strings.HasSuffix(f.Source, ".socket"):
			w.lose(k, a, f.What, "a socket of the host is not reached from inside")
		case !w.has("container", "file", "content"):
			w.lose(k, a, f.What, "a volume is a directory; put the file into the root directory")
		case !f.Known || len(f.Text) > maxContent:
			w.lose(k, a, f.What, fmt.Sprintf("a volume is a directory; copy the file beside this one and write file %s { source = ... }", hcl.Quote(target)))
		default:
			k.add("file", target, f.What).set("content", stringValue(f.Text), f.What)
		}
	}
	w.secrets(k, a, s)
}

// secrets writes the credentials. What file of the host's each is, only the host's policy can say.
func (w *writer) secrets(k *block, a resource.Addr, s *Service) {
	used := map[string]bool{}
	for _, x := range s.Secrets {
		id, what := validName(x.Name), cmp.Or(x.What, "secret "+x.Name)
		target := cmp.Or(x.Target, x.Name)
		if !strings.HasPrefix(target, "/") {
			target = "/run/secrets/" + target
		}
		label := path.Base(target)
		for n := 2; used[label]; n++ {
			label = fmt.Sprintf("%s-%d", path.Base(target), n)
		}
		used[label] = true
		in := k.add("secret", label, what)
		in.set("credential", stringValue(id), what)
		if target != "/run/secrets/"+label {
			in.set("path", stringValue(target), what)
		}
		if x.Owner != "" {
			in.set("owner", stringValue(x.Owner), what)
		}
		if x.Mode != "" {
			in.set("mode", stringValue(mode(x.Mode)), what)
		}
		if w.has("container", "secret", "credential") {
			w.note(k, Note{At: a.String(), What: what, Why: fmt.Sprintf("the host's policy says where it lies: credential %s { file = ..., containers = [%s] }", hcl.Quote(id), hcl.Quote(a.HostName()))})
		}
	}
}

// maxContent is the most text of a file that is written into the configuration.
const maxContent = 64 << 10

// absolute is a path inside as the kinds want it: absolute and clean.
func absolute(p string) string { return path.Clean("/" + p) }

// mode is the permission bits of an octal number; the sticky and set-id bits are left out.
func mode(s string) string {
	s = strings.TrimLeft(s, "0o")
	if len(s) > 3 {
		s = s[len(s)-3:]
	}
	return "0" + strings.Repeat("0", max(0, 3-len(s))) + s
}

func (w *writer) limits(k *block, s *Service) {
	if s.Limits == (Limits{}) {
		return
	}
	in := k.add("limits", "", "limits")
	l := s.Limits
	if l.Memory > 0 {
		in.set("memory", stringValue(resource.Bytes(l.Memory).String()), "memory limit "+resource.Bytes(l.Memory).String())
	}
	if l.CPU > 0 {
		in.set("cpu", numberValue(float64(int64(l.CPU*1000+0.5))/1000), fmt.Sprintf("cpus %v", l.CPU))
	}
	if l.Tasks > 0 {
		in.set("tasks", uintValue(l.Tasks), fmt.Sprintf("pids limit %d", l.Tasks))
	}
	if l.Files > 0 {
		in.set("files", uintValue(l.Files), fmt.Sprintf("nofile %d", l.Files))
	}
}

func (w *writer) health(k *block, h *Health) {
	in := k.add("health", "", "health check "+strings.Join(h.Exec, " "))
	in.set("exec", listValue(h.Exec), "")
	if h.Interval > 0 {
		in.set("interval", stringValue(h.Interval.String()), "health interval "+h.Interval.String())
	}
	if h.Timeout > 0 {
		in.set("timeout", stringValue(h.Timeout.String()), "health timeout "+h.Timeout.String())
	}
	if h.Retries > 0 {
		in.set("retries", uintValue(h.Retries), fmt.Sprintf("health retries %d", h.Retries))
	}
	if h.StartPeriod > 0 {
		in.set("start_period", stringValue(h.StartPeriod.String()), "health start period "+h.StartPeriod.String())
	}
}
