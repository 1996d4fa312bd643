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

// The exit codes; exitCodes says what each means.
const (
	exitOK         = 0
	exitError      = 1
	exitChanges    = 2
	exitRefused    = 3
	exitStale      = 4
	exitLocked     = 5
	exitRolledBack = 6
)

// cli is what a command may use of the process.
type cli struct {
	ctx            context.Context
	stdin          *os.File
	stdout, stderr io.Writer
	environ        []string // of the caller; see leaveCaller
	color          bool
	width          int  // where text is wrapped, in columns
	fit            bool // tables are shortened to width: somebody looks at them
	// json says that standard output gets one JSON document, which holds the diagnostics too.
	json        bool
	diagnostics hcl.Diagnostics
	// compactWarnings says that a warning takes one line.
	compactWarnings bool
}

// exitStatus is an error that only carries an exit code: what there was to say has been said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	// The stages that hostctl starts of itself come before anything else: they
	// run confined, or inside namespaces that are half made.
	try.Main(os.Args)
	if len(os.Args) > 1 && os.Args[1] == hcl.ChildArg {
		os.Exit(hcl.ServeChild(os.Stdin, os.Stdout, kinds(), host.ConfineSelf))
	}
	if os.Geteuid() == 0 { // anyone else could no longer write the id maps of the children that he confines
		if err := host.NoCore(); err != nil {
			fmt.Fprintf(os.Stderr, "prctl(PR_SET_DUMPABLE, 0): %v\n", err)
			os.Exit(exitError)
		}
	}
	os.Exit(run(os.Args[1:], leaveCaller()))
}

func run(args, environ []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends what is in hand in order; a second one ends the process.
	context.AfterFunc(ctx, stop)
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	catchLoss(hangUp)
	out := &output{file: os.Stdout}
	c := &cli{ctx: ctx, stdin: os.Stdin, stdout: out, stderr: os.Stderr, environ: environ}
	c.color, c.width, c.fit = terminal(os.Stdout, os.Stderr)
	return out.verdict(c.run(args), os.Stderr)
}

// catchLoss keeps the loss of the terminal or of a reader from ending a change in
// the middle of a step. A terminal that is lost is a signal like others, but comes more
// than once: from the kernel and from the shell. nohup(1) is respected. A reader that is
// lost is an error of the next write. Programs that are started have both as usual.
func catchLoss(hangUp func()) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if signal.Ignored(syscall.SIGHUP) {
		return
	}
	lost := make(chan os.Signal, 1)
	signal.Notify(lost, syscall.SIGHUP)
	go func() {
		<-lost
		hangUp()
	}()
}

// run runs one command line and returns the exit code.
func (c *cli) run(args []string) int {
	args, err := globalFlags(args)
	if err != nil {
		return c.report(err)
	}
	if len(args) == 0 {
		return c.report(c.help(nil))
	}
	switch args[0] {
	case "-h", "-help", "--help":
		args[0] = "help"
	case "-version", "--version":
		args[0] = "version"
	}
	cmd, err := findCommand(args[0])
	if err != nil {
		return c.report(err)
	}
	fs, work := cmd.flags(c)
	operands, err := cmd.parse(fs, args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return c.report(c.help(args[:1]))
	case err != nil:
		return c.report(err)
	}
	return c.report(work(c, operands))
}

// globalFlags takes -chdir=DIR and -no-color from in front of the command, where Terraform has the first, to behind it.
func globalFlags(args []string) ([]string, error) {
	var moved []string
	for len(args) > 0 {
		name := strings.TrimPrefix(strings.TrimPrefix(args[0], "-"), "-")
		switch {
		case !strings.HasPrefix(args[0], "-") && len(moved) > 0:
			return slices.Concat(args[:1], moved, args[1:]), nil
		case strings.HasPrefix(args[0], "-") && (strings.HasPrefix(name, "chdir=") || name == "no-color"):
			moved, args = append(moved, args[0]), args[1:]
		case strings.HasPrefix(args[0], "-") && name == "chdir":
			if len(args) < 2 {
				return nil, fmt.Errorf("-chdir needs a directory")
			}
			moved, args = append(moved, args[0], args[1]), args[2:]
		default:
			return args, nil
		}
	}
	if len(moved) > 0 {
		return nil, fmt.Errorf("%s comes before a command", moved[0])
	}
	return nil, nil
}

// report prints an error and returns the exit code that it stands for.
func (c *cli) report(err error) int {
	var status exitStatus
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case c.unwritten(err):
		return exitError
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
