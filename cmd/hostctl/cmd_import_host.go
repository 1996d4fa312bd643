package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/host"
	"hostctl/plan"
	"hostctl/resource"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

// hostSource is the source of `hostctl import host KIND ID...`.
const hostSource = "host"

// found is one object of this host that the text declares.
type found struct {
	addr resource.Addr
	id   string
	spec resource.Spec // as it is, with references in the place of numbers
	// said is what a plan of the text says besides that it is imported, and what no attribute says.
	said []string
}

// finder writes what this host has as a configuration. It changes nothing.
type finder struct {
	c       *cli
	machine *apply.Machine
	name    string
	all     []found
}

// host writes the objects of a kind with their import blocks.
func (in *imported) host(c *cli, operands []string) (*importAnswer, error) {
	if err := needRoot("reads what is on this host"); err != nil {
		return nil, err
	}
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, err
	}
	f := &finder{c: c, machine: m, name: cmp.Or(in.name, "imported")}
	kind := operands[0]
	importer, ok := m.Hosts[kind].(resource.Importer)
	if !ok {
		return nil, fmt.Errorf("%q is no kind of what can be imported from a host%s: %s are", kind, hcl.DidYouMean(kind, importable(m)), strings.Join(importable(m), ", "))
	}
	for _, id := range operands[1:] {
		if err := f.find(importer, resource.Addr{Kind: kind, Name: labelOf(id)}, id); err != nil {
			return nil, err
		}
	}
	if err := f.owners(); err != nil {
		return nil, err
	}
	if err := f.compare(); err != nil {
		return nil, err
	}
	text, err := f.text()
	if err != nil {
		return nil, err
	}
	a := &importAnswer{Text: text}
	notes := []map[string]string{}
	for _, o := range f.all {
		for _, line := range o.said {
			a.Lines = append(a.Lines, o.addr.String()+": "+line)
			notes = append(notes, map[string]string{"at": o.addr.String(), "what": line})
		}
	}
	a.Notes, err = json.Marshal(notes)
	return a, err
}

// importable are the kinds of which a host's objects can be taken over.
func importable(m *apply.Machine) (kinds []string) {
	for _, k := range m.Kinds {
		if _, ok := m.Hosts[k.Name].(resource.Importer); ok {
			kinds = append(kinds, k.Name)
		}
	}
	return kinds
}

// labelOf is a block's label for an object: what it is called, as far as a label can be.
func labelOf(id string) string {
	label := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(path.Base(id))), "-")
	for strings.Contains(label, "--") {
		label = strings.ReplaceAll(label, "--", "-")
	}
	return cmp.Or(label, "imported")
}

// find adds an object, once. Where it cannot be taken over, that has been said.
func (f *finder) find(importer resource.Importer, addr resource.Addr, id string) error {
	for n := 2; ; n++ {
		i := slices.IndexFunc(f.all, func(o found) bool { return o.addr == addr })
		if i < 0 {
			break
		}
		if f.all[i].id == id {
			return nil
		}
		addr.Name = fmt.Sprintf("%s-%d", labelOf(id), n)
	}
	live, ours, refused := importer.Find(f.c.ctx, f.name, addr, id)
	switch {
	case len(refused) > 0:
		return f.c.problems(nil, refused)
	case ours:
		return fmt.Errorf("%s is %s of configuration %q already", id, addr, f.name)
	}
	o := found{addr: addr, id: id, spec: live}
	if untold, ok := importer.(resource.Untold); ok {
		said, err := untold.Untold(f.c.ctx, id)
		if err != nil {
			return err
		}
		o.said = said
	}
	f.all = append(f.all, o)
	return nil
}

// owners names the accounts that directories belong to, which are imported with them: a volume says its owner by reference.
// A number that is no account's is told by the comparison.
func (f *finder) owners() error {
	known, err := host.Passwd{}.Accounts(f.c.ctx)
	if err != nil {
		return err
	}
	kind := user.Kind().Name
	accounts, _ := f.machine.Hosts[kind].(resource.Importer)
	for i := range f.all {
		v, ok := f.all[i].spec.(*volume.Volume)
		if !ok {
			continue
		}
		w := *v
		of := func(a host.Account, ok bool) resource.Addr {
			addr := resource.Addr{Kind: kind, Name: a.Name}
			if !ok || labelOf(a.Name) != a.Name {
				return resource.Addr{}
			}
			if _, _, refused := accounts.Find(f.c.ctx, f.name, addr, a.Name); len(refused) > 0 {
				return resource.Addr{}
			}
			return addr
		}
		w.Owner = of(known.UserByUID(w.UID))
		if g, ok := known.GroupByGID(w.GID); ok {
			if a, ok := known.User(g.Name); ok && a.GID == w.GID && a.UID != w.UID {
				w.Group = of(a, true)
			}
		}
		f.all[i].spec = &w
		for _, addr := range []resource.Addr{w.Owner, w.Group} {
			if addr == (resource.Addr{}) {
				continue
			}
			if err := f.find(accounts, addr, addr.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare plans what the text says, and notes what of it would be a change.
func (f *finder) compare() error {
	text, err := f.text()
	if err != nil {
		return err
	}
	config := hcl.Load(f.c.ctx, evaluate, hcl.Request{Sources: hcl.Sources{Files: []hcl.File{{Name: "main.hcl", Text: []byte(text)}}}, Version: version}, kinds())
	if err := f.c.diagnose(config.Diagnostics); err != nil {
		return err
	}
	seen, err := f.machine.Observe(f.c.ctx, f.name)
	if err != nil {
		return err
	}
	if err := f.c.problems(config, f.machine.Import(f.c.ctx, seen, config.State, config.Directives.Imports)); err != nil {
		return err
	}
	r, problems := seen.Resolve(f.machine.Kinds, config.State, config.Directives, nil)
	if err := f.c.problems(config, problems); err != nil {
		return err
	}
	p := plan.Make(r.Want, nil, seen.Live, plan.Options{Kinds: f.machine.Kinds, Owner: f.name, Directives: config.Directives, Imported: seen.Imported})
	for _, change := range p.Resources {
		i := slices.IndexFunc(f.all, func(o found) bool { return o.addr == change.Addr })
		for _, d := range change.Differences {
			f.all[i].said = append(f.all[i].said, fmt.Sprintf("%s: %s on this host, %s once it is hostctl's", d.Path, orUnset(d.Before), orUnset(d.After)))
		}
	}
	return nil
}

func orUnset(value json.RawMessage) string {
	if len(value) == 0 {
		return "unset"
	}
	return string(bytes.Trim(value, `"`))
}

// text is the configuration as it is known so far.
func (f *finder) text() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "hostctl {\nname = %s\n}\n", hcl.Quote(f.name))
	for _, o := range f.all {
		b.WriteString("\n" + hcl.Declaration(o.addr, o.spec, o.said) + "\n" + hcl.ImportBlock(o.addr, o.id))
	}
	files, diags := hcl.FormatFiles(f.c.ctx, evaluate, []hcl.File{{Name: "main.hcl", Text: []byte(b.String())}})
	if err := f.c.diagnose(diags); err != nil {
		return "", errors.Join(errors.New("bug: what was written is no configuration"), err)
	}
	return string(files[0].Text), nil
}
