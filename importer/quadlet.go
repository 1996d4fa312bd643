package importer

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// quadlet is a set of Quadlet units on the way into a project (podman-systemd.unit(5)).
type quadlet struct {
	project *Project
	dir     fs.FS
	units   []*unit
	images  map[string]string // app.image and app.build to the image
	pods    map[string]string // app.pod to its namespace
	// services are those that a unit may be ordered after, by their units' names.
	services map[string]string
}

// Quadlet reads Quadlet units and their drop-ins. dir is where their relative
// files are; nil where none may be read.
func Quadlet(files []File, dir fs.FS) (*Project, error) {
	list, err := units(files)
	if err != nil {
		return nil, err
	}
	q := &quadlet{project: &Project{}, dir: dir, units: list,
		images: map[string]string{}, pods: map[string]string{}, services: map[string]string{}}
	var named []string
	for _, u := range list {
		named = append(named, u.name)
		if err := u.checkSections(); err != nil {
			return nil, err
		}
	}
	q.project.From = strings.Join(named, ", ")
	for _, pass := range []map[string]func(*unit) error{
		{".container": q.announce, ".pod": q.announcePod, ".image": q.image, ".build": q.build},
		{".volume": q.volume, ".network": q.network},
		{".pod": q.pod},
		{".container": q.container, ".kube": q.unsupported, ".artifact": q.unsupported},
	} {
		for _, u := range list {
			if read := pass[path.Ext(u.name)]; read != nil {
				if err := read(u); err != nil {
					return nil, err
				}
			} else if !slices.Contains(quadletKinds, path.Ext(u.name)) {
				return nil, &Error{File: u.name, Summary: "it is no Quadlet unit; their names end in " + strings.Join(quadletKinds, ", ")}
			}
		}
	}
	p := q.project
	switch {
	case len(p.Services) == 0 && len(p.Volumes) == 0 && len(p.Networks) == 0:
		p.Name = "imported"
	case len(p.Services) > 0:
		p.Name = p.Services[0].Name
	}
	for name := range q.pods {
		p.Name = strings.TrimSuffix(name, ".pod")
	}
	return p, nil
}

var quadletKinds = []string{".container", ".volume", ".network", ".pod", ".kube", ".image", ".build", ".artifact"}

// checkSections refuses a section that no such unit has: what stands there would be lost unseen.
func (u *unit) checkSections() error {
	kind := strings.TrimPrefix(path.Ext(u.name), ".")
	if kind == "" {
		return nil
	}
	known := []string{strings.ToUpper(kind[:1]) + kind[1:], "Unit", "Service", "Install", "Quadlet"}
	for _, s := range u.settings {
		if !slices.Contains(known, s.section) && !strings.HasPrefix(s.section, "X-") {
			return &Error{File: s.file, Line: s.line, Summary: fmt.Sprintf("a .%s has no section [%s]%s", kind, s.section, didYouMean(s.section, known))}
		}
	}
	return nil
}

// stem is the unit's name without what it is: app@.container of instance x is app-x.
func (u *unit) stem() string {
	base := strings.TrimSuffix(u.name, path.Ext(u.name))
	if prefix, _, ok := strings.Cut(base, "@"); ok {
		return prefix + "-" + u.instance()
	}
	return base
}

// instance is what a template's %i stands for.
func (u *unit) instance() string {
	_, instance, ok := strings.Cut(strings.TrimSuffix(u.name, path.Ext(u.name)), "@")
	if !ok || instance != "" {
		return instance
	}
	return cmp.Or(u.last("Install", "DefaultInstance"), "instance")
}

func (q *quadlet) announce(u *unit) error {
	base := strings.TrimSuffix(u.name, ".container")
	for _, taken := range q.services {
		if taken == u.stem() {
			return &Error{File: u.name, Summary: "another unit comes to the name " + taken + " too; rename one of them"}
		}
	}
	q.services[base+".service"], q.services[u.name] = u.stem(), u.stem()
	if name := u.last("Container", "ServiceName"); name != "" {
		q.services[name+".service"] = u.stem()
	}
	return nil
}

func (q *quadlet) announcePod(u *unit) error {
	name := u.stem()
	if slices.ContainsFunc(q.units, func(o *unit) bool { return o.name == name+".container" }) {
		name += "-pod"
	}
	q.pods[u.name] = name
	return nil
}

