package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"container.web", 13, "container.web"},
		{"container.web", 12, "container.w…"},
		{"漢字漢字", 8, "漢字漢字"},
		{"漢字漢字", 7, "漢字漢…"},
		{"漢字漢字", 6, "漢字…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"", 1, ""},
	} {
		got := shorten(c.text, c.width)
		if got != c.want || columns(got) > c.width {
			t.Errorf("%q in %d columns is %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	rows := func() [][]string {
		return [][]string{
			{"RESOURCE", "LIVE", "APPLY WOULD"},
			{`container.worker["a-rather-long-key-for-this"]`, "running, pid 812", "restart environment[\"QUEUE\"]"},
			{"container.漢字", "bad\x1b[31m\nnews\t!", "\u202eno"},
		}
	}
	for _, width := range []int{40, 80, 200} {
		var out bytes.Buffer
		c := &cli{stdout: &out, width: width, fit: true}
		c.table(rows())
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("a cell broke the table:\n%s", out.String())
		}
		for _, line := range lines {
			if columns(line) > width {
				t.Errorf("%d columns: line of %d: %s", width, columns(line), line)
			}
			for _, r := range line {
				if r < ' ' || r == 0x7f || r == 0x202e {
					t.Errorf("%U is printed raw", r)
				}
			}
		}
		if strings.Contains(out.String(), "…") != (width < 100) {
			t.Errorf("%d columns:\n%s", width, out.String())
		}
	}
	var out bytes.Buffer
	c := &cli{stdout: &out, width: 40}
	c.table(rows())
	if strings.Contains(out.String(), "…") || !strings.Contains(out.String(), `\x1b[31m\nnews\t!`) {
		t.Errorf("a pipe gets everything:\n%s", out.String())
	}
}

func TestWrap(t *testing.T) {
	got := strings.Join(wrap("one two three\n\n  an example stays as long as it is\n漢字漢字 漢字", 9), "|")
	if want := "one two|three||  an example stays as long as it is|漢字漢字|漢字"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
