package importer

import (
	"fmt"
	"io"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (r *reader) env(v string) error {
	name, value, ok := strings.Cut(v, "=")
	if strings.HasSuffix(name, "*") || !ok {
		r.service.lose("environment "+v, "nothing of the host's environment is inherited")
		return nil
	}
	if r.service.Environment == nil {
		r.service.Environment = map[string]string{}
	}
	r.service.Environment[name] = value
	return nil
}

// maxRead is the most that is read of one file of the source's directory.
const maxRead = 1 << 20

// readFile reads a file below the source's directory; ok is false where there is none.
func (r *reader) readFile(name string) (text string, ok bool) {
	name = path.Clean(name)
	if r.dir == nil || path.IsAbs(name) {
		return "", false
	}
	f, err := r.dir.Open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	data, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err != nil || len(data) > maxRead || !utf8.Valid(data) {
		return "", false
	}
	return string(data), true
}

func (r *reader) envFile(v string) error {
	v = strings.TrimPrefix(v, "-")
	text, ok := r.readFile(v)
	if !ok {
		r.service.lose("environment file "+v, "no such text file in the source's directory; write its variables into environment")
		return nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			continue
		}
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		if _, set := r.service.Environment[strings.TrimSpace(name)]; !set {
			_ = r.env(strings.TrimSpace(name) + "=" + value) // it has a "="
		}
	}
	r.service.change("environment file "+v, "its variables stand in environment")
	return nil
}

func (r *reader) entrypoint(v string) error {
	if strings.HasPrefix(strings.TrimSpace(v), "[") {
		list, err := commandWords(v)
		r.service.Entrypoint = list
		return err
	}
	r.service.Entrypoint = []string{}
	if v != "" {
		r.service.Entrypoint = []string{v}
	}
	return nil
}

func (r *reader) capAdd(v string) error {
	for _, c := range strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' }) {
		c = strings.TrimPrefix(strings.ToLower(c), "cap_")
		if c == "all" {
			r.service.lose("capability "+v, "no container has all of them")
			continue
		}
		r.service.Capabilities = append(r.service.Capabilities, c)
	}
	return nil
}

func privateOnly(name string) func(*reader, string) error {
	return func(r *reader, v string) error {
		if v != "" && v != "private" && v != "none" && v != "shareable" {
			r.service.lose(name+" "+v, "each container has a namespace of its own")
		}
		return nil
	}
}

func (r *reader) logDriver(v string) error {
	if v != "journald" && v != "passthrough" {
		r.service.lose("log driver "+v, "output goes to the journal")
	}
	return nil
}

func (r *reader) notify(v string) error {
	if v == "container" || v == "healthy" || v == "true" {
		r.service.lose("readiness by "+v, "a container is started when its program is")
	}
	return nil
}

func (r *reader) security(v string) error {
	if v != "no-new-privileges" && v != "no-new-privileges:true" && v != "no-new-privileges=true" {
		r.service.lose("security option "+v, "hostctl's own rules hold")
	}
	return nil
}

func (r *reader) pids(v string) error {
	if v == "-1" || v == "0" {
		return nil
	}
	n, err := count(v)
	r.service.Limits.Tasks = n
	return err
}

func (r *reader) restart(v string) error {
	policy, times, _ := strings.Cut(v, ":")
	switch policy {
	case "no", "":
		r.service.Restart = "no"
	case "always", "unless-stopped":
		r.service.Restart = "always"
	case "on-failure":
		r.service.Restart = "on-failure"
		if times != "" {
			r.service.change("restart "+v, "it is tried again without end")
		}
	default:
		return fmt.Errorf("%q is no restart policy", v)
	}
	return nil
}

func (r *reader) stopSignal(v string) error {
	r.service.StopSignal = signalName(v)
	return nil
}

// signalName is a signal's name without SIG, also of the numbers that are in use.
func signalName(v string) string {
	v = strings.TrimPrefix(strings.ToUpper(v), "SIG")
	if name, ok := map[string]string{"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM", "28": "WINCH"}[v]; ok {
		return name
	}
	return v
}

