package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hostctl/hcl"
	"hostctl/policy"
	"hostctl/resource"
)

//go:embed policy.hcl
var firstPolicy string

var policyCommand = command{
	name: "policy", operands: "check|explain ADDRESS|show [CONFIGURATION]|init",
	summary: "Check a configuration against a host's policy, explain, show or write the policy",
	details: `
A policy is what the owner of a host allows, whoever writes the configurations: ` + policy.Path + `, which only root can write.

  check    holds the configuration against the policy, without root and
           without the host: a repository's tests do it with -policy FILE
  explain  says what a resource asks for, and what allows or refuses it
  show     prints what a configuration may have, also what holds unsaid
  init     writes a first policy, which says what holds without one

What is not allowed is said with its place, and with the line that would allow it.`,
	example: "hostctl policy check -policy hosts/web1/policy.hcl\nhostctl policy explain container.web\nhostctl policy show shop",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p policing
		p.source.register(fs)
		fs.StringVar(&p.file, "policy", "", "the policy in `FILE` instead of this host's own")
		fs.BoolVar(&p.json, "json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			c.json = p.json
			work, ok := map[string]func(*cli, []string) (map[string]any, error){
				"check": p.check, "explain": p.explain, "show": p.show, "init": p.init,
			}[append(args, "")[0]]
			if !ok {
				return fmt.Errorf("policy needs to know what to do: check, explain, show or init%s",
					hcl.DidYouMean(append(args, "")[0], []string{"check", "explain", "show", "init"}))
			}
			return c.finish(func() (map[string]any, error) { return work(c, args[1:]) })
		}
	},
}

// policing is what the parts of policy have in common.
type policing struct {
	source
	file string
	json bool
}

// read reads the policy and the configuration, completed on paper.
func (p *policing) read(c *cli) (*hostPolicy, *hcl.Config, hcl.Sources, error) {
	pol, err := c.policyFile(p.file)
	if err != nil {
		return nil, nil, hcl.Sources{}, err
	}
	p.defaults = pol.defaults()
	config, sources, err := p.source.read(c)
	if err != nil {
		return nil, nil, sources, err
	}
	want, problems := onPaper(config)
	config.State = want
	return pol, config, sources, c.problems(config, problems)
}

func (p *policing) check(c *cli, args []string) (map[string]any, error) {
	if err := noOperands(args); err != nil {
		return nil, err
	}
	pol, config, sources, err := p.read(c)
	if err != nil {
		return nil, err
	}
	dir := ""
	if p.file == "" { // another host has it elsewhere
		dir = sources.Place
	}
	refused := pol.Check(config.Name, dir, config.State, config.Directives.Imports)
	if !c.json && len(refused) == 0 {
		fmt.Fprintf(c.stdout, "%s Configuration %q asks for nothing that %s refuses: %s.\n", c.paint("32;1", "Allowed."), config.Name, pol.name(), counted(config.State))
	}
	return map[string]any{"allowed": len(refused) == 0, "refused": len(refused), "policy": pol.Origin}, c.problems(config, refused)
}

// name is what the policy is called in a sentence.
func (p *hostPolicy) name() string {
	if p.Origin == "" {
		return "the built-in policy"
	}
	return printable(p.Origin)
}

func (p *policing) explain(c *cli, args []string) (map[string]any, error) {
	if len(args) == 0 {
		return nil, errors.New("policy explain needs an ADDRESS, such as container.web")
	}
	pol, config, _, err := p.read(c)
	if err != nil {
		return nil, err
	}
	verdicts := map[string][]policy.Verdict{}
	for _, arg := range args {
		target, err := resource.ParseTarget(arg)
		if err != nil {
			return nil, err
		}
		found := false
		for _, addr := range config.State.Addrs() {
			if target.Covers(addr) {
				found = true
				verdicts[addr.String()] = withheld(pol.Judge(config.Name, addr, config.State[addr]), config.Directives.Sensitive[addr])
			}
		}
		if !found {
			var known []string
			for _, addr := range config.State.Addrs() {
				known = append(known, addr.String())
			}
			return nil, fmt.Errorf("the configuration has no %s%s", arg, hcl.DidYouMean(arg, known))
		}
	}
	if !c.json {
		for _, addr := range config.State.Addrs() {
			if list := verdicts[addr.String()]; list != nil {
				c.printVerdicts(addr.String(), list, pol)
			}
		}
	}
	return map[string]any{"resources": verdicts, "policy": pol.Origin}, nil
}

