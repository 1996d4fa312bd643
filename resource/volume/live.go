package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// Door is what the kind needs of the host's directories; [host.Dirs] is the real one.
type Door interface {
	StatDir(path string) (host.Dir, error)
	CreateDir(path string, want host.Dir) error
	SetDir(path string, want host.Dir) error
	MarkDir(path, old, mark string) error
	RemoveDir(ctx context.Context, path, mark string) error
	SweepDir(path string) error
	MountsBelow(path string) ([]string, error)
}

// Sweep implements [resource.Sweeper].
func (h live) Sweep(_ context.Context, spec resource.Spec) error {
	v := spec.(*Volume)
	if err := h.guard(v); err != nil {
		return err
	}
	return h.door.SweepDir(v.Path)
}

// NewHost returns the effects half of the kind.
func NewHost(door Door) resource.Host { return live{door} }

type live struct{ door Door }

// mark is the value of [host.MarkXattr] on a resource's directory.
func mark(owner string, addr resource.Addr) string { return owner + "/" + addr.String() }

// Read implements [resource.Host]. A directory is looked for where last says; it is
// ours by its mark, and by last's word where there can be no mark. One that no
// ledger knows of is found by Check and Apply, when it is wanted. One that cannot
// be looked at, as while its disk is not mounted, is there as last applied but for
// what keeps it from being looked at: only what is proven gone is forgotten.
func (h live) Read(_ context.Context, owner string, last resource.State) (resource.Reading, error) {
	out := resource.Reading{State: resource.State{}, Status: map[resource.Addr]string{}}
	for addr, spec := range last {
		v := *spec.(*Volume)
		if err := h.guard(&v); err != nil {
			v.Mountpoint = ""
			out.State[addr], out.Status[addr] = &v, err.Error()
			continue
		}
		dir, err := h.door.StatDir(v.Path)
		switch {
		case errors.Is(err, fs.ErrPermission):
			out.State[addr], out.Status[addr] = spec, "not readable by this user; shown as last applied"
			continue
		case errors.Is(err, fs.ErrNotExist):
			out.Status[addr] = "missing"
			continue
		case err != nil:
			v.UID, v.GID, v.Mode = 0, 0, 0
			out.State[addr], out.Status[addr] = &v, err.Error()
			out.Foreign = append(out.Foreign, resource.Problem{Addr: addr, Summary: err.Error(), Detail: "move it away, and apply makes the directory anew"})
			continue
		}
		if v.External {
			out.State[addr], out.Status[addr] = spec, v.Path+", the host's own"
			continue
		}
		if why := foreign(dir, owner, addr, spec); why != "" {
			out.Status[addr] = fmt.Sprintf("%s is there, and %s", v.Path, why)
			out.Foreign = append(out.Foreign, resource.Problem{Addr: addr, Summary: out.Status[addr], Detail: remedy(dir, resource.Change{Owner: owner, Addr: addr}, &v)})
			continue
		}
		v.is(dir)
		out.State[addr], out.Status[addr] = &v, v.Path
	}
	return out, nil
}

// is makes the volume's owner and mode those of a directory.
func (v *Volume) is(dir host.Dir) {
	v.UID, v.GID, v.Mode, v.Special = dir.UID, dir.GID, resource.Mode(dir.Mode&0o777), nil
	for _, bit := range []struct {
		mask uint32
		name string
	}{{0o4000, "setuid"}, {0o2000, "setgid"}, {0o1000, "sticky"}} {
		if dir.Mode&bit.mask != 0 {
			v.Special = append(v.Special, bit.name)
		}
	}
}

// guard reports that nothing is mounted where the volume wants it.
func (h live) guard(v *Volume) error {
	if v.Mountpoint == "" {
		return nil
	}
	dir, err := h.door.StatDir(v.Mountpoint)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !dir.MountRoot {
		return fmt.Errorf("nothing is mounted at %s", v.Mountpoint)
	}
	return nil
}

// foreign says why a directory that is at the resource's path is not the
// resource's, "" when it is. last is what was last applied to the resource, or nil.
func foreign(dir host.Dir, owner string, addr resource.Addr, last resource.Spec) string {
	self := mark(owner, addr)
	switch {
	case dir.Mark == self:
		return ""
	case dir.Mark != "":
		by, of, _ := strings.Cut(dir.Mark, "/")
		if by == owner {
			return fmt.Sprintf("it is %s of this configuration", of)
		}
		return fmt.Sprintf("it is %s of configuration %q", of, by)
	case dir.NoMarks && last != nil:
		return ""
	}
	return "hostctl did not make it"
}

