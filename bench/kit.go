package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed floor.c
var floorSource []byte

// kit is where everything that is measured lies: one directory of the machine's own file system, which the throwaway
// host sees unchanged, so that idmapped mounts of it work.
type kit struct {
	Dir     string
	Bench   string // this program
	Floor   string // floor.c, built
	Hostctl string
	Launch  string
	Rootfs  string // static busybox and empty directories
	Mask    string // an empty file and an empty directory without permissions
	System  string // a Debian with systemd that powers itself off in bench.target; "" where no part needs it
}

// packages says which Debian package brings each program.
var packages = []struct{ program, name string }{
	{"gcc", "gcc libc6-dev"},
	{"busybox", "busybox-static"},
	{"bwrap", "bubblewrap"},
	{"crun", "crun"},
	{"runc", "runc"},
	{"systemd-nspawn", "systemd-container"},
}

// needPackages reports every program that is missing, with the command that brings it.
func needPackages() error {
	var missing error
	for _, p := range packages {
		if _, err := exec.LookPath(p.program); err != nil {
			missing = errors.Join(missing, fmt.Errorf("%s is not installed: apt-get install %s", p.program, p.name))
		}
	}
	return missing
}

// buildKit fills dir. bin is where hostctl and hostctl-launch were built.
func buildKit(ctx context.Context, dir, bin string) (kit, error) {
	k := kit{
		Dir: dir, Bench: dir + "/bin/bench", Floor: dir + "/bin/floor",
		Hostctl: dir + "/bin/hostctl", Launch: dir + "/bin/hostctl-launch", Rootfs: dir + "/rootfs", Mask: dir + "/mask",
	}
	// The root directory is walked to by mapped users.
	if err := os.Chmod(dir, 0o755); err != nil {
		return k, err
	}
	for _, d := range []string{"bin", "rootfs", "rootfs/bin", "rootfs/dev", "rootfs/etc", "rootfs/mnt", "rootfs/proc", "rootfs/root",
		"rootfs/run", "rootfs/sys", "rootfs/tmp", "rootfs/usr", "rootfs/var", "mask"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return k, err
		}
	}
	if err := os.WriteFile(k.Rootfs+"/etc/os-release", []byte("ID=bench\n"), 0o644); err != nil {
		return k, err
	}
	if err := errors.Join(os.WriteFile(k.Mask+"/file", nil, 0), os.Mkdir(k.Mask+"/dir", 0)); err != nil {
		return k, err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return k, err
	}
	for _, f := range []struct{ from, to string }{
		{"/proc/self/exe", k.Bench},
		{bin + "/hostctl", k.Hostctl},
		{bin + "/hostctl-launch", k.Launch},
		{busybox, k.Rootfs + "/bin/busybox"},
	} {
		if err := copyProgram(f.from, f.to); err != nil {
			return k, fmt.Errorf("%w; `make build` builds bin/", err)
		}
	}
	for _, name := range []string{"true", "sleep"} {
		if err := os.Symlink("busybox", k.Rootfs+"/bin/"+name); err != nil {
			return k, err
		}
	}
	c := exec.CommandContext(ctx, "gcc", "-O2", "-static", "-Wall", "-Werror", "-x", "c", "-o", k.Floor, "-")
	c.Stdin = bytes.NewReader(floorSource)
	if out, err := c.CombinedOutput(); err != nil {
		return k, fmt.Errorf("build floor.c: %w\n%s", err, out)
	}
	return k, nil
}

// benchUnits make a system that ends when it has reached multi-user.target.
var benchUnits = map[string]string{
	"bench.target":  "[Unit]\nRequires=multi-user.target bench.service\nAfter=multi-user.target\nAllowIsolate=yes\n",
	"bench.service": "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/bin/systemctl --no-block poweroff\n",
}

// buildSystem makes the kit's whole system, from the root directory that the tests use too.
func (k *kit) buildSystem(ctx context.Context) error {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = "/var/cache"
	}
	cached := filepath.Join(cache, "hostctl", "rootfs-system")
	c := exec.CommandContext(ctx, "scripts/rootfs", "system", cached)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("scripts/rootfs system: %w", err)
	}
	k.System = k.Dir + "/system"
	if out, err := exec.CommandContext(ctx, "cp", "-a", cached, k.System).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	for name, text := range benchUnits {
		if err := os.WriteFile(filepath.Join(k.System, "etc/systemd/system", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
