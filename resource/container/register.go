package container

import (
	"context"
	"slices"
	"sync"

	"hostctl/host"
)

// registrar makes id ranges known to the host's other tools. Writing their files
// costs more than starting a container, so those that wait while one write is
// under way are written together by the next.
type registrar struct {
	mu      sync.Mutex
	known   []host.SubID // as they stood when the host was read
	waiting []registration
	writing bool
}

type registration struct {
	ids  host.SubID
	done chan error
}

// add returns when the range is registered. A range that was known already is left as it is.
func (r *registrar) add(ctx context.Context, files SubIDs, ids host.SubID) error {
	reg := registration{ids, make(chan error, 1)}
	r.mu.Lock()
	if slices.Contains(r.known, ids) {
		r.mu.Unlock()
		return nil
	}
	r.waiting = append(r.waiting, reg)
	if r.writing {
		r.mu.Unlock()
		return <-reg.done
	}
	r.writing = true
	for len(r.waiting) > 0 {
		group := r.waiting
		r.waiting = nil
		r.mu.Unlock()
		writeGroup(ctx, files, group)
		r.mu.Lock()
	}
	r.writing = false
	r.mu.Unlock()
	return <-reg.done
}

// writeGroup registers a group at once, or where that fails one by one, so that each gets its own answer.
func writeGroup(ctx context.Context, files SubIDs, group []registration) {
	var all []host.SubID
	for _, reg := range group {
		all = append(all, reg.ids)
	}
	err := files.AddSubID(ctx, all...)
	for _, reg := range group {
		if err != nil && len(group) > 1 {
			reg.done <- files.AddSubID(ctx, reg.ids)
		} else {
			reg.done <- err
		}
	}
}

// learn replaces what is known.
func (r *registrar) learn(known []host.SubID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = known
}
