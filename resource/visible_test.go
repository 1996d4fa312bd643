package resource

import "testing"

func TestVisible(t *testing.T) {
	for _, r := range "aZ9 ~é漢🙂" {
		if !Visible(r) {
			t.Errorf("%U is hidden", r)
		}
	}
	for _, r := range "\x00\x07\n\r\t\x1b\x7f\u0085\u00a0\u00ad\u034f\u200b\u200e\u2028\u2029\u202e\u2066\ufe0f\ufeff\ufffd" {
		if Visible(r) {
			t.Errorf("%U is shown", r)
		}
	}
}
