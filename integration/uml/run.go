package uml

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

//go:embed image.sh
var imageScript []byte

// Result is what a run left.
type Result struct {
	Status  int    // exit status of the script
	Log     string // what the script wrote to its standard output and standard error
	Console string // what the kernel wrote to its console
}

// Missing names what this machine lacks for Run; it is empty when nothing is missing.
func Missing() string {
	if os.Geteuid() != 0 {
		return "root"
	}
	for _, program := range []string{"linux.uml", "mmdebstrap", "mke2fs", "depmod"} {
		if _, err := exec.LookPath(program); err != nil {
			return program
		}
	}
	return ""
}

// Run boots User-mode Linux and executes the file "script" of dir there with bash, as root. The working
// directory is dir, an absolute path without spaces; the script sees all of dir and may write to it. Run
// builds the image where the cache has none. kernel are more words of the kernel's command line. When ctx ends, the kernel's process is killed: a power cut.
func Run(ctx context.Context, dir string, kernel ...string) (Result, error) {
	disk, err := NewDisk(ctx)
	if err != nil {
		return Result{}, err
	}
	defer disk.Remove()
	return disk.Run(ctx, dir, kernel...)
}

// Disk is a layer above the image, which outlives the kernels that are booted from it: what they had written durably is there
// again. One runs at a time.
type Disk struct{ dir, image string }

// NewDisk makes an empty layer.
func NewDisk(ctx context.Context) (*Disk, error) {
	image, err := cachedImage(ctx)
	if err != nil {
		return nil, fmt.Errorf("user-mode linux: image: %w", err)
	}
	// The layer and the memory file; beside the image rather than in /tmp, which may be small.
	dir, err := os.MkdirTemp(filepath.Dir(image), "run-")
	if err != nil {
		return nil, fmt.Errorf("user-mode linux: %w", err)
	}
	return &Disk{dir, image}, nil
}

// Remove throws the layer away.
func (d *Disk) Remove() error { return os.RemoveAll(d.dir) }

// Run is as the function of that name, from this disk.
func (d *Disk) Run(ctx context.Context, dir string, kernel ...string) (Result, error) {
	var r Result
	scratch, err := os.MkdirTemp(d.dir, "boot-")
	if err == nil {
		err = removeAll(dir+"/log", dir+"/status") // of the boot before
	}
	if err != nil {
		return r, fmt.Errorf("user-mode linux: %w", err)
	}
	defer os.RemoveAll(scratch)
	cmd := exec.CommandContext(ctx, "linux.uml", append([]string{
		"ubd0=" + d.dir + "/cow," + d.image, "root=/dev/ubda", "rw", "mem=768M",
		"uml_dir=" + scratch + "/", "umid=kernel",
		"con=null", "con0=null,fd:1", "quiet",
		"systemd.unit=uml.service", "systemd.show_status=0", "uml.dir=" + dir}, kernel...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + scratch, "TMPDIR=" + scratch}
	// Its processes are a group of their own and end together.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	console, err := cmd.CombinedOutput()
	r.Console = string(console)
	log, logErr := os.ReadFile(dir + "/log")
	r.Log = string(log)
	if ctx.Err() != nil {
		return r, fmt.Errorf("user-mode linux: %w", ctx.Err())
	}
	if logErr != nil {
		return r, fmt.Errorf("user-mode linux: the script was not run: %w", errors.Join(err, logErr))
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return r, fmt.Errorf("user-mode linux: the script did not end: %w", err)
	}
	r.Status, err = strconv.Atoi(strings.TrimSpace(string(status)))
	return r, err
}

func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// cachedImage returns the path of the image, built where it is missing. Processes that build at once wait for one another.
func cachedImage(ctx context.Context) (string, error) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = "/var/cache"
	}
	cache = filepath.Join(cache, "hostctl")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "uml.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	image := filepath.Join(cache, fmt.Sprintf("uml-%.12x.img", sha256.Sum256(imageScript)))
	if _, err := os.Stat(image); err == nil {
		return image, nil
	}
	cmd := exec.CommandContext(ctx, "/bin/bash", "-s", image)
	cmd.Stdin = strings.NewReader(string(imageScript))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return image, nil
}
