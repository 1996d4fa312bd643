package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"hostctl/host"
	"hostctl/resource"
)

// A directory keeps its path whatever its resource is called: taking another
// address rewrites the mark, which is one call, and touches nothing else.

// takes says whether a change is to make a directory the resource's that is not:
// one that the resource had under its old address, or an imported one that is nobody's.
func takes(c resource.Change, dir host.Dir) bool {
	if c.Import != "" {
		return dir.Mark == ""
	}
	return c.From != (resource.Addr{}) && dir.Mark == mark(c.Owner, c.From)
}

// mark puts the mark to in the place of from on the directory that was applied; "" takes it off. Where no mark can be there is
// none to change, and another's stays.
func (h live) mark(c resource.Change, from, to string) error {
	v, _ := c.Last.(*Volume)
	if live, ok := c.Live.(*Volume); ok {
		v = live
	}
	if v == nil || v.External {
		return nil
	}
	dir, err := h.door.StatDir(v.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || dir.NoMarks || dir.Mark != from {
		return err
	}
	return h.door.MarkDir(v.Path, from, to)
}

// adoptable is an error where the directory is neither the former owner's nor the new one's already. That one's mark may be on a filesystem
// that is not mounted: were the volume handed over without it, the mark would name for ever who has it no more.
func (h live) adoptable(c resource.Change) error {
	v, ok := c.Last.(*Volume)
	if !ok || v.External {
		return nil
	}
	const mount = "mount the filesystem that holds it and adopt again"
	if err := h.guard(v); err != nil {
		return fmt.Errorf("%w; %s", err, mount)
	}
	dir, err := h.door.StatDir(v.Path)
	why := "it is not there"
	switch {
	case err == nil:
		if why = foreign(dir, c.Former, c.Addr, v); why == "" || dir.Mark == mark(c.Owner, c.Addr) {
			return nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return fmt.Errorf("directory %s: %s; %s, or where it is gone for good let it go: hostctl forget -name %s '%s'", v.Path, why, mount, c.Former, c.Addr)
}

// Find implements [resource.Importer]; the id is the directory's path.
func (h live) Find(_ context.Context, owner string, addr resource.Addr, id string) (resource.Spec, bool, []resource.Problem) {
	refuse := func(summary, detail string) (resource.Spec, bool, []resource.Problem) {
		return nil, false, []resource.Problem{{Addr: addr, Summary: summary, Detail: detail}}
	}
	if !path.IsAbs(id) || path.Clean(id) != id {
		return refuse(fmt.Sprintf("%q is no directory to import", id), "the id of a volume is its absolute path, without \".\", \"..\", double or trailing slashes")
	}
	dir, err := h.door.StatDir(id)
	switch self := mark(owner, addr); {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(fmt.Sprintf("there is no directory %s on this host", id), "take the import block out, and hostctl makes one; or look for a mistake in the id")
	case err != nil:
		return refuse(fmt.Sprintf("directory %s cannot be imported", id), err.Error())
	case dir.Mark != "" && dir.Mark != self:
		return refuse(fmt.Sprintf("directory %s cannot be imported: %s", id, foreign(dir, owner, addr, nil)), "take the import block out, and choose another path")
	default:
		v := resource.SetDefaults(new(Volume))
		v.Path = id
		v.is(dir)
		return v, dir.Mark == self, nil
	}
}
