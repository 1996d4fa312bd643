package rule

import "strings"

// Grants are what the host's owner lets a configuration have, as far as the launcher judges it. All paths are absolute and clean; an entry
// stands for itself and for all that is below it, component by component. The zero value allows nothing.
type Grants struct {
	// Writable may be mounted to be read and written, and volumes be made there.
	Writable []string `json:"writable,omitempty"`
	// ReadOnly may be mounted to be read. What lies there is never written, also where Writable has a directory above or below it.
	ReadOnly []string `json:"read_only,omitempty"`
	// Rootfs may be root directories.
	Rootfs []string `json:"rootfs,omitempty"`
	// Credentials are patterns of the containers that may have a credential, by its id.
	Credentials map[string][]string `json:"credentials,omitempty"`
	// Privileges are what containers may have beyond what every one has.
	Privileges Privileges `json:"privileges"`
}

// Verdict is what Grants say of one path.
type Verdict struct {
	// Root is the entry that allows it; "" where none does. By is the attribute that the entry stands in, or would.
	Root string
	By   string
	// Why says, where Root is "", what is in the way: it begins with what that is.
	Why string
	// Final says that no entry can allow it.
	Final bool
}

// Within reports whether p is dir or below it. Both are absolute and clean.
func Within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir) && len(p) > len(dir) && p[len(dir)] == '/'
}

// longest returns the entry that is nearest above a path; "" for none.
func longest(entries []string, p string) string {
	found := ""
	for _, e := range entries {
		if len(e) > len(found) && Within(p, e) {
			found = e
		}
	}
	return found
}

// The attributes of a policy that paths stand in.
const (
	byWritable = "paths.writable"
	byReadOnly = "paths.read_only"
	byRootfs   = "rootfs.directories"
)

// Write judges a path that is mounted to be written, with all that is below it, or made a volume.
func (r Grants) Write(p string) Verdict {
	if dir, why := Reserved(p); dir != "" {
		return Verdict{By: byWritable, Why: dir + " " + why, Final: true}
	}
	for _, e := range r.ReadOnly {
		switch {
		case Within(p, e):
			return Verdict{By: byReadOnly, Why: byReadOnly + " has " + e + ", which nothing writes to"}
		case Within(e, p):
			return Verdict{By: byReadOnly, Why: byReadOnly + " has " + e + ", which lies in it and which nothing writes to"}
		}
	}
	if e := longest(r.Writable, p); e != "" {
		return Verdict{Root: e, By: byWritable}
	}
	return Verdict{By: byWritable, Why: byWritable + " has " + list(r.Writable)}
}

// Read judges a path that is mounted read-only, with all that is below it.
func (r Grants) Read(p string) Verdict {
	dir, why := Reserved(p)
	if dir != "" && !Readable(p) {
		return Verdict{By: byReadOnly, Why: dir + " " + why, Final: true}
	}
	if e := longest(r.ReadOnly, p); e != "" && (dir == "" || Readable(e)) {
		return Verdict{Root: e, By: byReadOnly}
	}
	if e := longest(r.Writable, p); e != "" && dir == "" {
		return Verdict{Root: e, By: byWritable}
	}
	if dir != "" {
		return Verdict{By: byReadOnly, Why: dir + " " + why + ", and " + byReadOnly + " has " + list(r.ReadOnly)}
	}
	return Verdict{By: byReadOnly, Why: byWritable + " has " + list(r.Writable) + ", and " + byReadOnly + " " + list(r.ReadOnly)}
}

// Root judges a path that becomes a container's root.
func (r Grants) Root(p string) Verdict {
	if dir, why := Reserved(p); dir != "" {
		return Verdict{By: byRootfs, Why: dir + " " + why, Final: true}
	}
	if e := longest(r.Rootfs, p); e != "" {
		return Verdict{Root: e, By: byRootfs}
	}
	return Verdict{By: byRootfs, Why: byRootfs + " has " + list(r.Rootfs)}
}

// list is a list of paths for a sentence.
func list(paths []string) string {
	if len(paths) == 0 {
		return "nothing"
	}
	return strings.Join(paths, ", ")
}
