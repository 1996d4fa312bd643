package runtime

import (
	"strings"
	"testing"
)

// Nothing that the kernel would read as more than one name goes into its files.
func TestValidLabels(t *testing.T) {
	for _, c := range []struct {
		name  string
		valid func(string) bool
		yes   []string
		no    []string
	}{
		{"profile", ValidProfile,
			[]string{"web", "hostctl-web", "/usr/sbin/nginx", "docker-default", "a.b_c+d", strings.Repeat("x", 128)},
			[]string{"", "a b", "web//&other", "a//&b", ":ns:web", "a:b", "web\n", "a\x00", "exec web", "é", "web (enforce)", "a&b", "a*", "a,b", strings.Repeat("x", 129)}},
		{"context", ValidContext,
			[]string{"system_u:system_r:container_t:s0", "u:r:t", "system_u:system_r:container_t:s0:c1,c2", "u:r:t:s0-s15:c0.c1023"},
			[]string{"", "t", "u:r", "u:r:", ":r:t", "u::t", "u:r:t:", "u:r:t:s0\n", "u:r:t s0", "u:r:t\x00", "u:r:t/x", "u:r:té", "u:r:" + strings.Repeat("x", 260)}},
	} {
		for _, s := range c.yes {
			if !c.valid(s) {
				t.Errorf("%s %q is refused", c.name, s)
			}
		}
		for _, s := range c.no {
			if c.valid(s) {
				t.Errorf("%s %q is accepted", c.name, s)
			}
		}
	}
}
