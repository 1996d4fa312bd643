package runtime

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// openCgroup opens the directory of a process's cgroup in the version 2 tree.
func openCgroup(pid int) (int, error) {
	path := procPath(pid, "cgroup")
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, call("open("+path+")", err)
	}
	defer unix.Close(fd)
	data, err := readAll(fd, 4096)
	if err != nil {
		return -1, call("read("+path+")", err)
	}
	group, ok := unifiedCgroup(string(data))
	if !ok {
		return -1, errors.New(path + " names no cgroup of version 2")
	}
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(mount, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		dir, err := unix.Open(mount+group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, call("open("+mount+group+")", err)
		}
		return dir, nil
	}
	return -1, errors.New("no cgroup2 filesystem is mounted at /sys/fs/cgroup")
}

// unifiedCgroup finds the line of version 2 in /proc/PID/cgroup: "0::" and a path that may hold colons as well (cgroups(7)).
func unifiedCgroup(text string) (path string, ok bool) {
	for line := range strings.Lines(text) {
		if path, ok = strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return path, true
		}
	}
	return "", false
}

// frozen fails where the kernel would run nothing that enters.
func (en *entering) frozen() error {
	const file = "cgroup.events"
	fd, err := unix.Openat(en.cgroup, file, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err == unix.ENOENT {
		return nil // the root of the tree, which nobody freezes
	}
	if err != nil {
		return call("openat("+file+")", err)
	}
	defer unix.Close(fd)
	data, err := readAll(fd, 256)
	if err != nil {
		return call("read("+file+")", err)
	}
	if strings.Contains("\n"+string(data), "\nfrozen 1\n") {
		return errors.New("the container is paused; `hostctl resume " + en.record.Name + "` lets it go on, and a restart where it has frozen itself")
	}
	return nil
}
