package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"hostctl/resource"
)

// What a document holds comes back as it was, and nothing in it moves a terminal or hides.
func TestJSONIsVisible(t *testing.T) {
	const text = "a\u009b31mb\x7fc\u202ed\u200be\x1bf\n\"<&>\\ é 漢 😀 \U000e0041 \u2028"
	var b bytes.Buffer
	c := &cli{stdout: &b}
	if err := c.printJSON(map[string]string{text: text}, "  "); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.String() {
		if r != '\n' && !resource.Visible(r) {
			t.Errorf("%U is in it: %s", r, b.String())
		}
	}
	var back map[string]string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back[text] != text {
		t.Errorf("%v: %q", err, back)
	}
	if !bytes.Contains(b.Bytes(), []byte("é 漢 😀")) || !bytes.Contains(b.Bytes(), []byte("<&>")) {
		t.Errorf("more is escaped than has to be: %s", b.String())
	}
}

type failingWriter struct {
	err    error
	writes int
}

func (w *failingWriter) Write([]byte) (int, error) { w.writes++; return 0, w.err }

// What could not be written is an error of the command, and the first one counts.
func TestWriteErrors(t *testing.T) {
	for _, tt := range []struct {
		err        error
		code, want int
		said       string
	}{
		{nil, exitChanges, exitChanges, ""},
		{syscall.ENOSPC, exitOK, exitError, "Error: standard output: no space left on device\n"},
		{syscall.ENOSPC, exitChanges, exitError, "Error: standard output: no space left on device\n"},
		{syscall.ENOSPC, exitStale, exitStale, "Error: standard output: no space left on device\n"},
		{syscall.EPIPE, exitOK, exitError, ""},
	} {
		w := &failingWriter{err: tt.err}
		o := &output{file: w}
		o.Write([]byte("a"))
		w.err = errors.New("another")
		if tt.err != nil {
			o.Write([]byte("b"))
		}
		var said bytes.Buffer
		if got := o.verdict(tt.code, &said); got != tt.want || said.String() != tt.said || w.writes != 1 {
			t.Errorf("%v, %d: %d, %q after %d writes", tt.err, tt.code, got, said.String(), w.writes)
		}
	}
}

// The program itself: a full device is seen, a reader that is gone kills nothing.
func TestWriteErrorsOfTheProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "hostctl")
	if err := os.Symlink(self, bin); err != nil {
		t.Fatal(err)
	}
	run := func(stdout *os.File) (*os.ProcessState, string) {
		t.Helper()
		cmd := exec.Command(bin, "help")
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = stdout, &stderr
		_ = cmd.Run()
		return cmd.ProcessState, stderr.String()
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	if state, said := run(full); state.ExitCode() != exitError || said != "Error: standard output: write /dev/stdout: no space left on device\n" {
		t.Errorf("a full device: %v, %q", state, said)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	if state, said := run(w); state.ExitCode() != exitError || said != "" {
		t.Errorf("a reader that is gone: %v, %q", state, said)
	}
}
