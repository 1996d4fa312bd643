package container

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hostctl/resource"
	"hostctl/runtime"
)

const (
	maxFileBytes = 4 << 20 // of all files of a container; of one it is runtime.MaxFile
	maxFileCount = 256
)

// File is a file inside a container, made from the configuration. The rootfs is not changed: the file's directory,
// which has to exist there unless it is on a tmpfs, is covered by one that cannot be written to, with the file
// and with what else was in the directory when the container started. A file that is new and one that goes restart the container.
type File struct {
	// Content is the file's text. One of content, source and template stands here.
	Content string `json:"content" diff:"restart" default:"" attr:"text"`
	// Source is the path of a file below the repository's root with the content, byte for byte.
	Source string `json:"source,omitempty" diff:"restart" attr:"source"`
	// Template is the path of a file below the repository's root whose text is the content, once "${...}" and "%{...}" in it
	// are replaced by what vars say.
	Template string `json:"template,omitempty" diff:"restart" attr:"template"`
	// Vars are the names that the template may use.
	Vars map[string]string `json:"vars,omitempty" diff:"restart" attr:"text"`
	// Owner is whose the file is inside: a uid, uid:gid, or a name of the rootfs's own passwd file, also name:group.
	Owner string `json:"owner" diff:"restart" default:"0:0"`
	// Mode is the permission bits. Where they keep others out, the owner has to be the user that reads the file.
	Mode resource.Mode `json:"mode" diff:"restart" default:"0644"`
	// OnChange says what a change of content, owner or mode does to the program: "restart" starts it anew. The others
	// put the new file in the old one's place, as rename(2) does; then "reload" sends it the signal of the
	// container's reload, and "none" leaves it to notice by itself.
	OnChange OnChange `json:"on_change" diff:"live" default:"restart"`

	// ContentBase64 is the content where it is no text.
	ContentBase64 string `json:"content_base64,omitempty" diff:"restart" attr:"internal"`
}

// OnChange is what a changed file does to the program.
type OnChange string

// onChange are the classes of a change by on_change.
var onChange = map[OnChange]resource.Class{"none": resource.Live, "reload": resource.Reload, "restart": resource.Restart}

// reloadSignals can tell a program to reload: those that end one which does not know them are left
// out where they commonly mean that it shall end.
var reloadSignals = []Signal{"HUP", "USR1", "USR2", "WINCH"}

// Pending, where it is no sum: the files have changed and the program has not been told; what the launcher
// has of a container cannot be read; the launcher fails to set it up.
const (
	pendingReload  = "reload"
	pendingUnknown = "unknown"
	pendingFailing = "failing"
)

// ChangeClass implements resource.Classer: what a changed file costs is for the file to say, that what is the
// same has another name costs nothing, and another way to update is free unless there are sockets. What only a new unit can have is no more
// than a new process where that unit is made while a helper runs. What only a new process can have takes a new
// unit where that of now starts another hostctl's launcher, unless that would be a pause where there is to be none.
func (c *Container) ChangeClass(path string, tagged resource.Class, live resource.Spec) resource.Class {
	was, ok := live.(*Container)
	if !ok {
		return tagged
	}
	class := c.changeClass(path, tagged, was)
	switch {
	case class == resource.Replace && path != "depends_on" && path != "after" && c.renewsBeside(was):
		return resource.Restart
	case class == resource.Restart && was.Elsewhere && !c.Overlaps():
		return resource.Replace
	}
	return class
}

func (c *Container) changeClass(path string, tagged resource.Class, was *Container) resource.Class {
	if c.renamed(path, was) || path == alteredPath(alteredKeeper) || path == alteredPath(alteredMark) {
		return resource.Live
	}
	if path == "update" && c.sharesSockets() != was.sharesSockets() {
		return resource.Replace // what only a new unit can have follows from it
	}
	if path == "pending" {
		switch was.Pending {
		case pendingReload:
			return resource.Reload
		case pendingUnknown, pendingFailing:
			return resource.Restart
		}
		return tagged
	}
	quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(path, "file["))
	if err != nil || !strings.HasPrefix(path, "file[") {
		return tagged
	}
	target, _ := strconv.Unquote(quoted)
	f, wanted := c.File[target]
	_, there := was.File[target]
	if !wanted || !there || tagged != resource.Restart {
		return tagged
	}
	return onChange[f.OnChange]
}

func filePath(target string) string { return "file[" + strconv.Quote(target) + "]" }

// bytes is what the file holds.
func (f File) bytes() ([]byte, error) {
	if f.ContentBase64 != "" {
		return base64.StdEncoding.DecodeString(f.ContentBase64)
	}
	return []byte(f.Content), nil
}

// holding is the file with another content.
func (f File) holding(content []byte) File {
	f.Content, f.ContentBase64 = string(content), ""
	if !isText(f.Content) {
		f.Content, f.ContentBase64 = "", base64.StdEncoding.EncodeToString(content)
	}
	return f
}

