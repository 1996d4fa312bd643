package importer

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Run reads one command line of docker run, docker create, podman run or podman
// create. dir is where its relative files are; nil where none may be read.
func Run(line string, dir fs.FS) (*Project, error) {
	fail := func(format string, args ...any) error {
		return &Error{Summary: fmt.Sprintf(format, args...)}
	}
	words, err := splitWords(strings.TrimLeft(line, " \t\r\n$#"))
	if err != nil {
		return nil, fail("%v", err)
	}
	words, tool := cutTool(words)
	if tool == "" {
		return nil, fail("this is no `docker run` or `podman run`; quote the whole command line as one word")
	}
	p := &Project{From: "a `" + tool + "` command line"}
	s := &Service{}
	r := newReader(p, s, dir)
	flags, words, err := readFlags(words)
	if err != nil {
		return nil, fail("%v", err)
	}
	if len(words) == 0 {
		return nil, fail("the command line names no image")
	}
	// The name first: others are made of it.
	for _, f := range flags {
		if f.name == "name" {
			s.Name = f.value
		}
	}
	s.Image = words[0]
	if len(words) > 1 {
		s.Args = words[1:]
	}
	if s.Name == "" {
		s.Name = validName(imageName(strings.TrimRight(words[0], "/")))
	}
	p.Name = s.Name
	for _, f := range flags {
		if f.name == "rootfs" && f.value != "false" {
			s.Image, s.Rootfs = "", absolute(words[0])
		}
		if err := r.set(f.name, f.value); err != nil {
			return nil, fail("--%v", err)
		}
	}
	r.finish()
	p.adopt(s)
	return p, nil
}

// cutTool takes `sudo docker container run` from the front.
func cutTool(words []string) (rest []string, tool string) {
	for len(words) > 0 && (words[0] == "sudo" || words[0] == "exec") {
		words = words[1:]
	}
	if len(words) < 2 {
		return words, ""
	}
	tool = path.Base(words[0])
	if tool != "docker" && tool != "podman" && tool != "nerdctl" {
		return words, ""
	}
	words = words[1:]
	if words[0] == "container" && len(words) > 1 {
		words = words[1:]
	}
	if words[0] != "run" && words[0] != "create" {
		return words, ""
	}
	return words[1:], tool + " " + words[0]
}

// flagValue is one option of a command line, by its long name.
type flagValue struct{ name, value string }

// readFlags takes the options from the front of a command line.
func readFlags(words []string) (flags []flagValue, rest []string, err error) {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") && words[0] != "-" {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		if name, ok := strings.CutPrefix(word, "--"); ok {
			name, value, set := strings.Cut(name, "=")
			if long, ok := otherNames[name]; ok && len(name) > 1 {
				name = long
			}
			o, known := options[name]
			if !known {
				return nil, nil, fmt.Errorf("there is no option %q%s", name, didYouMean(name, slices.Sorted(maps.Keys(options))))
			}
			if !o.flag && !set {
				if len(words) == 0 {
					return nil, nil, fmt.Errorf("--%s needs a value", name)
				}
				value, words = words[0], words[1:]
			}
			flags = append(flags, flagValue{name, value})
			continue
		}
		// Short ones may stand in one word, and the last may have its value there.
		for i := 1; i < len(word); i++ {
			long, ok := otherNames[word[i:i+1]]
			if !ok {
				return nil, nil, fmt.Errorf("there is no option -%s", word[i:i+1])
			}
			if options[long].flag {
				flags = append(flags, flagValue{long, ""})
				continue
			}
			value := strings.TrimPrefix(word[i+1:], "=")
			if i+1 == len(word) {
				if len(words) == 0 {
					return nil, nil, fmt.Errorf("-%s needs a value", word[i:])
				}
				value, words = words[0], words[1:]
			}
			flags = append(flags, flagValue{long, value})
			break
		}
	}
	return flags, words, nil
}

// adopt adds a service, and gives its volumes' files to the account that it runs as.
func (p *Project) adopt(s *Service) {
	p.Services = append(p.Services, s)
	if s.RunAs == "" {
		return
	}
	for _, m := range s.Mounts {
		for _, v := range p.Volumes {
			if v.Name == m.Volume && v.Owner == "" {
				v.Owner = s.RunAs
			}
		}
	}
}
