package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Given is the directory, which only root writes, of the confirmations that were given and that nobody saw to yet: who confirms may have to
// wait for the host's lock, and an undo waits for it too. Each is a symbolic link, which is there with all that it says or not at all
// (symlink(2)); it is named by configuration and generation, and leads to the boot and the time of monotonic clock_gettime(2) when it was given.
type Given string

func (dir Given) path(owner string, generation uint64) string {
	return filepath.Join(string(dir), fmt.Sprintf("confirmed-%s.%d", owner, generation))
}

// Leave notes that a generation is confirmed now. Where that was noted before, that counts.
func (dir Given) Leave(owner string, generation uint64, boot string, now time.Duration) error {
	err := os.Symlink(fmt.Sprintf("%s+%d", boot, now.Nanoseconds()), dir.path(owner, generation))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// InTime reports whether the change that waits was confirmed before it was to be undone.
func (dir Given) InTime(owner string, w *Pending) bool {
	text, err := os.Readlink(dir.path(owner, w.Generation))
	if err != nil {
		return false
	}
	boot, at, _ := strings.Cut(text, "+")
	given, err := strconv.ParseInt(at, 10, 64)
	return err == nil && w.Left(boot, time.Duration(given)) > 0
}

// Remove ends what Leave did. Whoever ends a change does that.
func (dir Given) Remove(owner string, generation uint64) error {
	if err := os.Remove(dir.path(owner, generation)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
