package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Units name no way to the program that is another's once it is clean: a ".." after a link is the directory above where that leads.
func TestWaysFrom(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root is missing")
	}
	dir, err := os.MkdirTemp("/run", "hostctl-ways") // not below /tmp, which everybody can write
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := func(name string) string { return dir + "/" + name } // not clean
	if err := errors.Join(os.MkdirAll(at("v1/bin"), 0o755), os.MkdirAll(at("opt/bin"), 0o755),
		os.WriteFile(at("v1/bin/hostctl"), nil, 0o755), os.WriteFile(at("opt/bin/hostctl"), nil, 0o755),
		os.Symlink("v1", at("now")), os.Symlink("now/bin/hostctl", at("hostctl")), os.Symlink("../v1/bin", at("opt/here")), os.Symlink("v1/bin", at("short")),
		os.Symlink("opt/here/../bin/hostctl", at("astray")), os.Symlink("opt/here/../../now/bin/hostctl", at("up"))); err != nil {
		t.Fatal(err)
	}
	for way, want := range map[string][]string{
		"v1/bin/hostctl":          {"v1/bin/hostctl"},
		"hostctl":                 {"hostctl", "now/bin/hostctl"},
		"v1/../hostctl":           {"hostctl", "now/bin/hostctl"},
		"opt/here/hostctl":        {"opt/here/hostctl"},
		"opt/here/../bin/hostctl": nil, // clean it is another program
		"short/../bin/hostctl":    nil, // clean there is none
		"short/../../hostctl":     nil,
		"astray":                  {"astray"},
		"up":                      {"up", "now/bin/hostctl"},
		"opt/bin/hostctl":         nil,
	} {
		var got []string
		for _, path := range waysFrom(at(way), at("v1/bin/hostctl")) {
			rel, _ := filepath.Rel(dir, path)
			got = append(got, rel)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", way, got, want)
		}
	}
}
