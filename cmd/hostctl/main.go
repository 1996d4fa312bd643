// Hostctl makes a Linux host be what a directory of HCL says: containers that
// are plain systemd units, network namespaces, volumes and users. It plans the
// difference, applies it, and ends; there is no daemon.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"hostctl/hcl"
	"hostctl/host"
	"hostctl/host/try"
)

// The exit codes, as the reference has them.
const (
	exitOK      = 0
	exitError   = 1
	exitChanges = 2 // plan -detailed-exitcode: there are changes
	exitStale   = 4
	exitLocked  = 5
)

// command is one subcommand: its help, its flags and its work.
type command struct {
	name     string
	operands string // after the flags, as the usage line shows them
	summary  string
	example  string
	// setup declares the flags and returns the work.
	setup func(*flag.FlagSet) func(*cli, []string) error
}

// commands is the list of subcommands, in the order of the help.
func commands() []command {
	return []command{
		initCommand, validateCommand, fmtCommand, planCommand, applyCommand, destroyCommand,
		statusCommand, startCommand, stopCommand, logsCommand, tryCommand, versionCommand,
	}
}

// cli is what a command may use of the process.
type cli struct {
	ctx            context.Context
	stdin          *os.File
	stdout, stderr io.Writer
	color          bool
	width          int
	// json says that standard output gets one JSON document, which holds the diagnostics too.
	json        bool
	diagnostics hcl.Diagnostics
}

// exitStatus is an error that only carries an exit code: what there was to say has been said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	// The stages that hostctl starts of itself come before anything else: they
	// run confined, or inside namespaces that are half made.
	try.Main(os.Args)
	if len(os.Args) > 1 && os.Args[1] == hcl.ChildArg {
		os.Exit(hcl.ServeChild(os.Stdin, os.Stdout, kinds()))
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends what is in hand in order; a second one ends the process.
	context.AfterFunc(ctx, stop)
	c := &cli{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	c.color, c.width = terminal(os.Stdout)
	return c.run(args)
}

// run runs one command line and returns the exit code.
func (c *cli) run(args []string) int {
	args, err := globalFlags(args)
	if err != nil {
		return c.report(err)
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		return c.help(args)
	}
	if args[0] == "-version" || args[0] == "--version" {
		args[0] = "version"
	}
	i := slices.IndexFunc(commands(), func(cmd command) bool { return cmd.name == args[0] })
	if i < 0 {
		var names []string
		for _, cmd := range commands() {
			names = append(names, cmd.name)
		}
		return c.report(fmt.Errorf("there is no command %q%s (`hostctl help` lists them)", args[0], hcl.DidYouMean(args[0], names)))
	}
	cmd := commands()[i]
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	work := cmd.setup(fs)
	switch err := fs.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		cmd.usage(c.stdout)
		return exitOK
	case err != nil:
		return c.report(fmt.Errorf("%s: %w; `hostctl %s -help` lists its flags", cmd.name, err, cmd.name))
	}
	return c.report(work(c, fs.Args()))
}

// globalFlags takes -chdir=DIR from in front of the command, where Terraform has it, to behind it.
func globalFlags(args []string) ([]string, error) {
	var moved []string
	for len(args) > 0 {
		name := strings.TrimPrefix(strings.TrimPrefix(args[0], "-"), "-")
		switch {
		case strings.HasPrefix(args[0], "-") && strings.HasPrefix(name, "chdir="):
			moved, args = append(moved, args[0]), args[1:]
		case strings.HasPrefix(args[0], "-") && name == "chdir":
			if len(args) < 2 {
				return nil, fmt.Errorf("-chdir needs a directory")
			}
			moved, args = append(moved, args[0], args[1]), args[2:]
		case len(moved) == 0:
			return args, nil
		default:
			return slices.Concat(args[:1], moved, args[1:]), nil
		}
	}
	return nil, fmt.Errorf("-chdir comes before a command")
}

// report prints an error and returns the exit code that it stands for.
func (c *cli) report(err error) int {
	var status exitStatus
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	}
	fmt.Fprintf(c.stderr, "%s %s\n", c.paint("31;1", "Error:"), printable(err.Error()))
	return exitCode(err)
}

// exitCode is the exit code that an error stands for.
func exitCode(err error) int {
	var stale staleError
	switch {
	case errors.Is(err, host.ErrLocked):
		return exitLocked
	case errors.As(err, &stale):
		return exitStale
	}
	return exitError
}

func (c *cli) help(args []string) int {
	if len(args) > 1 {
		for _, cmd := range commands() {
			if cmd.name == args[1] {
				cmd.usage(c.stdout)
				return exitOK
			}
		}
	}
	fmt.Fprint(c.stdout, `Usage: hostctl [-chdir=DIR] COMMAND [flags]

Makes this host be what the *.hcl files of a directory say.

  hostctl init            write a first configuration
  hostctl plan            show what would change
  hostctl apply           change it
  hostctl try DIR         do all that on a throwaway host

Commands:
`)
	for _, cmd := range commands() {
		fmt.Fprintf(c.stdout, "  %-10s %s\n", cmd.name, cmd.summary)
	}
	fmt.Fprint(c.stdout, "\n`hostctl COMMAND -help` says more about each.\n")
	return exitOK
}

// usage prints a command's help: the example first.
func (cmd command) usage(w io.Writer) {
	fmt.Fprintf(w, "Example:\n%s\n\nUsage: hostctl %s", indent(cmd.example), cmd.name)
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	cmd.setup(fs)
	flags := 0
	fs.VisitAll(func(*flag.Flag) { flags++ })
	if flags > 0 {
		fmt.Fprint(w, " [flags]")
	}
	if cmd.operands != "" {
		fmt.Fprint(w, " "+cmd.operands)
	}
	fmt.Fprintf(w, "\n\n%s.\n", cmd.summary)
	if flags > 0 {
		fmt.Fprint(w, "\nFlags:\n")
	}
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if value != "" {
			value = " " + value
		}
		fmt.Fprintf(w, "  -%s%s\n      %s", f.Name, value, text)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ")
}
