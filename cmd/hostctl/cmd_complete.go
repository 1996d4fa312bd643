package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hostctl/apply"
	"hostctl/host"
	"hostctl/resource"
)

// completeCommand answers the scripts of completionCommand: the words up to the cursor are its
// operands, the last of them what is being completed. It prints a candidate a line, with a tab and a word about it
// behind it; ":files" or ":dirs" asks the shell for names of its own. It never fails and
// says nothing on standard error: whoever types wants no message now.
func completeCommand() command {
	return command{
		name: "__complete", operands: "WORD...", hidden: true,
		summary: "Answer the shell's completion",
		setup: func(*flag.FlagSet) func(*cli, []string) error {
			return func(c *cli, words []string) error {
				quiet := *c
				quiet.stderr = io.Discard
				if len(words) == 0 {
					words = []string{""}
				}
				completion := &completion{cli: &quiet}
				completion.complete(words)
				for _, line := range completion.lines {
					fmt.Fprintln(c.stdout, line)
				}
				return nil
			}
		},
	}
}

// completion is one answer.
type completion struct {
	cli    *cli
	source source
	name   string        // of a -name flag
	flags  *flag.FlagSet // of source, and -name
	prefix string        // stands before the value: "-out=" of -out=FILE
	typed  string        // of the value
	lines  []string
}

// add adds a candidate that goes on from what was typed.
func (p *completion) add(value, about string) {
	if strings.HasPrefix(value, p.typed) && value == oneLine(value) {
		p.lines = append(p.lines, strings.TrimRight(p.prefix+value+"\t"+oneLine(about), "\t"))
	}
}

func (p *completion) complete(words []string) {
	last := len(words) - 1
	p.typed = unquoteShell(words[last])
	p.flags = flag.NewFlagSet("", flag.ContinueOnError)
	p.flags.SetOutput(io.Discard)
	p.source.register(p.flags)
	p.flags.StringVar(&p.name, "name", "", "")
	words = words[:last]
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		name, value, assigned := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
		words = words[1:]
		if name == "chdir" && !assigned {
			if len(words) == 0 {
				p.lines = append(p.lines, ":dirs")
				return
			}
			value, words = words[0], words[1:]
		}
		p.note(name, value)
	}
	if len(words) == 0 {
		if strings.HasPrefix(p.typed, "-chdir=") {
			p.lines = append(p.lines, ":dirs")
			return
		}
		if strings.HasPrefix(p.typed, "-") {
			p.add("-chdir", "read the configuration in another directory")
			p.add("-no-color", "print without colours")
			return
		}
		p.commands()
		return
	}
	if cmd, err := findCommand(words[0]); err == nil {
		p.arguments(cmd, words[1:])
	}
}

// note takes over a flag that says which configuration is meant.
func (p *completion) note(name, value string) {
	if p.flags.Lookup(name) != nil {
		_ = p.flags.Set(name, value) // one that is wrong is said when the command runs
	}
}

func (p *completion) commands() {
	for _, cmd := range commands() {
		if !cmd.hidden {
			p.add(cmd.name, cmd.summary)
		}
	}
}

// arguments completes what comes behind a command and the words after it.
func (p *completion) arguments(cmd command, words []string) {
	fs, _ := cmd.flags(p.cli)
	operands := 0
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "--" {
			operands += len(words)
			if cmd.passes {
				p.lines = append(p.lines, ":files")
				return
			}
			p.operand(cmd, operands)
			return
		}
		if len(word) < 2 || word[0] != '-' {
			operands++
			continue
		}
		name, value, assigned := strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
		f := fs.Lookup(name)
		if f != nil && !assigned && !isSwitch(f) {
			if len(words) == 0 {
				placeholder, _ := flag.UnquoteUsage(f)
				p.value(cmd, placeholder)
				return
			}
			value, words = words[0], words[1:]
		}
		p.note(name, value)
	}
	if !strings.HasPrefix(p.typed, "-") {
		p.operand(cmd, operands)
		return
	}
	if name, value, ok := strings.Cut(p.typed, "="); ok {
		if f := fs.Lookup(strings.TrimLeft(name, "-")); f != nil {
			p.prefix, p.typed = name+"=", value
			placeholder, _ := flag.UnquoteUsage(f)
			p.value(cmd, placeholder)
		}
		return
	}
	fs.VisitAll(func(f *flag.Flag) {
		_, about := flag.UnquoteUsage(f)
		p.add("-"+f.Name, about)
	})
}

