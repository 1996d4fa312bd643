package importer

import (
	"fmt"
	"path"
	"strings"
)

// volume reads [SOURCE:]TARGET[:OPTIONS].
func (r *reader) volume(v string) error {
	parts := strings.Split(v, ":")
	switch len(parts) {
	case 1:
		return r.bind("volume "+v, "", parts[0], nil)
	case 2:
		return r.bind("volume "+v, parts[0], parts[1], nil)
	case 3:
		return r.bind("volume "+v, parts[0], parts[1], strings.Split(parts[2], ","))
	}
	return fmt.Errorf("%q is no volume; it is written [source:]target[:options]", v)
}

// mount reads type=bind,source=/a,target=/b,readonly.
func (r *reader) mount(v string) error {
	kind, source, target := "volume", "", ""
	var opts []string
	t := Tmpfs{}
	for _, part := range strings.Split(v, ",") {
		name, value, set := strings.Cut(part, "=")
		switch name {
		case "type":
			kind = value
		case "source", "src":
			source = value
		case "target", "dst", "destination":
			target = value
		case "readonly", "ro":
			if !set || value == "true" || value == "1" {
				opts = append(opts, "ro")
			}
		case "tmpfs-size":
			var err error
			if t.Size, err = size(value); err != nil {
				return err
			}
		case "tmpfs-mode":
			t.Mode = value
		case "":
		default:
			opts = append(opts, part)
		}
	}
	if target == "" {
		return fmt.Errorf("%q has no target", v)
	}
	switch kind {
	case "tmpfs":
		t.Target = target
		r.service.Tmpfs = append(r.service.Tmpfs, t)
		return nil
	case "bind", "volume":
		if kind == "bind" && !hostPath(source) {
			source = "./" + source
		}
		return r.bind("mount "+v, source, target, opts)
	}
	r.service.lose("mount "+v, "a mount is of a volume")
	return nil
}

func (r *reader) tmpfs(v string) error {
	target, opts, _ := strings.Cut(v, ":")
	t := Tmpfs{Target: target}
	for _, o := range strings.Split(opts, ",") {
		name, value, _ := strings.Cut(o, "=")
		switch name {
		case "size":
			if strings.HasSuffix(value, "%") {
				r.service.lose("tmpfs option "+o, "a size is in bytes")
				continue
			}
			n, err := size(value)
			if err != nil {
				return err
			}
			t.Size = n
		case "mode":
			t.Mode = value
		case "", "rw", "nosuid", "nodev", "tmpcopyup", "notmpcopyup":
		default:
			r.service.lose("tmpfs option "+o, "a tmpfs has a size and a mode")
		}
	}
	r.service.Tmpfs = append(r.service.Tmpfs, t)
	return nil
}

// bind mounts a directory of the host, a named volume, or one of its own ("").
func (r *reader) bind(what, source, target string, opts []string) error {
	if target == "" {
		return fmt.Errorf("%q has no target", what)
	}
	m := Mount{Target: target, What: what}
	for _, o := range opts {
		switch o {
		case "ro", "readonly":
			m.ReadOnly = true
		case "rw", "", "nosuid", "nodev", "copy", "nocopy", "volume-nocopy", "cached", "delegated", "consistent", "rbind", "bind", "private", "rprivate":
		case "z", "Z", "relabel=shared", "relabel=private":
			r.service.lose(what+", option "+o, "files are not relabelled for SELinux")
		case "U", "chown", "U=true":
			r.service.lose(what+", option "+o, "files keep their owners")
		default:
			r.service.lose(what+", option "+o, "a mount has no such option")
		}
	}
	if source != "" && hostPath(source) && looksLikeFile(source, target) {
		f := Content{Target: target, Source: source, What: what}
		f.Text, f.Known = r.readFile(source)
		r.service.Files = append(r.service.Files, f)
		return nil
	}
	m.Volume = r.project.mounted(r.service.Name, source, target)
	r.service.Mounts = append(r.service.Mounts, m)
	return nil
}

// mounted adds the volume that a mount's source is, and returns its name.
func (p *Project) mounted(service, source, target string) string {
	var v *Volume
	switch {
	case source == "":
		v = p.volume("of "+service+" at "+target, service+"-"+path.Base(target))
		v.From = "Was without a name, for " + target + "."
	case path.IsAbs(source):
		source = path.Clean(source)
		v = p.volume("path "+source, path.Base(source))
		v.Path = source
	case hostPath(source):
		name := strings.TrimLeft(strings.TrimPrefix(path.Clean(source), "%h"), "./~%")
		if name == "" {
			name = "files"
		}
		v = p.volume("path "+path.Clean(source), name)
		v.From = "Was " + source + ": move or copy it here."
	default:
		v = p.namedVolume(source)
	}
	return v.Name
}
