package rule

import (
	"strings"
	"testing"
)

func TestValidCredential(t *testing.T) {
	for s, want := range map[string]bool{
		"tls-key": true, "a": true, "9": true, "A_b.c": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "/etc/shadow": false, "../x": false, ".": false, "..": false, ".x": false, "-x": false, "_x": false,
		"a b": false, "a:b": false, "a%n": false, "a\nb": false, "ä": false, "a\x00": false,
	} {
		if ValidCredential(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
	for s, want := range map[string]bool{
		"/etc/hostctl/credentials/tls.key": true, "/a/b@1,c=d+e": true,
		"": false, "etc/x": false, "/a:b": false, "/a%n": false, "/a b": false, "/a\nb": false, `/a\b`: false, `/a"`: false, "/a'": false, "/a$B": false, "/ä": false,
	} {
		if ValidCredentialFile(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		patterns string
		name     string
		want     bool
	}{
		{"", "web", false}, {"web", "web", true}, {"web", "web-a", false}, {"web*", "web-a", true}, {"web-*", "web", false},
		{"*", "web", true}, {"db web", "web", true}, {"we", "web", false}, {"*b", "web", false},
	} {
		if got := Match(strings.Fields(c.patterns), c.name); got != c.want {
			t.Errorf("%q, %q: %v", c.patterns, c.name, got)
		}
	}
}
