package volume

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"hostctl/policy/rule"
	"hostctl/resource"
)

// What happens to the data when the volume is removed from the configuration.
const (
	Keep   = "keep"   // the directory and what is in it stay
	Delete = "delete" // the directory goes, with all that is in it
)

// defaultMode is Mode's default.
const defaultMode resource.Mode = 0o755

const (
	maxPath = 1024 // far below PATH_MAX, for paths are put together from this one
	maxBase = 255  // NAME_MAX
)

// Volume is a directory of the host. hostctl makes it, keeps its owner and mode
// as declared, and marks it as its own with the extended attribute
// trusted.hostctl.owner; what is in it is never looked at. Directories above it
// that are missing are made root:root 0755 and are nobody's afterwards.
//
// The data and the mark stay when the volume is removed, so that it can be declared again.
// A directory that was there before is not taken over; plan prints the command
// that hands one over, and external mounts it as it is. No part of the path may be a symbolic link.
// One volume cannot lie inside another.
type Volume struct {
	// Path is the directory's absolute path. Changing it makes a new, empty
	// directory; the data stays at the old path, also with on_destroy = "delete".
	Path string `json:"path" diff:"replace" attr:"required"`
	// Owner is the user whom the directory belongs to; root when unset.
	Owner resource.Addr `json:"owner,omitzero" diff:"live" ref:"user"`
	// Group is the user whose own group the directory gets; the owner's when unset.
	Group resource.Addr `json:"group,omitzero" diff:"live" ref:"user"`
	// UID is the owner's number.
	UID uint32 `json:"uid" diff:"live" default:"0" attr:"internal"`
	// GID is the group's number.
	GID uint32 `json:"gid" diff:"live" default:"0" attr:"internal"`
	// Mode is the directory's permission bits. Set-id and sticky bits that
	// somebody gave the directory are taken away.
	Mode resource.Mode `json:"mode" diff:"live" default:"0755"`
	// Special names the set-id and sticky bits that somebody gave the directory. They are never wanted.
	Special []string `json:"special,omitempty" diff:"live" attr:"internal"`
	// External says that the directory is the host's own, such as /usr/share/zoneinfo: it has to be there, is neither made, changed,
	// marked nor removed, and containers mount it read-only. It may lie where no other volume can, where the host's policy says so.
	External bool `json:"external,omitempty" diff:"replace"`
	// Mountpoint is a directory at or above path. While nothing is mounted
	// exactly there, the volume is neither made nor used.
	Mountpoint string `json:"mountpoint,omitempty" diff:"live"`
	// OnDestroy says what becomes of the data when the volume is removed from
	// the configuration: "keep", or "delete" for removing the directory with all that is in it.
	// It counts as of the last apply before the removal.
	OnDestroy string `json:"on_destroy" diff:"live" default:"keep"`
}

// Kind returns the kind.
func Kind() resource.Kind {
	return resource.Kind{
		Name:    "volume",
		Renames: true,
		New:     func() resource.Spec { return resource.SetDefaults(new(Volume)) },
		Check:   check,
	}
}

// Validate implements [resource.Spec].
func (v *Volume) Validate(self resource.Addr) []resource.Problem {
	var out []resource.Problem
	bad := func(path, summary, detail string) {
		out = append(out, resource.Problem{Addr: self, Path: path, Summary: summary, Detail: detail})
	}
	if err := checkPath(v.Path); err != nil {
		bad("path", fmt.Sprintf("%q cannot be a volume's path", v.Path), err.Error())
	} else if dir, why := rule.Reserved(v.Path); dir != "" && !(v.External && rule.Readable(v.Path)) {
		bad("path", fmt.Sprintf("%s cannot be a volume", v.Path),
			fmt.Sprintf("%s %s; keep data in a directory of its own, such as one below /srv", dir, why))
	}
	if v.Mountpoint != "" {
		if err := checkPath(v.Mountpoint); err != nil {
			bad("mountpoint", fmt.Sprintf("%q cannot be a mount point", v.Mountpoint), err.Error())
		} else if v.Mountpoint == "/" || !rule.Within(v.Path, v.Mountpoint) {
			bad("mountpoint", fmt.Sprintf("%s does not guard %s", v.Mountpoint, v.Path),
				"the mount point is the volume's path or a directory above it, and not /")
		}
	}
	for _, own := range []struct {
		path string
		set  bool
	}{{"owner", v.Owner != (resource.Addr{})}, {"group", v.Group != (resource.Addr{})}, {"mode", v.Mode != defaultMode}, {"on_destroy", v.OnDestroy != Keep}} {
		if v.External && own.set {
			bad(own.path, fmt.Sprintf("%s of an external volume is not hostctl's to set", own.path), "the directory stays as its host has it; take the attribute out, or external")
		}
	}
	if v.OnDestroy != Keep && v.OnDestroy != Delete {
		bad("on_destroy", fmt.Sprintf("%q is not a way to remove a volume", v.OnDestroy), `write "keep" or "delete"`)
	}
	return out
}

