package importer

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"hostctl/hcl"
	"hostctl/resource"
)

// root says what "/" is inside: the image where this hostctl has them, else a directory.
func (w *writer) root(k *block, a resource.Addr, s *Service) {
	if s.Rootfs != "" {
		k.set("rootfs", stringValue(s.Rootfs), "root directory "+s.Rootfs)
		return
	}
	image := s.Image
	if image == "" {
		image = s.Name
	}
	if w.has("image", "source") && w.has("container", "image") && s.Image != "" {
		if w.roots[image] == nil {
			to := w.address("image", w.fresh("image", imageName(image), image))
			block := &block{kind: "image", label: to.Name, labelled: true, address: to}
			block.set("source", stringValue(image), "image "+image)
			w.roots[image] = block
			w.blocks = slices.Insert(w.blocks, len(w.blocks)-1, block)
		}
		k.set("image", refValue(w.roots[image].address), "image "+image)
		return
	}
	v := w.roots[image]
	if v == nil {
		name := w.address("rootfs", w.fresh("rootfs", imageName(image), image)).Name
		v = variable(identifier("rootfs", name), "/srv/rootfs/"+name, "Root directory of "+onOneLine(image)+".")
		if isReference(s.Image) {
			v.above = append(v.above, "To make it:", fmt.Sprintf("$ mkdir -p /srv/rootfs/%s && podman export $(podman create %s) | tar -xC /srv/rootfs/%s", name, s.Image, name))
		}
		w.roots[image] = v
		w.variables = append(w.variables, v)
	}
	dir := v.items[1].value.data.(string)
	k.set("rootfs", value{text: "var." + v.label, data: dir}, "image "+image)
	if s.Image != "" {
		w.notes = append(w.notes, Note{At: a.String(), What: "image " + s.Image, Why: "it is a root directory, var." + v.label})
	}
}

// fresh is the short name of an image, or the long one where another image has the short one.
func (w *writer) fresh(kind, short, image string) string {
	if n := w.names[kind]; n != nil {
		if _, taken := n.given[short]; taken {
			return image
		}
	}
	return short
}

// notSet is the exit status that is not tried again: EX_CONFIG of sysexits(3).
const notSet = "exit 78"

// command says what runs. An image's own entrypoint stands in the image alone:
// where it is needed, the command says so and ends.
func (w *writer) command(k *block, a resource.Addr, s *Service) {
	attr := w.attr("container", "command")
	if attr == nil {
		return
	}
	inspect := "$ podman image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}'"
	if isReference(s.Image) {
		inspect += " " + s.Image
	}
	switch {
	case len(s.Entrypoint) > 0:
		k.set("command", w.runnable(k, a, s, slices.Concat(s.Entrypoint, s.Args)), "")
	case len(s.Args) > 0 && !strings.HasPrefix(s.Args[0], "-"):
		var above []string
		if s.Entrypoint == nil && s.Image != "" {
			n := Note{At: a.String(), What: "command", Why: "where the image has an entrypoint, that goes in front"}
			w.notes = append(w.notes, n)
			above = append(above, n.String()+":", inspect)
		}
		k.set("command", w.runnable(k, a, s, s.Args), "", above...)
	case s.Boot:
		// The rootfs's own init needs no words.
	case w.attr("container", "image") != nil:
		if len(s.Args) > 0 {
			k.set("command", listValue(s.Args), "")
		}
	default:
		n := Note{At: a.String(), Lost: true, What: "the image's own command", Why: "put it in place of the shell's three words below"}
		w.notes = append(w.notes, n)
		say := "echo the command of this container is not set >&2; " + notSet
		k.set("command", listValue(slices.Concat([]string{"/bin/sh", "-c", say}, s.Args)), "", n.String()+":", inspect)
	}
}

// runnable makes the command one that can be run: its program is an absolute path or a bare name.
func (w *writer) runnable(k *block, a resource.Addr, s *Service, words []string) value {
	for _, word := range words {
		if strings.ContainsRune(word, 0) || strings.ToValidUTF8(word, "") != word {
			w.lose(k, a, "command "+hcl.Quote(strings.Join(words, " ")), "a word of it holds a NUL byte or is not UTF-8")
			return listValue([]string{"/bin/sh", "-c", notSet})
		}
	}
	switch program := words[0]; {
	case program == "":
		w.lose(k, a, "command", "its first word, the program, is empty")
		return listValue([]string{"/bin/sh", "-c", notSet})
	case strings.Contains(program, "/") && !strings.HasPrefix(program, "/"):
		if s.Workdir == "" {
			return listValue(slices.Concat([]string{"/bin/sh", "-c", `exec "$0" "$@"`}, words))
		}
		words = slices.Clone(words)
		words[0] = path.Join(absolute(s.Workdir), program)
	}
	return listValue(words)
}

var reference = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,300}$`)

// isReference reports whether an image's name can stand in a command to copy.
func isReference(image string) bool { return reference.MatchString(image) }
