package main

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hostctl/hcl"
)

// command is one subcommand: its help, its flags and its work.
type command struct {
	name string
	// operands are shown by the usage line. Their words also say how the shell completes
	// them, and the values of flags: ADDRESS, FILE, PLANFILE, DIR and COMMAND.
	operands string
	summary  string
	// details are what there is to say beyond the summary, in paragraphs; a line
	// that begins with a space stays as it is.
	details string
	example string
	// passes says that what follows "--" is a command of its own: the "--" stays in front of it.
	passes bool
	// ends says that the first operand ends the flags: what follows is a command's own.
	ends bool
	// hidden commands are called by programs, and stand in no list.
	hidden bool
	// setup declares the flags and returns the work.
	setup func(*flag.FlagSet) func(*cli, []string) error
}

// commandGroup is some subcommands under a heading of the help.
type commandGroup struct {
	title    string
	commands []command
}

// commandGroups are all subcommands, in the order of the help.
func commandGroups() []commandGroup {
	return []commandGroup{
		{"Write a configuration", []command{initCommand, importCommand, validateCommand, policyCommand, fmtCommand, consoleCommand, graphCommand, schemaCommand, lspCommand}},
		{"Change this host", []command{planCommand, applyCommand, destroyCommand, rollbackCommand, confirmCommand, startCommand, stopCommand, restartCommand, holdCommand, releaseCommand, adoptCommand, forgetCommand, installCommand, uninstallCommand, replayCommand, tryCommand}},
		{"Work in containers", []command{execCommand, shellCommand, cpCommand, killCommand, pauseCommand, resumeCommand}},
		{"Look at this host", []command{statusCommand, driftCommand, showCommand, lsCommand, generationsCommand, historyCommand, logsCommand, eventsCommand, psCommand, auditCommand}},
		{"About hostctl", []command{helpCommand(), manCommand(), completionCommand, versionCommand, completeCommand(), undoCommand}},
	}
}

// commands are all subcommands.
func commands() []command {
	var all []command
	for _, group := range commandGroups() {
		all = append(all, group.commands...)
	}
	return all
}

// findCommand returns the subcommand of that name.
func findCommand(name string) (command, error) {
	all := commands()
	if i := slices.IndexFunc(all, func(cmd command) bool { return cmd.name == name }); i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, cmd := range all {
		if !cmd.hidden {
			names = append(names, cmd.name)
		}
	}
	return command{}, fmt.Errorf("there is no command %q%s (`hostctl help` lists them)", name, hcl.DidYouMean(name, names))
}

// flags are the command's flags with those that every command has, and its work.
func (cmd command) flags(c *cli) (*flag.FlagSet, func(*cli, []string) error) {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	work := cmd.setup(fs)
	if fs.Lookup("chdir") != nil { // it reads a configuration, which can deserve warnings
		fs.BoolVar(&c.compactWarnings, "compact-warnings", false, "print each warning on one line")
	}
	fs.BoolFunc("no-color", "print without colours, as NO_COLOR in the environment does", func(s string) error {
		no, err := strconv.ParseBool(s)
		c.color = c.color && !no
		return err
	})
	return fs, work
}

// parse sets the flags, which may stand before, between and behind the operands,
// and returns the operands. "--" ends the flags.
func (cmd command) parse(fs *flag.FlagSet, args []string) (operands []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			if cmd.passes {
				operands = append(operands, arg)
			}
			return append(operands, args...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			operands = append(operands, arg)
			if cmd.ends {
				return append(operands, args...), nil
			}
			continue
		}
		name, value, assigned := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		f := fs.Lookup(name)
		switch {
		case f == nil && (name == "h" || name == "help"):
			return nil, flag.ErrHelp
		case f == nil:
			return nil, cmd.noFlag(fs, name)
		case assigned:
		case isSwitch(f):
			value = "true"
		case len(args) == 0:
			placeholder, _ := flag.UnquoteUsage(f)
			return nil, fmt.Errorf("%s: -%s needs a value: -%s=%s", cmd.name, name, name, placeholder)
		default:
			value, args = args[0], args[1:]
		}
		if err := fs.Set(name, value); err != nil {
			placeholder, _ := flag.UnquoteUsage(f)
			return nil, fmt.Errorf("%s: -%s %q: %w; `hostctl %s -help` says what %s is", cmd.name, name, value, err, cmd.name, cmp.Or(placeholder, "it"))
		}
	}
	return operands, nil
}

// noFlag is the error for a flag that the command has not.
func (cmd command) noFlag(fs *flag.FlagSet, name string) error {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return fmt.Errorf("%s has no flag -%s%s (`hostctl %s -help` lists its flags)", cmd.name, name, hcl.DidYouMean("-"+name, names), cmd.name)
}

// isSwitch reports whether a flag takes no value.
func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}
