package hcl

import (
	"fmt"
	"io"
	"runtime/metrics"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// The limits of the child.
const (
	childData = 400 << 20 // RLIMIT_DATA, bytes. An RLIMIT_AS of this size kills a Go program on valid input.
	childCPU  = 5         // RLIMIT_CPU, seconds

	watchData = 320 << 20 // bytes at which the child gives up by itself
	watchCPU  = 4         // seconds at which it does
	// watchAgain are the seconds of a child that looks at a text once more. With watchCPU they make 5.
	watchAgain = 1
)

// limitSelf sets the process's limits, which cannot be raised again.
func limitSelf() error {
	for _, l := range []struct {
		resource int
		max      uint64
	}{
		{syscall.RLIMIT_DATA, childData},
		{syscall.RLIMIT_CPU, childCPU},
		{syscall.RLIMIT_CORE, 0},
		{syscall.RLIMIT_NOFILE, 16},
	} {
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.max, Max: l.max}); err != nil {
			return err
		}
	}
	return nil
}

// watch ends an evaluation that comes near one of the limits, while it can
// still say where it was; the kernel ends what it misses. It never returns.
func watch(seconds int, over func(Diagnostic)) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	for range time.Tick(5 * time.Millisecond) {
		var used syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &used) == nil {
			if spent := used.Utime.Nano() + used.Stime.Nano(); spent > int64(seconds)*int64(time.Second) {
				over(limitHit("time", fmt.Sprintf("%d seconds of CPU time", watchCPU)))
			}
		}
		if metrics.Read(sample); sample[0].Value.Uint64() > watchData {
			over(limitHit("memory", fmt.Sprintf("%d MiB of memory", watchData>>20)))
		}
	}
}

// limitHit is the diagnostic for a limit, at the expression under evaluation.
func limitHit(what, amount string) Diagnostic {
	d := Diagnostic{Severity: Error, Summary: fmt.Sprintf("Configuration takes too much %s to evaluate", what),
		Detail: fmt.Sprintf("Reading a configuration takes at most %s. Look for values that grow by one another.", amount)}
	if at := progress.oldest(); at != nil {
		d.File, d.Start.Byte, d.End.Byte = at.Filename, at.Start.Byte, at.End.Byte
	}
	return d
}

// progress is what the child has in hand, for a diagnostic if it runs into a limit there.
var progress running

// running are the places that workers are parsing or evaluating, in the order in which they began.
type running struct {
	mu    sync.Mutex
	at    []*hcl.Range
	last  *hcl.Range // that ended
	trace io.Writer  // gets the names of files; nil: nobody asked
	told  string
}

func (r *running) begin(at hcl.Range) *hcl.Range {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = append(r.at, &at)
	if r.trace != nil && r.told != at.Filename {
		r.told = at.Filename
		fmt.Fprintf(r.trace, "%q\n", at.Filename)
	}
	return &at
}

func (r *running) end(at *hcl.Range) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = at
	i := slices.Index(r.at, at)
	r.at = slices.Delete(r.at, i, i+1)
}

// oldest is the place that takes longest; where there is none, the last that was done. It is nil before the first.
func (r *running) oldest() *hcl.Range {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) > 0 {
		return r.at[0]
	}
	return r.last
}
