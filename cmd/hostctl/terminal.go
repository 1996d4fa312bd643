package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// defaultWidth is that of a pipe or a file, whose readers are programs or an editor.
const defaultWidth = 80

// terminal reports how to write to the two outputs: whether both take colour, how wide they
// are, and whether tables are to fit that width. COLUMNS in the environment is taken for the
// width of whatever output; NO_COLOR is honoured (no-color.org).
func terminal(stdout, stderr *os.File) (color bool, width int, fit bool) {
	width, fit = host.TerminalWidth(stdout)
	_, errFit := host.TerminalWidth(stderr)
	color = fit && errFit && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		width, fit = n, true
	}
	if width <= 0 {
		width = defaultWidth // a terminal that does not say
	}
	return color, max(width, 40), fit
}

// paint wraps s in a colour (ECMA-48 SGR parameters) on a terminal that takes it.
func (c *cli) paint(sgr, s string) string {
	if !c.color {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// printable returns s with every character that a terminal could obey, or that
// could make a line read otherwise than it is, written as an escape. Newline and tab stay.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || resource.Visible(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// writeText writes the text of a file, as it is: somebody keeps it, or goes on with it. A terminal gets it printable.
func (c *cli) writeText(text []byte) error {
	if out := c.terminalOf(); out != nil && host.IsTerminal(out) {
		text = []byte(printable(string(text)))
	}
	_, err := c.stdout.Write(text)
	return err
}

// confirm asks on the terminal and takes nothing but "yes" for an answer.
func (c *cli) confirm(question string) error {
	if _, ok := host.TerminalWidth(c.stdin); !ok {
		return fmt.Errorf("nobody to ask: standard input is no terminal; give -auto-approve, or apply a plan saved with -out")
	}
	fmt.Fprintf(c.stdout, "\n%s\nOnly \"yes\" is taken for an answer: ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(c.stdin).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-c.ctx.Done():
		fmt.Fprintln(c.stdout)
		return fmt.Errorf("interrupted; nothing was changed")
	case a := <-answer:
		if a != "yes" {
			return fmt.Errorf("not approved; nothing was changed")
		}
	}
	fmt.Fprintln(c.stdout)
	return nil
}

// oneLine is printable for a text that has one line to stand on.
func oneLine(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(printable(s))
}

// columns is how many columns of a terminal a printable text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += resource.Columns(r)
	}
	return n
}

// shorten returns as much of a printable text as fits width columns; what is cut says so with "…".
func shorten(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		if n += resource.Columns(r); n > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}

const (
	tableGap    = 2
	leastColumn = 6 // a column is not made narrower than this
)

// table prints rows in columns, the widest cell of each deciding, the last one unpadded. Where
// somebody looks on, the widest columns are shortened until the lines fit.
func (c *cli) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	total := tableGap * (len(widths) - 1)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = oneLine(cell)
			if w := columns(row[i]); w > widths[i] {
				total += w - widths[i]
				widths[i] = w
			}
		}
	}
	for c.fit && total > c.width {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastColumn {
			break
		}
		widths[widest]--
		total--
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			cell = shorten(cell, widths[i])
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+tableGap))
			}
		}
		fmt.Fprintln(c.stdout, strings.TrimRight(b.String(), " "))
	}
}
