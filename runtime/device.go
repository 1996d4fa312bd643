package runtime

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// deviceOp makes a node of a device of the host's in the launcher's own /dev. The cgroup of the unit says what may be done with it.
type deviceOp struct {
	device   Device
	uid, gid uint32
}

func (o deviceOp) String() string {
	return "make dev" + strings.TrimPrefix(o.device.Path, "/dev") + " of " + utoa(o.uid) + ":" + utoa(o.gid) + ", the character device " + o.device.Source
}

func (o deviceOp) do(l *launch) error {
	if err := o.make(l.slots["dev"]); err != nil {
		return step("device "+o.device.Source, err)
	}
	return nil
}

func (o deviceOp) make(dev int) error {
	number, err := CharDevice(o.device.Source)
	if err != nil {
		return err
	}
	at := dev
	parts := strings.Split(strings.TrimPrefix(o.device.Path, "/dev/"), "/")
	for _, part := range parts[:len(parts)-1] {
		if err := unix.Mkdirat(at, part, 0o755); err != nil && err != unix.EEXIST {
			return call("mkdirat(dev/"+part+")", err)
		}
		next, err := unix.Openat(at, part, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return call("openat(dev/"+part+", O_NOFOLLOW)", err)
		}
		defer unix.Close(next)
		at = next
	}
	name := parts[len(parts)-1]
	if err := unix.Mknodat(at, name, unix.S_IFCHR|0o600, int(number)); err != nil {
		return call("mknodat("+o.device.Path+", S_IFCHR, "+utoa(unix.Major(number))+":"+utoa(unix.Minor(number))+")", err)
	}
	if err := unix.Fchownat(at, name, int(o.uid), int(o.gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return call("fchownat("+o.device.Path+")", err)
	}
	return nil
}

// CharDevice returns the number of a character device of the host's. The links that the host's device manager makes below /dev are followed,
// and none that leads out of it. One that is the host itself is an error.
func CharDevice(name string) (uint64, error) {
	dev, err := unix.Open("/dev", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, call("open(/dev)", err)
	}
	defer unix.Close(dev)
	below, ok := strings.CutPrefix(name, "/dev/")
	if !ok {
		return 0, errors.New("lies outside of /dev")
	}
	fd, err := unix.Openat2(dev, below, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return 0, call("openat2("+name+", O_PATH, RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS)", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, call("fstat("+name+")", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return 0, errors.New("is no character device")
	}
	return uint64(st.Rdev), refuseHostDevice("/sys", uint64(st.Rdev))
}

// DeviceNode is how systemd.resource-control(5) names a character device by its number.
func DeviceNode(number uint64) string {
	return "/dev/char/" + utoa(unix.Major(number)) + ":" + utoa(unix.Minor(number))
}

// ValidDevice says what is wrong with the path of a device, inside or on the host; nil for nothing.
func ValidDevice(p string) error {
	if !strings.HasPrefix(p, "/dev/") || path.Clean(p) != p || len(p) > 128 ||
		strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+:/-") != "" {
		return errors.New("is no clean path below /dev of letters, digits and _ . + : -")
	}
	return nil
}

// OwnDevice says whether a path is one that every container has of its own.
func OwnDevice(p string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/dev/"), "/")
	for _, n := range devNodes {
		if n.name == first {
			return true
		}
	}
	for _, l := range devLinks {
		if l[0] == first {
			return true
		}
	}
	return first == "pts" || first == "shm" || first == "notify" || first == "console" || first == "mqueue"
}

func (s Spec) validateDevices(bad func(field, what string)) {
	seen := map[string]bool{}
	for _, d := range s.Devices {
		for _, p := range []string{d.Path, d.Source} {
			if err := ValidDevice(p); err != nil {
				bad("devices", strconv.Quote(p)+" "+err.Error())
			}
		}
		if OwnDevice(d.Path) || seen[d.Path] {
			bad("devices", strconv.Quote(d.Path)+" is there already")
		}
		seen[d.Path] = true
	}
	if len(s.Devices) > 64 {
		bad("devices", "are more than 64")
	}
}
