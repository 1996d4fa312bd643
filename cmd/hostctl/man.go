package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The manual pages are made of the commands' own help, in the macros of man(7),
// which every man(1) renders.

// manual is a page being written.
type manual struct{ strings.Builder }

// roff is text in which nothing is a request or an escape of roff.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", `\[u2026]`, "`", `\[ga]`, "'", `\[aq]`, "^", `\[ha]`, "~", `\[ti]`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// open begins a page.
func (m *manual) open(name, summary string) {
	fmt.Fprintf(m, ".TH %s 8 %s \"hostctl %s\" \"hostctl\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(roff(name)), released, version, roff(name), roff(lowerFirst(summary)))
}

func (m *manual) section(title string) { fmt.Fprintf(m, ".SH %s\n", title) }

// paragraphs writes text as help has it: paragraphs, and lines that begin with a space as they are.
func (m *manual) paragraphs(text string) {
	text = strings.TrimSpace(text)
	verbatim, gap := false, false
	for line := range strings.SplitSeq(text, "\n") {
		example := strings.HasPrefix(line, " ")
		if verbatim && !example {
			m.WriteString(".EE\n.RE\n")
			verbatim, gap = false, line != ""
		}
		switch {
		case line == "":
			gap = true
			continue
		case gap && !(example && verbatim):
			m.WriteString(".PP\n")
		}
		if example && !verbatim {
			m.WriteString(".RS 4\n.EX\n")
			verbatim = true
		}
		gap = false
		if example {
			fmt.Fprintln(m, roff(strings.TrimSpace(line)))
		} else {
			m.fill(line)
		}
	}
	if verbatim {
		m.WriteString(".EE\n.RE\n")
	}
}

func (m *manual) example(text string) {
	m.WriteString(".EX\n")
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		fmt.Fprintln(m, roff(line))
	}
	m.WriteString(".EE\n")
}

// item writes a word and what it is.
func (m *manual) item(word, text string) {
	fmt.Fprintf(m, ".TP\n%s\n", word)
	m.fill(text)
}

// sourceWidth is where the lines of a page's source are broken, which nobody sees who reads the page.
const sourceWidth = 70

// fill writes text that man(1) fills lines with.
func (m *manual) fill(text string) {
	for _, line := range wrap(text, sourceWidth) {
		fmt.Fprintln(m, roff(line))
	}
}

// tail ends a page with what all have in common.
func (m *manual) tail(see []string) {
	m.section("EXIT STATUS")
	for _, e := range exitCodes {
		m.item(strconv.Itoa(e.code), e.text)
	}
	m.WriteString(".PP\n")
	m.fill(exitCodesNote)
	m.section("SEE ALSO")
	for i, page := range see {
		end := ","
		if i == len(see)-1 {
			end = ""
		}
		name, section, _ := strings.Cut(page, "(")
		fmt.Fprintf(m, ".BR %s (%s%s\n", roff(name), section, end)
	}
}

// manual writes the command's page.
func (cmd command) manual(w io.Writer) error {
	m := &manual{}
	m.open("hostctl-"+cmd.name, cmd.summary)
	m.section("SYNOPSIS")
	fmt.Fprintf(m, ".B hostctl %s\n", roff(cmd.name))
	if rest := strings.TrimPrefix(cmd.synopsis(), "hostctl "+cmd.name); rest != "" {
		fmt.Fprintln(m, roff(strings.TrimSpace(rest)))
	}
	m.section("DESCRIPTION")
	m.paragraphs(cmd.summary + ".\n\n" + strings.TrimSpace(cmd.details))
	m.section("OPTIONS")
	cmd.visitFlags(func(f flagHelp) {
		word := `\fB\-` + roff(f.name) + `\fR`
		if f.value != "" {
			word += ` \fI` + roff(f.value) + `\fR`
		}
		m.item(word, f.text)
	})
	if strings.Contains(cmd.synopsis(), "[flags]") {
		m.WriteString(".PP\n")
	}
	m.fill(everyCommand)
	m.section("EXAMPLES")
	m.example(cmd.example)
	m.tail([]string{"hostctl(8)"})
	_, err := io.WriteString(w, m.String())
	return err
}

// mainManual writes the page of hostctl itself.
func mainManual(w io.Writer) error {
	m := &manual{}
	m.open("hostctl", "make a Linux host be what a directory of HCL says")
	m.section("SYNOPSIS")
	fmt.Fprintf(m, ".B hostctl\n%s\n", roff("[-chdir=DIR] [-no-color] COMMAND [flags] [operands]"))
	m.section("DESCRIPTION")
	m.paragraphs(`
hostctl makes this host be what the *.hcl files of a directory say: containers that are plain systemd units, network
namespaces, networks, volumes and users. hostctl plan shows the difference between the files and the live host, hostctl
apply removes it. There is no daemon: systemctl status, journalctl and systemctl restart work as for any other service.`)
	see := []string{}
	for _, group := range commandGroups() {
		m.section("COMMANDS: " + strings.ToUpper(roff(group.title)))
		for _, cmd := range group.commands {
			if cmd.hidden {
				continue
			}
			m.item(`\fB`+roff(cmd.name)+`\fR`, cmd.summary+".")
			see = append(see, "hostctl-"+cmd.name+"(8)")
		}
	}
	m.section("ENVIRONMENT")
	for _, v := range environmentNames {
		m.item(`\fB`+roff(v.name)+`\fR`, v.text)
	}
	m.section("FILES")
	for _, f := range []struct{ name, text string }{
		{ledgerPath, "The ledger: what was last applied to this host, and the numbers that were given out. Lost, it is found again from the marks on the host."},
		{lockPath, "The lock that a changing command holds."},
		{"/run/hostctl", "What containers start from. Only root can read it."},
	} {
		m.item(`\fI`+roff(f.name)+`\fR`, f.text)
	}
	m.tail(append(see, "systemctl(1)", "journalctl(1)", "ip-netns(8)"))
	_, err := io.WriteString(w, m.String())
	return err
}

// environmentNames is what hostctl reads of its environment, for the manual pages and the reference.
var environmentNames = []struct{ name, text string }{
	{"HOSTCTL_VAR_NAME", "The value of the variable NAME, as -var gives it; -var goes before it."},
	{"NO_COLOR", "Where it is set, nothing is printed in colours. A pipe gets none in any case, nor does TERM=dumb."},
	{"COLUMNS", "The width that tables are fitted to, also in a pipe; unset, it is the terminal's, and a pipe gets tables whole."},
}

// lowerFirst is a sentence as it stands behind a dash.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
