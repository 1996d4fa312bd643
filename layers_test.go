// Package hostctl_test holds the house's one law about itself: which package may import which.
package hostctl_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// ours says, for each package of this module, which others of it may be
// imported by its code that is not test code. A package that is not listed here
// is a decision that has not been made.
var ours = map[string][]string{
	"hostctl/resource":             {},
	"hostctl/policy":               {"hostctl/resource", "hostctl/policy/rule"},
	"hostctl/policy/rule":          {},
	"hostctl/resource/user":        {"hostctl/resource", "hostctl/host"},
	"hostctl/resource/volume":      {"hostctl/resource", "hostctl/host", "hostctl/policy/rule"},
	"hostctl/resource/network":     {"hostctl/resource", "hostctl/host"},
	"hostctl/resource/netns":       {"hostctl/resource", "hostctl/resource/network", "hostctl/host"},
	"hostctl/resource/container":   {"hostctl/resource", "hostctl/host", "hostctl/runtime", "hostctl/policy/rule"},
	"hostctl/hcl":                  {"hostctl/resource"},
	"hostctl/hcl/hcltest":          {"hostctl/hcl", "hostctl/resource"},
	"hostctl/docs":                 {},
	"hostctl/lsp":                  {"hostctl/resource", "hostctl/hcl"},
	"hostctl/plan":                 {"hostctl/resource"},
	"hostctl/importer":             {"hostctl/resource", "hostctl/hcl"},
	"hostctl/apply":                {"hostctl/resource", "hostctl/plan"},
	"hostctl/runtime":              {"hostctl/policy/rule", "hostctl/runtime/internal/raw", "hostctl/internal/landlock", "hostctl/internal/seccomp"},
	"hostctl/runtime/internal/raw": {},
	"hostctl/internal/landlock":    {},
	"hostctl/internal/seccomp":     {},
	"hostctl/host":                 {"hostctl/internal/landlock", "hostctl/internal/seccomp"},
	"hostctl/host/try":             {"hostctl/host"},
	"hostctl/host/hosttest":        {"hostctl/host"},
	"hostctl/cmd/hostctl-launch":   {"hostctl/runtime"},
	"hostctl/cmd/hostctl-import":   {"hostctl/importer", "hostctl/resource/all"},
	"hostctl/resource/all":         {"hostctl/resource", "hostctl/resource/user", "hostctl/resource/volume", "hostctl/resource/network", "hostctl/resource/netns", "hostctl/resource/container"},
	"hostctl/cmd/hostctl":          {"*"},
}

// outside says who may import a package of others: the outer library on the
// left stays behind the door on the right.
var outside = map[string][]string{
	"github.com/hashicorp/hcl/v2":     {"hostctl/hcl"},
	"github.com/zclconf/go-cty":       {"hostctl/hcl"},
	"github.com/coreos/go-systemd":    {"hostctl/host"},
	"github.com/godbus/dbus":          {"hostctl/host"},
	"github.com/vishvananda/netlink":  {"hostctl/host"},
	"github.com/vishvananda/netns":    {"hostctl/host"},
	"github.com/compose-spec":         {"hostctl/importer"},
	"github.com/sirupsen/logrus":      {"hostctl/importer"}, // to quieten compose-go
	"go.yaml.in/yaml":                 {"hostctl/importer"}, // compose-go's own parser, for the lines of errors
	"github.com/rogpeppe/go-internal": {"hostctl/hcl/hcltest"},
	"golang.org/x/sys/unix":           {"hostctl/host", "hostctl/host/hosttest", "hostctl/host/try", "hostctl/runtime", "hostctl/internal/landlock"},
}

func TestLayers(t *testing.T) {
	type pkg struct {
		ImportPath string
		Imports    []string
		Standard   bool
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		allowed, known := ours[p.ImportPath]
		helper := len(p.Imports) == 0 || strings.HasPrefix(p.ImportPath, "hostctl/integration") || strings.HasPrefix(p.ImportPath, "hostctl/bench")
		if !known && !helper {
			t.Errorf("%s is in no layer: add it to the table, with what it may import", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "hostctl/") {
				if !helper && !slices.Contains(allowed, imp) && !slices.Contains(allowed, "*") {
					t.Errorf("%s must not import %s", p.ImportPath, imp)
				}
				continue
			}
			first, _, _ := strings.Cut(imp, "/")
			if !strings.Contains(first, ".") {
				continue // the standard library
			}
			who := behind(imp)
			if who == nil {
				t.Errorf("%s imports %s, which has no door yet", p.ImportPath, imp)
			} else if !slices.Contains(who, p.ImportPath) && !helper {
				t.Errorf("%s must not import %s: only %s may", p.ImportPath, imp, strings.Join(who, ", "))
			}
		}
	}
}

// TestParsersStayInTheChild: what parses and evaluates in the process that calls it is called by nobody but the child's main,
// and by helpers of tests. The rest of the program asks by way of hcl.Load, hcl.FormatFiles and hcl.Ask, which need a child.
func TestParsersStayInTheChild(t *testing.T) {
	out, err := exec.Command("grep", "-rnE", "--include=*.go", "--exclude=*_test.go", "--exclude-dir=hcltest", `hcl\.(Evaluate|Format|ServeChild|ReadDocument)\(`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	served := 0
	for line := range strings.Lines(string(out)) {
		file, _, _ := strings.Cut(line, ":")
		switch {
		case (file == "./cmd/hostctl/main.go" || file == "./bench/main.go") && strings.Contains(line, "hcl.ServeChild(os.Stdin, os.Stdout,") && strings.Contains(line, "host.ConfineSelf"):
			served++
		case file == "./cmd/hostctl/policy.go" && strings.Contains(line, "hcl.ReadDocument("): // the host owner's own, and nothing in it is evaluated
		default:
			t.Errorf("this parses outside of the confined child: %s", line)
		}
	}
	if served != 2 {
		t.Errorf("%d programs serve as the child", served)
	}
}

// behind returns who may import the package: the longest entry that is a prefix of its path.
func behind(imp string) []string {
	for p := imp; p != "."; p = path.Dir(p) {
		if who, ok := outside[p]; ok {
			return who
		}
	}
	return nil
}
