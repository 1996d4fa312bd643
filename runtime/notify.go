package runtime

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The payload's words to systemd, sd_notify(3). Systemd takes them from the unit's main process alone, which is the init: it owns a
// socket inside, and passes on what a payload has any business to say. The payload never has systemd's own socket.

const (
	// notifySocket is where the socket is inside: in the launcher's own /dev, so that no path of the rootfs leads there.
	notifySocket = "/dev/notify"

	maxNotify = 4096 // bytes of a message
	maxStatus = 256  // of the text in it
)

// notifyOp makes the socket.
type notifyOp struct{}

func (notifyOp) String() string { return "bind dev/notify, mode 0666" }

func (notifyOp) do(l *launch) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return call("socket(AF_UNIX, SOCK_DGRAM)", err)
	}
	l.slots["notify"] = fd
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return call("setsockopt(SO_PASSCRED)", err)
	}
	// The /dev is mounted nowhere yet, and has no other path.
	path := "/proc/self/fd/" + strconv.Itoa(l.slots["dev"]) + "/notify"
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return call("bind(dev/notify)", err)
	}
	if err := unix.Fchmodat(l.slots["dev"], "notify", 0o666, 0); err != nil {
		return call("fchmodat(dev/notify)", err)
	}
	return nil
}

// ofContainer says whether a message was sent by a process that has a number in this pid namespace.
func ofContainer(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return false
	}
	cred, err := unix.ParseUnixCredentials(&messages[0])
	return err == nil && cred.Pid > 0
}

// filterNotify is what of a message systemd is told: that the payload is ready, reloads, stops or lives, and a line of text about it.
// Not whose main process is whose, and no descriptors to keep.
func filterNotify(message []byte) string {
	var out strings.Builder
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		name, value, ok := strings.Cut(string(line), "=")
		switch {
		case !ok:
			continue
		case name == "READY" && value == "1", name == "RELOADING" && value == "1", name == "STOPPING" && value == "1", name == "WATCHDOG" && value == "1":
		case name == "MONOTONIC_USEC" && value != "" && len(value) <= 20 && strings.Trim(value, "0123456789") == "":
		case name == "STATUS":
			value = strings.Map(visible, oneLine(value))
			if len(value) > maxStatus {
				value = strings.ToValidUTF8(value[:maxStatus], "")
			}
		default:
			continue
		}
		out.WriteString(name + "=" + value + "\n")
	}
	return out.String()
}

// visible replaces the characters that make a terminal show text in another order, or not at all.
func visible(c rune) rune {
	if c >= 0x200b && c <= 0x200f || c >= 0x202a && c <= 0x202e || c >= 0x2060 && c <= 0x206f || c == 0xfeff {
		return '?'
	}
	return c
}