// Demands implements [resource.Demander].
func (v *Volume) Demands(resource.Addr) []resource.Demand {
	if v.External {
		return []resource.Demand{{Path: "path", Right: resource.RightRead, Value: v.Path}}
	}
	return []resource.Demand{{Path: "path", Right: resource.RightVolume, Value: v.Path}}
}

// account is what a reference to a user must resolve to.
type account interface{ IDs() (uid, gid uint32) }

// Resolve implements [resource.Spec]. It looks up the numbers of owner and group.
func (v *Volume) Resolve(self resource.Addr, r *resource.Resolver) []resource.Problem {
	var out []resource.Problem
	ids := func(attr string, to resource.Addr) (uid, gid uint32) {
		if a, ok := r.Want[to].(account); ok {
			if uid, gid = a.IDs(); uid != 0 && gid != 0 {
				return uid, gid
			}
		}
		out = append(out, resource.Problem{Addr: self, Path: attr, Summary: fmt.Sprintf("%s has no uid", to)})
		return 0, 0
	}
	v.UID, v.GID = 0, 0
	if v.Owner != (resource.Addr{}) {
		v.UID, v.GID = ids("owner", v.Owner)
	}
	if v.Group != (resource.Addr{}) {
		_, v.GID = ids("group", v.Group)
	}
	return out
}

// check finds volumes that share a directory.
func check(want resource.State) []resource.Problem {
	byPath := map[string]resource.Addr{}
	addrs := want.Addrs()
	var out []resource.Problem
	for _, a := range addrs {
		v, ok := want[a].(*Volume)
		if !ok {
			continue
		}
		if other, taken := byPath[v.Path]; taken {
			out = append(out, resource.Problem{Addr: a, Path: "path",
				Summary: fmt.Sprintf("%s is the path of %s too", v.Path, other),
				Detail:  "a directory is declared once; mount the one volume in both places"})
			continue
		}
		byPath[v.Path] = a
	}
	for _, a := range addrs {
		v, ok := want[a].(*Volume)
		if !ok || !strings.HasPrefix(v.Path, "/") {
			continue
		}
		for dir := path.Dir(v.Path); dir != "/"; dir = path.Dir(dir) {
			if outer, taken := byPath[dir]; taken {
				out = append(out, resource.Problem{Addr: a, Path: "path",
					Summary: fmt.Sprintf("%s lies inside %s, the path of %s", v.Path, dir, outer),
					Detail:  "whoever mounts the outer volume would hold the inner one; put them side by side"})
			}
		}
	}
	return out
}

func checkPath(p string) error {
	switch {
	case !strings.HasPrefix(p, "/") || path.Clean(p) != p:
		return fmt.Errorf("write an absolute path without \".\", \"..\", double or trailing slashes")
	case len(p) > maxPath:
		return fmt.Errorf("it has %d bytes; at most %d are taken", len(p), maxPath)
	case !utf8.ValidString(p):
		return fmt.Errorf("it is not valid UTF-8")
	case strings.ContainsFunc(p, func(r rune) bool {
		return !unicode.IsPrint(r) // control characters, line separators, invisible and odd spaces
	}):
		return fmt.Errorf("it may not hold control characters, line separators or invisible characters")
	}
	for part := range strings.SplitSeq(p, "/") {
		if len(part) > maxBase {
			return fmt.Errorf("a directory's name has at most %d bytes", maxBase)
		}
	}
	return nil
}

// PlanNote says in a plan what becomes of the data.
func (v *Volume) PlanNote(action resource.Action, undo bool) string {
	if v.External {
		return "the directory is the host's own and stays as it is"
	}
	switch action {
	case resource.Create, resource.Update:
		return ""
	case resource.Forget:
		return "its directory and data stay as they are"
	case resource.Delete:
		if v.OnDestroy == Delete && !undo {
			return "its data is deleted with it"
		}
		return "its data stays where it is"
	}
	return "the data stays where it is; a new path begins empty"
}