// Check implements [resource.Host].
func (h live) Check(_ context.Context, changes []resource.Change, _ resource.State) []resource.Problem {
	var out []resource.Problem
	for _, c := range changes {
		switch c.Action {
		case resource.Create, resource.Update:
			out = append(out, h.checkWanted(c)...)
		case resource.Delete:
			out = append(out, h.checkDelete(c)...)
		case resource.Adopt:
			if err := h.adoptable(c); err != nil {
				out = append(out, resource.Problem{Addr: c.Addr, Path: "path", Summary: "the volume cannot be adopted", Detail: err.Error()})
			}
		}
	}
	return out
}

func (h live) checkWanted(c resource.Change) []resource.Problem {
	v := c.Want.(*Volume)
	problem := func(path, summary, detail string) []resource.Problem {
		return []resource.Problem{{Addr: c.Addr, Path: path, Summary: summary, Detail: detail}}
	}
	if err := h.guard(v); err != nil {
		return problem("mountpoint", err.Error(), fmt.Sprintf("mount the filesystem that is to hold %s, or take mountpoint out", v.Path))
	}
	dir, err := h.look(v.Path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return problem("path", "the directory cannot be used", err.Error())
	}
	if v.External {
		if !dir.there {
			return problem("path", fmt.Sprintf("there is no directory %s on this host", v.Path), "an external volume is not made; take external out for one that is")
		}
		return nil
	}
	if !dir.there {
		if by, of, _ := strings.Cut(dir.Above, "/"); by != "" && by != c.Owner {
			return problem("path", fmt.Sprintf("%s lies inside %s of configuration %q", v.Path, of, by), "choose a path outside of it")
		}
		return nil
	}
	if c.Import != "" {
		if by, of, _ := strings.Cut(dir.Above, "/"); by != "" && by != c.Owner {
			return problem("path", fmt.Sprintf("%s lies inside %s of configuration %q", v.Path, of, by), "take the import block out")
		}
	}
	if why := foreign(dir.Dir, c.Owner, c.Addr, samePath(c.Last, v)); why != "" && !untouched(dir.Dir, v) && !takes(c, dir.Dir) {
		return problem("path", fmt.Sprintf("%s is on this host, and %s", v.Path, why), remedy(dir.Dir, c, v))
	}
	return nil
}

type found struct {
	host.Dir
	there bool
}

// look is StatDir that, for a missing directory, looks at the nearest one above it.
func (h live) look(p string) (found, error) {
	dir, err := h.door.StatDir(p)
	if err == nil {
		return found{dir, true}, nil
	}
	for errors.Is(err, fs.ErrNotExist) && p != "/" {
		p = p[:max(1, strings.LastIndexByte(p, '/'))]
		if dir, err = h.door.StatDir(p); err == nil {
			if dir.Mark != "" {
				dir.Above = dir.Mark
			}
			return found{dir, false}, nil
		}
	}
	return found{}, err
}

// samePath is last where it speaks of the directory that v wants.
func samePath(last resource.Spec, v *Volume) resource.Spec {
	if l, ok := last.(*Volume); ok && l.Path == v.Path {
		return last
	}
	return nil
}

// untouched says that a directory without a mark, where there can be none, is
// just as CreateDir leaves it: empty, with the owner and mode that are wanted. Without it a
// crash between the directory and the ledger would leave a conflict.
func untouched(dir host.Dir, v *Volume) bool {
	return dir.NoMarks && dir.Empty && !dir.MountRoot && dir.UID == v.UID && dir.GID == v.GID && dir.Mode == uint32(v.Mode)
}

