package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// namespaces are the kernel's names of those that this process is in.
func namespaces() map[string]string {
	out := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/ns")
	for _, e := range entries {
		out[e.Name()], _ = os.Readlink("/proc/self/ns/" + e.Name())
	}
	return out
}

// openable are the files below /proc, /sys and /dev, but for those of processes, that this process may open for the
// access of flags. It only opens them: nothing is read or written.
func openable(flags int) (out []string) {
	for _, root := range []string{"/proc", "/sys", "/dev"} {
		filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return fs.SkipDir
			}
			if first := strings.Split(p, "/"); len(first) > 2 && root == "/proc" && first[2] != "" && strings.Trim(first[2], "0123456789") == "" {
				return fs.SkipDir
			}
			if d.IsDir() || d.Type()&fs.ModeSymlink != 0 {
				return nil
			}
			if fd, err := syscall.Open(p, flags|syscall.O_NONBLOCK|syscall.O_CLOEXEC|syscall.O_NOCTTY, 0); err == nil {
				syscall.Close(fd)
				out = append(out, p)
			}
			return nil
		})
	}
	return out
}
