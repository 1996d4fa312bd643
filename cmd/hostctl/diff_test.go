package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnifiedDiff(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"a\n", "a\n", ""},
		{"", "", ""},
		{"a=1\n", "a = 1\n", "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a=1\n+a = 1\n"},
		{"a\n\n\n", "a\n", "--- f\n+++ f\n@@ -1,3 +1,1 @@\n a\n-\n-\n"},
		{"a", "a\n", "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{"1\n2\n3\n4\n5\nx\n7\n8\n9\n10\n11\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n",
			"--- f\n+++ f\n@@ -3,7 +3,7 @@\n 3\n 4\n 5\n-x\n+6\n 7\n 8\n 9\n"},
	} {
		if got := string(unifiedDiff("f", []byte(c.before), []byte(c.after))); got != c.want {
			t.Errorf("%q to %q:\n%s\nwant:\n%s", c.before, c.after, got, c.want)
		}
	}
}

// What patch(1) makes of the diff is the other text.
func TestUnifiedDiffIsOne(t *testing.T) {
	need(t, "patch")
	dir := t.TempDir()
	r := rand.New(rand.NewSource(1))
	for n := range 60 {
		var before, after strings.Builder
		for i := range r.Intn(40) {
			fmt.Fprintf(&before, "line %d\n", i)
			if r.Intn(6) == 0 {
				fmt.Fprintf(&after, "  line %d\n", i)
			} else {
				fmt.Fprintf(&after, "line %d\n", i)
			}
		}
		before.WriteString(strings.Repeat("\n", r.Intn(3)))
		if before.Len() == 0 || before.String() == after.String() {
			continue
		}
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(path, []byte(before.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("patch", "-s", path)
		cmd.Stdin = bytes.NewReader(unifiedDiff("f", []byte(before.String()), []byte(after.String())))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got, _ := os.ReadFile(path); string(got) != after.String() {
			t.Fatalf("patch made %q of %q, want %q", got, before.String(), after.String())
		}
	}
}