func (q *quadlet) image(u *unit) error {
	q.images[u.name] = u.last("Image", "Image")
	return nil
}

func (q *quadlet) build(u *unit) error {
	q.images[u.name] = cmp.Or(u.last("Build", "ImageTag"), "localhost/"+u.stem())
	q.project.Notes = append(q.project.Notes, Note{Lost: true, What: u.name, Why: "images are not built here; `podman build -t " + q.images[u.name] + "` makes it"})
	return nil
}

func (q *quadlet) unsupported(u *unit) error {
	why := "a Kubernetes manifest has no equal; `podman kube generate` of running containers, or a container block each, says the same"
	if path.Ext(u.name) == ".artifact" {
		why = "artifacts are not fetched"
	}
	q.project.Notes = append(q.project.Notes, Note{Lost: true, What: u.name, Why: why})
	return nil
}

// each runs do on the settings of a section that count, their specifiers filled in.
func (u *unit) each(section string, do func(key, value string) error) error {
	for _, s := range u.effective() {
		if s.section != section {
			continue
		}
		if err := do(s.key, u.expand(s.value, u.instance())); err != nil {
			return s.fail(err)
		}
	}
	return nil
}

func (q *quadlet) volume(u *unit) error {
	v := q.project.namedVolume(u.stem())
	bind, device := false, ""
	err := u.each("Volume", func(key, value string) error {
		switch key {
		case "Device":
			device = value
		case "Type", "Options":
			bind = bind || value == "bind" || strings.Contains(","+value+",", ",bind,")
			if value != "bind" && value != "none" {
				v.lose(key+"="+value, "a volume is a directory of the host")
			}
		case "VolumeName", "ServiceName", "Copy", "ContainersConfModule":
		default:
			v.lose(key+"="+value, "a volume is a directory of the host")
		}
		return nil
	})
	switch {
	case device != "" && bind && path.IsAbs(device):
		v.Path = path.Clean(device)
	case device != "":
		v.lose("Device="+device, "a volume is a directory of the host; mount the device there, and name that as its mountpoint")
	}
	return err
}

func (q *quadlet) network(u *unit) error {
	n := q.project.network(u.stem())
	return u.each("Network", func(key, value string) error {
		switch key {
		case "Subnet":
			n.Subnets = append(n.Subnets, value)
		case "Gateway":
			n.Gateway = append(n.Gateway, value)
		case "Internal":
			n.NoNAT = value == "true"
		case "IPv6":
			if value == "true" && !slices.ContainsFunc(n.Subnets, func(s string) bool { return strings.Contains(s, ":") }) {
				n.lose("IPv6=true", "name a range: ipv6 = \"fd20::/64\"")
			}
		case "Driver":
			if value != "bridge" {
				n.lose("Driver="+value, "a network is a bridge")
			}
		case "NetworkName", "ServiceName", "NetworkDeleteOnStop", "InterfaceName", "ContainersConfModule":
		case "DisableDNS", "DNS":
			n.lose(key+"="+value, "a network resolves no names")
		default:
			n.lose(key+"="+value, "a network has a range and an address")
		}
		return nil
	})
}

// pod makes a namespace of a pod: what its containers share here.
func (q *quadlet) pod(u *unit) error {
	r := newReader(q.project, &Service{Name: q.pods[u.name]}, q.dir)
	err := u.each("Pod", func(key, value string) error {
		switch key {
		case "PodName", "ServiceName", "ContainersConfModule", "ExitPolicy", "StopTimeout":
			return nil
		case "Volume":
			return nil // is each container's
		case "HostName":
			r.service.lose("HostName="+value, "each container has a host name of its own")
			return nil
		}
		return q.option(r, key, value)
	})
	if err != nil {
		return err
	}
	r.finish()
	// There is no service of a pod; what it lost is the namespace's.
	if n := r.service.Netns; n != "" {
		ns := q.project.namespace(n)
		ns.Notes = append(ns.Notes, r.service.Notes...)
		return nil
	}
	q.project.Notes = append(q.project.Notes, r.service.Notes...)
	q.pods[u.name] = ""
	return nil
}
