package importer

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// convert makes a project of what compose-go read.
func (l *composeLoader) convert(c *types.Project) *Project {
	p := &Project{Name: c.Name, From: filepath.Base(l.in.Path)}
	if l.marks {
		p.Variables = slices.Sorted(maps.Keys(l.unset))
	} else {
		for _, name := range slices.Sorted(maps.Keys(l.unset)) {
			p.Notes = append(p.Notes, Note{What: "variable " + name, Why: "it is not set, and empty here"})
		}
	}
	for _, name := range l.order("networks", slices.Collect(maps.Keys(c.Networks))) {
		composeNetwork(p, name, c.Networks[name])
	}
	for _, name := range l.order("volumes", slices.Collect(maps.Keys(c.Volumes))) {
		composeVolume(p, name, c.Volumes[name])
	}
	for _, name := range l.order("services", slices.Collect(maps.Keys(c.Services))) {
		s := &composeService{reader: newReader(p, &Service{Name: name}, l.root.FS()), c: c.Services[name], project: c, dir: l.dir}
		s.convert()
		p.adopt(s.service)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Jobs)) {
		p.Notes = append(p.Notes, Note{Lost: true, What: "job " + name, Why: "jobs are not imported"})
	}
	p.dropCycles()
	return p
}

// dropCycles takes out dependencies that close a circle.
func (p *Project) dropCycles() {
	byName := map[string]*Service{}
	for _, s := range p.Services {
		byName[s.Name] = s
	}
	state := map[*Service]int{}
	var visit func(*Service)
	visit = func(s *Service) {
		state[s] = 1
		s.DependsOn = slices.DeleteFunc(s.DependsOn, func(d Dependency) bool {
			to := byName[d.Service]
			if to == nil {
				return false
			}
			if state[to] == 1 {
				s.lose("depends on "+d.Service, "it depends on this one")
				return true
			}
			if state[to] == 0 {
				visit(to)
			}
			return false
		})
		state[s] = 2
	}
	for _, s := range p.Services {
		if state[s] == 0 {
			visit(s)
		}
	}
}

func composeNetwork(p *Project, name string, c types.NetworkConfig) {
	n := p.network(name)
	n.NoNAT = c.Internal
	if c.Driver != "" && c.Driver != "bridge" && c.Driver != "default" {
		n.lose("driver "+c.Driver, "a network is a bridge")
	}
	if bool(c.External) {
		n.change("external: "+c.Name, "it is a network of this configuration's own")
	}
	for _, pool := range c.Ipam.Config {
		if pool.Subnet != "" {
			n.Subnets = append(n.Subnets, pool.Subnet)
		}
		if pool.Gateway != "" {
			n.Gateway = append(n.Gateway, pool.Gateway)
		}
		if pool.IPRange != "" {
			n.lose("ip_range "+pool.IPRange, "addresses are written out")
		}
	}
	if c.EnableIPv6 != nil && *c.EnableIPv6 && !slices.ContainsFunc(n.Subnets, func(s string) bool { return strings.Contains(s, ":") }) {
		n.lose("enable_ipv6", "name a range: ipv6 = \"fd20::/64\"")
	}
	for _, o := range slices.Sorted(maps.Keys(c.DriverOpts)) {
		n.lose("driver option "+o+"="+c.DriverOpts[o], "a network has a range and an address")
	}
}

func composeVolume(p *Project, name string, c types.VolumeConfig) {
	v := p.namedVolume(name)
	if bool(c.External) {
		v.change("external: "+c.Name, "it is a directory here; move or copy the data")
	}
	device := c.DriverOpts["device"]
	switch {
	case strings.Contains(","+c.DriverOpts["o"]+",", ",bind,") && filepath.IsAbs(device):
		v.Path = filepath.Clean(device)
	case c.Driver != "" && c.Driver != "local":
		v.lose("driver "+c.Driver, "a volume is a directory of the host")
	case len(c.DriverOpts) > 0:
		var opts []string
		for _, o := range slices.Sorted(maps.Keys(c.DriverOpts)) {
			opts = append(opts, o+"="+c.DriverOpts[o])
		}
		v.lose("driver options "+strings.Join(opts, " "), "a volume is a directory of the host; mount it there, and name that as its mountpoint")
	}
}

// composeService is one service on its way into the model.
type composeService struct {
	*reader
	c       types.ServiceConfig
	project *types.Project
	dir     string
}

