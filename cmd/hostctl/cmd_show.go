package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

var showCommand = command{
	name: "show", operands: "[ADDRESS|PLANFILE]",
	summary: "Show a resource as it was applied and as it is, or a saved plan",
	details: `
Without an operand every resource of the configuration is shown. An address may name a block or a module with all that it
makes. An attribute that is not as it was applied has a mark: "~" it differs, "-" it is gone, "+" it was not there.

Another user than root is shown what the host lets him see; what he may not read says so, and has "unread" with -json.

A saved plan is shown as plan printed it; that needs neither root nor the host that it is for. A file that reads as an
address is named with its directory: ./container.web.

-generation shows what was declared then, as "hostctl generations" lists it, without the repository.

-live -json prints what the host has and nothing that changes by itself, in an order that stays, for scripts to compare:
"resources" holds an object for each address, from the path of each attribute that is set to its value; null stands for
one that is withheld.`,
	example: "hostctl show container.web\nhostctl show site.plan\nhostctl show -generation 6 container.web\nhostctl show -live -json > before.json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var s showing
		s.source.register(fs)
		fs.BoolVar(&s.json, "json", false, "print one JSON document instead of text")
		fs.BoolVar(&s.live, "live", false, "show what the host has, and nothing else")
		fs.StringVar(&s.name, "name", "", "show the configuration `CONFIGURATION` of this host, and read none (hostctl ls lists them)")
		fs.StringVar(&s.generation, "generation", "", "show what the generation `GENERATION` declares (hostctl generations lists them)")
		return func(c *cli, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("one ADDRESS or PLANFILE at most")
			}
			c.json = s.json
			return c.finish(func() (map[string]any, error) { return s.run(c, args) })
		}
	},
}

// showing is one run of show.
type showing struct {
	source
	json, live bool
	name       string
	generation string // the number of a generation; "" is the host as it is
}

func (s *showing) run(c *cli, args []string) (map[string]any, error) {
	var wanted *resource.Target
	if len(args) == 1 {
		target, err := resource.ParseTarget(args[0])
		if _, known := kinds().Lookup(target.Kind); err != nil || target.Kind != "" && !known {
			return s.planFile(c, args[0])
		}
		wanted = &target
	}
	if s.generation != "" {
		return s.declaration(c, wanted)
	}
	config, err := s.owner(c, s.name)
	if err != nil {
		return nil, err
	}
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, err
	}
	seen, err := m.Observe(c.ctx, config.Name)
	if err != nil {
		return nil, err
	}
	if err := c.diagnose((&proposal{machine: m, seen: seen}).warnings()); err != nil {
		return nil, err
	}
	sensitive, err := s.sensitive(c, config, seen)
	if err != nil {
		return nil, err
	}
	shown, err := resourcesOf(m, seen, config.State, sensitive, wanted)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{"name": config.Name, "resources": shown}
	if s.live {
		fields["resources"] = liveOf(shown)
	}
	if !c.json {
		c.printResources(shown, s.live)
	}
	return fields, nil
}

// sensitive are the paths whose values are not shown: what the configuration says, and what the ledger says was so when
// it was applied. Where neither can be asked, no value is shown.
func (s *showing) sensitive(c *cli, config *hcl.Config, seen *apply.Observation) (map[resource.Addr][]string, error) {
	paths := map[resource.Addr][]string{}
	for _, from := range []map[resource.Addr][]string{config.Directives.Sensitive, seen.Hidden()} {
		for addr, list := range from {
			paths[addr] = append(paths[addr], list...)
		}
	}
	if !seen.LedgerLost && !seen.LedgerUnread || s.name == "" && !config.Diagnostics.HasErrors() {
		return paths, nil
	}
	for addr := range seen.Live {
		paths[addr] = []string{""}
	}
	return paths, c.diagnose(hcl.Diagnostics{{Severity: hcl.Warning, Summary: "No value is shown",
		Detail: "Which of them are sensitive says the ledger, which is missing or not readable. Name the configuration's directory with -chdir, and its variables."}})
}

