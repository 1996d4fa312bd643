package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// typed is what a person types, and what the shell makes of it.
var typed = []struct{ keys, line string }{
	{"hostctl val\t", "hostctl validate "},
	{"hostctl show container.wor\tb\t", `hostctl show container.worker\[\"b\"\] `},
	{"hostctl show 'container.worker[\"a\t", `hostctl show 'container.worker["a"]' `},
	{"hostctl plan -out=ma\t", "hostctl plan -out=main.hcl "},
	{"hostctl -chdir sit\tshow container.we\t", "hostctl -chdir site/show container.we"},
	{"hostctl validate -chdir=sit\t", "hostctl validate -chdir=site/"},
	{"hostctl nosuch \t", "hostctl nosuch "},
}

// TestCompletionInShells types into real shells.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	script, err := filepath.Abs(filepath.Join("testdata", "completion.zsh"))
	if err != nil {
		t.Fatal(err)
	}
	config := `hostctl {
  name = "shop"
}
container "worker" {
  for_each = toset(["a", "b"])
  rootfs   = "/srv/rootfs"
  command  = ["/bin/true"]
}
`
	for _, name := range []string{"main.hcl", "site/main.hcl"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// A shell that waits for ever is a failure that says what it has printed.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run := func(t *testing.T, args ...string) []string {
		t.Helper()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TERM=dumb", "HOME="+dir, "LC_ALL=C.UTF-8")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
		return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	}
	var keys, want []string
	for _, c := range typed {
		keys, want = append(keys, c.keys), append(want, c.line)
	}
	for _, shell := range []string{"bash", "zsh"} {
		t.Run(shell, func(t *testing.T) {
			need(t, shell)
			need(t, "zsh") // which drives both
			if got := run(t, append([]string{"zsh", "-f", script, shell}, keys...)...); !slices.Equal(got, want) {
				t.Errorf("the command lines are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
	t.Run("fish", func(t *testing.T) {
		need(t, "fish")
		for line, want := range map[string][]string{
			"hostctl val":                       {"validate\tCheck the configuration by itself, without looking at the host"},
			"hostctl stop container.wo":         {"container.worker[\"a\"]\tdeclared", "container.worker[\"b\"]\tdeclared"},
			`hostctl stop container.worker[\"b`: {"container.worker[\"b\"]\tdeclared"},
			"hostctl plan -out=ma":              {"-out=main.hcl"},
			"hostctl validate -chdir ":          {"site/"},
			"hostctl nosuch ":                   {""},
		} {
			if got := run(t, "fish", "--no-config", "-c", "hostctl completion fish | source; complete -C $argv[1]", line); !slices.Equal(got, want) {
				t.Errorf("%q is completed by %q, want %q", line, got, want)
			}
		}
	})
}

func TestUnquoteShell(t *testing.T) {
	for word, want := range map[string]string{
		`container.web`:        `container.web`,
		`container.w\[\"b\"\]`: `container.w["b"]`,
		`'container.w["b`:      `container.w["b`,
		`"container.w[\"b`:     `container.w["b`,
		`'a\b'c`:               `a\bc`,
		`a\`:                   `a`,
		``:                     ``,
	} {
		if got := unquoteShell(word); got != want {
			t.Errorf("%s is %s, want %s", word, got, want)
		}
	}
}
