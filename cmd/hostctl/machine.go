package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hostctl/apply"
	"hostctl/hcl"
	"hostctl/host"
	"hostctl/host/try"
	"hostctl/resource"
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
	lockPath   = "/run/hostctl/lock"
)

// kinds is the one list of all kinds, in the order of the manual.
func kinds() resource.Kinds {
	return resource.Kinds{user.Kind(), volume.Kind(), network.Kind(), netns.Kind(), container.Kind()}
}

// openMachine opens the doors to this host, or says what is missing here.
func openMachine(ctx context.Context) (*apply.Machine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("not root: what this host has can only be read and changed by root; `hostctl validate` needs neither")
	}
	systemd, err := host.DialSystemd(ctx)
	if err != nil {
		return nil, err
	}
	if err := runtime.Probe(); err != nil {
		return nil, fmt.Errorf("this kernel: %w", err)
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
		Kinds: kinds(), ID: id, LedgerPath: ledgerPath,
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
func launcherPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), container.LauncherName)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("the launcher is missing: %s and hostctl belong in one directory", path)
	}
	return path, nil
}

// evaluate runs the confined child that reads the configuration.
func evaluate(ctx context.Context, request []byte) ([]byte, error) {
	return host.Confined{Args: []string{"hostctl", hcl.ChildArg}, Stdin: request, MaxOutput: hcl.MaxAnswer}.Run(ctx)
}