// planFile shows a saved plan.
func (s *showing) planFile(c *cli, path string) (map[string]any, error) {
	if s.live || s.name != "" || s.generation != "" {
		return nil, fmt.Errorf("%q is taken for a plan file, to which -live, -name and -generation say nothing", path)
	}
	f, err := plan.ReadFile(path, kinds())
	if err != nil {
		return nil, err
	}
	if !c.json {
		fmt.Fprintf(c.stdout, "A plan for configuration %q in %s, saved on %s by hostctl %s.\n\n", f.Owner, oneLine(f.Dir),
			f.Created.Local().Format("2006-01-02 15:04"), oneLine(f.HostctlVersion))
		fmt.Fprint(c.stdout, f.Plan.Text(plan.TextOptions{Color: c.color, Width: c.width}))
	}
	return map[string]any{"plan": f.Plan, "created": f.Created, "basis": f.Basis}, nil
}

// shownResource is one resource for show.
type shownResource struct {
	Address resource.Addr `json:"address"`
	Status  string        `json:"status"` // in the kind's words; "absent"
	// Unread says that this user may not read it: Status is what everybody may see.
	Unread bool `json:"unread,omitempty"`
	// Drift says that the host is not as it was applied.
	Drift      bool             `json:"drift"`
	Attributes []shownAttribute `json:"attributes"`
}

// shownAttribute is one attribute that is set, as applied or live.
type shownAttribute struct {
	Path    string          `json:"path"`
	Applied json.RawMessage `json:"applied,omitempty"` // as last applied
	Live    json.RawMessage `json:"live,omitempty"`
	Drift   bool            `json:"drift,omitempty"`
	// Secret says that the values are withheld.
	Secret bool `json:"secret,omitempty"`
}

// resourcesOf puts together what was applied and what is live of the resources that wanted
// covers; of all where it is nil. Of what this user may not read what is declared, or can be seen, is shown as far as it can be.
func resourcesOf(m *apply.Machine, seen *apply.Observation, declared resource.State, sensitive map[resource.Addr][]string, wanted *resource.Target) ([]shownResource, error) {
	all := map[resource.Addr]bool{}
	for _, addr := range unreadAddrs(seen, declared) {
		all[addr] = true
	}
	for _, state := range []resource.State{seen.Last, seen.Live} {
		for addr := range state {
			all[addr] = true
		}
	}
	drift := driftOf(m, seen)
	shown, names := []shownResource{}, []string{}
	for _, addr := range slices.SortedFunc(maps.Keys(all), resource.Addr.Compare) {
		names = append(names, addr.String())
		if wanted != nil && !wanted.Covers(addr) {
			continue
		}
		r := shownResource{Address: addr, Status: "absent"}
		if r.Unread = seen.Unread[addr.Kind]; r.Unread {
			r.Status = glimpsed(seen, addr)
		}
		if seen.Live[addr] != nil {
			if r.Status = seen.Status[addr]; r.Status == "" {
				r.Status = "present"
			}
		}
		_, r.Drift = drift[addr]
		r.Attributes = slices.DeleteFunc(attributesOf(seen.Last[addr], seen.Live[addr], drift[addr], sensitive[addr]),
			func(a shownAttribute) bool { return slices.Contains(seen.Parts[addr], a.Path) })
		if parts := seen.Parts[addr]; len(parts) > 0 {
			r.Status += fmt.Sprintf("; %s is %s", strings.Join(parts, ", "), unreadable())
		}
		shown = append(shown, r)
	}
	if wanted != nil && len(shown) == 0 {
		return nil, fmt.Errorf("configuration %q has no %s on this host%s", seen.Owner, wanted, hcl.DidYouMean(wanted.String(), names))
	}
	return shown, nil
}

// driftOf are the paths in which the host is not as it was applied, by the plan that
// would put it back; a resource that is gone has none.
func driftOf(m *apply.Machine, seen *apply.Observation) map[resource.Addr]map[string]bool {
	want := seen.Applied(m.Kinds)
	drift := map[resource.Addr]map[string]bool{}
	for _, r := range plan.Make(want, seen.Last, seen.Live, plan.Options{Kinds: m.Kinds, Owner: seen.Owner}).Resources {
		if want[r.Addr] == nil {
			continue // live and not in the ledger, which may be unread: nobody knows what was applied
		}
		drift[r.Addr] = map[string]bool{}
		for _, d := range r.Differences {
			if seen.Live[r.Addr] != nil {
				drift[r.Addr][d.Path] = true
			}
		}
	}
	return drift
}