func (s *composeService) convert() {
	c, out := &s.c, s.service
	out.Image, out.Restart = c.Image, "no"
	if c.Build != nil {
		s.build()
	}
	out.Entrypoint, out.Args = []string(c.Entrypoint), []string(c.Command)
	s.user, out.Workdir, out.Hostname = c.User, c.WorkingDir, c.Hostname
	if c.DomainName != "" && c.Hostname != "" {
		out.Hostname += "." + c.DomainName
	}
	s.environment()
	s.mounts()
	s.network()
	s.limits()
	s.lifecycle()
	s.secrets()
	s.rest()
	s.finish()
}

// try gives the service one option of docker run; what cannot be is a note.
func (s *composeService) try(name, value string) {
	if err := s.set(name, value); err != nil {
		s.service.lose(name+" "+value, err.Error())
	}
}

func (s *composeService) build() {
	b := s.c.Build
	from := b.Context
	if b.Dockerfile != "" && b.Dockerfile != "Dockerfile" {
		from += " (" + b.Dockerfile + ")"
	}
	if s.service.Image == "" {
		s.service.Image = "localhost/" + s.service.Name
	}
	s.service.lose("build "+from, "images are not built here; `podman build -t "+s.service.Image+"` makes it")
}

func (s *composeService) environment() {
	m := map[string]string{}
	for _, f := range s.c.EnvFiles {
		if _, there := s.readFile(s.relative(f.Path)); there || bool(f.Required) {
			s.try("env-file", s.relative(f.Path))
		}
	}
	maps.Copy(m, s.service.Environment)
	for _, name := range slices.Sorted(maps.Keys(s.c.Environment)) {
		v := s.c.Environment[name]
		if v == nil {
			if _, set := m[name]; !set {
				s.service.lose("environment "+name, "it has no value, and nothing of the host's environment is inherited")
			}
			continue
		}
		m[name] = *v
	}
	s.service.Environment = m
}

// relative is a path below the project's directory as its file wrote it.
func (s *composeService) relative(p string) string {
	if rel, err := filepath.Rel(s.dir, p); filepath.IsAbs(p) && err == nil && filepath.IsLocal(rel) {
		return "./" + rel
	}
	return p
}

func (s *composeService) mounts() {
	for _, v := range s.c.Volumes {
		switch v.Type {
		case "tmpfs":
			t := Tmpfs{Target: v.Target}
			if v.Tmpfs != nil {
				t.Size = uint64(max(0, v.Tmpfs.Size))
				if v.Tmpfs.Mode != 0 {
					t.Mode = fmt.Sprintf("%o", v.Tmpfs.Mode)
				}
			}
			s.service.Tmpfs = append(s.service.Tmpfs, t)
		case "bind", "volume":
			s.mountOf(v)
		default:
			s.service.lose("volume "+v.String(), "a mount is of a volume")
		}
	}
	for _, t := range s.c.Tmpfs {
		s.try("tmpfs", t)
	}
}

func (s *composeService) mountOf(v types.ServiceVolumeConfig) {
	source := v.Source
	var opts []string
	if v.ReadOnly {
		opts = append(opts, "ro")
	}
	if v.Type == "bind" {
		if source = s.relative(source); !hostPath(source) {
			source = "./" + source
		}
		if v.Bind != nil {
			if v.Bind.SELinux != "" {
				opts = append(opts, v.Bind.SELinux)
			}
			if v.Bind.Propagation != "" {
				opts = append(opts, v.Bind.Propagation)
			}
		}
	}
	what := "volume " + strings.TrimPrefix(source+":"+v.Target, ":")
	if v.ReadOnly {
		what += ":ro"
	}
	if v.Volume != nil && v.Volume.Subpath != "" {
		s.service.lose(what+", subpath "+v.Volume.Subpath, "a volume is mounted whole")
	}
	if err := s.bind(what, source, v.Target, opts); err != nil {
		s.service.lose(what, err.Error())
	}
}

