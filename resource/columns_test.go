package resource

import "testing"

func TestColumns(t *testing.T) {
	for want, text := range []string{"\u0301\u0e34\u20dd\u1161", "aé~ß…│Ж\uff71", "漢字あ한ｗ🙂🚀⌚𠀀"} {
		for _, r := range text {
			if got := Columns(r); got != want {
				t.Errorf("%q (%U): %d columns, want %d", r, r, got, want)
			}
		}
	}
	// unicode.Is searches, and needs the ranges in order.
	last := int32(-1)
	for _, r := range wide.R16 {
		if int32(r.Lo) <= last || r.Hi < r.Lo {
			t.Errorf("range %x-%x is out of order", r.Lo, r.Hi)
		}
		last = int32(r.Hi)
	}
	for _, r := range wide.R32 {
		if int32(r.Lo) <= last || r.Hi < r.Lo {
			t.Errorf("range %x-%x is out of order", r.Lo, r.Hi)
		}
		last = int32(r.Hi)
	}
}
