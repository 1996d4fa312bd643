package main

import (
	"flag"
	"fmt"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

var validateCommand = command{
	name:    "validate",
	summary: "Check the configuration by itself, without looking at the host",
	details: `
Needs no root, and nothing of the host that the configuration is for. Every error is printed, with its place.

With -json the document has "valid", "error_count", "warning_count" and "diagnostics": each with "severity", "summary",
"detail", and where it has a place "file", "start" and "end" ("line" and "column" count from 1, "byte" from 0), "context"
and "snippet".`,
	example: "hostctl validate\nhostctl validate -chdir hosts/web1 -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var s source
		s.register(fs)
		policyFile := fs.String("policy", "", "check it against the host's policy in `FILE` too, as hostctl policy check does")
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) {
				var pol *hostPolicy
				if *policyFile != "" {
					var err error
					if pol, err = c.policyFile(*policyFile); err != nil {
						return c.verdict(false), err
					}
					s.defaults = pol.defaults()
				}
				config, sources, err := s.read(c)
				if err == nil {
					// As on a host that has nothing yet: what does not fit together there fits nowhere.
					err = validated(c, config, pol)
				}
				if err != nil {
					return c.verdict(false), err
				}
				if !c.json {
					fmt.Fprintf(c.stdout, "%s Configuration %q: %s.\n", c.paint("32;1", "Valid."), config.Name, counted(config.State))
					if len(sources.Ignored) > 0 {
						fmt.Fprintf(c.stdout, "Not configuration, and ignored: %s\n", printable(strings.Join(sources.Ignored, ", ")))
					}
				}
				verdict := c.verdict(true)
				verdict["name"], verdict["resources"], verdict["ignored"] = config.Name, len(config.State), sources.Ignored
				return verdict, nil
			})
		}
	},
}

// validated checks what can only be seen of resolved resources, and what a policy, if not nil, says of them.
func validated(c *cli, config *hcl.Config, pol *hostPolicy) error {
	want, problems := onPaper(config)
	if len(problems) == 0 && pol != nil {
		problems = pol.Check(config.Name, "", want, config.Directives.Imports)
	}
	return c.problems(config, problems)
}

// verdict is what -json says of the configuration as a whole.
func (c *cli) verdict(valid bool) map[string]any {
	errors, warnings := 0, 0
	for _, d := range c.diagnostics {
		if d.Severity == hcl.Error {
			errors++
		} else {
			warnings++
		}
	}
	return map[string]any{"valid": valid, "error_count": errors, "warning_count": warnings}
}

// counted says how many resources of each kind there are.
func counted(state resource.State) string {
	n := map[string]int{}
	for addr := range state {
		n[addr.Kind]++
	}
	var parts []string
	for _, kind := range kinds() {
		if n[kind.Name] > 0 {
			parts = append(parts, countOf(n[kind.Name], kind.Name))
		}
	}
	if len(parts) == 0 {
		return "no resources"
	}
	return strings.Join(parts, ", ")
}

// countOf is a number of resources of a kind: "1 user", "2 volumes", "2 netns".
func countOf(n int, kind string) string {
	if n == 1 || strings.HasSuffix(kind, "s") {
		return fmt.Sprintf("%d %s", n, kind)
	}
	return fmt.Sprintf("%d %ss", n, kind)
}