// operand completes operand n, from 0, by the words of the usage line.
func (p *completion) operand(cmd command, n int) {
	usage := strings.NewReplacer("[", "", "]", "", "...", "", "|", " ").Replace(cmd.operands)
	usage, _, _ = strings.Cut(usage, "--")
	if n > 0 && !strings.Contains(cmd.operands, "...") {
		return
	}
	for placeholder := range strings.FieldsSeq(usage) {
		p.value(cmd, placeholder)
	}
}

// value completes what a placeholder of a usage line stands for.
func (p *completion) value(cmd command, placeholder string) {
	switch placeholder {
	case "ADDRESS", "ADDR":
		p.addresses(func(resource.Kind) bool { return true })
	case "CONTAINER":
		p.addresses(func(kind resource.Kind) bool { return kind.Stopped != nil })
	case "FILE", "PLANFILE":
		p.lines = append(p.lines, ":files")
	case "DIR":
		p.lines = append(p.lines, ":dirs")
	case "COMMAND":
		p.commands()
	case "SHELL":
		for _, shell := range shells {
			p.add(shell, "")
		}
	case "BLOCK", "BLOCK.NAME":
		l := languageSchema()
		for _, b := range l.Blocks {
			p.add(b.Type, "block")
		}
		for _, f := range l.Functions {
			p.add(f.Name, f.Signature)
		}
	case "GENERATION":
		p.generations()
	case "CONFIGURATION":
		for _, name := range slices.Sorted(maps.Keys(p.ledger().Owners)) {
			p.add(name, "")
		}
	}
}

// addresses completes the resources of the configuration, and those that the ledger has of it;
// of the whole host where there is no configuration.
func (p *completion) addresses(wanted func(resource.Kind) bool) {
	found := map[resource.Addr]string{}
	owner := ""
	if config, _, _ := p.source.read(p.cli); config != nil {
		owner = config.Name
		for addr := range config.State {
			found[addr] = "declared"
		}
	}
	for name, record := range p.ledger().Owners {
		for addr := range record.Last {
			if _, declared := found[addr]; !declared && (owner == "" || owner == name) {
				found[addr] = "on this host"
			}
		}
	}
	for _, addr := range slices.SortedFunc(maps.Keys(found), resource.Addr.Compare) {
		if kind, ok := kinds().Lookup(addr.Kind); ok && wanted(kind) {
			p.add(addr.String(), found[addr])
		}
	}
}

// generations completes the numbers of the configuration's generations.
func (p *completion) generations() {
	config, err := p.source.owner(p.cli, p.name)
	if err != nil {
		return
	}
	m := apply.Machine{Kinds: kinds(), LedgerPath: ledgerPath}
	heads, _, _ := m.Generations(config.Name).Heads()
	for _, h := range heads {
		p.add(strconv.FormatUint(h.Number, 10), h.Title())
	}
}

// ledger is the host's, or an empty one for who may not read it.
func (p *completion) ledger() *apply.Ledger {
	id, err := host.ID()
	if err != nil {
		return &apply.Ledger{}
	}
	ledger, _, err := apply.ReadLedger(ledgerPath, id, kinds())
	if err != nil {
		return &apply.Ledger{}
	}
	return ledger
}

// unquoteShell takes from a word the quotes that a shell would take: of one that is being typed the last
// may be missing.
func unquoteShell(word string) string {
	var b strings.Builder
	var quote rune
	escaped := false
	for _, r := range word {
		switch {
		case escaped:
			b.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