func (s *composeService) network() {
	c := &s.c
	mode, of, _ := strings.Cut(c.NetworkMode, ":")
	switch mode {
	case "":
		for _, name := range c.NetworksByPriority() {
			at := Attachment{Network: name}
			if n := c.Networks[name]; n != nil {
				at.Aliases = n.Aliases
				for _, a := range []string{n.Ipv4Address, n.Ipv6Address} {
					if a != "" {
						at.Addresses = append(at.Addresses, a)
					}
				}
				if n.MacAddress != "" {
					s.try("mac-address", n.MacAddress)
				}
			}
			s.own.Networks = append(s.own.Networks, at)
		}
	case "service", "container":
		to := of
		for _, other := range s.project.Services {
			if mode == "container" && other.ContainerName == of {
				to = other.Name
			}
		}
		s.mode, s.service.Netns = "shared", to
	default:
		s.try("network", c.NetworkMode)
	}
	if c.ContainerName != "" && c.ContainerName != c.Name {
		s.aliases = append(s.aliases, c.ContainerName)
		s.service.change("container_name "+c.ContainerName, "the unit is named after the container's block")
	}
	for _, p := range c.Ports {
		s.own.Ports = append(s.own.Ports, Port{HostIP: p.HostIP, Host: p.Published, To: fmt.Sprint(p.Target), Protocol: p.Protocol})
	}
	s.own.DNS = c.DNS
	for _, name := range slices.Sorted(maps.Keys(c.Sysctls)) {
		s.try("sysctl", name+"="+c.Sysctls[name])
	}
}

func (s *composeService) limits() {
	c, l := &s.c, &s.service.Limits
	l.Memory, l.CPU, l.Tasks = uint64(max(0, c.MemLimit)), float64(c.CPUS), uint64(max(0, c.PidsLimit))
	s.cpuQuota, s.cpuPeriod = float64(max(0, c.CPUQuota)), float64(max(0, c.CPUPeriod))
	if c.Deploy != nil && c.Deploy.Resources.Limits != nil {
		r := c.Deploy.Resources.Limits
		if r.MemoryBytes > 0 {
			l.Memory = uint64(r.MemoryBytes)
		}
		if r.NanoCPUs > 0 {
			l.CPU = float64(r.NanoCPUs)
		}
		if r.Pids > 0 {
			l.Tasks = uint64(r.Pids)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Ulimits)) {
		u := c.Ulimits[name]
		if u.Single != 0 {
			s.try("ulimit", fmt.Sprintf("%s=%d", name, u.Single))
		} else {
			s.try("ulimit", fmt.Sprintf("%s=%d:%d", name, u.Soft, u.Hard))
		}
	}
}

func (s *composeService) lifecycle() {
	c, out := &s.c, s.service
	if c.Restart != "" {
		s.try("restart", c.Restart)
	}
	if c.Deploy != nil && c.Deploy.RestartPolicy != nil {
		r := c.Deploy.RestartPolicy
		out.Restart = map[string]string{"": "always", "any": "always", "none": "no", "on-failure": "on-failure"}[r.Condition]
		if r.Delay != nil {
			out.RestartDelay = time.Duration(*r.Delay)
		}
		if r.MaxAttempts != nil {
			out.change(fmt.Sprintf("max_attempts %d", *r.MaxAttempts), "it is tried again without end")
		}
	}
	if c.StopSignal != "" {
		out.StopSignal = signalName(c.StopSignal)
	}
	if c.StopGracePeriod != nil {
		d := time.Duration(*c.StopGracePeriod)
		out.StopTimeout = &d
	}
	for _, name := range slices.Sorted(maps.Keys(c.DependsOn)) {
		d := c.DependsOn[name]
		dep := Dependency{Service: name}
		switch d.Condition {
		case types.ServiceConditionHealthy:
			dep.Condition = "healthy"
		case types.ServiceConditionCompletedSuccessfully:
			dep.Condition = "completed"
		}
		out.DependsOn = append(out.DependsOn, dep)
	}
	if h := c.HealthCheck; h != nil && !h.Disable {
		out.Health = &Health{Exec: healthList(h.Test)}
		for _, d := range []struct {
			from *types.Duration
			to   *time.Duration
		}{{h.Interval, &out.Health.Interval}, {h.Timeout, &out.Health.Timeout}, {h.StartPeriod, &out.Health.StartPeriod}} {
			if d.from != nil {
				*d.to = time.Duration(*d.from)
			}
		}
		if h.Retries != nil {
			out.Health.Retries = *h.Retries
		}
		if out.Health.Exec == nil {
			out.Health = nil
		}
	}
	if len(c.Profiles) > 0 {
		out.Disabled = true
		out.change("profiles "+strings.Join(c.Profiles, ", "), "it is stopped until enabled says otherwise")
	}
	switch n := c.GetScale(); {
	case n == 0:
		out.Disabled = true
	case n > 1:
		out.lose(fmt.Sprintf("%d replicas", n), "this is one of them; for_each makes more, each with an address of its own")
	}
}