// isText reports whether a content can be shown as text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func (c *Container) validateFiles(v *validator) {
	if len(c.File) > maxFileCount {
		v.bad("", fmt.Sprintf("%d files", len(c.File)), fmt.Sprintf("a container has at most %d; put many files into a volume", maxFileCount))
	}
	total := 0
	for _, target := range slices.Sorted(maps.Keys(c.File)) {
		f, at := c.File[target], filePath(target)
		if err := checkTarget(target); err != nil {
			v.bad(at, fmt.Sprintf("no file can be at %q", target), err.Error())
		} else {
			c.validateFileTarget(v, at, target)
		}
		content, err := f.bytes()
		total += len(content)
		written := at + ".content"
		if f.ContentBase64 != "" {
			written = at + ".content_base64"
		}
		switch {
		case err != nil:
			v.bad(written, "the content is not base64", err.Error())
		case len(content) > runtime.MaxFile:
			v.bad(written, fmt.Sprintf("the file has %d bytes", len(content)), fmt.Sprintf("at most %d are taken; put large files into a volume", runtime.MaxFile))
		case total > maxFileBytes:
			v.bad(written, fmt.Sprintf("with this file, the container's files have %d bytes", total), fmt.Sprintf("at most %d are taken; put large files into a volume", maxFileBytes))
			total = 0 // said once
		}
		if f.Mode == 0 {
			v.bad(at+".mode", "nobody could read the file", `write permission bits such as "0644"`)
		}
		if err := checkUser(f.Owner); err != nil || f.Owner == "" {
			v.bad(at+".owner", fmt.Sprintf("%q is no owner", f.Owner), `write a uid, uid:gid, a name, or name:group, as the container knows them`)
		}
		if _, ok := onChange[f.OnChange]; !ok {
			v.bad(at+".on_change", fmt.Sprintf("%q is no way to change a file", f.OnChange), `write "none", "restart" or "reload"`)
		} else if f.OnChange == "reload" && !c.Reload.set() {
			v.bad(at+".on_change", "the container does not say how it is told to reload",
				`write reload { signal = "HUP" } in the container, with the signal that its program takes`)
		}
	}
}

// validateFileTarget looks for what a file would cover, or what would cover it.
func (c *Container) validateFileTarget(v *validator, at, target string) {
	dir := path.Dir(target)
	_, tmpfs := c.Tmpfs[dir]
	switch {
	case target == "/run" || target == "/tmp":
		v.bad(at, fmt.Sprintf("%s is a directory of every container's", target), "write a path with a directory of its own below it")
	case dir == "/run" || dir == "/tmp" || tmpfs:
		v.bad(at, fmt.Sprintf("%s is the program's to write to, and no place for a file of the configuration", dir),
			fmt.Sprintf("give it a directory of its own, such as %s", path.Join(dir, "conf", path.Base(target))))
	}
	for _, other := range slices.Sorted(maps.Keys(c.Mount)) {
		switch {
		case below(target, other):
			v.bad(at, fmt.Sprintf("%s would be on the volume at %s", target, other), "files stand on the rootfs or on a tmpfs; choose a path outside of the volume")
		case below(other, target):
			v.bad(at, fmt.Sprintf("the volume at %s would be below this file", other), "")
		}
	}
	for _, other := range slices.Sorted(maps.Keys(c.Tmpfs)) {
		if below(other, target) {
			v.bad(at, fmt.Sprintf("the tmpfs at %s would be at or below this file", other), "")
		}
	}
	for _, other := range slices.Sorted(maps.Keys(c.File)) {
		if other != target && below(target, other) {
			v.bad(at, fmt.Sprintf("%s is a file of this container, and no directory", other), "")
		}
	}
}

// below reports whether a path is dir or lies below it.
func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func (r Reload) set() bool { return r.Signal != "" || len(r.Exec) > 0 }

func (c *Container) validateReload(v *validator) {
	r := c.Reload
	if r.Signal != "" && len(r.Exec) > 0 {
		v.bad("reload.exec", "a program is told to reload by a signal or by a command, not by both", "keep one of them")
	}
	if r.Signal != "" && !slices.Contains(reloadSignals, r.Signal) {
		var names []string
		for _, s := range reloadSignals {
			names = append(names, string(s))
		}
		detail := "write one of " + strings.Join(names, ", ")
		if bare := strings.TrimPrefix(string(r.Signal), "SIG"); slices.Contains(names, bare) {
			detail = fmt.Sprintf("write it without SIG: %q", bare)
		}
		v.bad("reload.signal", fmt.Sprintf("%q is no signal to reload with", r.Signal), detail)
	}
	for i, arg := range r.Exec {
		if strings.ContainsRune(arg, 0) || !utf8.ValidString(arg) || i == 0 && (arg == "" || strings.Contains(arg, "/") && arg[0] != '/') {
			v.bad("reload.exec", fmt.Sprintf("element %d cannot be run", i), `write the program, as an absolute path inside or a bare name, and its arguments, such as ["nginx", "-s", "reload"]`)
		}
	}
}

// stored are the files as the launcher needs them, and what is in each.
func (c *Container) stored() (files []runtime.File, contents [][]byte, err error) {
	for _, target := range slices.Sorted(maps.Keys(c.File)) {
		f := c.File[target]
		content, err := f.bytes()
		if err != nil {
			return nil, nil, fmt.Errorf("file %s: %w", target, err)
		}
		files = append(files, runtime.File{Target: target, Sum: runtime.Sum(content), Mode: uint32(f.Mode), Owner: f.Owner})
		contents = append(contents, content)
	}
	return files, contents, nil
}

// withoutContents is a copy whose files are empty: what is in them lies in files of the host's.
func (c *Container) withoutContents() *Container {
	d := c.clone()
	for target, f := range d.File {
		d.File[target] = f.holding(nil)
	}
	return d
}
