package container

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"hostctl/resource"
)

// The pool of host id ranges. 524288 to 1879048191 is what systemd's UIDS-GIDS
// document sets aside for containers that a manager gives ranges to; below it are the ranges that
// useradd gives to people, above it what the kernel and systemd keep for themselves.
const (
	Pool      = "range"
	RangeSize = 65536
	lowRange  = 524288
	highRange = 1879048191
)

// Resolve implements resource.Spec.
func (c *Container) Resolve(self resource.Addr, r *resource.Resolver) []resource.Problem {
	v := &validator{self: self}
	c.resolveRange(v, r)
	c.RunAsUID, c.RunAsGID = 0, 0
	if c.RunAs != (resource.Addr{}) {
		c.RunAsUID, c.RunAsGID = number(r.Want[c.RunAs], "uid"), number(r.Want[c.RunAs], "gid")
		if c.RunAsUID == 0 || c.RunAsGID == 0 {
			v.bad("run_as", fmt.Sprintf("%s has no uid", c.RunAs), "")
		}
	}
	c.NetnsPath, c.Pending, c.Helper, c.Launcher = "", "", "", ""
	if c.Boot {
		c.boots()
	}
	if c.Netns != (resource.Addr{}) {
		c.NetnsPath = netnsDir + "/" + c.Netns.HostName()
	}
	for _, list := range []*[]string{&c.Capabilities, &c.Groups, &c.SystemCalls, &c.MaskedPaths} {
		*list = slices.Sorted(slices.Values(*list)) // each is a set
	}
	c.resolveMounts(v, r)
	c.resolveFiles(v)
	c.resolveSecrets(self, r)
	c.resolveAfter(v, r)
	return v.problems
}

// boots writes out what a whole system is started and stopped with: its own init in the place of the tiny one, which does not take
// TERM for the end.
func (c *Container) boots() {
	c.Init = false
	if len(c.Command) == 0 {
		c.Command = []string{"/sbin/init"}
	}
	if c.StopSignal == "TERM" {
		c.StopSignal = "RTMIN+3"
	}
}

// PlanNote implements plan.Noter: what a whole system has that no other container can be given, and lacks.
func (c *Container) PlanNote(action resource.Action, _ bool) string {
	if !c.Boot || action == resource.Delete || action == resource.Forget {
		return ""
	}
	return "a whole system has root's capabilities over its own namespaces, setuid programs, namespaces and mounts of its own; no Landlock and no no_new_privs"
}

// netnsDir is where named network namespaces are, ip-netns(8).
const netnsDir = "/run/netns"

func (c *Container) resolveRange(v *validator, r *resource.Resolver) {
	if live, ok := r.Live[v.self].(*Container); ok && live.IDBase >= lowRange && live.IDBase%RangeSize == 0 {
		// Nothing is on record when the ledger was lost: what runs keeps what it runs with.
		if _, held := r.Held(Pool, v.self); !held &&
			r.Claim(Pool, v.self, resource.Span{Start: uint64(live.IDBase), Size: RangeSize}) == nil {
			c.IDBase = live.IDBase
			return
		}
	}
	span, err := r.Take(Pool, v.self, RangeSize, lowRange, highRange)
	if err != nil {
		v.bad("", "no range of ids for the container", err.Error())
		return
	}
	c.IDBase = uint32(span.Start)
}

// resolveMounts copies each volume's path, and its owner where the mount has to show
// the owner as somebody else: with run_as the host's ids are the program's already.
func (c *Container) resolveMounts(v *validator, r *resource.Resolver) {
	c.Mount = maps.Clone(c.Mount)
	for _, target := range slices.Sorted(maps.Keys(c.Mount)) {
		m := c.Mount[target]
		volume := r.Want[m.Volume]
		m.Source, m.Mountpoint, m.OwnerUID, m.OwnerGID = text(volume, "path"), text(volume, "mountpoint"), 0, 0
		uid, gid := number(volume, "uid"), number(volume, "gid")
		external, _ := attribute(volume, "external").(bool)
		switch {
		case external && !m.ReadOnly:
			v.bad(`mount[`+strconv.Quote(target)+`].volume`, fmt.Sprintf("%s is external, and cannot be written", m.Volume), "write read_only = true")
		case c.RunAs != (resource.Addr{}):
		case uid != 0 && gid != 0:
			m.OwnerUID, m.OwnerGID = uid, gid
		case !m.ReadOnly:
			v.bad(`mount[`+strconv.Quote(target)+`].volume`, fmt.Sprintf("%s belongs to root, whom no container can act as", m.Volume),
				"give the volume an owner, run the container as its owner with run_as, or mount it with read_only = true")
		}
		c.Mount[target] = m
	}
}

// resolveFiles writes every content in the one way in which it is read back from the host.
func (c *Container) resolveFiles(v *validator) {
	c.File = maps.Clone(c.File)
	for target, f := range c.File {
		content, err := f.bytes()
		if err != nil {
			v.bad(filePath(target), "the content is not base64", err.Error())
			continue
		}
		c.File[target] = f.holding(content)
	}
}

func (c *Container) resolveAfter(v *validator, r *resource.Resolver) {
	c.After = nil
	c.DependsOn = slices.SortedFunc(slices.Values(c.DependsOn), resource.Dependency.Compare)
	for _, d := range c.DependsOn {
		to, mark := d.To, ""
		checkCondition(v, d, r.Want[to])
		if other, ok := r.Want[to].(*Container); ok {
			sum := sha256.Sum256([]byte(other.fixed()))
			mark = " " + hex.EncodeToString(sum[:4])
		}
		c.After = append(c.After, Unit(to)+mark)
	}
	slices.Sort(c.After)
}

// number and text read an attribute of a spec of another kind; one that is not there is zero.
func number(spec resource.Spec, name string) uint32 {
	n, _ := attribute(spec, name).(uint32)
	return n
}

func text(spec resource.Spec, name string) string {
	s, _ := attribute(spec, name).(string)
	return s
}

func attribute(spec resource.Spec, name string) any {
	if spec == nil {
		return nil
	}
	a := resource.SchemaOf(spec).Attr(name)
	if a == nil {
		return nil
	}
	return a.Value(reflect.ValueOf(spec).Elem()).Interface()
}
