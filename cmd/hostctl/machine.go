package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/host"
	"hostctl/host/try"
	"hostctl/resource"
	"hostctl/resource/all"
	"hostctl/resource/container"
	"hostctl/resource/netns"
	"hostctl/resource/network"
	"hostctl/resource/user"
	"hostctl/resource/volume"
	"hostctl/runtime"
)

// Where hostctl keeps what outlives a run, and what does not outlive the host's.
const (
	ledgerPath = "/var/lib/hostctl/ledger.json"
	runPath    = "/run/hostctl"
	lockPath   = runPath + "/lock"
)

// kinds are all kinds, in the order of the manual.
func kinds() resource.Kinds { return all.Kinds() }

// openMachine opens the doors to this host, or says what is missing here. For another user than root they are
// those of looking alone, as far as the host lets that user look.
func openMachine(ctx context.Context) (*apply.Machine, error) {
	ordinary := os.Geteuid() != 0
	systemd, err := host.DialSystemd(ctx)
	if err != nil {
		return nil, err
	}
	if !ordinary { // who starts nothing needs no kernel that can
		if err := runtime.Probe(); err != nil {
			return nil, fmt.Errorf("this kernel: %w", err)
		}
	}
	id, err := host.ID()
	if err != nil {
		return nil, err
	}
	launcher, err := launcherPath()
	if err != nil {
		return nil, err
	}
	links, err := host.OpenNetlink()
	if err != nil {
		return nil, err
	}
	passwd, dirs := host.Passwd{}, host.Dirs{}
	return &apply.Machine{
		Kinds: kinds(), ID: id, LedgerPath: ledgerPath, Ordinary: ordinary,
		Hosts: map[string]resource.Host{
			"user":      user.NewHost(passwd),
			"volume":    volume.NewHost(dirs),
			"network":   network.NewHost(links),
			"netns":     netns.NewHost(links),
			"container": container.NewHost(systemd, passwd, launcher, try.Inside()),
		},
	}, nil
}

// launcherPath is the absolute path of the launcher, beside this program.
func launcherPath() (string, error) { return beside(container.LauncherName) }

// beside is the absolute path of a program of hostctl's, which lies in one directory with this one, or with a link on the way to it.
func beside(name string) (string, error) {
	ways, err := ways()
	if err != nil {
		return "", err
	}
	for i, way := range ways {
		path := filepath.Join(filepath.Dir(way), name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && (i == len(ways)-1 || host.CheckTrustedWay(path) == nil) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is missing: hostctl and the programs that it starts belong in one directory, %s", name, filepath.Dir(ways[len(ways)-1]))
}

// ways are the absolute paths that lead to this program: as it was executed, link by link, and at last where it lies. A link that an upgrade
// turns to another version stays what units name; one that others than root could turn is left out with those before it.
func ways() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return append(waysFrom(host.ExecutedAs(), self), self), nil
}

// waysFrom are the ways to a program from the one that it was executed by on, with links on them. Each is clean, as systemd wants it, and leads to the
// program as it is written: where a ".." follows a link, the clean path may be another file's, and is left out.
func waysFrom(way, program string) (ways []string) {
	leads := func(way string) bool {
		real, err := filepath.EvalSymlinks(way)
		return err == nil && real == program && host.CheckTrustedWay(way) == nil
	}
	for leads(way) {
		if clean := filepath.Clean(way); leads(clean) {
			ways = append(ways, clean)
		}
		to, err := os.Readlink(way)
		if err != nil { // the rest of the links are directories
			break
		}
		if !filepath.IsAbs(to) {
			to = way[:strings.LastIndexByte(way, '/')+1] + to
		}
		way = to
	}
	return ways
}

// evaluate runs the confined child that reads the configuration.
func evaluate(ctx context.Context, request []byte) ([]byte, error) {
	return host.Confined{Args: []string{"hostctl", hcl.ChildArg}, Stdin: request, MaxOutput: hcl.MaxAnswer}.Run(ctx)
}
