package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// exitCodes are the exit codes with what they say, for the reference and the manual pages.
var exitCodes = []struct {
	code int
	text string
}{
	{exitOK, "done, or nothing to do"},
	{exitError, "an error; what was not done is said"},
	{exitChanges, "plan -detailed-exitcode: there are changes; fmt -check: a file is not in the usual layout"},
	{exitRefused, "the host's policy does not allow it"},
	{exitStale, "apply FILE: the saved plan is stale"},
	{exitLocked, "another hostctl holds the lock"},
	{exitRolledBack, "apply: something failed, and is as it was last applied again"},
}

// exitCodesNote stands below the exit codes.
const exitCodesNote = "hostctl try ends with the exit code of the command that it ran."

// everyCommand stands below the flags of each command.
const everyCommand = "Every command also takes -help, and -no-color, as NO_COLOR in the environment. Flags may stand before and behind the operands; \"--\" ends them."

// maxHelpWidth is where lines of the help end at the latest: wider ones are hard to read.
const maxHelpWidth = 100

// help prints the help of the command that args names, or the list of all.
func (c *cli) help(args []string) error {
	width := min(c.width, maxHelpWidth)
	if len(args) > 1 {
		return fmt.Errorf("one COMMAND at most")
	}
	if len(args) == 1 {
		cmd, err := findCommand(args[0])
		if err == nil {
			cmd.usage(c.stdout, width)
		}
		return err
	}
	fmt.Fprint(c.stdout, `Usage: hostctl [-chdir=DIR] [-no-color] COMMAND [flags]

Makes this host be what the *.hcl files of a directory say.

  hostctl init            write a first configuration
  hostctl plan            show what would change
  hostctl apply           change it
  hostctl try DIR         do all that on a throwaway host
`)
	for _, group := range commandGroups() {
		fmt.Fprintf(c.stdout, "\n%s:\n", group.title)
		for _, cmd := range group.commands {
			if cmd.hidden {
				continue
			}
			lines := wrap(cmd.summary, width-14)
			fmt.Fprintf(c.stdout, "  %-10s  %s\n", cmd.name, strings.Join(lines, "\n"+strings.Repeat(" ", 14)))
		}
	}
	more := wrap("`hostctl help COMMAND` or `hostctl COMMAND -help` says more about each.", width)
	_, err := fmt.Fprintf(c.stdout, "\n%s\n", strings.Join(more, "\n"))
	return err
}

// usage prints a command's help: the example first.
func (cmd command) usage(w io.Writer, width int) {
	fmt.Fprintf(w, "Example:\n%s\n\n", indent(cmd.example))
	fmt.Fprintf(w, "Usage: %s\n\n", strings.Join(wrap(cmd.synopsis(), width-7), "\n       "))
	fmt.Fprintln(w, strings.Join(wrap(cmd.summary+".", width), "\n"))
	if cmd.details != "" {
		fmt.Fprintf(w, "\n%s\n", strings.Join(wrap(strings.TrimSpace(cmd.details), width), "\n"))
	}
	title := "\nFlags:\n"
	cmd.visitFlags(func(f flagHelp) {
		fmt.Fprintf(w, "%s  %s\n", title, f.head())
		fmt.Fprintf(w, "      %s\n", strings.Join(wrap(f.text, width-6), "\n      "))
		title = ""
	})
	fmt.Fprintf(w, "\n%s\n", strings.Join(wrap(everyCommand, width), "\n"))
}

// synopsis is the command's usage line.
func (cmd command) synopsis() string {
	s := "hostctl " + cmd.name
	flags := ""
	cmd.visitFlags(func(flagHelp) { flags = " [flags]" })
	if s += flags; cmd.operands != "" {
		s += " " + cmd.operands
	}
	return s
}

// flagHelp is a flag as the help shows it.
type flagHelp struct {
	name, value, text string // value is "" for a switch
}

func (f flagHelp) head() string {
	if f.value == "" {
		return "-" + f.name
	}
	return "-" + f.name + " " + f.value
}

// visitFlags calls f for each flag of the command's own, by name.
func (cmd command) visitFlags(f func(flagHelp)) {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	cmd.setup(fs)
	fs.VisitAll(func(fl *flag.Flag) {
		value, text := flag.UnquoteUsage(fl)
		switch fl.DefValue {
		case "", "false", "0", "[]":
		default:
			text += fmt.Sprintf(" (default %s)", fl.DefValue)
		}
		f(flagHelp{fl.Name, value, text})
	})
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ")
}

// wrap breaks text at spaces so that its lines take at most width columns. Lines that
// begin with a space are examples, and stay as they are.
func wrap(s string, width int) []string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if strings.HasPrefix(line, " ") {
			out = append(out, line)
			continue
		}
		var b strings.Builder
		for word := range strings.FieldsSeq(line) {
			if b.Len() > 0 && columns(b.String())+1+columns(word) > width {
				out = append(out, b.String())
				b.Reset()
			}
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(word)
		}
		out = append(out, b.String())
	}
	return out
}
