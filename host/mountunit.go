package host

import (
	"fmt"
	"strings"
)

// MaxUnitName is the most bytes that the name of a unit has.
const MaxUnitName = 255

// MountUnit is the name of the unit of what is mounted at an absolute, clean path, as systemd-escape --path --suffix=mount has it. One that
// is longer than [MaxUnitName] is no unit's.
func MountUnit(path string) string {
	var b strings.Builder
	for i, c := range []byte(strings.Trim(path, "/")) {
		switch {
		case c == '/':
			b.WriteByte('-')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == ':', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	if b.Len() == 0 {
		b.WriteByte('-')
	}
	return b.String() + ".mount"
}
