package importer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

// Result is the text of a configuration, and what it does not say as its source did.
type Result struct {
	Text  []byte
	Notes []Note
}

// Write makes a configuration of the project that the kinds take.
func (p *Project) Write(kinds resource.Kinds) Result {
	w := &writer{
		document: document{name: validName(cmp.Or(p.Name, "imported")), kinds: kinds},
		project:  p,
		names:    map[string]*names{},
		roots:    map[string]*block{},
	}
	w.notes = append(w.notes, p.Notes...)
	p.own(w.name)
	w.plan()
	for _, u := range p.Users {
		w.user(u)
	}
	for _, n := range p.Networks {
		w.network(n)
	}
	for _, n := range p.Namespaces {
		w.namespace(n)
	}
	for _, v := range p.Volumes {
		w.volume(v)
	}
	for _, s := range p.Services {
		w.service(s)
	}
	w.fill()
	w.settle()
	for i := range w.notes {
		w.notes[i].What, w.notes[i].Why = shown(w.notes[i].What), shown(w.notes[i].Why)
	}
	return Result{Text: w.text(), Notes: w.notes}
}

// own gives every volume that is written to an owner other than root, whom no
// container can act as: one account for all of the project.
func (p *Project) own(name string) {
	for _, s := range p.Services {
		for _, m := range s.Mounts {
			for _, v := range p.Volumes {
				if v.Name == m.Volume && v.Owner == "" && !m.ReadOnly {
					v.Owner = p.user(name).Name
				}
			}
		}
	}
}

// writer makes blocks of a project.
type writer struct {
	document
	project   *Project
	names     map[string]*names // by kind
	variables []*block
	roots     map[string]*block // the variable or image of each image
	addresses map[*Namespace][]*place
	subnets   map[string]*subnet
}

// address is the resource that a thing of the source becomes.
func (w *writer) address(kind, name string) resource.Addr {
	if w.names[kind] == nil {
		w.names[kind] = newNames()
	}
	return resource.Addr{Kind: kind, Name: w.names[kind].of(name)}
}

// resource begins a resource's block, with what its source already knew to be lost or changed.
func (w *writer) resource(a resource.Addr, n *notes) *block {
	k := &block{kind: a.Kind, label: a.Name, labelled: true, address: a}
	for _, note := range n.Notes {
		note.At = a.String()
		w.notes = append(w.notes, note)
	}
	w.blocks = append(w.blocks, k)
	return k
}

// remark puts the notes into the block, each a comment.
func (k *block) remark(n *notes) {
	for _, note := range n.Notes {
		k.items = append(k.items, &item{comment: note.String()})
	}
}

func (k *block) set(name string, v value, what string, above ...string) {
	k.items = append(k.items, &item{name: name, value: v, what: what, above: above})
}

func (k *block) setMap(name string, m map[string]string, what string) *item {
	it := &item{name: name, isMap: true, what: what}
	for _, e := range slices.Sorted(maps.Keys(m)) {
		it.entries = append(it.entries, &item{name: e, value: stringValue(m[e]), what: what + " " + e + "=" + m[e]})
	}
	k.items = append(k.items, it)
	return it
}

func (k *block) add(kind, label string, what string) *block {
	inner := &block{kind: kind, label: label, labelled: label != ""}
	k.items = append(k.items, &item{name: kind, block: inner, what: what})
	return inner
}

func (w *writer) user(u *User) {
	a := w.address("user", u.Name)
	k := w.resource(a, &u.notes)
	if u.UID != 0 {
		k.set("uid", uintValue(uint64(u.UID)), "")
	}
	k.remark(&u.notes)
}

func (w *writer) volume(v *Volume) {
	a := w.address("volume", v.Name)
	k := w.resource(a, &v.notes)
	if v.From != "" {
		k.above = append(k.above, v.From)
	}
	if v.Path == "" {
		k.set("path", value{text: `"${var.data}/` + a.Name + `"`, data: w.dataDir() + "/" + a.Name}, "")
	} else {
		k.set("path", stringValue(v.Path), "")
	}
	if v.Owner != "" {
		k.set("owner", refValue(w.address("user", v.Owner)), "")
	}
	k.remark(&v.notes)
}

// dataDir is the directory that the volumes without a path of their own are in.
func (w *writer) dataDir() string { return "/srv/" + w.name }