func (r *reader) stopTimeout(v string) error {
	d, err := span(v)
	r.service.StopTimeout = &d
	return err
}

func (r *reader) sysctl(v string) error {
	for _, one := range strings.Fields(v) {
		name, value, ok := strings.Cut(one, "=")
		if !ok {
			return fmt.Errorf("%q is not NAME=VALUE", one)
		}
		m := &r.service.Sysctls
		if strings.HasPrefix(name, "net.") {
			m = &r.own.Sysctls
		}
		if *m == nil {
			*m = map[string]string{}
		}
		(*m)[name] = value
	}
	return nil
}

func (r *reader) ulimit(v string) error {
	name, limits, ok := strings.Cut(v, "=")
	soft, hard, two := strings.Cut(limits, ":")
	if name != "nofile" && ok {
		if r.service.Rlimits == nil {
			r.service.Rlimits = map[string]string{}
		}
		limit := func(n string) string { return strings.Replace(n, "-1", "unlimited", 1) }
		if r.service.Rlimits[name] = limit(soft); two && soft != hard {
			r.service.Rlimits[name] += ":" + limit(hard)
		}
		return nil
	}
	if !ok {
		return fmt.Errorf("%q is no name=limit", v)
	}
	if two && soft != hard {
		r.service.change("ulimit "+v, "soft and hard limit are one")
		soft = hard
	}
	n, err := strconv.ParseInt(soft, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no number", soft)
	}
	if n > 0 {
		r.service.Limits.Files = uint64(n)
	}
	return nil
}

// addHost reads name:address, also name;name:address and name=address.
func (r *reader) addHost(v string) error {
	names, addr, ok := strings.Cut(v, "=")
	if !ok {
		names, addr, ok = strings.Cut(v, ":")
	}
	if !ok {
		return fmt.Errorf("%q is no name:address", v)
	}
	if r.service.ExtraHosts == nil {
		r.service.ExtraHosts = map[string]string{}
	}
	for name := range strings.SplitSeq(names, ";") {
		r.service.ExtraHosts[name] = strings.Trim(addr, "[]")
	}
	return nil
}

func (r *reader) groupAdd(v string) error {
	if v == "keep-groups" {
		r.service.lose("group-add "+v, "nothing of the caller's groups is inherited")
		return nil
	}
	r.service.Groups = append(r.service.Groups, v)
	return nil
}

func (r *reader) oomScoreAdj(v string) (err error) {
	r.service.OOMScoreAdjust, err = strconv.Atoi(v)
	return err
}

func (r *reader) userns(v string) error {
	switch mode, _, _ := strings.Cut(v, ":"); mode {
	case "", "private", "auto", "nomap":
	case "keep-id":
		name := validName(r.service.Name)
		r.project.user(name).change("user namespace "+v, "it was the user who started the container; this is an account of its own")
		r.service.RunAs = name
	default:
		r.service.lose("user namespace "+v, "each container has ids of its own")
	}
	return nil
}

func (r *reader) secret(v string) error {
	s := Secret{What: "secret " + v}
	for i, part := range strings.Split(v, ",") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case i == 0 && !ok:
			s.Name = part
		case name == "source":
			s.Name = value
		case name == "target":
			s.Target = value
		case name == "uid":
			s.Owner = value + s.Owner
		case name == "gid":
			s.Owner += ":" + value
		case name == "mode":
			s.Mode = value
		case name == "type" && value == "env":
			r.service.lose(s.What, "a secret is a file, no variable")
			return nil
		}
	}
	if strings.HasPrefix(s.Owner, ":") {
		s.Owner = "0" + s.Owner
	}
	r.service.Secrets = append(r.service.Secrets, s)
	return nil
}

var portSpec = regexp.MustCompile(`^(?:(\[[0-9a-fA-F:.]+\]|[0-9.]+|\*)?:)?(?:([0-9]*(?:-[0-9]+)?):)?([0-9]+(?:-[0-9]+)?)(?:/(tcp|udp|sctp))?$`)

