package hosttest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"hostctl/host"
)

// Dirs is the directory tree of a [Machine], as [host.Dirs] shows it.
type Dirs struct {
	*Faults
	mu    sync.Mutex
	nodes map[string]node
}

// node is a directory, or with what set the link or file that stands in its place.
type node struct {
	uid, gid, mode uint32
	mark           string
	mounted        bool
	noMarks        bool // the filesystem mounted here keeps none
	what           string
}

func newDirs(f *Faults) *Dirs {
	d := &Dirs{Faults: f, nodes: map[string]node{}}
	for _, p := range []string{"/", "/srv", "/var", "/var/lib"} {
		d.nodes[p] = node{mode: 0o755, mounted: p == "/"}
	}
	return d
}

// PutDir sets a directory as an administrator would, with those above it; NoMarks, Empty and Above of dir do not count.
func (d *Dirs) PutDir(p string, dir host.Dir) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.parents(p)
	n := d.nodes[p]
	n.uid, n.gid, n.mode, n.mark, n.what = dir.UID, dir.GID, dir.Mode, dir.Mark, ""
	d.nodes[p] = n
}

// PutOther puts a "symbolic link" or a "file" in a directory's place.
func (d *Dirs) PutOther(p, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.parents(p)
	d.nodes[p] = node{what: what}
}

// Mount mounts an empty filesystem at p; with marks false it keeps no attributes.
func (d *Dirs) Mount(p string, marks bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.parents(p)
	d.drop(p)
	d.nodes[p] = node{mode: 0o755, mounted: true, noMarks: !marks}
}

// Drop removes p and all below it, as rm -r or umount would.
func (d *Dirs) Drop(p string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(p)
}

func (d *Dirs) drop(p string) {
	maps.DeleteFunc(d.nodes, func(q string, _ node) bool { return q == p || strings.HasPrefix(q, p+"/") })
}

func (d *Dirs) parents(p string) {
	for up := path.Dir(p); up != "/"; up = path.Dir(up) {
		if _, ok := d.nodes[up]; !ok {
			d.nodes[up] = node{mode: 0o755}
		}
	}
}

// look walks to p as the real door does.
func (d *Dirs) look(p string) (node, error) {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return node{}, fmt.Errorf("directory %s: is no clean absolute path", p)
	}
	seen := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(p, "/"), "/") {
		seen = path.Join("/", seen, part)
		switch n, ok := d.nodes[seen]; {
		case !ok:
			return node{}, fmt.Errorf("directory %s: %s: %w", p, seen, fs.ErrNotExist)
		case n.what == "symbolic link":
			return node{}, fmt.Errorf("directory %s: %s is a symbolic link; write the path that it leads to", p, seen)
		case n.what != "":
			return node{}, fmt.Errorf("directory %s: %s is not a directory", p, seen)
		}
	}
	return d.nodes[p], nil
}

func (d *Dirs) noMarks(p string) bool {
	for ; ; p = path.Dir(p) {
		if n := d.nodes[p]; n.mounted || p == "/" {
			return n.noMarks
		}
	}
}

// StatDir is as [host.Dirs.StatDir].
func (d *Dirs) StatDir(p string) (host.Dir, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.look(p)
	if err != nil {
		return host.Dir{}, err
	}
	out := host.Dir{UID: n.uid, GID: n.gid, Mode: n.mode, Mark: n.mark, MountRoot: n.mounted, NoMarks: d.noMarks(p), Empty: true}
	for q := range d.nodes {
		if q != "/" && path.Dir(q) == p {
			out.Empty = false
		}
	}
	if out.NoMarks {
		return out, nil
	}
	for up := path.Dir(p); up != "/" && out.Above == ""; up = path.Dir(up) {
		out.Above = d.nodes[up].mark
	}
	return out, nil
}

// CreateDir is as [host.Dirs.CreateDir].
func (d *Dirs) CreateDir(p string, want host.Dir) error {
	if err := d.call("CreateDir " + p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("create directory %s: is no clean absolute path", p)
	}
	for up := path.Dir(p); ; up = path.Dir(up) {
		_, err := d.look(up)
		if err == nil {
			break
		}
		if _, there := d.nodes[up]; there {
			return err
		}
	}
	if _, there := d.nodes[p]; there {
		return fmt.Errorf("create directory %s: %w", p, fs.ErrExist)
	}
	d.parents(p)
	n := node{uid: want.UID, gid: want.GID, mode: want.Mode & 0o777}
	d.nodes[p] = n
	if !d.noMarks(p) {
		n.mark = want.Mark
		d.nodes[p] = n
	}
	return nil
}

// SweepDir is as [host.Dirs.SweepDir]; here CreateDir is never killed half-way.
func (d *Dirs) SweepDir(p string) error {
	if err := d.call("SweepDir " + p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.look(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sweep directory %s: %w", p, err)
	}
	return nil
}

func (d *Dirs) owned(p, mark string) (node, error) {
	n, err := d.look(p)
	if err == nil && !d.noMarks(p) && (mark == "" || n.mark != mark) {
		err = fmt.Errorf("directory %s: %w", p, host.ErrNotOwned)
	}
	return n, err
}

// SetDir is as [host.Dirs.SetDir].
func (d *Dirs) SetDir(p string, want host.Dir) error {
	if err := d.call("SetDir " + p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.owned(p, want.Mark)
	if err != nil {
		return err
	}
	n.uid, n.gid, n.mode = want.UID, want.GID, want.Mode&0o777
	d.nodes[p] = n
	return nil
}

// MarkDir is as [host.Dirs.MarkDir].
func (d *Dirs) MarkDir(p, old, want string) error {
	if err := d.call("MarkDir " + p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.look(p)
	switch {
	case err != nil || d.noMarks(p) || n.mark == want:
		return err
	case n.mark != old:
		return fmt.Errorf("mark directory %s: %w", p, host.ErrNotOwned)
	}
	n.mark = want
	d.nodes[p] = n
	return nil
}

// RemoveDir is as [host.Dirs.RemoveDir].
func (d *Dirs) RemoveDir(_ context.Context, p, mark string) error {
	if err := d.call("RemoveDir " + p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.owned(p, mark); err != nil {
		return err
	}
	if m := d.mountsBelow(p); len(m) > 0 {
		return fmt.Errorf("remove directory %s: %s is mounted there", p, strings.Join(m, ", "))
	}
	d.drop(p)
	return nil
}

// MountsBelow is as [host.Dirs.MountsBelow].
func (d *Dirs) MountsBelow(p string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mountsBelow(p), nil
}

func (d *Dirs) mountsBelow(p string) []string {
	var out []string
	for q, n := range d.nodes {
		if n.mounted && (q == p || strings.HasPrefix(q, p+"/")) {
			out = append(out, q)
		}
	}
	slices.Sort(out)
	return out
}

// String prints the directories that a machine does not start with, those of it that have other attributes, and the mounts.
func (d *Dirs) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := newDirs(d.Faults)
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(d.nodes)) {
		n := d.nodes[p]
		if old, ok := fresh.nodes[p]; ok && old == n {
			continue
		}
		if n.what != "" {
			fmt.Fprintf(&b, "%s %s\n", n.what, p)
			continue
		}
		fmt.Fprintf(&b, "dir %s %d:%d %04o", p, n.uid, n.gid, n.mode)
		if n.mark != "" {
			fmt.Fprintf(&b, " %s", n.mark)
		}
		if n.mounted {
			b.WriteString(" mounted")
		}
		b.WriteString("\n")
	}
	return b.String()
}
