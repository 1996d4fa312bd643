package importer

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hostctl/hcl"
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/resource/netns"
	"hostctl/resource/network"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

var update = flag.Bool("update", false, "write the golden files")

// kinds are the real ones, as the command has them.
func kinds() resource.Kinds {
	return resource.Kinds{user.Kind(), volume.Kind(), network.Kind(), netns.Kind(), container.Kind()}
}

// valid fails for a text that hostctl validate would not take, or fmt would change.
func valid(t *testing.T, kinds resource.Kinds, text []byte) {
	t.Helper()
	file := hcl.File{Name: "main.hcl", Text: text}
	config := hcl.Evaluate(hcl.Request{Sources: hcl.Sources{Files: []hcl.File{file}}}, kinds)
	if len(config.Diagnostics) > 0 {
		t.Fatalf("%s\n%s", config.Diagnostics.Error(), text)
	}
	if problems := resource.NewResolver(config.Name, nil, nil, nil).Resolve(config.State); len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
	formatted, diags := hcl.Format(file)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if !bytes.Equal(formatted, text) {
		t.Errorf("fmt would change it:\n%s", firstDifference(string(text), string(formatted)))
	}
}

func firstDifference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range h {
		if i >= len(w) || h[i] != w[i] {
			return fmt.Sprintf("line %d: %q, not %q", i+1, h[i], append(w, make([]string, len(h))...)[i])
		}
	}
	return "more lines"
}

// golden compares what a project comes to with the file beside its source. Each
// thing that is lost or changed must be said in it.
func golden(t *testing.T, p *Project, path string) {
	t.Helper()
	result := p.Write(kinds())
	valid(t, kinds(), result.Text)
	if *update {
		if err := os.WriteFile(path, result.Text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(want, result.Text) {
		t.Errorf("%s is something else (%v); `go test ./importer -update` writes it anew: %s", path, err, firstDifference(string(result.Text), string(want)))
	}
	flat := strings.Join(strings.Fields(strings.ReplaceAll(string(result.Text), "#", " ")), " ")
	for _, n := range result.Notes {
		said := strings.Join(strings.Fields(strings.ReplaceAll(onOneLine(n.What), "#", " ")), " ")
		if len(said) < 300 && !strings.Contains(flat, said) && !strings.HasPrefix(n.What, "image ") { // which a variable says
			t.Errorf("no comment says %q", n.String())
		}
	}
}

// sources lists the test data of one kind, and fails where there are fewer than promised.
func sources(t *testing.T, least int, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(list) < least {
		t.Fatalf("%d of at least %d sources in %s: %v", len(list), least, pattern, err)
	}
	slices.Sort(list)
	return list
}

func TestCompose(t *testing.T) {
	t.Setenv("POSTGRES_PASSWORD", "of the process") // which nobody reads
	for _, path := range sources(t, 30, "compose/*.yaml") {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			p, err := Compose(context.Background(), ComposeInput{Path: path, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, p, strings.TrimSuffix(path, ".yaml")+".hcl")
		})
	}
}

// readUnits reads a unit, or all units of a directory, with their drop-ins.
func readUnits(t *testing.T, path string) []File {
	t.Helper()
	var files []File
	err := filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, ".hcl") || strings.HasSuffix(p, ".env") {
			return err
		}
		text, err := os.ReadFile(p)
		files = append(files, File{Name: p, Text: text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestQuadlet reads each directory as one import, and counts the files in all of them.
func TestQuadlet(t *testing.T) {
	units := 0
	for _, dir := range sources(t, 20, "quadlet/*") {
		if strings.HasSuffix(dir, ".hcl") {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			files := readUnits(t, dir)
			units += len(files)
			p, err := Quadlet(files, os.DirFS(dir))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, p, dir+".hcl")
		})
	}
	if units < 30 && !t.Failed() {
		t.Errorf("%d files; at least 30 are promised", units)
	}
}

func TestNspawn(t *testing.T) {
	for _, path := range sources(t, 10, "nspawn/*.nspawn") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, err := Nspawn(readUnits(t, path))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, p, strings.TrimSuffix(path, ".nspawn")+".hcl")
		})
	}
}

func TestRun(t *testing.T) {
	for _, path := range sources(t, 20, "run/*.sh") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			line, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Run(string(line), os.DirFS("testdata/run"))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, p, strings.TrimSuffix(path, ".sh")+".hcl")
		})
	}
}
