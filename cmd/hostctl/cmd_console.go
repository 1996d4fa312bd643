package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"hostctl/hcl"
	"hostctl/host"
)

var consoleCommand = command{
	name: "console", operands: "[EXPRESSION...]",
	summary: "Evaluate expressions as if they stood in the configuration",
	details: `
Expressions are read from the operands, or from standard input, one a line; one with an open bracket goes on with the
next line. They see the variables, locals and resources of the configuration; where the directory has none, the functions
alone. Nothing of the host is looked at, and nothing is changed. Sensitive values are not shown.

The exit code is 1 where an expression has an error, but for those that were typed at the prompt.`,
	example: "hostctl console 'cidrhost(\"10.20.0.0/24\", 5)'\necho 'local.data' | hostctl console -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var s source
		s.register(fs)
		asJSON := fs.Bool("json", false, "print each value as one line of JSON")
		return func(c *cli, args []string) error {
			con, err := openConsole(c, &s)
			if err != nil {
				return err
			}
			con.json = *asJSON
			if len(args) == 0 {
				return con.lines()
			}
			for _, expression := range args {
				if err := con.evaluate(expression); err != nil {
					return err
				}
			}
			return con.verdict()
		}
	},
}

// console evaluates expressions in one configuration.
type console struct {
	cli     *cli
	request hcl.Request
	json    bool
	// known are the diagnostics of the configuration itself, which were printed.
	known  map[string]bool
	failed bool
}

// openConsole reads the configuration, which must have no errors.
func openConsole(c *cli, s *source) (*console, error) {
	con := &console{cli: c, known: map[string]bool{}}
	there, err := filepath.Glob(filepath.Join(s.dir, "*.hcl*"))
	if err != nil {
		return nil, err
	}
	sources := hcl.Sources{Files: []hcl.File{{Name: "console.hcl", Text: []byte("hostctl {\n  name = \"console\"\n}\n")}}}
	if len(there) > 0 {
		var diags hcl.Diagnostics
		if sources, diags = s.sources(); diags.HasErrors() {
			return nil, c.diagnose(diags)
		}
	}
	con.request = s.request(sources)
	config := hcl.Load(c.ctx, evaluate, con.request, kinds())
	for _, d := range config.Diagnostics {
		con.known[d.Error()] = true
	}
	if len(there) > 0 {
		con.request.Sources = config.Sources() // with what it refers to, which is read once
	}
	return con, c.diagnose(config.Diagnostics)
}

// evaluate prints what one expression comes to, or what is wrong with it.
func (con *console) evaluate(expression string) error {
	con.request.Expression = expression
	config := hcl.Load(con.cli.ctx, evaluate, con.request, kinds())
	if err := con.cli.ctx.Err(); err != nil {
		return err
	}
	var news hcl.Diagnostics
	for _, d := range config.Diagnostics {
		if !con.known[d.Error()] {
			news = append(news, d)
		}
	}
	if con.cli.diagnose(news) != nil || config.Value == nil {
		con.failed = true
		return nil
	}
	if !con.json {
		_, err := fmt.Fprintln(con.cli.stdout, printable(config.Value.Text))
		return err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, config.Value.JSON); err != nil {
		return err
	}
	_, err := fmt.Fprintf(con.cli.stdout, "%s\n", visibleJSON(line.Bytes()))
	return err
}

// lines evaluates standard input, with a prompt where that and the output are a terminal.
func (con *console) lines() error {
	_, in := host.TerminalWidth(con.cli.stdin)
	prompt := func(s string) {
		if in && con.cli.fit {
			fmt.Fprint(con.cli.stdout, s)
		}
	}
	input := bufio.NewScanner(con.cli.stdin)
	input.Buffer(nil, hcl.MaxFileBytes)
	var expression strings.Builder
	for {
		prompt(map[bool]string{true: "> ", false: "... "}[expression.Len() == 0])
		if !con.scan(input) {
			break
		}
		line := strings.TrimSpace(input.Text())
		if expression.Len() == 0 {
			switch {
			case line == "", strings.HasPrefix(line, "#"), strings.HasPrefix(line, "//"):
				continue
			case in && (line == "exit" || line == "quit"):
				return nil
			}
		}
		expression.WriteString(line + "\n")
		if line != "" && openBrackets(expression.String()) {
			continue
		}
		text := strings.TrimSuffix(expression.String(), "\n")
		expression.Reset()
		if err := con.evaluate(text); err != nil {
			return err
		}
	}
	prompt("\n")
	if err := errors.Join(con.cli.ctx.Err(), input.Err()); err != nil {
		return err
	}
	if expression.Len() > 0 {
		if err := con.evaluate(expression.String()); err != nil {
			return err
		}
	}
	if in {
		return nil
	}
	return con.verdict()
}

// scan reads a line, unless an interrupt comes first.
func (con *console) scan(input *bufio.Scanner) bool {
	done := make(chan bool, 1)
	go func() { done <- input.Scan() }()
	select {
	case ok := <-done:
		return ok
	case <-con.cli.ctx.Done():
		return false
	}
}

// verdict is the exit status.
func (con *console) verdict() error {
	if con.failed {
		return exitStatus(exitError)
	}
	return nil
}

// openBrackets reports whether text has a bracket outside of its strings that is not closed yet.
func openBrackets(text string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	return depth > 0
}
