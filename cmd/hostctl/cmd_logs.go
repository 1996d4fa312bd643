package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/resource/container"
)

var logsCommand = command{
	name: "logs", operands: "[CONTAINER...]",
	summary: "Print what containers wrote, and what systemd says about them, from the journal",
	example: "hostctl logs container.web\nhostctl logs -f -n 20\nhostctl logs -since 1h -json container.db",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		follow := fs.Bool("f", false, "go on with what comes, until interrupted")
		lines := fs.Int("n", 100, "begin with the last `N` lines; a negative number is all")
		since := fs.Duration("since", 0, "leave out what is older than `TIME`, such as 1h30m")
		asJSON := fs.Bool("json", false, "print each entry as one line of JSON")
		return func(c *cli, args []string) error {
			q := host.JournalQuery{Lines: *lines, Follow: *follow}
			if *since > 0 {
				q.Since = time.Now().Add(-*since)
			}
			for _, arg := range args {
				name, err := containerName(arg)
				if err != nil {
					return err
				}
				q.Units = append(q.Units, container.UnitName(name), container.Helper(name))
			}
			if len(args) == 0 {
				q.Units = []string{container.UnitName("*")}
			}
			print := c.printEntry
			if *asJSON {
				print = c.printEntryJSON
			}
			var failed error
			err := host.Journal(c.ctx, q, func(e host.Entry) bool {
				failed = print(e)
				return failed == nil
			})
			if failed == nil && err != nil && os.Geteuid() != 0 {
				err = fmt.Errorf("%w, with the members of the group systemd-journal: %w", needRoot("reads the journal"), err)
			}
			return cmp.Or(failed, err)
		}
	},
}

// containerName is the name on the host of an address or of a plain name.
func containerName(arg string) (string, error) {
	if resource.CheckName(arg) == nil {
		return arg, nil
	}
	addr, err := resource.ParseAddr(arg)
	if err != nil {
		return "", err
	}
	if addr.Kind != container.Name {
		return "", fmt.Errorf("%s is no container", addr)
	}
	return addr.HostName(), nil
}

func (c *cli) printEntry(e host.Entry) error {
	name := container.NameOfUnit(e.Unit)
	if e.Manager {
		name += " (systemd)"
	}
	text := strings.TrimRight(printable(string(e.Message)), "\n")
	_, err := fmt.Fprintf(c.stdout, "%s %s: %s\n", e.Time.Local().Format("2006-01-02 15:04:05"), c.paint("36", name), text)
	return err
}

func (c *cli) printEntryJSON(e host.Entry) error {
	return c.printJSON(struct {
		Time       time.Time `json:"time"`
		Container  string    `json:"container"`
		Unit       string    `json:"unit"`
		Invocation string    `json:"invocation,omitempty"`
		Priority   int       `json:"priority"`
		Manager    bool      `json:"manager,omitempty"`
		Message    string    `json:"message"`
	}{e.Time, container.NameOfUnit(e.Unit), e.Unit, e.Invocation, e.Priority, e.Manager, string(e.Message)}, "")
}
