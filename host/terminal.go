package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// TerminalWidth returns the width in columns of the terminal that f is, and whether it is one.
func TerminalWidth(f *os.File) (columns int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
