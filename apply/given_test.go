package apply

import (
	"os"
	"testing"
	"time"
)

// A confirmation counts for one generation of one configuration, where it was given before that was to be undone.
func TestGiven(t *testing.T) {
	dir := Given(t.TempDir())
	w := &Pending{Generation: 7, Boot: "boot", Deadline: time.Minute}
	for name, tt := range map[string]struct {
		owner      string
		generation uint64
		boot       string
		now        time.Duration
		want       bool
	}{
		"in time":       {"shop", 7, "boot", time.Minute - 1, true},
		"late":          {"shop", 7, "boot", time.Minute, false},
		"before a boot": {"shop", 7, "another", time.Second, false},
		"another":       {"shop", 6, "boot", time.Second, false},
		"longer":        {"shop", 77, "boot", time.Second, false},
		"another's":     {"blog", 7, "boot", time.Second, false},
	} {
		if dir.InTime("shop", w) {
			t.Errorf("%s: before", name)
		}
		if err := dir.Leave(tt.owner, tt.generation, tt.boot, tt.now); err != nil {
			t.Fatal(err)
		}
		if got := dir.InTime("shop", w); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
		// What was given first counts.
		if err := dir.Leave(tt.owner, tt.generation, tt.boot, 2*tt.now); err != nil {
			t.Fatal(err)
		}
		if got := dir.InTime("shop", w); got != tt.want {
			t.Errorf("%s: given twice: %v", name, got)
		}
		for range 2 {
			if err := dir.Remove(tt.owner, tt.generation); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, text := range []string{"boot", "boot+", "boot+x", "boot+-", "+1"} {
		if err := os.Symlink(text, dir.path("shop", 7)); err != nil {
			t.Fatal(err)
		}
		if dir.InTime("shop", w) {
			t.Errorf("%q counts", text)
		}
		if err := dir.Remove("shop", 7); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir.path("shop", 7), []byte("boot+1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if dir.InTime("shop", w) {
		t.Error("a file counts")
	}
}