// parsePort reads [[IP:][HOST]:]CONTAINER[/PROTOCOL], each port also a range.
func parsePort(v string) (Port, error) {
	text := v
	if strings.Count(text, ":") == 1 && !strings.HasPrefix(text, "[") {
		text = ":" + text // HOST:CONTAINER
	}
	m := portSpec.FindStringSubmatch(text)
	if m == nil {
		return Port{}, fmt.Errorf("%q is no port; it is written [[ip:]host:]container[/protocol]", v)
	}
	p := Port{HostIP: strings.Trim(m[1], "[]*"), Host: m[2], To: m[3], Protocol: m[4]}
	if p.HostIP != "" {
		if _, err := netip.ParseAddr(p.HostIP); err != nil {
			return Port{}, fmt.Errorf("%q is no address", p.HostIP)
		}
	}
	for _, part := range strings.Split(p.Host+"-"+p.To, "-") {
		if n, err := strconv.Atoi(part); part != "" && (err != nil || n > 65535) {
			return Port{}, fmt.Errorf("%q is no port", part)
		}
	}
	return p, nil
}

func (r *reader) publish(v string) error {
	p, err := parsePort(v)
	if err == nil {
		r.own.Ports = append(r.own.Ports, p)
	}
	return err
}

func (r *reader) network(v string) error {
	name, opts, _ := strings.Cut(v, ":")
	switch name {
	case "host":
		r.mode = "host"
		r.service.lose("network host", "a container never has the host's network")
	case "none":
		r.mode = "none"
	case "container":
		r.mode = "shared"
		r.service.Netns = opts
		r.after(opts)
	case "bridge", "default", "private", "podman", "pasta", "slirp4netns", "":
		if opts != "" {
			r.service.lose("network "+v, "only its default is known here")
		}
		r.own.Networks = append(r.own.Networks, Attachment{Network: "default"})
	case "ns":
		r.service.lose("network "+v, "name a netns of this configuration")
	default:
		at := Attachment{Network: name}
		for _, o := range strings.Split(opts, ",") {
			key, value, _ := strings.Cut(o, "=")
			switch key {
			case "":
			case "ip", "ip6":
				at.Addresses = append(at.Addresses, value)
			case "alias":
				at.Aliases = append(at.Aliases, value)
			default:
				r.service.lose("network option "+o, "an interface has addresses alone")
			}
		}
		r.own.Networks = append(r.own.Networks, at)
	}
	return nil
}

// join makes the service's namespace part of the project, or shares another's.
func (r *reader) join() {
	s := r.service
	shared := ""
	switch {
	case r.pod != "":
		shared = strings.TrimPrefix(r.pod, "new:")
	case r.mode == "shared":
		shared = s.Netns
	}
	if shared != "" {
		s.Netns = shared
		n := r.project.namespace(shared)
		if r.pod != "" && len(n.Networks) == 0 && r.mode == "" {
			n.Networks = append(n.Networks, Attachment{Network: r.project.network("default").Name})
		}
		n.Ports = append(n.Ports, r.own.Ports...)
		for name, v := range r.own.Sysctls {
			s.lose("sysctl "+name+"="+v, "the network namespace is another one's")
		}
		return
	}
	if r.mode == "none" || r.mode == "host" {
		for _, p := range r.own.Ports {
			if r.mode == "none" {
				s.lose("port "+p.String(), "the container has no network")
			}
		}
		s.Netns = ""
		return
	}
	if len(r.own.Networks) == 0 {
		r.own.Networks = []Attachment{{Network: "default"}}
	}
	first := &r.own.Networks[0]
	first.Addresses = append(first.Addresses, r.ips...)
	for i := range r.own.Networks {
		at := &r.own.Networks[i]
		at.Aliases = append(at.Aliases, r.aliases...)
		r.project.network(at.Network)
	}
	n := r.project.namespace(s.Name)
	n.Networks, n.Sysctls, n.DNS = r.own.Networks, r.own.Sysctls, r.own.DNS
	n.Ports = append(n.Ports, r.own.Ports...)
	n.Notes = append(n.Notes, r.own.Notes...)
	s.Netns = s.Name
}
