package resource

import (
	"encoding"
	"math"
	"testing"
	"time"
)

// text is a value that reads and writes itself.
type text interface {
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

type pointer[T any] interface {
	*T
	encoding.TextUnmarshaler
	encoding.TextMarshaler
}

// reads holds a value's texts: what they are read as, and what that is written as.
func reads[T comparable, P pointer[T]](t *testing.T, in string, want T, out string) {
	t.Helper()
	var got T
	if err := P(&got).UnmarshalText([]byte(in)); err != nil || got != want {
		t.Errorf("%q is read as %v, %v; want %v", in, got, err, want)
	}
	if b, err := P(&got).MarshalText(); err != nil || string(b) != out {
		t.Errorf("%v is written as %q, %v; want %q", got, b, err, out)
	}
}

func refuses[T comparable, P pointer[T]](t *testing.T, start T, texts ...string) {
	t.Helper()
	for _, in := range texts {
		got := start
		if err := P(&got).UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is read as %v", in, got)
		} else if got != start {
			t.Errorf("%q is refused, and changed the value to %v", in, got)
		}
	}
}

func TestBytes(t *testing.T) {
	reads(t, "0", Bytes(0), "0")
	reads(t, "1", Bytes(1), "1")
	reads(t, "1023", Bytes(1023), "1023")
	reads(t, "1024", Bytes(1024), "1K")
	reads(t, "1536", Bytes(1536), "1536")
	reads(t, "512M", Bytes(512<<20), "512M")
	reads(t, "1024M", Bytes(1<<30), "1G")
	reads(t, "3T", Bytes(3<<40), "3T")
	reads(t, "18446744073709551615", Bytes(math.MaxUint64), "18446744073709551615")
	reads(t, "16777215T", Bytes(16777215<<40), "16777215T")
	refuses(t, Bytes(5), "", "M", "-1", "+1", "1.5G", "1 G", " 1", "1g", "1KB", "1P", "0x10", "16777216T", "18446744073709551616", "1_000", "G1")
}

func TestDuration(t *testing.T) {
	reads(t, "0", Duration(0), "0s")
	reads(t, "10s", Duration(10*time.Second), "10s")
	reads(t, "1m30s", Duration(90*time.Second), "1m30s")
	reads(t, "1.5s", Duration(1500*time.Millisecond), "1.5s")
	refuses(t, Duration(5), "", "10", "-1s", "s", "1d", "1 s", "99999999h")
}

func TestMode(t *testing.T) {
	reads(t, "0750", Mode(0o750), "0750")
	reads(t, "750", Mode(0o750), "0750")
	reads(t, "0000", Mode(0), "0000")
	reads(t, "0777", Mode(0o777), "0777")
	refuses(t, Mode(5), "", "7", "75", "1777", "4755", "0o755", "0x1f", "0888", "+755", "-755", " 755", "07777", "00755", "7_7")
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{"0", "512M", "1m30s", "0750", "16777216T", "-1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, v := range []text{new(Bytes), new(Duration), new(Mode)} {
			if v.UnmarshalText([]byte(in)) != nil {
				continue
			}
			out, err := v.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			if err := v.UnmarshalText(out); err != nil {
				t.Errorf("%q is written as %q, which is not read: %v", in, out, err)
			}
			if again, _ := v.MarshalText(); string(again) != string(out) {
				t.Errorf("%q is written as %q and then as %q", in, out, again)
			}
		}
	})
}
