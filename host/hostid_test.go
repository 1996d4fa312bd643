package host

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIdentities(t *testing.T) {
	boot, err := BootID()
	again, err2 := BootID()
	if err != nil || err2 != nil || len(boot) != 32 || boot != again {
		t.Errorf("%q %q %v %v", boot, again, err, err2)
	}
	const machine = "0123456789abcdef0123456789abcdef"
	if id := appID(machine); len(id) != 32 || id == machine || id == appID(machine[1:]+"0") {
		t.Errorf("derived %q", id)
	}
	for text, ok := range map[string]bool{
		machine + "\n":                           true,
		"01234567-89ab-cdef-0123-456789abcdef\n": true,
		"":                                       false,
		"uninitialized\n":                        false,
		"00000000000000000000000000000000\n":     false,
		machine + "00\n":                         false,
	} {
		path := filepath.Join(t.TempDir(), "id")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readHex(path, 32); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
