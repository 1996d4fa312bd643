package importer

import (
	"fmt"
	"path"
	"strings"
)

// Nspawn reads the settings of machines of systemd-nspawn (systemd.nspawn(5)),
// each as systemd-nspawn@.service would start it.
func Nspawn(files []File) (*Project, error) {
	list, err := units(files)
	if err != nil {
		return nil, err
	}
	p := &Project{}
	var from []string
	for _, u := range list {
		if path.Ext(u.name) != ".nspawn" {
			return nil, &Error{File: u.name, Summary: "it holds no machine's settings; their names end in .nspawn"}
		}
		m := newMachine(p, u)
		for _, s := range u.effective() {
			if err := m.set(s.section, s.key, u.expand(s.value, "")); err != nil {
				return nil, s.fail(err)
			}
		}
		m.finish()
		from = append(from, u.name)
	}
	p.From = strings.Join(from, ", ")
	if len(p.Services) > 0 {
		p.Name = p.Services[0].Name
	}
	return p, nil
}

// machine is one .nspawn file on the way to a service.
type machine struct {
	*reader
	boot, processTwo bool
	private          bool
	words            []string
}

func newMachine(p *Project, u *unit) *machine {
	name := strings.TrimSuffix(u.name, ".nspawn")
	s := &Service{Name: name, Rootfs: "/var/lib/machines/" + name, Restart: "no"}
	return &machine{reader: newReader(p, s, nil), boot: true, private: true}
}

func (m *machine) set(section, key, value string) (err error) {
	s := m.service
	switch section + "." + key {
	case "Exec.Boot":
		m.boot, err = yes(value)
	case "Exec.ProcessTwo":
		m.processTwo, err = yes(value)
		m.boot = m.boot && !m.processTwo
	case "Exec.Parameters":
		m.words, err = unitWords(value)
	case "Exec.Environment":
		return each(value, m.env)
	case "Exec.User":
		m.user = value
	case "Exec.WorkingDirectory":
		s.Workdir = value
	case "Exec.Hostname":
		s.Hostname = value
	case "Exec.Capability":
		return m.capAdd(value)
	case "Exec.DropCapability", "Exec.NoNewPrivileges", "Exec.LinkJournal", "Exec.SuppressSync", "Exec.NotifyReady":
	case "Exec.KillSignal":
		return m.stopSignal(value)
	case "Exec.Timezone", "Exec.ResolvConf":
		if value != "off" && value != "auto" {
			s.lose(key+"="+value, "the root directory's own file is used")
		}
	case "Exec.PrivateUsers":
		if value != "yes" && value != "pick" && value != "true" {
			s.lose(key+"="+value, "each container has ids of its own")
		}
	case "Exec.LimitNOFILE":
		return m.ulimit("nofile=" + value)
	case "Files.Bind", "Files.BindReadOnly":
		return m.bindSetting(key, value)
	case "Files.TemporaryFileSystem":
		return m.tmpfs(value)
	case "Files.ReadOnly":
	case "Files.Volatile", "Exec.Ephemeral":
		if on, err := yes(value); err == nil && !on {
			return nil
		}
		s.lose(key+"="+value, "the root is read-only; give what is written a tmpfs")
	case "Files.PrivateUsersOwnership", "Files.PrivateUsersChown":
		s.lose(key+"="+value, "files keep their owners")
	case "Network.Private":
		m.private, err = yes(value)
	case "Network.VirtualEthernet":
		on, err := yes(value)
		if !on {
			m.mode = "none"
		}
		return err
	case "Network.Bridge":
		s.change("Bridge="+value, "it is a network of hostctl's own")
		return m.network(value)
	case "Network.Zone":
		return m.network(value)
	case "Network.Port":
		return m.port(value)
	default:
		s.lose(section+": "+key+"="+value, "a container has no such setting")
	}
	return err
}

// yes reads a boolean as systemd does.
func yes(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "1", "yes", "y", "true", "t", "on":
		return true, nil
	case "0", "no", "n", "false", "f", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", v)
}

// bindSetting reads SOURCE[:TARGET[:OPTIONS]], where "\:" is a colon of a name.
func (m *machine) bindSetting(key, value string) error {
	const colon = "\x00"
	parts := strings.Split(strings.ReplaceAll(value, `\:`, colon), ":")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], colon, ":")
	}
	source := strings.TrimPrefix(parts[0], "-")
	target := source
	if len(parts) > 1 && parts[1] != "" {
		target = parts[1]
	}
	var opts []string
	if len(parts) > 2 {
		opts = strings.Split(parts[2], ",")
	}
	if key == "BindReadOnly" {
		opts = append(opts, "ro")
	}
	if strings.HasPrefix(source, "+") {
		m.service.lose(key+"="+value, "a volume lies outside of the root directory")
		return nil
	}
	return m.bind(key+"="+value, source, target, opts)
}

// port reads [PROTOCOL:]HOST[:INSIDE].
func (m *machine) port(value string) error {
	p := Port{}
	text := value
	if proto, rest, ok := strings.Cut(value, ":"); ok && (proto == "tcp" || proto == "udp") {
		p.Protocol, text = proto, rest
	}
	host, to, two := strings.Cut(text, ":")
	if !two {
		to = host
	}
	checked, err := parsePort(host + ":" + to)
	checked.Protocol = p.Protocol
	m.own.Ports = append(m.own.Ports, checked)
	return err
}

func (m *machine) finish() {
	s := m.service
	switch {
	case m.boot:
		s.Boot = true
		s.Entrypoint, s.Args = []string{"/sbin/init"}, m.words
		s.NoInit = true
		s.StopSignal = "RTMIN+3"
	case len(m.words) > 0:
		s.Entrypoint, s.Args = []string{}, m.words
	default:
		s.Entrypoint = []string{"/bin/sh"}
		s.change("no Parameters=", "nspawn starts a shell on the terminal; there is none here")
	}
	if !m.private {
		m.mode = "host"
		s.lose("Private=no", "a container never has the host's network")
	}
	m.reader.finish()
	m.project.adopt(s)
}
