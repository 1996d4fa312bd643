package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// manCommand is no variable: it needs the list of commands, which it stands in.
func manCommand() command {
	return command{
		name: "man", operands: "[COMMAND]",
		summary: "Print the manual page of hostctl or of a command, or write all of them into a directory",
		details: `
The pages are made of what -help prints, and belong into section 8. "make install" writes them where man(1) looks.`,
		example: "hostctl man apply | man -l -\nhostctl man -out /usr/local/share/man/man8",
		setup: func(fs *flag.FlagSet) func(*cli, []string) error {
			out := fs.String("out", "", "write every page into `DIR`, as hostctl.8, hostctl-apply.8 and so on")
			return func(c *cli, args []string) error {
				switch {
				case *out != "" && len(args) > 0:
					return fmt.Errorf("-out writes every page; leave %q out", args[0])
				case *out != "":
					return writeManuals(*out)
				case len(args) == 0:
					return mainManual(c.stdout)
				case len(args) > 1:
					return fmt.Errorf("one COMMAND at most")
				}
				cmd, err := findCommand(args[0])
				if err != nil {
					return err
				}
				return cmd.manual(c.stdout)
			}
		},
	}
}

// helpCommand is no variable: see manCommand.
func helpCommand() command {
	return command{
		name: "help", operands: "[COMMAND]",
		summary: "List the commands, or say more about one",
		example: "hostctl help apply",
		setup: func(*flag.FlagSet) func(*cli, []string) error {
			return func(c *cli, args []string) error { return c.help(args) }
		},
	}
}

// writeManuals writes every page into a directory that is there.
func writeManuals(dir string) error {
	write := func(name string, print func(io.Writer) error) error {
		f, err := os.OpenFile(filepath.Join(dir, name+".8"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		if err := print(f); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
	if err := write("hostctl", mainManual); err != nil {
		return err
	}
	for _, cmd := range commands() {
		if cmd.hidden {
			continue
		}
		if err := write("hostctl-"+cmd.name, cmd.manual); err != nil {
			return err
		}
	}
	return nil
}
