package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hostctl/hcl"
	"hostctl/importer"
	"hostctl/plan"
	"hostctl/policy"
	"hostctl/resource"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hostctl": main, importerName: func() { importer.Main(kinds()) }})
}

// TestScripts runs the command line's behaviours, one file each.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
			env.Setenv("EXAMPLES", examples)
			return err
		},
	})
}

// TestExamples compares what each example comes to on an empty host with its golden plan.
func TestExamples(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("..", "..", "examples", "*", "main.hcl"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	hosts, err := filepath.Glob(filepath.Join("..", "..", "examples", "*", "hosts", "*", "main.hcl"))
	if err != nil || len(hosts) == 0 {
		t.Fatalf("no examples of several hosts: %v", err)
	}
	teams, err := filepath.Glob(filepath.Join("..", "..", "examples", "teams", "*", "main.hcl"))
	if err != nil || len(teams) == 0 {
		t.Fatalf("no examples of several teams: %v", err)
	}
	for _, main := range slices.Concat(dirs, hosts, teams) {
		dir, root := filepath.Dir(main), ""
		if slices.Contains(hosts, main) {
			root = filepath.Join(dir, "..", "..")
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			sources, diags := hcl.ReadDir(dir, root, nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			pol := examplePolicy(t, dir)
			config := hcl.Evaluate(hcl.Request{Sources: sources, Defaults: pol.defaults()}, kinds())
			for len(config.Needs) > 0 {
				sources.Supply(config.Needs)
				config = hcl.Evaluate(hcl.Request{Sources: sources, Defaults: pol.defaults()}, kinds())
			}
			if len(config.Diagnostics) > 0 {
				t.Fatal(config.Diagnostics)
			}
			r := resource.NewResolver(config.Name, nil, nil, nil)
			r.Credentials = pol.Credentials(config.Name)
			if problems := append(r.Resolve(config.State), pol.Check(config.Name, "", r.Want, config.Directives.Imports)...); len(problems) > 0 {
				t.Fatal(problems)
			}
			p := plan.Make(r.Want, nil, nil, plan.Options{Kinds: kinds(), Owner: config.Name})
			text := p.Text(plan.TextOptions{})
			golden := filepath.Join(dir, "plan.golden")
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || string(want) != text {
				t.Errorf("plan differs from %s (%v); `go test ./cmd/hostctl -update` writes it anew:\n%s", golden, err, text)
			}
		})
	}
}

// examplePolicy is the policy that stands beside an example, else the built-in one.
func examplePolicy(t *testing.T, dir string) *hostPolicy {
	for _, name := range []string{filepath.Join(dir, "policy", "policy.hcl"), filepath.Join(dir, "..", "policy.hcl")} {
		if _, err := os.Stat(name); err != nil {
			continue
		}
		p, _, err := (&cli{stdout: os.Stdout, stderr: os.Stderr, width: defaultWidth}).namedPolicy(name)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	return &hostPolicy{Policy: policy.Builtin()}
}

// TestReadme reads the configuration that the README shows.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok1 := strings.Cut(string(text), "```hcl\n")
	example, _, ok2 := strings.Cut(rest, "```")
	if !ok1 || !ok2 {
		t.Fatal("the README shows no configuration")
	}
	config := hcl.Evaluate(hcl.Request{Sources: hcl.Sources{Files: []hcl.File{{Name: "README.hcl", Text: []byte(example)}}}}, kinds())
	if len(config.Diagnostics) > 0 {
		t.Fatal(config.Diagnostics)
	}
	if problems := resource.NewResolver(config.Name, nil, nil, nil).Resolve(config.State); len(problems) > 0 {
		t.Fatal(problems)
	}
}
