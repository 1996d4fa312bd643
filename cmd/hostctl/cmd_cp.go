package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"hostctl/host"
)

var cpCommand = command{
	name: "cp", operands: "SOURCE TARGET",
	summary: "Copy files into or out of a running container",
	details: "One of the two is CONTAINER:PATH. In the container files are read and written with the rights of the payload's user, or of -u, and no link of its leads out of it. Directories are copied with all in them, links as links; devices, pipes and sockets are left out. Holes in files stay holes, and a file whose data would not fit is not begun. A target that is a directory gets the copy below it.",
	example: "hostctl cp container.web:/etc/nginx ./nginx\nhostctl cp dump.sql db:/tmp/",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		user := fs.String("u", "", "act as `USER` of the container: a name, uid, or either with :GROUP (the payload's own without)")
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			c.json = *asJSON
			if len(args) != 2 {
				return fmt.Errorf("want a source and a target, such as `hostctl cp container.web:/etc/hosts .`")
			}
			if err := needRoot("copies into and out of a container"); err != nil {
				return err
			}
			return c.finish(func() (map[string]any, error) { return c.copy(args[0], args[1], *user) })
		}
	},
}

func (c *cli) copy(source, target, user string) (map[string]any, error) {
	_, _, sourceInside := splitPlace(source)
	_, _, targetInside := splitPlace(target)
	if sourceInside == targetInside {
		return nil, fmt.Errorf("one of %s and %s has to be CONTAINER:PATH, the other a path of the host's (one with a colon is written ./a:b)", source, target)
	}
	from, err := placeOf(source, user)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := placeOf(target, user)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	done, err := host.CopyTree(from, to)
	if err != nil {
		return nil, err
	}
	if !c.json {
		for _, path := range done.Skipped {
			fmt.Fprintf(c.stderr, "Left out, for it is no file: %s\n", printable(path))
		}
		fmt.Fprintf(c.stdout, "Copied %s, %s.\n", plural(int(done.Files), "file"), plural(int(done.Bytes), "byte"))
	}
	return map[string]any{"files": done.Files, "bytes": done.Bytes, "skipped": append([]string{}, done.Skipped...)}, nil
}

// splitPlace takes CONTAINER:PATH apart. What begins with a slash or a dot is a path of the host's.
func splitPlace(arg string) (container, path string, inside bool) {
	if strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, ".") {
		return "", arg, false
	}
	container, path, inside = strings.Cut(arg, ":")
	if !inside {
		path = arg
	}
	return container, path, inside
}

// placeOf opens the tree that an argument is in. The caller closes its root.
func placeOf(arg, user string) (host.Place, error) {
	name, path, inside := splitPlace(arg)
	if !inside {
		path, err := filepath.Abs(path)
		if err != nil {
			return host.Place{}, err
		}
		return host.HostPlace(path)
	}
	if !strings.HasPrefix(path, "/") {
		return host.Place{}, fmt.Errorf("%s: want an absolute path inside, such as %s:/%s", arg, name, path)
	}
	record, err := running(name)
	if err != nil {
		return host.Place{}, fmt.Errorf("%s: %w", name, err)
	}
	root, err := record.OpenRoot()
	if err != nil {
		return host.Place{}, fmt.Errorf("%s: %w", name, err)
	}
	p := host.Place{Root: root, Path: filepath.Clean(path)}
	account, err := record.Account(root, user)
	if err != nil {
		p.Close()
		return host.Place{}, fmt.Errorf("%s: %w", name, err)
	}
	p.UID, p.GID = account.UID, account.GID
	return p, nil
}