// sensitiveValue stands for one.
const sensitiveValue = "(sensitive value)"

// withheld takes the values out of the verdicts on what is sensitive.
func withheld(list []policy.Verdict, sensitive []string) []policy.Verdict {
	for i := range list {
		if v := &list[i]; resource.Covered(v.Path, sensitive) {
			v.Value, v.Amount, v.Has, v.Allow = sensitiveValue, 0, "", ""
			if v.Why != "" {
				v.Why = "the policy does not have it"
			}
		}
	}
	return list
}

func (c *cli) printVerdicts(addr string, list []policy.Verdict, pol *hostPolicy) {
	fmt.Fprintf(c.stdout, "%s asks, and %s says:\n\n", printable(addr), pol.name())
	rows := [][]string{{"ATTRIBUTE", "ASKS FOR", "", "BECAUSE"}}
	for _, v := range list {
		asks := string(v.Right) + " " + v.Value
		if v.Value != sensitiveValue && (v.Right == resource.RightLimit || v.Right == resource.RightOOM) {
			asks = strings.TrimSpace(v.Value + " " + policy.Amount(v.Demand))
		}
		path, says, because := v.Path, "allowed", v.By
		if path == "" {
			path = "(the block)"
		}
		switch {
		case !v.Allowed:
			says, because = "refused", v.Why
		case v.Has != "":
			because += " has " + strconv.Quote(v.Has)
		}
		rows = append(rows, []string{path, asks, says, because})
	}
	c.table(rows)
	fmt.Fprintln(c.stdout)
}

func (p *policing) show(c *cli, args []string) (map[string]any, error) {
	pol, err := c.policyFile(p.file)
	if err != nil {
		return nil, err
	}
	owner := ""
	switch len(args) {
	case 0:
	case 1:
		owner = args[0]
		if err := resource.CheckName(owner); err != nil {
			return nil, fmt.Errorf("configuration %q: %w", owner, err)
		}
	default:
		return nil, errors.New("one CONFIGURATION at most")
	}
	sections := pol.Effective(owner)
	if !c.json {
		whom := "configurations without a block of their own"
		if owner != "" {
			whom = fmt.Sprintf("configuration %q", owner)
		}
		fmt.Fprintf(c.stdout, "# What %s allows to %s.\n%s", pol.name(), whom, printable(policy.Text(sections)))
	}
	return map[string]any{"policy": pol.Origin, "configuration": owner, "allows": sections}, nil
}

// init writes a first policy, never over another. One that could not be written whole is taken away again.
func (p *policing) init(c *cli, args []string) (map[string]any, error) {
	if err := noOperands(args); err != nil {
		return nil, err
	}
	path := p.file
	if path == "" {
		path = policy.Path
		if err := needRoot("writes " + path + "; -policy=FILE writes one elsewhere"); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("there is a policy already: %s", path)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(firstPolicy)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	if !c.json {
		fmt.Fprintf(c.stdout, "Wrote %s. It allows what is allowed without it: change it as this host needs.\n", printable(path))
	}
	return map[string]any{"policy": path}, nil
}

// standing marks those refusals that what is on the host already does not obey either.
func (p *hostPolicy) standing(owner string, refused []resource.Problem, live resource.State) {
	for i := range refused {
		r := &refused[i]
		if live[r.Addr] == nil {
			continue
		}
		for _, v := range p.Judge(owner, r.Addr, live[r.Addr]) {
			if !v.Allowed && v.Path == r.Path && policy.Summary(v) == r.Summary {
				r.Detail += "\n\nThis host has it so since before. What runs is left alone"
				if v.Right.Launched() {
					r.Detail += ", and is not started again"
				}
				r.Detail += "."
				break
			}
		}
	}
}
