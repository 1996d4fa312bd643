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

// terminal reports whether f takes colour, and how wide it is: 80 columns for a
// pipe or a file, whose readers are programs or an editor. NO_COLOR is honoured (no-color.org).
func terminal(f *os.File) (color bool, width int) {
	columns, ok := host.TerminalWidth(f)
	if !ok {
		return false, 80
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", max(columns, 40)
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

// table prints rows in columns, the widest cell of each deciding, the last one unpadded.
func (c *cli) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(printable(cell))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-len([]rune(cell))+2))
			}
		}
		fmt.Fprintln(c.stdout, strings.TrimRight(b.String(), " "))
	}
}
