package main

import (
	"flag"
	"fmt"
	"strings"

	"hostctl/resource"
)

var validateCommand = command{
	name:    "validate",
	summary: "Check the configuration by itself, without looking at the host",
	example: "hostctl validate\nhostctl validate -chdir hosts/web1 -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var s source
		s.register(fs)
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			c.json = *asJSON
			return c.finish(func() (map[string]any, error) {
				config, sources, err := s.read(c)
				if err != nil {
					return map[string]any{"valid": false}, err
				}
				// As on a host that has nothing yet: what does not fit together there fits nowhere.
				onPaper := resource.NewResolver(config.Name, nil, nil, nil)
				if err := c.problems(config, onPaper.Resolve(config.State)); err != nil {
					return map[string]any{"valid": false}, err
				}
				if !c.json {
					fmt.Fprintf(c.stdout, "%s Configuration %q: %s.\n", c.paint("32;1", "Valid."), config.Name, counted(config.State))
					if len(sources.Ignored) > 0 {
						fmt.Fprintf(c.stdout, "Not configuration, and ignored: %s\n", printable(strings.Join(sources.Ignored, ", ")))
					}
				}
				return map[string]any{"valid": true, "name": config.Name, "resources": len(config.State), "ignored": sources.Ignored}, nil
			})
		}
	},
}

// counted says how many resources of each kind there are.
func counted(state resource.State) string {
	var parts []string
	for _, kind := range kinds() {
		n := 0
		for addr := range state {
			if addr.Kind == kind.Name {
				n++
			}
		}
		switch {
		case n == 1:
			parts = append(parts, "1 "+kind.Name)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, kind.Name))
		}
	}
	if len(parts) == 0 {
		return "no resources"
	}
	return strings.Join(parts, ", ")
}