func (w *writer) service(s *Service) {
	a := w.address("container", s.Name)
	k := w.resource(a, &s.notes)
	if a.Name != s.Name {
		k.above = append(k.above, fmt.Sprintf("%q in the source.", s.Name))
	}
	if s.Description != "" {
		k.above = append(k.above, s.Description)
	}
	w.root(k, a, s)
	w.command(k, a, s)
	if s.Workdir != "" {
		k.set("workdir", stringValue(absolute(s.Workdir)), "working directory "+s.Workdir)
	}
	if s.User != "" {
		k.set("user", stringValue(s.User), "user "+s.User)
	}
	if s.RunAs != "" {
		k.set("run_as", refValue(w.address("user", s.RunAs)), "user "+s.RunAs+" of the host")
	}
	if s.Netns != "" {
		k.set("netns", refValue(w.address("netns", s.Netns)), "network of "+s.Netns)
	}
	if s.Hostname != "" {
		k.set("hostname", stringValue(s.Hostname), "hostname "+s.Hostname)
	}
	if len(s.Environment) > 0 {
		w.environment(k, a, s)
	}
	if len(s.Capabilities) > 0 {
		k.set("capabilities", listValue(s.Capabilities), "capabilities "+strings.Join(s.Capabilities, ", "))
	}
	if len(s.Groups) > 0 {
		k.set("groups", listValue(s.Groups), "groups "+strings.Join(s.Groups, ", "))
	}
	if len(s.Rlimits) > 0 {
		k.setMap("rlimits", s.Rlimits, "ulimit")
	}
	if s.ShmSize != 0 {
		k.set("shm_size", stringValue(resource.Bytes(s.ShmSize).String()), "shm-size "+resource.Bytes(s.ShmSize).String())
	}
	if s.OOMScoreAdjust != 0 {
		k.set("oom_score_adjust", numberValue(float64(s.OOMScoreAdjust)), "oom-score-adj "+strconv.Itoa(s.OOMScoreAdjust))
	}
	for _, d := range s.Devices {
		source, rest, _ := strings.Cut(d, ":")
		target, permissions, _ := strings.Cut(rest, ":")
		if target != "" && strings.Trim(target, "rwm") == "" {
			target, permissions = "", target
		}
		in := k.add("device", cmp.Or(target, source), "device "+d)
		if target != "" && target != source {
			in.set("source", stringValue(source), "")
		}
		if permissions != "" {
			in.set("permissions", stringValue(permissions), "")
		}
	}
	if len(s.ExtraHosts) > 0 {
		k.setMap("extra_hosts", s.ExtraHosts, "extra hosts")
	}
	if len(s.Sysctls) > 0 {
		k.setMap("sysctls", s.Sysctls, "sysctl")
	}
	w.lifecycle(k, a, s)
	w.mounts(k, a, s)
	w.limits(k, s)
	if s.Health != nil {
		w.health(k, s.Health)
	}
	k.remark(&s.notes)
}

// lose is a note of the writer's own, at its place.
func (w *writer) lose(k *block, a resource.Addr, what, why string) {
	w.note(k, Note{At: a.String(), Lost: true, What: what, Why: why})
}

func (w *writer) note(k *block, n Note) {
	w.notes = append(w.notes, n)
	k.items = append(k.items, &item{comment: n.String()})
}

// lifecycle says when the program runs, and how it ends.
func (w *writer) lifecycle(k *block, a resource.Addr, s *Service) {
	if s.NoInit {
		k.set("init", boolValue(false), "")
	}
	if s.Boot {
		k.set("boot", boolValue(true), "boot")
		k.set("root", stringValue("persistent"), "a root that is written to")
	}
	k.set("restart", stringValue(cmp.Or(s.Restart, "no")), "restart "+s.Restart)
	if s.RestartDelay > 0 {
		k.set("restart_delay", stringValue(s.RestartDelay.String()), "a restart's delay of "+s.RestartDelay.String())
	}
	if s.StopSignal != "" {
		k.set("stop_signal", stringValue(strings.TrimPrefix(strings.ToUpper(s.StopSignal), "SIG")), "stop signal "+s.StopSignal)
	}
	if s.StopTimeout != nil {
		k.set("stop_timeout", stringValue(s.StopTimeout.String()), "stop timeout "+s.StopTimeout.String())
	}
	if w.awaited(s) {
		k.set("job", boolValue(true), "a program that others wait for to complete")
	}
	var after []resource.Dependency
	for _, d := range s.DependsOn {
		to := w.address("container", d.Service)
		if to == a || slices.ContainsFunc(after, func(d resource.Dependency) bool { return d.To == to }) {
			continue
		}
		when := w.condition(d)
		after = append(after, resource.Dependency{To: to, When: when})
		if d.Condition != "" && when == resource.Started {
			w.note(k, Note{At: a.String(), What: fmt.Sprintf("depends on %s until %s", d.Service, d.Condition), Why: "it is started, not " + d.Condition, Lost: true})
		}
	}
	if len(after) > 0 {
		k.set("depends_on", dependenciesValue(after), "")
	}
	if s.Disabled {
		k.set("enabled", boolValue(false), "")
	}
}

