package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// getent is the program that asks the C library, whose sources are plug-ins, about accounts.
const getent = "/usr/bin/getent"

// Elsewhere asks the sources of nsswitch.conf(5) other than the files for an
// account of that name or number, with getent(1), and returns its line, "" for
// none. It asks nobody where only the files, systemd and their like are listed, where getent
// is missing, and below another root.
func (p Passwd) Elsewhere(ctx context.Context, name string, uid uint32) (string, error) {
	if filepath.Join("/", p.Root) != "/" {
		return "", nil
	}
	conf, err := os.ReadFile("/etc/nsswitch.conf")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("account %s: %w", name, err)
	}
	if _, err := os.Stat(getent); err != nil || !asksOthers(string(conf)) {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, key := range []string{name, text(uid)} {
		cmd := exec.CommandContext(ctx, getent, "passwd", key)
		cmd.Env, cmd.Dir = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"}, "/"
		out, err := cmd.Output()
		var exit *exec.ExitError
		switch {
		case err == nil:
			line, _, _ := strings.Cut(string(out), "\n")
			return line, nil
		case errors.As(err, &exit) && exit.ExitCode() == 2: // no such key, getent(1)
		default:
			return "", fmt.Errorf("account %s: getent passwd %s: %w", name, key, errors.Join(context.Cause(ctx), err))
		}
	}
	return "", nil
}

// asksOthers says whether the passwd line of an nsswitch.conf names a source
// that can hold accounts which no file of this host shows.
func asksOthers(conf string) bool {
	for line := range strings.Lines(conf) {
		line, _, _ = strings.Cut(line, "#")
		sources, ok := strings.CutPrefix(strings.TrimSpace(line), "passwd:")
		if !ok {
			continue
		}
		for _, s := range strings.Fields(sources) {
			if !slices.Contains([]string{"files", "compat", "systemd", "mymachines", "altfiles"}, s) && s[0] != '[' && s[0] != '!' && !strings.HasSuffix(s, "]") {
				return true
			}
		}
	}
	return false
}

// Processes returns the processes that run with the uid as their real,
// effective, saved or filesystem uid, in ascending order, at most a hundred of them.
func (p Passwd) Processes(uid uint32) ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		status, err := os.ReadFile("/proc/" + name + "/status")
		if err != nil {
			continue // it ended in between
		}
		if hasUID(status, uid) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids[:min(len(pids), 100)], nil
}

// hasUID reads the line "Uid: real effective saved filesystem" of proc_pid_status(5).
func hasUID(status []byte, uid uint32) bool {
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		ids, ok := strings.CutPrefix(lines.Text(), "Uid:")
		if ok {
			return slices.Contains(strings.Fields(ids), text(uid))
		}
	}
	return false
}
