package importer

import (
	"fmt"
	"slices"
	"time"
)

// File is one file of a source, already read.
type File struct {
	Name string // as diagnostics and comments name it
	Text []byte
}

// Error is something wrong with a source.
type Error struct {
	File    string
	Line    int // 0 where it is not known
	Summary string
}

// Error is file:line: and the summary.
func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Summary
	case e.Line == 0:
		return e.File + ": " + e.Summary
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Summary)
}

// Note is one thing that the configuration does not say as the source did.
type Note struct {
	// At is the address of the resource that it was of; "" for all of them.
	At string `json:"at,omitempty"`
	// Lost says that it has no equal; else it is there, and means something else.
	Lost bool   `json:"lost"`
	What string `json:"what"` // in the source's words
	Why  string `json:"why,omitempty"`
}

// String is the note as its comment has it.
func (n Note) String() string {
	s := "changed: " + n.What
	if n.Lost {
		s = "no equal: " + n.What
	}
	if n.Why != "" {
		s += ": " + n.Why
	}
	return s
}

// Project is what a source says, in the words of no source. Names in it are the
// source's; the writer makes valid ones of them.
type Project struct {
	Name       string
	From       string // what it was read from, for the first comment
	Services   []*Service
	Volumes    []*Volume
	Networks   []*Network
	Namespaces []*Namespace
	Users      []*User
	// Variables are names whose values the source takes from its surroundings.
	// In text they stand between markOpen and markClose.
	Variables []string
	Notes     []Note // on no resource
}

// notes collects what becomes of the parts of one resource.
type notes struct{ Notes []Note }

func (n *notes) lose(what, why string) {
	n.Notes = append(n.Notes, Note{Lost: true, What: what, Why: why})
}
func (n *notes) change(what, why string) { n.Notes = append(n.Notes, Note{What: what, Why: why}) }

// Service is one container.
type Service struct {
	notes
	Name  string
	Image string // a reference, or the directory of what is built
	// Description is what people are told that it is.
	Description string
	Rootfs      string // the root directory, where the source names one
	// Entrypoint and Args are the image's own where they are nil; an empty list is none.
	Entrypoint, Args []string
	Environment      map[string]string
	Workdir          string
	User             string // inside
	RunAs            string // a User's name
	Netns            string // a Namespace's name; "" is loopback only
	Hostname         string
	Mounts           []Mount
	Tmpfs            []Tmpfs
	Files            []Content
	Limits           Limits
	Restart          string // no, on-failure or always
	RestartDelay     time.Duration
	StopSignal       string
	StopTimeout      *time.Duration
	DependsOn        []Dependency
	NoInit           bool
	Disabled         bool
	Boot             bool
	Health           *Health
	Capabilities     []string
	Groups           []string
	Rlimits          map[string]string
	OOMScoreAdjust   int
	ShmSize          uint64            // bytes
	ExtraHosts       map[string]string // address by name
	Devices          []string
	Sysctls          map[string]string // all but net.*, which are a Namespace's
	Secrets          []Secret
}

// Limits are 0 where the source sets none.
type Limits struct {
	Memory uint64 // bytes
	CPU    float64
	Tasks  uint64
	Files  uint64
}

// Mount is a volume at a path inside.
type Mount struct {
	Volume   string // a Volume's name
	Target   string
	ReadOnly bool
	What     string // as the source had it
}

// Tmpfs is a memory filesystem at a path inside.
type Tmpfs struct {
	Target string
	Size   uint64 // 0 is the default
	Mode   string
}

// Content is a single file inside.
type Content struct {
	Target string
	Source string // where it was; "" where its text stands in the source
	Text   string
	Known  bool // Text is what the file holds
	What   string
}

// Dependency is a service that another one is started after.
type Dependency struct {
	Service   string
	Condition string // healthy, completed; "" is started
}

// Health is how a service is asked whether it works.
type Health struct {
	Exec                           []string
	Interval, Timeout, StartPeriod time.Duration
	Retries                        uint64
}

// Secret is a secret at a path inside, or below /run/secrets.
type Secret struct {
	Name, Target string
	Owner        string // uid, or uid:gid
	Mode         string // octal
	What         string
}

// Volume is a directory that services mount.
type Volume struct {
	notes
	key  string // what the source means by it: a name, or a path
	Name string
	// Path is absolute; "" is a directory of the volume's name below the project's own.
	Path  string
	From  string // what it was in the source, for a comment; "" for nothing to say
	Owner string // a User's name
}

// Network is a bridge.
type Network struct {
	notes
	Name    string
	Subnets []string // IPv4 and IPv6; the writer chooses an IPv4 one where there is none
	Gateway []string
	NoNAT   bool // nothing behind it reaches the world
}

// Namespace is a network namespace that services share.
type Namespace struct {
	notes
	Name     string
	Networks []Attachment
	Ports    []Port
	Sysctls  map[string]string
	DNS      []string
}

// Attachment is an interface on a network.
type Attachment struct {
	Network   string
	Addresses []string // chosen by the writer where there are none
	Aliases   []string // names that the source's tool resolves to it
}

// Port is a port of the host that leads inside.
type Port struct {
	HostIP   string
	Host, To string // a port or a range; Host is "" for any
	Protocol string
}

// String is the port as docker writes it.
func (p Port) String() string {
	s := p.To
	switch {
	case p.HostIP != "":
		s = p.HostIP + ":" + p.Host + ":" + p.To
	case p.Host != "":
		s = p.Host + ":" + p.To
	}
	if p.Protocol != "" && p.Protocol != "tcp" {
		s += "/" + p.Protocol
	}
	return s
}

// User is an account of the host.
type User struct {
	notes
	Name string
	UID  uint32 // 0 is the host's choice
}

// volume returns the volume that the source means by key, and adds one of a
// name of its own, like name, if there is none.
func (p *Project) volume(key, name string) *Volume {
	taken := func() bool {
		return slices.ContainsFunc(p.Volumes, func(v *Volume) bool { return v.Name == name })
	}
	for _, v := range p.Volumes {
		if v.key == key {
			return v
		}
	}
	for i, base := 2, name; taken(); i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	v := &Volume{Name: name, key: key}
	p.Volumes = append(p.Volumes, v)
	return v
}

// namedVolume returns the volume that the source calls name.
func (p *Project) namedVolume(name string) *Volume { return p.volume("name "+name, name) }

// network returns the network of that name, and adds it if there is none.
func (p *Project) network(name string) *Network {
	return of(&p.Networks, func(n *Network) bool { return n.Name == name }, &Network{Name: name})
}

// namespace returns the namespace of that name, and adds it if there is none.
func (p *Project) namespace(name string) *Namespace {
	return of(&p.Namespaces, func(n *Namespace) bool { return n.Name == name }, &Namespace{Name: name})
}

// user returns the account of that name, and adds it if there is none.
func (p *Project) user(name string) *User {
	return of(&p.Users, func(u *User) bool { return u.Name == name }, &User{Name: name})
}

// of returns the one of a list that is meant, and adds fresh if there is none.
func of[T any](list *[]*T, meant func(*T) bool, fresh *T) *T {
	if i := slices.IndexFunc(*list, meant); i >= 0 {
		return (*list)[i]
	}
	*list = append(*list, fresh)
	return fresh
}