// attributesOf are the attributes of both specs by path.
func attributesOf(applied, live resource.Spec, drift map[string]bool, sensitive []string) []shownAttribute {
	byPath := map[string]*shownAttribute{}
	take := func(spec resource.Spec, set func(*shownAttribute, json.RawMessage)) {
		for _, leaf := range resource.Leaves(spec) {
			a := byPath[leaf.Path]
			if a == nil {
				secret := leaf.Attr.Secret || slices.ContainsFunc(sensitive, func(path string) bool { return stands(leaf.Path, path) })
				a = &shownAttribute{Path: leaf.Path, Drift: drift[leaf.Path], Secret: secret}
				byPath[leaf.Path] = a
			}
			if !a.Secret {
				set(a, json.RawMessage(leaf.Value))
			}
		}
	}
	take(applied, func(a *shownAttribute, v json.RawMessage) { a.Applied = v })
	take(live, func(a *shownAttribute, v json.RawMessage) { a.Live = v })
	list := []shownAttribute{}
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		list = append(list, *byPath[path])
	}
	return list
}

// stands reports whether path is above, or stands below it; "" is above everything.
func stands(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || above == "" || rest[0] == '.' || rest[0] == '[')
}

// liveOf is what the host has, by address and path.
func liveOf(shown []shownResource) map[resource.Addr]map[string]json.RawMessage {
	live := map[resource.Addr]map[string]json.RawMessage{}
	for _, r := range shown {
		if r.Status == "absent" || r.Unread {
			continue
		}
		live[r.Address] = map[string]json.RawMessage{}
		for _, a := range r.Attributes {
			if a.Live != nil || a.Secret {
				live[r.Address][a.Path] = a.Live
			}
		}
	}
	return live
}

// printResources prints resources for people; those that are there alone, and as they are, where live is set.
func (c *cli) printResources(shown []shownResource, live bool) {
	if len(shown) == 0 {
		fmt.Fprintln(c.stdout, "The configuration has nothing on this host.")
		return
	}
	shown = slices.DeleteFunc(shown, func(r shownResource) bool { return live && (r.Status == "absent" || r.Unread) })
	for i, r := range shown {
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		status := r.Status
		if r.Unread && status != unreadable() {
			status += "; the rest is " + unreadable()
		} else if status == "absent" {
			status = c.paint("31", "applied, and gone from the host")
		}
		fmt.Fprintf(c.stdout, "%s: %s\n", c.paint("1", r.Address.String()), oneLine(status))
		width := 0
		for _, a := range r.Attributes {
			width = max(width, columns(oneLine(a.Path)))
		}
		for _, a := range r.Attributes {
			if !live || a.Live != nil || a.Secret {
				c.printAttribute(a, width, live)
			}
		}
	}
}

// printAttribute prints one attribute with its mark.
func (c *cli) printAttribute(a shownAttribute, width int, live bool) {
	mark, color, note, value := " ", "", "", a.Live
	switch {
	case live || !a.Drift:
		if value == nil {
			value = a.Applied
		}
	case a.Secret:
		mark, color = "~", "33"
	case a.Live == nil:
		mark, color, note, value = "-", "31", "  # gone", a.Applied
	case a.Applied == nil:
		mark, color, note = "+", "32", "  # was not applied"
	default:
		mark, color, note = "~", "33", "  # applied: "+oneLine(string(a.Applied))
	}
	text := oneLine(string(value))
	if a.Secret {
		text = "(withheld)"
	}
	path := oneLine(a.Path)
	line := fmt.Sprintf("  %s %s%s = %s%s", mark, path, strings.Repeat(" ", width-columns(path)), text, note)
	if color != "" {
		line = c.paint(color, line)
	}
	fmt.Fprintln(c.stdout, line)
}
