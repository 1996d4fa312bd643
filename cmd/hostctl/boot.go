package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"hostctl/hcl"
	"hostctl/host"
)

// bootWarnings say what keeps this host from putting back at boot what was applied, and what did at the last one. On a host on which
// there is no trace of `hostctl install` nothing is said.
func bootWarnings(ctx context.Context) hcl.Diagnostics {
	warn := func(summary, detail string) hcl.Diagnostics {
		return hcl.Diagnostics{{Severity: hcl.Warning, Summary: summary, Detail: detail}}
	}
	_, err := os.Lstat(bootUnitPath)
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case missing && !bootWanted():
		return nil
	case missing:
		return warn(bootUnit+" is gone", bootUnitPath+" is not there, so that nothing is put back when this host boots. `hostctl install` writes it again, and `hostctl uninstall` removes what is left of it.")
	}
	text, err := readBootUnit(bootUnitPath)
	switch {
	case err != nil && !bootWanted():
		return nil // another's
	case err != nil:
		return warn(bootUnit+" is not hostctl's any more", "Nothing is put back when this host boots: "+err.Error()+", and run `hostctl install`.")
	case !bootWanted():
		return warn(bootUnit+" is disabled", "Nothing is put back when this host boots. `hostctl install` enables it, and `hostctl uninstall` removes it.")
	}
	systemd, err := host.DialSystemd(ctx)
	if err != nil {
		return nil // whoever looks at containers says so
	}
	defer systemd.Close()
	p, err := systemd.Properties(ctx, bootUnit, "Service.ExecStart", "Service.Result")
	if err != nil {
		return warn("Nobody knows what "+bootUnit+" does", err.Error())
	}
	if started := commandLines(p["Service.ExecStart"]); started != execStart(text) {
		return warn(bootUnit+" is overridden", fmt.Sprintf("When this host boots it runs %q instead of what `hostctl install` wrote; `systemctl cat %s` shows where that is said.", started, bootUnit))
	}
	if result, _ := p["Service.Result"].(string); result != "" && result != "success" {
		return warn("Not all was put back when this host booted", fmt.Sprintf("`systemctl status %s` and its journal say what and why, `systemctl restart %s` tries again.", bootUnit, bootUnit))
	}
	return nil
}

// execStart is the command line of a unit file that hostctl wrote: without quotes and what systemd expands.
func execStart(text string) string {
	_, rest, _ := strings.Cut(text, "\nExecStart=")
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

// commandLines are the commands of an ExecStart property, a(sasbttttuii).
func commandLines(property any) string {
	var lines []string
	commands, _ := property.([][]any)
	for _, c := range commands {
		if len(c) > 1 {
			args, _ := c[1].([]string)
			lines = append(lines, strings.Join(args, " "))
		}
	}
	return strings.Join(lines, "; ")
}
