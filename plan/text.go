package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"hostctl/resource"
)

// TextOptions is how a plan is printed.
type TextOptions struct {
	// Color says that the reader is a terminal that knows ANSI colours.
	Color bool
	// Width is where lines are broken if they can be, in columns; 0 is 80.
	Width int
}

// Text prints the plan for people, from nothing but what its JSON holds. Rules:
//
//   - what programs get that others do not have comes first, then what was changed outside hostctl, the sum comes last;
//   - a resource begins with a line that says what happens to it and why;
//   - each difference says what it costs; what stays is only counted;
//   - nothing of a configuration or of a host reaches the terminal unescaped;
//   - what is shortened says so, with a digest, so that two long values that differ look different.
func (p *Plan) Text(opt TextOptions) string {
	if opt.Width <= 0 {
		opt.Width = 80
	}
	t := &text{TextOptions: opt}
	if p.Empty() {
		t.drift(nil, p.Foreign)
		if p.Unread != nil {
			t.line(t.paint(bold, "No changes"), " in what could be read.")
		} else if p.partial() {
			t.line(t.paint(bold, "No changes."), " What is asked for is on the host as the configuration says.")
			t.partial(p)
		} else {
			t.line(t.paint(bold, "No changes."), " ", p.same())
		}
		t.ledger(p)
		t.unread(p.Unread)
		return t.String()
	}
	t.partial(p)
	if p.partial() {
		t.line()
	}
	t.loosened(p.Loosened)
	t.drift(p.Drift(), p.Foreign)
	t.line(p.intent())
	if p.Generation != 0 && p.Since == 0 || p.Undoes != 0 {
		t.wrapped("", "", yellow, "Data on volumes is not rolled back: what this plan does not delete stays as it is now. The contents of declared files go back with the rest.")
	}
	t.line()
	down := map[resource.Addr][]resource.Addr{}
	for _, s := range p.Steps {
		down[s.Addr] = append(down[s.Addr], s.Down...)
	}
	for i := range p.Resources {
		r := &p.Resources[i]
		t.resource(r, append(down[r.Addr], down[r.From]...))
	}
	t.line(t.paint(bold, "Plan:"), " ", p.Summary.text(), ".")
	t.addrs("Goes down: ", p.Summary.Down)
	t.ledger(p)
	t.unread(p.Unread)
	return t.String()
}

// intent is the sentence over what is to be done.
func (p *Plan) intent() string {
	switch {
	case p.Since != 0:
		return fmt.Sprintf("From generation %d to generation %d of configuration %s:", p.Since, p.Generation, quote(p.Owner))
	case p.Generation != 0:
		return fmt.Sprintf("hostctl will do this to take the host back to generation %d of configuration %s:", p.Generation, quote(p.Owner))
	case p.Undoes != 0:
		return fmt.Sprintf("hostctl will do this to undo generation %d of configuration %s:", p.Undoes, quote(p.Owner))
	}
	if p.Former != "" {
		return fmt.Sprintf("hostctl will make what configuration %s has on this host that of %s:", quote(p.Former), quote(p.Owner))
	}
	return fmt.Sprintf("hostctl will do this to make the host as configuration %s says:", quote(p.Owner))
}

// same is the sentence of a plan in which nothing is to be done.
func (p *Plan) same() string {
	switch {
	case p.Since != 0:
		return fmt.Sprintf("Generation %d declares what generation %d does.", p.Generation, p.Since)
	case p.Generation != 0:
		return fmt.Sprintf("The host is as generation %d says.", p.Generation)
	case p.Undoes != 0:
		return fmt.Sprintf("The host is as it was last applied before generation %d.", p.Undoes)
	}
	if p.Former != "" {
		return fmt.Sprintf("Configuration %s has nothing on this host any more.", quote(p.Former))
	}
	return "The host is as the configuration says."
}

// text is a plan being printed.
type text struct {
	strings.Builder
	TextOptions
}

// The colours, as parameters of the ANSI sequence SGR.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *text) paint(color, s string) string {
	if !t.Color || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func (t *text) line(parts ...string) {
	for _, s := range parts {
		t.WriteString(s)
	}
	t.WriteByte('\n')
}

// symbols are what stands before a resource or an attribute.
var symbols = map[resource.Action]struct{ text, color string }{
	resource.Create: {"  +", green},
	resource.Update: {"  ~", yellow},
	resource.Delete: {"  -", red},
	Replace:         {"-/+", red},
	resource.Forget: {"  .", yellow},
	resource.Adopt:  {"  ~", yellow},
}

// symbol returns the symbol of an action, three columns wide; blank for any other.
func (t *text) symbol(a resource.Action) string {
	s, ok := symbols[a]
	if !ok {
		return "   "
	}
	return t.paint(s.color, s.text)
}

