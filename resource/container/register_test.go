package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"hostctl/host"
)

// slowFiles lets one write wait until everybody else stands in line.
type slowFiles struct {
	gate   chan struct{}
	writes [][]host.SubID
	refuse string
}

func (f *slowFiles) SubIDs(context.Context) ([]host.SubID, error) { return nil, nil }

func (f *slowFiles) AddSubID(_ context.Context, ranges ...host.SubID) error {
	<-f.gate
	f.writes = append(f.writes, ranges)
	if slices.ContainsFunc(ranges, func(s host.SubID) bool { return s.Name == f.refuse }) {
		return errors.New("overlaps")
	}
	return nil
}

func (f *slowFiles) MoveSubID(context.Context, string, host.SubID) error { return nil }

func TestRangesAreWrittenTogether(t *testing.T) {
	const n = 20
	f := &slowFiles{gate: make(chan struct{}), refuse: "n7"}
	var r registrar
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			errs[i] = r.add(t.Context(), f, host.SubID{Name: fmt.Sprint("n", i), Start: uint64(i), Count: 1})
		})
	}
	for queued := 0; queued < n-1; { // all but the one who writes
		r.mu.Lock()
		queued = len(r.waiting)
		r.mu.Unlock()
	}
	close(f.gate)
	wg.Wait()
	for i, err := range errs {
		if (err != nil) != (i == 7) {
			t.Errorf("n%d: %v", i, err)
		}
	}
	// The first alone, the rest together, and because one of those was refused each of them again.
	if len(f.writes) < 2 || len(f.writes[0]) != 1 || len(f.writes[1]) != n-1 {
		t.Errorf("%d writes: %v", len(f.writes), f.writes)
	}

	r.learn([]host.SubID{{Name: "n3", Start: 3, Count: 1}})
	before := len(f.writes)
	if err := r.add(t.Context(), f, host.SubID{Name: "n3", Start: 3, Count: 1}); err != nil || len(f.writes) != before {
		t.Errorf("a known range was written: %v", err)
	}
}
