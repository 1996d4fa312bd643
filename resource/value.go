package resource

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is an amount of memory or storage. Its text is a whole number with an
// optional unit K, M, G or T, each 1024 of the one before, as systemd reads
// them (systemd.resource-control(5)).
type Bytes uint64

var byteUnits = []struct {
	suffix string
	shift  uint
}{{"T", 40}, {"G", 30}, {"M", 20}, {"K", 10}, {"", 0}}

// String returns the amount in the greatest unit that divides it.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if n := uint64(b) >> u.shift; n != 0 && n<<u.shift == uint64(b) {
			return strconv.FormatUint(n, 10) + u.suffix
		}
	}
	return "0"
}

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(string(text), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || n > math.MaxUint64>>u.shift {
			break
		}
		*b = Bytes(n << u.shift)
		return nil
	}
	return fmt.Errorf("%q is no amount of bytes; write a whole number with K, M, G or T, such as \"512M\"", text)
}

// Duration is a span of time whose text is that of [time.ParseDuration]: "1.5s", "2m".
type Duration time.Duration

// String returns the span as time.Duration prints it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. A negative span is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration; write a number with a unit, such as \"10s\" or \"1m30s\"", text)
	}
	*d = Duration(v)
	return nil
}

// Mode is a file's permission bits, 0 to 0777: no set-id and no sticky bit. Its text is octal with a leading 0.
type Mode uint32

// String returns the bits as four octal digits.
func (m Mode) String() string { return fmt.Sprintf("%04o", uint32(m)) }

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || n > 0o777 || len(text) < 3 || len(text) > 4 {
		return fmt.Errorf("%q is no mode; write three octal digits after a 0, such as \"0750\" (set-id and sticky bits cannot be set)", text)
	}
	*m = Mode(n)
	return nil
}