// awaited says whether others wait for a service to complete: then it is a job. What has what no job has is none.
func (w *writer) awaited(s *Service) bool {
	return s.Health == nil && !s.Boot && slices.Contains([]string{"", "no", "on-failure"}, s.Restart) &&
		slices.ContainsFunc(w.project.Services, func(other *Service) bool {
			return slices.Contains(other.DependsOn, Dependency{Service: s.Name, Condition: string(resource.Completed)})
		})
}

// condition is that of a dependency where what it is on can come to it.
func (w *writer) condition(d Dependency) resource.Condition {
	i := slices.IndexFunc(w.project.Services, func(s *Service) bool { return s.Name == d.Service })
	switch when := resource.Condition(d.Condition); {
	case i < 0:
	case when == resource.Healthy && w.project.Services[i].Health != nil && !w.project.Services[i].NoInit:
		return when
	case when == resource.Completed && w.awaited(w.project.Services[i]):
		return when
	}
	return resource.Started
}

// environment writes the variables, and says which of them name another service.
func (w *writer) environment(k *block, a resource.Addr, s *Service) {
	good := map[string]string{}
	for name, v := range s.Environment {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '=' || r == 0x7f }) || strings.ToValidUTF8(name, "") != name {
			w.lose(k, a, "environment "+hcl.Quote(name), "that is no variable's name")
			continue
		}
		good[name] = v
	}
	it := k.setMap("environment", good, "environment")
	for _, e := range it.entries {
		if name, to := w.named(s, e.name, good[e.name]); name != "" {
			n := Note{At: a.String(), What: "environment " + e.name, Why: fmt.Sprintf("nothing here resolves the name %q; its address is %s", name, to)}
			w.notes = append(w.notes, n)
			e.above = append(e.above, n.String())
		}
	}
}

// text is the whole configuration.
func (w *writer) text() []byte {
	var b strings.Builder
	for _, c := range w.head() {
		if c == "" {
			b.WriteString("#\n")
			continue
		}
		comment(&b, "", c)
	}
	settings := &block{kind: "hostctl"}
	settings.set("name", stringValue(w.name), "")
	b.WriteByte('\n')
	settings.write(&b, "")
	for _, k := range slices.Concat(w.usedVariables(), w.blocks) {
		if k.gone != "" {
			if len(k.above) > 0 {
				b.WriteByte('\n')
				for _, c := range k.above {
					comment(&b, "", c)
				}
			}
			continue
		}
		b.WriteByte('\n')
		k.write(&b, "")
	}
	return []byte(b.String())
}

// head is the comment at the top: where it comes from, and what no line below can say.
func (w *writer) head() []string {
	lines := []string{"Imported from " + w.project.From + "."}
	if len(w.resources()) > 0 {
		lines = append(lines, "", "A container's root is read-only: what it writes outside of its volumes needs a mount or a tmpfs.",
			"Without a word it has no capabilities; memory, tasks and files have limits.")
	}
	for _, n := range w.project.Notes {
		lines = append(lines, n.String())
	}
	return lines
}

// usedVariables are the variables that the blocks which are written refer to.
func (w *writer) usedVariables() []*block {
	var used []*block
	data := variable("data", w.dataDir(), "Directory that holds the volumes.")
	for _, v := range slices.Concat([]*block{data}, w.variables) {
		if slices.ContainsFunc(w.resources(), func(k *block) bool { return k.uses("var." + v.label) }) {
			used = append(used, v)
		}
	}
	return used
}

// uses reports whether a value of the block refers to a variable.
func (k *block) uses(name string) bool {
	return slices.ContainsFunc(k.items, func(it *item) bool {
		in := func(v value) bool {
			return v.text == name || strings.Contains(v.text, "${"+name+"}") || slices.Contains(v.list, name)
		}
		return in(it.value) || it.block != nil && it.block.uses(name) ||
			slices.ContainsFunc(it.entries, func(e *item) bool { return e.comment == "" && in(e.value) })
	})
}

func variable(name, def, description string) *block {
	k := &block{kind: "variable", label: name, labelled: true}
	k.set("type", value{text: "string"}, "")
	k.set("default", stringValue(def), "")
	k.set("description", stringValue(description), "")
	return k
}
