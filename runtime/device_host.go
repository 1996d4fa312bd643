package runtime

import (
	"errors"
	"path"

	"golang.org/x/sys/unix"
)

// The character devices that are the host itself: no word of a configuration gives them, by whatever path. What the kernel calls a device
// is asked of sysfs. A node whose driver is not loaded yet has nothing there, so what has a number of its own for ever
// (Documentation/admin-guide/devices.txt) is known by that as well.

// What they give.
const (
	givesDisks    = "disks past their filesystems"
	givesMemory   = "the kernel's memory"
	givesTyping   = "the host's keyboard"
	givesConsole  = "the host's console"
	givesReset    = "the host's reset"
	givesFirmware = "the host's power and firmware"
)

// hostSubsystems are classes and buses, by the name that /sys/dev/char/MAJOR:MINOR/subsystem leads to.
var hostSubsystems = map[string]string{
	"bsg": givesDisks, "cxl": givesDisks, "dax": givesDisks, "mtd": givesDisks, "nd": givesDisks, "nvme": givesDisks,
	"nvme-generic": givesDisks, "raw": givesDisks, "scsi_generic": givesDisks, "ubi": givesDisks,
	"msr": givesMemory, "uio": givesMemory, // the registers of a device that reads and writes memory by itself
	"ipmi": givesFirmware, "mei": givesFirmware,
	"usbmon": "all that goes over USB, what is typed too",
	"vc":     givesConsole, "watchdog": givesReset,
}

// hostMisc are those of major 10, by the kernel's name, with their fixed minor number; 0 is none. The others, such as fuse, kvm, tun,
// vhost-net and vhost-vsock, give what they are there for and no more.
var hostMisc = map[string]struct {
	minor uint32
	gives string
}{
	"watchdog": {130, givesReset}, "vhci": {137, givesTyping}, "nvram": {144, givesFirmware}, "microcode": {184, givesFirmware},
	"cuse": {203, "devices of its own making to the host's programs"}, "mpt2ctl": {221, givesDisks}, "mpt3ctl": {222, givesDisks},
	"uinput": {223, givesTyping}, "mcelog": {227, givesMemory}, "snapshot": {231, givesMemory}, "device-mapper": {236, givesDisks},
	"loop-control": {237, givesDisks}, "uhid": {239, givesTyping}, "userio": {240, givesTyping},
	"userfaultfd": {0, "the system call of that name, which is denied"},
}

// hostNumber says what a device gives by its number alone; "" where that says nothing.
func hostNumber(number uint64) string {
	switch major, minor := unix.Major(number), unix.Minor(number); major {
	case 1:
		switch minor {
		case 3, 5, 7, 8, 9: // null, zero, full, random, urandom
			return ""
		case 11:
			return "the kernel's log"
		}
		return givesMemory
	case 4:
		if minor < 64 { // virtual terminals; from there on serial lines
			return givesConsole
		}
	case 5:
		if minor == 1 {
			return givesConsole
		}
	case 7:
		return givesConsole
	case 10:
		for _, d := range hostMisc {
			if d.minor == minor && minor != 0 {
				return d.gives
			}
		}
	case 21, 90, 162: // sg, mtd, raw
		return givesDisks
	case 202: // msr
		return givesMemory
	}
	return ""
}

// refuseHostDevice fails for a device that is the host itself. sys is where sysfs is mounted.
func refuseHostDevice(sys string, number uint64) error {
	name := utoa(unix.Major(number)) + ":" + utoa(unix.Minor(number))
	gives := hostNumber(number)
	if gives == "" {
		at := sys + "/dev/char/" + name
		device, err := linkBase(at)
		if err == unix.ENOENT {
			return nil // its driver is not loaded, or tells sysfs of none of its devices
		}
		if err != nil {
			return call("readlink("+at+")", err)
		}
		subsystem, err := linkBase(at + "/subsystem")
		if err != nil {
			return call("readlink("+at+"/subsystem)", err)
		}
		gives = hostSubsystems[subsystem]
		if subsystem == "misc" {
			gives = hostMisc[device].gives
		}
	}
	if gives != "" {
		return errors.New("device " + name + " gives " + gives)
	}
	return nil
}

// linkBase is the last name of what a link of sysfs leads to.
func linkBase(link string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(link, buf)
	if err != nil {
		return "", err
	}
	return path.Base(string(buf[:n])), nil
}
