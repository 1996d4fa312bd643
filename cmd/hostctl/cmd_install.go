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
	"syscall"

	"hostctl/hcl"
	"hostctl/host"
)

// The unit that replays at boot. Its first line is the mark by which it is known for ours.
//
//go:embed hostctl.service
var bootUnitText string

const (
	bootUnit     = "hostctl.service"
	bootUnitPath = "/etc/systemd/system/" + bootUnit
	bootWants    = "/etc/systemd/system/multi-user.target.wants/" + bootUnit // the link that enabling makes
)

var installCommand = command{
	name:    "install",
	summary: "Have this host put back at boot what was applied on it",
	details: `
Units that hostctl starts do not outlive the host's. This writes ` + bootUnitPath + `, and enables it: a
service that runs "hostctl replay" once the file systems and the network are up. Nothing is started now.

Where an upgrade puts the programs does not matter as long as it is where they are now, or where a link leads by which this command was
started; else install again. A program that others than root could replace is refused.

Where not all could be put back it is tried again every 30 seconds, ten times in an hour; then the service has failed. What the policy
refuses is not tried again.`,
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
	if err := syncBoot(); err != nil {
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
	there, err := readBootUnit(bootUnitPath)
	if err != nil {
		return err
	}
	if err := removeIfThere(newUnit(bootUnitPath)); err != nil {
		return err
	}
	if there == "" && !bootWanted() {
		// One that was cut off may have had no time to tell systemd.
		if err := systemd.Reload(c.ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.stdout, "%s is not there: nothing is installed.\n", bootUnitPath)
		return err
	}
	if err := systemd.DisableUnitFile(c.ctx, bootUnit); err != nil {
		return err
	}
	if err := systemd.Stop(c.ctx, bootUnit); err != nil {
		return err
	}
	if err := removeIfThere(bootUnitPath); err != nil {
		return err
	}
	if err := errors.Join(syncBoot(), systemd.Reload(c.ctx), systemd.ResetFailed(c.ctx, bootUnit)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s is removed. What runs goes on, and is not put back at the next boot.\n", bootUnitPath)
	return err
}

// trustedProgram is the absolute path of this program, for a unit of root's: the one by which it was executed, where root alone can
// change where that leads.
func trustedProgram() (string, error) {
	ways, err := ways()
	if err != nil {
		return "", err
	}
	launcher, err := launcherPath()
	if err != nil {
		return "", err
	}
	return ways[0], checkProgram(ways[0], launcher)
}

// checkProgram fails for a program that a unit of root's cannot name: one that others could replace, with what it starts.
func checkProgram(program, launcher string) error {
	for _, path := range []string{program, launcher} {
		if err := host.CheckTrustedWay(path); err != nil {
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

// bootWanted reports whether the link is there by which the host wants the unit file at boot, be that there or not.
func bootWanted() bool {
	to, err := os.Readlink(bootWants)
	return err == nil && to == bootUnitPath
}

// newUnit is where a unit file is written before it is there. systemd reads no file of that name.
func newUnit(path string) string { return path + ".new" }

// replaceUnit writes a unit file: old or new, never half. It lasts once its directory does.
func replaceUnit(path, text string) error {
	// What one that was cut off left is written over.
	f, err := os.OpenFile(newUnit(path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(newUnit(path)))
	}
	return os.Rename(newUnit(path), path)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncBoot makes it last, over the end of the power too, what is and is not in the directories of the unit file and of the link to it.
func syncBoot() error {
	var errs []error
	for _, file := range []string{bootUnitPath, bootWants} {
		d, err := os.Open(filepath.Dir(file))
		if errors.Is(err, fs.ErrNotExist) { // systemd removes those of links that it empties
			continue
		}
		if err != nil {
			return err
		}
		errs = append(errs, d.Sync(), d.Close())
	}
	return errors.Join(errs...)
}
