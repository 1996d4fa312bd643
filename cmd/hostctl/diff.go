package main

import (
	"bytes"
	"fmt"
)

// diffContext is how many unchanged lines stand around a change.
const diffContext = 3

// unifiedDiff is the change of a file's text as diff -u prints it, "" for none. Line n of one is
// taken to be line n of the other: a formatter changes lines, and neither adds nor moves them.
func unifiedDiff(name string, before, after []byte) []byte {
	old, now := splitLines(before), splitLines(after)
	same := func(i int) bool { return i < len(old) && i < len(now) && bytes.Equal(old[i], now[i]) }
	end := max(len(old), len(now))
	var b bytes.Buffer
	for i := 0; i < end; i++ {
		if same(i) {
			continue
		}
		if b.Len() == 0 {
			fmt.Fprintf(&b, "--- %s\n+++ %s\n", oneLine(name), oneLine(name))
		}
		// The hunk goes on while changes are so near that their contexts would touch.
		from, to := max(0, i-diffContext), i+1
		for j := to; j < end && j < to+2*diffContext; j++ {
			if !same(j) {
				to = j + 1
			}
		}
		to = min(end, to+diffContext)
		hunk(&b, old, now, from, to, same)
		i = to - 1
	}
	return b.Bytes()
}

// hunk writes lines from to before to.
func hunk(b *bytes.Buffer, old, now [][]byte, from, to int, same func(int) bool) {
	oldTo, nowTo := min(to, len(old)), min(to, len(now))
	fmt.Fprintf(b, "@@ -%s +%s @@\n", extent(from, oldTo), extent(from, nowTo))
	for i := from; i < to; {
		if same(i) {
			line(b, ' ', old[i])
			i++
			continue
		}
		changed := i
		for i < to && !same(i) {
			i++
		}
		for j := changed; j < min(i, oldTo); j++ {
			line(b, '-', old[j])
		}
		for j := changed; j < min(i, nowTo); j++ {
			line(b, '+', now[j])
		}
	}
}

// extent is a part of a file as a hunk's head names it.
func extent(from, to int) string {
	if to <= from {
		return fmt.Sprintf("%d,0", min(from, to))
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func line(b *bytes.Buffer, sign byte, text []byte) {
	b.WriteByte(sign)
	b.Write(text)
	if !bytes.HasSuffix(text, []byte("\n")) {
		b.WriteString("\n\\ No newline at end of file\n")
	}
}

// splitLines returns the lines of a text with their newlines.
func splitLines(text []byte) [][]byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	return lines
}
