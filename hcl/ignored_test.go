package hcl_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hostctl/hcl"
)

// TestIgnored: what a configuration refers to is no file that is ignored.
func TestIgnored(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"host/main.hcl":              "hostctl {\n  name = \"x\"\n}\nmodule \"site\" {\n  source = \"./parts/site\"\n}\ncontainer \"a\" {\n  rootfs = \"/srv/r\"\n  file \"/etc/a\" {\n    source = \"a.conf\"\n  }\n}\n",
		"host/parts/site/main.hcl":   "user \"a\" {\n}\n",
		"host/a.conf":                "a",
		"host/b.conf":                "b",
		"host/parts-of-another/x.md": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, repository := range []string{"", root} {
		sources, diags := hcl.ReadDir(filepath.Join(root, "host"), repository, nil)
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		for range 4 {
			config := hcl.Evaluate(hcl.Request{Sources: sources}, shelfKinds())
			if len(config.Needs) == 0 && len(config.Diagnostics) > 0 {
				t.Fatal(config.Diagnostics)
			}
			sources.Supply(config.Needs)
		}
		if want := []string{"b.conf", "parts-of-another"}; !slices.Equal(sources.Ignored, want) {
			t.Errorf("with -root %q %q are ignored, want %q", repository, sources.Ignored, want)
		}
	}
}
