package container

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"hostctl/resource"
	"hostctl/runtime"
)

// What the launcher holds of a container, and what becomes of a reading where that is damaged.

// declared is the container as it was applied, from the spec that carries it, but for what is in its
// files. Where a spec carries nothing, or what only another release understands, it is what the launcher makes of it.
func (r *reader) declared(spec runtime.Spec) *Container {
	c, err := resource.Kinds{Kind()}.DecodeSpec(Name, spec.Declared)
	if err == nil {
		return c.(*Container)
	}
	if addr, err := resource.ParseAddr(spec.Address); err == nil {
		if last, ok := r.last[addr].(*Container); ok {
			live := last.clone()
			live.Pending = pendingUnknown
			return live
		}
	}
	return resource.SetDefaults(&Container{
		Rootfs: spec.Rootfs, Command: spec.Args, Workdir: spec.Dir, User: spec.User, Hostname: spec.Hostname,
		NetnsPath: spec.Netns, Init: spec.Init, IDBase: spec.IDs.Base, Pending: pendingUnknown,
	})
}

// begun is what a run was started with where the next start would take another spec.
func (r *reader) begun(record runtime.Record, next runtime.Spec, c *Container, sum string) (*Container, error) {
	spec, err := r.Specs.Spec(record.Spec)
	if runtime.Passing(err) {
		return nil, err
	}
	if err != nil {
		live := c.clone()
		live.Pending = pendingUnknown
		return live, nil
	}
	live := r.declared(spec)
	same := sameProgram(r.follow(spec, next, record.PID), next)
	switch {
	case live.Pending == pendingUnknown && same:
		live = c
	case live.Pending == "" && (c.Pending != "" || !same && !sameRun(live, c)):
		live.Pending = sum[:12]
	}
	if live.Pending != "" {
		return live, nil
	}
	// What of it no process has to know is as it was declared last.
	live = live.readdressed(c).clone()
	live.Reload, live.Update = c.Reload, c.Update
	for target := range live.File {
		if f, ok := c.File[target]; ok {
			live.File[target] = f
		}
	}
	return live, nil
}

// dangling reports whether the name's link is there, though what it leads to is not.
func (r *reader) dangling(name string) bool {
	_, err := os.Lstat(filepath.Join(r.Specs.Run, "containers", name))
	return err == nil
}

// unreadable describes a container by what was last applied to it, where the launcher's spec of it cannot be
// read. One that the ledger does not know is nobody's here: who wants its name is told when that is checked.
func (r *reader) unreadable(ctx context.Context, name string, cause error) (*found, error) {
	for addr, spec := range r.last {
		last, ok := spec.(*Container)
		if !ok || addr.HostName() != name {
			continue
		}
		live := last.clone()
		live.Pending = pendingUnknown
		f := &found{addr: addr, live: live, status: "stopped"}
		u, loaded := r.units[Unit(addr)]
		if loaded {
			if ours, err := r.ours(ctx, u.Name, r.owner); err != nil || !ours {
				return nil, err
			}
			f.status = u.ActiveState
		}
		live.Enabled = loaded && (running(u) || restarting(u))
		f.status += "; its spec cannot be read, apply writes it anew: " + strings.ReplaceAll(cause.Error(), "\n", "; ")
		return f, nil
	}
	return nil, nil
}

// sameProgram reports whether the launcher would make the same of both.
func sameProgram(a, b runtime.Spec) bool {
	a.Declared, b.Declared = nil, nil
	a.Files, b.Files = targets(a.Files), targets(b.Files)
	return reflect.DeepEqual(a, b)
}

// targets are files of which only the places are told: what is in them changes in a container that runs.
func targets(files []runtime.File) (out []runtime.File) {
	for _, f := range files {
		out = append(out, runtime.File{Target: f.Target})
	}
	return out
}

// sameRun reports whether nothing was declared otherwise that only a new process can have.
func sameRun(a, b *Container) bool {
	fixed := func(c *Container) (out []string) {
		for _, l := range resource.Leaves(c) {
			if l.Attr.Class >= resource.Restart && !strings.HasPrefix(l.Path, "file[") || l.Attr.Form == resource.Labelled {
				out = append(out, l.Path+" "+l.Value)
			}
		}
		return out
	}
	return slices.Equal(fixed(a), fixed(b))
}
