package resource

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"container", "network", "netns", "user", "volume", "read_only"}
	for given, want := range map[string]string{
		"contianer": "container", "Container": "container", "netwrok": "network", "netn": "netns", "volumes": "volume",
		"read-only": "read_only", "usr": "user", "image": "", "x": "", "": "",
	} {
		if got := Nearest(given, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", given, got, want)
		}
	}
}