// remedy says what to do about a directory that is not ours.
func remedy(dir host.Dir, c resource.Change, v *Volume) string {
	switch {
	case dir.NoMarks:
		return fmt.Sprintf("choose another path, or move the directory away: no mark can be read there, for its filesystem keeps none or because this is not root; an empty directory of %d:%d with mode %s is taken",
			v.UID, v.GID, v.Mode)
	case dir.Mark != "" && !strings.HasPrefix(dir.Mark, c.Owner+"/"):
		by, _, _ := strings.Cut(dir.Mark, "/")
		return fmt.Sprintf("choose another path; %s; or, when that configuration has the volume no more, hand the directory over: setfattr -n %s -v %s %s",
			resource.AdoptRemedy(by), host.MarkXattr, quote(mark(c.Owner, c.Addr)), quote(v.Path))
	}
	return fmt.Sprintf("choose another path; or hand the directory over, so that hostctl sets its owner and mode: setfattr -n %s -v %s %s",
		host.MarkXattr, quote(mark(c.Owner, c.Addr)), quote(v.Path))
}

// quote makes a word for the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (h live) checkDelete(c resource.Change) []resource.Problem {
	v, ok := doomed(c)
	if !ok {
		return nil
	}
	problem := func(summary, detail string) []resource.Problem {
		return []resource.Problem{{Addr: c.Addr, Path: "on_destroy", Summary: summary, Detail: detail}}
	}
	const release = "or let the volume go with a removed block, which leaves the data alone"
	if err := h.guard(v); err != nil {
		return problem(fmt.Sprintf("%s cannot be deleted: %v", v.Path, err), "mount the filesystem that holds it first, "+release)
	}
	dir, err := h.door.StatDir(v.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return problem(fmt.Sprintf("%s cannot be deleted", v.Path), err.Error()+"; repair that first, "+release)
	case foreign(dir, c.Owner, c.Addr, c.Last) != "":
		return nil
	}
	mounts, err := h.door.MountsBelow(v.Path)
	if err != nil {
		return problem("the mounts cannot be read", err.Error())
	}
	if len(mounts) > 0 {
		return problem(fmt.Sprintf("%s cannot be deleted: %s is mounted there", v.Path, strings.Join(mounts, ", ")), "unmount it first, or apply on_destroy = \"keep\" before removing the volume")
	}
	return nil
}

// doomed returns the volume whose data a change removes, and whether it does.
// A replacement never does: it moves the declaration, not the data. Neither does an undo.
func doomed(c resource.Change) (*Volume, bool) {
	v, ok := c.Last.(*Volume)
	return v, ok && !c.Replace && !c.Undo && v.OnDestroy == Delete && !v.External
}

// Apply implements [resource.Host].
func (h live) Apply(ctx context.Context, c resource.Change) error {
	switch c.Action {
	case resource.Delete:
		return h.remove(ctx, c)
	case resource.Forget:
		return h.mark(c, mark(c.Owner, c.Addr), "")
	case resource.Adopt:
		if err := h.adoptable(c); err != nil {
			return err
		}
		return h.mark(c, mark(c.Former, c.Addr), mark(c.Owner, c.Addr))
	}
	v := c.Want.(*Volume)
	if err := h.guard(v); err != nil {
		return err
	}
	if v.External {
		if _, err := h.door.StatDir(v.Path); err != nil {
			return fmt.Errorf("external volume: %w", err)
		}
		return nil
	}
	want := host.Dir{UID: v.UID, GID: v.GID, Mode: uint32(v.Mode), Mark: mark(c.Owner, c.Addr)}
	dir, err := h.door.StatDir(v.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return h.door.CreateDir(v.Path, want)
	}
	if err != nil {
		return err
	}
	switch why := foreign(dir, c.Owner, c.Addr, samePath(c.Last, v)); {
	case why == "" || untouched(dir, v):
	case takes(c, dir):
		if err := h.door.MarkDir(v.Path, dir.Mark, want.Mark); err != nil {
			return err
		}
	default:
		return fmt.Errorf("directory %s is on this host, and %s", v.Path, why)
	}
	return h.door.SetDir(v.Path, want)
}

func (h live) remove(ctx context.Context, c resource.Change) error {
	v, ok := doomed(c)
	if !ok {
		return nil // the mark stays with the data, so that the volume can be declared again
	}
	if err := h.guard(v); err != nil {
		return err
	}
	dir, err := h.door.StatDir(v.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if foreign(dir, c.Owner, c.Addr, c.Last) != "" {
		return nil // ours is gone, and this one stays
	}
	return h.door.RemoveDir(ctx, v.Path, mark(c.Owner, c.Addr))
}
