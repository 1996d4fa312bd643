package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hostctl/hcl"
	"hostctl/host"
	"hostctl/resource/container"
)

// The unit that replays at boot. Its first line is the mark by which it is known for ours.
//
//go:embed hostctl.service
var bootUnitText string

const (
	bootUnit     = "hostctl.service"
	bootUnitPath = "/etc/systemd/system/" + bootUnit
)

var installCommand = command{
	name:    "install",
	summary: "Have this host put back at boot what was applied on it",
	details: `
Units that hostctl starts do not outlive the host's. This writes ` + bootUnitPath + `, and enables it: a
service that runs "hostctl replay" once the file systems and the network are up. Nothing is started now.

Where an upgrade puts the programs does not matter as long as it is where they are now; else install again. A program that others than
root could replace is refused.`,
	example: "hostctl install\nsystemctl status hostctl.service",
	setup: func(*flag.FlagSet) func(*cli, []string) error {
		return func(c *cli, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected %q", args[0])
			}
			return install(c)
		}
	},
}

var uninstallCommand = command{
	name:    "uninstall",
	summary: "Take back what hostctl install did; what runs goes on",
	details: `
What was applied stays, and is not put back when the host boots again. ` + "`hostctl destroy`" + ` removes it.`,
	example: "hostctl uninstall",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		wait := fs.Duration("lock-timeout", 0, "wait this `TIME` for another hostctl to finish")
		return func(c *cli, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected %q", args[0])
			}
			lock, err := c.lockHost(*wait) // of a replay too, which ends with its unit
			if err != nil {
				return err
			}
			defer lock.Release()
			return uninstall(c)
		}
	},
}

func install(c *cli) error {
	if err := needRoot("changes what this host does at boot"); err != nil {
		return err
	}
	systemd, err := host.DialSystemd(c.ctx)
	if err != nil {
		return err
	}
	defer systemd.Close()
	program, err := trustedProgram()
	if err != nil {
		return err
	}
	if dir := moduleAbove(program); dir != "" {
		warn := hcl.Diagnostic{Severity: hcl.Warning, Summary: "The program lies in a build directory",
			Detail: fmt.Sprintf("%s is below %s: what is built there next runs at boot, and nothing does once it is removed. `make install` puts the programs in /usr/local/bin; install from there.", program, dir)}
		if err := c.diagnose(hcl.Diagnostics{warn}); err != nil {
			return err
		}
	}
	there, err := readBootUnit(bootUnitPath)
	if err != nil {
		return err
	}
	if text := unitFor(program); there != text {
		if err := replaceUnit(bootUnitPath, text); err != nil {
			return err
		}
	}
	if err := systemd.EnableUnitFile(c.ctx, bootUnit); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s is enabled: at boot %s puts back what was applied on this host.\n", bootUnitPath, program)
	return err
}

func uninstall(c *cli) error {
	systemd, err := host.DialSystemd(c.ctx)
	if err != nil {
		return err
	}
	defer systemd.Close()
	switch there, err := readBootUnit(bootUnitPath); {
	case err != nil:
		return err
	case there == "":
		_, err := fmt.Fprintf(c.stdout, "%s is not there: nothing is installed.\n", bootUnitPath)
		return err
	}
	if err := systemd.DisableUnitFile(c.ctx, bootUnit); err != nil {
		return err
	}
	if err := systemd.Stop(c.ctx, bootUnit); err != nil {
		return err
	}
	if err := os.Remove(bootUnitPath); err != nil {
		return err
	}
	if err := errors.Join(systemd.Reload(c.ctx), systemd.ResetFailed(c.ctx, bootUnit)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s is removed. What runs goes on, and is not put back at the next boot.\n", bootUnitPath)
	return err
}

// trustedProgram is the absolute path of this program, for a unit of root's.
func trustedProgram() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	return program, checkProgram(program)
}

// checkProgram fails for a program that a unit of root's cannot name: one that others could replace, with what it starts.
func checkProgram(program string) error {
	for _, path := range []string{program, filepath.Join(filepath.Dir(program), container.LauncherName)} {
		if err := host.CheckTrusted(path); err != nil {
			return fmt.Errorf("systemd would run as root what others can change: %w; install the programs where only root can write, such as /usr/local/bin", err)
		}
		// What a unit file would read as a specifier, a quote or the next word.
		if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`%$"'\;`, r) }) {
			return fmt.Errorf("%q cannot stand in a unit file; install the programs elsewhere, such as /usr/local/bin", path)
		}
	}
	return nil
}

// moduleAbove is the directory above a program that holds the source of a module of Go; "" where there is none.
func moduleAbove(program string) string {
	for dir := filepath.Dir(program); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	return ""
}

func unitFor(program string) string { return strings.Replace(bootUnitText, "PROGRAM", program, 1) }

// readBootUnit reads the unit file; "" where there is none. One that hostctl did not write is an error.
func readBootUnit(path string) (string, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no regular file, and left alone: is the unit masked? systemctl unmask %s, or remove it", path, filepath.Base(path))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	mark, _, _ := strings.Cut(bootUnitText, "\n")
	if first, _, _ := strings.Cut(string(text), "\n"); first != mark {
		return "", fmt.Errorf("%s is left alone: hostctl did not write it, for its first line is not %q; move it away", path, mark)
	}
	return string(text), nil
}

// replaceUnit writes a unit file: old or new, never half.
func replaceUnit(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".hostctl-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails where the rename has happened
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
