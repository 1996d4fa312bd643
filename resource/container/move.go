package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// A container's unit is called by its address, and systemd renames none: taking
// another address it ends, and starts anew under the new name. Its range of ids,
// and so what its files belong to, goes along.

// inherit registers the range of ids of the address that the container moves from under its own.
func (h *Host) inherit(ctx context.Context, change resource.Change, want *Container) error {
	if change.From == (resource.Addr{}) {
		return nil
	}
	return h.SubIDs.MoveSubID(ctx, mark(change.Owner, change.From),
		host.SubID{Name: mark(change.Owner, change.Addr), Start: uint64(want.IDBase), Count: RangeSize})
}

// release makes the container nobody's: what its next start takes names no owner
// any more, which is what every reading and every change go by. The unit is not
// touched: it runs, and systemctl stops and starts it, until the host reboots.
func (h *Host) release(ctx context.Context, change resource.Change) error {
	name := change.Addr.HostName()
	spec, _, err := h.Specs.ReadSpec(name)
	if errors.Is(err, fs.ErrNotExist) {
		return h.forgetJob(change)
	}
	if err != nil || spec.Owner != change.Owner || spec.Address != change.Addr.String() {
		return err
	}
	if err := h.forgetJob(change); err != nil {
		return err
	}
	if err := h.endHelper(ctx, change); err != nil {
		return err
	}
	spec.Owner, spec.Address = "", ""
	sum, err := h.Specs.WriteSpec(spec)
	if err != nil {
		return err
	}
	return h.Specs.Link(name, sum)
}

// releasedRemedy says how a container that was let go is ended for good.
func releasedRemedy(addr resource.Addr) string {
	return fmt.Sprintf("it was let go by a removed block and is nobody's since; give this one another name, or end that one: systemctl stop %s %s; rm %s/containers/%s",
		Keeper(addr), Unit(addr), runtime.Host.Run, addr.HostName())
}

// renamed reports whether a container's network namespace merely goes by another
// name now. live refers to moved namespaces by their new address, so that one reference
// with two paths is one namespace; one that was lost has no path.
func (c *Container) renamed(path string, live resource.Spec) bool {
	l, ok := live.(*Container)
	return ok && path == "netns_path" && l.NetnsPath != "" && l.Netns == c.Netns
}

// otherName is the path that a process's network namespace has below /run/netns
// where the one that it was started with is no more: a move was cut off before
// the container was told. "" where it has none, or where another namespace took the old path.
func otherName(proc, path string) string {
	if mounted(path) {
		return ""
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	for _, e := range entries {
		other := filepath.Join(filepath.Dir(path), e.Name())
		if same, err := sameFile(filepath.Join(proc, "ns/net"), other); err == nil && same {
			return other
		}
	}
	return ""
}

// mounted reports whether something is mounted at a path: a namespace, and no file that one has left.
func mounted(path string) bool {
	var at, above syscall.Stat_t
	return syscall.Lstat(path, &at) == nil && syscall.Lstat(filepath.Dir(path), &above) == nil && at.Dev != above.Dev
}

// astray reports whether a container that was to go on, for its namespace has
// only another name now, is in none of that name: somebody else has renamed it.
func (h *Host) astray(change resource.Change, want *Container) bool {
	if want.NetnsPath == "" || !slices.Contains(change.Paths, "netns_path") {
		return false
	}
	record, err := h.Specs.ReadRecord(h.invocation(Unit(change.Addr)))
	if err != nil {
		return true
	}
	same, err := sameFile(filepath.Join(h.Proc, strconv.Itoa(record.PID), "ns/net"), want.NetnsPath)
	return err != nil || !same
}

// follow gives a running spec the owner that it has in next, and the name that its network namespace
// has there, where the process is in the namespace of that name.
func (r *reader) follow(running, next runtime.Spec, pid int) runtime.Spec {
	running.Owner = next.Owner
	if running.Netns != "" && next.Netns != "" && running.Netns != next.Netns && pid != 0 {
		if same, err := sameFile(filepath.Join(r.Proc, strconv.Itoa(pid), "ns/net"), next.Netns); err == nil && same {
			running.Netns = next.Netns
		}
	}
	return running
}

// readdressed is a running container with the references of next, which makes
// the same of it: what they refer to goes by other addresses since it was
// started. Its order among other units is another matter: that is in the unit.
func (c *Container) readdressed(next *Container) *Container {
	paths := []string{"netns_path"}
	for _, e := range resource.Refs(next) {
		if e.Path != "depends_on" {
			paths = append(paths, e.Path)
		}
	}
	return resource.Graft(c, next, paths).(*Container)
}
