package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"hostctl/hcl"
	"hostctl/plan"
	"hostctl/resource"
)

var planCommand = command{
	name:    "plan",
	summary: "Show what would change on this host",
	details: `
Another user than root is shown what can be compared of what he may read: accounts, and links with their marks. Below the
plan stands what could not be, and with -json in "unread": "uid", "ledger" where that could not be read, and "resources",
each with its "address", and "paths" where it is only some attributes. -out needs root.`,
	example: "hostctl plan\nhostctl plan -var site_port=8081 -out site.plan && hostctl apply site.plan",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var p planning
		p.register(fs)
		p.registerScope(fs)
		out := fs.String("out", "", "save the plan in `FILE`, for hostctl apply FILE")
		detailed := fs.Bool("detailed-exitcode", false, "exit with 2 where there are changes, 0 where there are none")
		fs.BoolVar(&p.destroy, "destroy", false, "plan the removal of everything the configuration has on this host")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			c.json = p.json
			return c.finish(func() (map[string]any, error) {
				if *out != "" {
					if err := needRoot("saves a plan: it is made of all that is on the host"); err != nil {
						return nil, err
					}
				}
				proposal, config, sources, err := p.propose(c)
				if err != nil {
					return nil, err
				}
				if *out != "" {
					err := proposal.save(*out, sources)
					if err != nil {
						return nil, err
					}
				}
				c.show(proposal)
				c.outputs(config)
				if *out != "" && !c.json {
					fmt.Fprintf(c.stdout, "\nSaved in %s. To do exactly this: hostctl apply %s\n", printable(*out), printable(*out))
				}
				switch {
				case *detailed && !proposal.plan.Empty():
					err = exitStatus(exitChanges)
				case *detailed && proposal.plan.Unread.Whole():
					err = fmt.Errorf("-detailed-exitcode: not everything can be read by uid %d, so that nobody knows whether there are changes; run as root", proposal.plan.Unread.UID)
				}
				return map[string]any{"plan": proposal.plan, "outputs": outputList(config)}, err
			})
		}
	},
}

// planning is what plan, apply and destroy have in common.
type planning struct {
	source
	json             bool
	destroy          bool
	enforce          bool // the launcher is to judge by the host's policy as it is now
	targets, replace listFlag
}

func (p *planning) register(fs *flag.FlagSet) {
	p.source.register(fs)
	fs.BoolVar(&p.json, "json", false, "print one JSON document instead of text")
}

// registerScope declares the flags that say what of the plan is meant.
func (p *planning) registerScope(fs *flag.FlagSet) {
	fs.Var(&p.targets, "target", "act on `ADDRESS` alone, and on what it needs; a block with all its keys, or a module; may be given again")
	fs.Var(&p.replace, "replace", "make the resource at `ADDRESS` anew even where nothing of it changed; may be given again")
}

// scope reads those flags.
func (p *planning) scope() (s scope, err error) {
	for _, list := range []struct {
		flag  string
		texts listFlag
		into  *[]resource.Target
	}{{"target", p.targets, &s.targets}, {"replace", p.replace, &s.replace}} {
		for _, text := range list.texts {
			t, err := resource.ParseTarget(text)
			if err != nil {
				return s, fmt.Errorf("-%s: %w", list.flag, err)
			}
			*list.into = append(*list.into, t)
		}
	}
	return s, nil
}

// propose reads the configuration and the host and makes the plan. Everything
// that stands in its way has been printed when it returns an error.
func (p *planning) propose(c *cli) (*proposal, *hcl.Config, hcl.Sources, error) {
	scope, err := p.scope()
	if err != nil {
		return nil, nil, hcl.Sources{}, err
	}
	pol, err := c.policy()
	if err != nil {
		return nil, nil, hcl.Sources{}, err
	}
	p.defaults = pol.defaults()
	config, sources, err := p.read(c)
	if err != nil {
		return nil, nil, sources, err
	}
	m, err := openMachine(c.ctx)
	if err != nil {
		return nil, nil, sources, err
	}
	if p.enforce { // also where what follows is refused: what was allowed before may not be any more
		if err := pol.enforce(); err != nil {
			return nil, nil, sources, err
		}
	}
	want := config.State
	if p.destroy {
		want = resource.State{}
	}
	proposal, problems, err := propose(c.ctx, m, pol, config.Name, sources.Place, want, config.Directives, scope)
	if err != nil {
		return nil, nil, sources, err
	}
	if err := c.diagnose(slices.Concat(proposal.warnings(), proposal.renamed(sources.Place), bootWarnings(c.ctx))); err != nil {
		return nil, nil, sources, err
	}
	return proposal, config, sources, c.problems(config, problems)
}

// show prints the plan for people.
func (c *cli) show(p *proposal) {
	if !c.json {
		fmt.Fprint(c.stdout, p.plan.Text(plan.TextOptions{Color: c.color, Width: c.width}))
	}
}

// outputs prints the configuration's outputs for people.
func (c *cli) outputs(config *hcl.Config) {
	if c.json || config == nil || len(config.Outputs) == 0 {
		return
	}
	fmt.Fprintln(c.stdout, "\nOutputs:")
	for _, o := range config.Outputs {
		value := string(o.Value)
		if o.Sensitive {
			value = strings.Trim(value, `"`) // the text that stands for it is no value
		}
		fmt.Fprintf(c.stdout, "  %s = %s\n", printable(o.Name), printable(value))
	}
}

func outputList(config *hcl.Config) []hcl.Output {
	if config == nil || config.Outputs == nil {
		return []hcl.Output{}
	}
	return config.Outputs
}

// finish runs the work of a command that knows -json: there it prints the one
// document that holds the result, the diagnostics and the error.
func (c *cli) finish(work func() (map[string]any, error)) error {
	fields, err := work()
	if !c.json {
		return err
	}
	if fields == nil {
		fields = map[string]any{}
	}
	if _, said := err.(exitStatus); err != nil && !said {
		c.diagnostics = append(c.diagnostics, hcl.Diagnostic{Severity: hcl.Error, Summary: err.Error()})
		err = exitStatus(exitCode(err))
	}
	if werr := c.document(fields); werr != nil {
		return werr
	}
	return err
}

func noOperands(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected %q; a directory is given as -chdir=DIR", args[0])
	}
	return nil
}