// wrapped prints words after a first prefix, breaking lines at spaces; the lines after
// the first begin with the second prefix.
func (t *text) wrapped(first, then, color, words string) {
	line, empty := first, true
	for word := range strings.SplitSeq(words, " ") {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > t.Width {
			t.line(t.paint(color, line))
			line, empty = then, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	t.line(t.paint(color, line))
}

// addrs prints a list of addresses and its length; nothing for an empty list.
func (t *text) addrs(title string, addrs []resource.Addr) {
	if len(addrs) == 0 {
		return
	}
	names := make([]string, len(addrs))
	for i, a := range addrs {
		names[i] = plain(a.String())
	}
	indent := strings.Repeat(" ", len(title)-len(strings.TrimLeft(title, " "))+2)
	t.wrapped(title, indent, "", fmt.Sprintf("%s (%d)", strings.Join(names, ", "), len(addrs)))
}

func (t *text) ledger(p *Plan) {
	t.addrs("Recorded in the ledger without touching the host: ", p.Record)
	t.addrs("Dropped from the ledger, gone from the host already: ", p.Forget)
}

// unread prints what the plan says nothing of, and who can see it.
func (t *text) unread(u *Unread) {
	if u == nil {
		return
	}
	t.line()
	if u.Ledger || len(u.Resources) > 0 {
		t.line(t.paint(bold, fmt.Sprintf("Not compared, because uid %d may not read it:", u.UID)))
	}
	for _, r := range u.Resources {
		if len(r.Paths) == 0 {
			t.line("  ", plain(r.Addr.String()))
		} else {
			t.line("  ", plain(r.Addr.String()), ": ", plain(strings.Join(r.Paths, ", ")))
		}
	}
	if u.Ledger {
		t.wrapped("  ", "    ", "", "the ledger: what was applied once and is declared no more, which numbers were given out, and what was stopped on purpose")
	}
	t.wrapped("", "", "", fmt.Sprintf("Whether the host would take changes uid %d cannot tell. Root sees all of it.", u.UID))
}

func (t *text) resource(r *Resource, down []resource.Addr) {
	t.wrapped("  # ", "  #   ", bold, headline(r))
	if r.Note != "" {
		t.wrapped("  # (", "  #   ", "", plain(r.Note)+")")
	}
	if len(r.Differences) == 0 && r.Unchanged == 0 {
		t.line(t.symbol(r.Action), " ", plain(r.Addr.Kind), " ", quote(r.Addr.Name), " {}")
		t.down(down)
		return
	}
	t.line(t.symbol(r.Action), " ", plain(r.Addr.Kind), " ", quote(r.Addr.Name), " {")
	t.tree(4, tree(r.Differences), r.Action)
	if r.Unchanged > 0 {
		t.line("        # (", count(r.Unchanged, "unchanged attribute"), " hidden)")
	}
	t.line("    }")
	t.down(down)
}

// down says which programs go down for a resource, and ends what is printed of it.
func (t *text) down(down []resource.Addr) {
	slices.SortFunc(down, resource.Addr.Compare)
	for _, a := range slices.Compact(down) {
		t.line(t.paint(red, "    down: "+plain(a.String())))
	}
	t.line()
}

// headline says what happens to a resource and why.
func headline(r *Resource) string {
	addr := plain(r.Addr.String())
	if r.From != (resource.Addr{}) {
		addr += " (until now " + plain(r.From.String()) + ")"
	}
	switch r.Action {
	case resource.Create:
		if r.Reason == Missing {
			return addr + " will be created: it is missing on the host"
		}
		return addr + " will be created"
	case resource.Delete:
		return addr + " will be destroyed: removed from the configuration"
	case resource.Forget:
		return addr + " will be forgotten: it goes on, and is nobody's from then on"
	case resource.Adopt:
		return addr + " will be adopted: it goes on as it is"
	case Replace:
		if r.Reason == Moved {
			return addr + " will be moved: it ends, and starts anew under the new name"
		}
		return addr + " must be replaced: " + because(r)
	}
	switch {
	case r.Import != "":
		addr += fmt.Sprintf(" will be imported from %s", quote(r.Import))
	case r.From != (resource.Addr{}):
		addr += " will be moved"
	}
	joined := r.Import != "" || r.From != (resource.Addr{})
	switch {
	case r.Class == resource.Restart && joined:
		return addr + " and restarted: " + because(r)
	case r.Class == resource.Reload && joined:
		return addr + " and reloaded: " + because(r)
	case joined && len(r.Differences) > 0:
		return addr + " and updated in place (live)"
	case joined:
		return addr + " in place (live)"
	case r.Overlap:
		return addr + " will be started beside the old one, then restarted: " + because(r)
	case r.Class == resource.Restart:
		return addr + " will be restarted: " + because(r)
	case r.Class == resource.Reload:
		return addr + " will be reloaded: " + because(r)
	default:
		return addr + " will be updated in place (live)"
	}
}

// because says why a resource costs what it costs.
func because(r *Resource) string {
	switch r.Reason {
	case Shares:
		return "it shares replaced " + plain(r.Because.String())
	case Cycle:
		return "updated in place it would have to come both before and after " + plain(r.Because.String())
	case Asked:
		return "asked for"
	}
	return changed(r.ForcedBy)
}

// changed names the first few paths that changed.
func changed(paths []string) string {
	shown := make([]string, 0, 4)
	for _, path := range paths[:min(len(paths), 3)] {
		shown = append(shown, plain(path))
	}
	switch more := len(paths) - len(shown); {
	case more > 0:
		shown = append(shown, fmt.Sprintf("%d more", more))
	case len(shown) == 0:
		return ""
	}
	last := len(shown) - 1
	if last == 0 {
		return shown[0] + " changed"
	}
	return strings.Join(shown[:last], ", ") + " and " + shown[last] + " changed"
}

// cost is the comment on a difference.
func cost(c resource.Class) string {
	switch c {
	case resource.None:
		return ""
	case resource.Replace:
		return "forces replacement"
	default:
		return c.String()
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
