package lsp

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestPositions(t *testing.T) {
	txt := newText([]byte("a\u00e4\U0001f600z\r\nsecond\n\rlast"))
	for _, c := range []struct {
		e      encoding
		p      position
		offset int
		back   position
	}{
		{utf16Encoding, position{0, 0}, 0, position{0, 0}},
		{utf16Encoding, position{0, 2}, 3, position{0, 2}},
		{utf16Encoding, position{0, 3}, 3, position{0, 2}}, // within the pair of surrogates
		{utf16Encoding, position{0, 4}, 7, position{0, 4}},
		{utf16Encoding, position{0, 99}, 8, position{0, 5}},
		{utf8Encoding, position{0, 2}, 1, position{0, 1}}, // within a character
		{utf8Encoding, position{0, 3}, 3, position{0, 3}},
		{utf8Encoding, position{0, 7}, 7, position{0, 7}},
		{utf16Encoding, position{1, 6}, 16, position{1, 6}},
		{utf16Encoding, position{1, 7}, 16, position{1, 6}},
		{utf16Encoding, position{2, 0}, 17, position{2, 0}}, // a carriage return by itself ends a line
		{utf16Encoding, position{3, 0}, 18, position{3, 0}},
		{utf16Encoding, position{3, 4}, 22, position{3, 4}},
		{utf16Encoding, position{4, 0}, 22, position{3, 4}},
		{utf16Encoding, position{-1, 3}, 0, position{0, 0}},
		{utf16Encoding, position{0, -3}, 0, position{0, 0}},
	} {
		if have := txt.offset(c.p, c.e); have != c.offset {
			t.Errorf("%s %v is byte %d, want %d", c.e, c.p, have, c.offset)
		}
		if back := txt.position(c.offset, c.e); back != c.back {
			t.Errorf("%s byte %d is %v, want %v", c.e, c.offset, back, c.back)
		}
	}
}

func TestApply(t *testing.T) {
	txt := newText([]byte("one\ntwo\n"))
	for _, c := range []struct {
		change change
		want   string
	}{
		{change{&span{position{0, 0}, position{0, 3}}, "ONE"}, "ONE\ntwo\n"},
		{change{&span{position{0, 3}, position{1, 0}}, ""}, "onetwo\n"},
		{change{&span{position{2, 0}, position{2, 0}}, "three"}, "one\ntwo\nthree"},
		{change{&span{position{1, 2}, position{0, 1}}, "-"}, "one\ntw-o\n"},
		{change{nil, "new"}, "new"},
	} {
		if have := string(txt.apply(c.change, utf16Encoding).bytes); have != c.want {
			t.Errorf("%v: %q, want %q", c.change, have, c.want)
		}
	}
	if string(txt.bytes) != "one\ntwo\n" {
		t.Error("an edit changed the text before it")
	}
}

// FuzzText: a position survives the way to a byte and back, and what an edit
// says is what comes of it.
func FuzzText(f *testing.F) {
	f.Add([]byte("a\u00e4\U0001f600\r\nb\rc\n"), 0, 1, 1, 0, "x\n")
	f.Add([]byte("\xff\xf0\x9f\n\r\n"), 9, -1, 0, 7, "")
	f.Fuzz(func(t *testing.T, b []byte, line, character, line2, character2 int, insert string) {
		txt := newText(b)
		for _, e := range []encoding{utf8Encoding, utf16Encoding} {
			p, q := position{line, character}, position{line2, character2}
			at := txt.offset(p, e)
			if at < 0 || at > len(b) {
				t.Fatalf("%v is byte %d of %d", p, at, len(b))
			}
			if utf8.Valid(b) && txt.offset(txt.position(at, e), e) != at {
				t.Fatalf("%s byte %d is %v, and that byte %d", e, at, txt.position(at, e), txt.offset(txt.position(at, e), e))
			}
			end := max(at, txt.offset(q, e))
			want := string(b[:at]) + insert + string(b[end:])
			if have := txt.apply(change{&span{p, q}, insert}, e); string(have.bytes) != want {
				t.Fatalf("%q, want %q", have.bytes, want)
			}
			// The edit from one text to another leads there.
			if utf8.Valid(b) && utf8.ValidString(insert) && !bytes.ContainsAny(b, "\r") {
				for _, x := range txt.replacement([]byte(insert), e) {
					if have := txt.apply(change{&x.Range, x.NewText}, e); string(have.bytes) != insert {
						t.Fatalf("%+v makes %q of %q, want %q", x, have.bytes, b, insert)
					}
				}
			}
		}
	})
}

func TestMeant(t *testing.T) {
	for _, c := range []struct{ marked, want string }{
		{"contaner", "contaner"}, {"var.prot", "prot"}, {`container.w["mial"]`, "mial"}, {`"x"`, "x"}, {"", ""},
	} {
		start, end, ok := meant("<"+c.marked+">", 1, 1+len(c.marked))
		if have := ("<" + c.marked + ">")[start:end]; ok != (c.want != "") || ok && have != c.want {
			t.Errorf("%q: %q, want %q", c.marked, have, c.want)
		}
	}
	if _, _, ok := meant("x", 0, 9); ok {
		t.Error("a place beyond the text")
	}
}

func TestPaths(t *testing.T) {
	for uri, want := range map[string]string{
		"file:///a/b%20c.hcl":        "/a/b c.hcl",
		"file://localhost/a/../b":    "/b",
		"file://elsewhere/a":         "",
		"untitled:Untitled-1":        "",
		"https://example.org/a":      "",
		"file:relative":              "",
		"file:///a%00b":              "",
		"%zz":                        "",
		"file:///%E2%82%AC/main.hcl": "/€/main.hcl",
	} {
		if have, ok := pathOf(uri); have != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", uri, have, want)
		}
	}
	if have := uriOf("/a b/€.hcl"); have != "file:///a%20b/%E2%82%AC.hcl" {
		t.Error(have)
	}
}

func TestFencesHold(t *testing.T) {
	q := &question{client: abilities{markdown: true}}
	if have := q.fenced("a ```` b\n```"); have != "`````hcl\na ```` b\n```\n`````" {
		t.Errorf("%q", have)
	}
	have := q.prose("a < b", "`on_destroy` or <name>", "# ![x](https://example.org) <img> `code`\n  - x_y &lt; _z_ *b*")
	if want := "a \\< b\n\n`on_destroy` or \\<name>\n\n\\# !\\[x\\](https://example.org) \\<img> \\`code\\`\n\\- x_y \\&lt; \\_z_ \\*b\\*"; have != want {
		t.Errorf("%s\nwant\n%s", have, want)
	}
}
