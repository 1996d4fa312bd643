package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"hostctl/plan"
)

// What failed says what goes on from there: while an adoption has not ended an apply is refused.
func TestFailedSaysWhatGoesOn(t *testing.T) {
	for command, want := range map[string]string{
		"":       "Apply incomplete: 1 of 2 steps done. What is done stays done; the next apply goes on from there.",
		"adopt":  "Incomplete: 1 of 2 steps done. What is done stays done; the same command goes on from there.",
		"forget": "Incomplete: 1 of 2 steps done. What is done stays done; the rest can be let go again.",
	} {
		var said bytes.Buffer
		r := &reporter{c: &cli{stderr: &said}, steps: make([]plan.Step, 2), command: command}
		if err := r.failed(map[int]error{1: errors.New("no room")}, false); err != exitStatus(exitError) || !strings.Contains(said.String(), want) {
			t.Errorf("%q: %v\n%s", command, err, said.String())
		}
	}
}
