package runtime

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A device is the payload's own node, of the number that the host's path has at the start, and is found through no link.
func TestDevices(t *testing.T) {
	b := newBed(t)
	s := b.spec(func(s *Spec) {
		s.User, s.Devices = "www", []Device{{"/dev/net/zeros", "/dev/zero"}, {"/dev/all", "/dev/full"}}
		s.Args = []string{"sh", "-c", "ls -ln /dev/net/zeros /dev/all; busybox head -c 3 /dev/net/zeros | busybox wc -c; echo x > /dev/all"}
	})
	o := b.run(s)
	for _, want := range []string{"crw-------    1 33       34          1,   7", "crw-------    1 33       34          1,   5", "\n3\n"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("%q is missing: %s%s", want, o.out, o.line)
		}
	}
	const link = "/dev/shm/hostctl-test-device"
	for _, n := range []string{"in", "out", "magic"} {
		defer os.Remove(link + n)
		os.Remove(link + n)
	}
	b.must(os.Symlink("../zero", link+"in"))
	b.must(os.Symlink("/dev/zero", link+"out"))
	b.must(os.Symlink("../fd/0", link+"magic"))
	if n, err := CharDevice(link + "in"); err != nil || n != unix.Mkdev(1, 5) {
		t.Errorf("a link below /dev: %d, %v", n, err)
	}
	for path, want := range map[string]string{link + "out": "EXDEV", link + "magic": "E", "/etc/passwd": "outside of /dev", link: "ENOENT", "/dev/shm": "no character device"} {
		if _, err := CharDevice(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, d := range []Device{{"/dev/null", "/dev/zero"}, {"/dev/../etc/x", "/dev/zero"}, {"/etc/x", "/dev/zero"}, {"/dev/x", "/etc/x"}, {"/dev/pts/0", "/dev/zero"}, {"/dev/a b", "/dev/zero"}, {"/dev/", "/dev/zero"}} {
		s := minimal()
		if s.Devices = []Device{d}; s.Validate() == nil {
			t.Errorf("accepted: %+v", d)
		}
	}
}

// What is the host itself is refused by what the kernel calls it, wherever its number is, and by its number where the kernel says nothing.
func TestHostDevices(t *testing.T) {
	sys := t.TempDir()
	device := func(number, path, subsystem string) {
		dir := sys + "/devices/" + path
		for _, err := range []error{
			os.MkdirAll(dir, 0o755), os.MkdirAll(sys+"/dev/char", 0o755),
			os.Symlink("../../../class/"+subsystem, dir+"/subsystem"), os.Symlink("../../devices/"+path, sys+"/dev/char/"+number),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		number          string
		path, subsystem string // "" has no entry in sysfs
		gives           string // "" is given
	}{
		{"248:0", "pci0/bsg/0:0:0:0", "bsg", givesDisks},
		{"240:0", "pci0/nvme/nvme0", "nvme", givesDisks},
		{"239:0", "pci0/nvme0/ng0n1", "nvme-generic", givesDisks},
		{"252:0", "dax0.0", "dax", givesDisks},
		{"253:0", "ubi0", "ubi", givesDisks},
		{"251:1", "uio0", "uio", givesMemory},
		{"247:0", "ipmi0", "ipmi", givesFirmware},
		{"246:0", "mei0", "mei", givesFirmware},
		{"245:0", "watchdog0", "watchdog", givesReset},
		{"244:1", "usbmon1", "usbmon", "all that goes over USB"},
		{"10:257", "virtual/misc/userfaultfd", "misc", "the system call of that name"},
		{"10:255", "virtual/misc/uinput", "misc", givesTyping}, // at another number than its own
		{"10:223", "", "", givesTyping},
		{"10:239", "", "", givesTyping},
		{"10:240", "", "", givesTyping},
		{"10:137", "", "", givesTyping},
		{"10:130", "", "", givesReset},
		{"10:144", "", "", givesFirmware},
		{"10:203", "", "", "devices of its own making"},
		{"10:236", "", "", givesDisks},
		{"10:237", "", "", givesDisks},
		{"21:0", "", "", givesDisks},
		{"90:0", "", "", givesDisks},
		{"162:1", "", "", givesDisks},
		{"202:0", "", "", givesMemory},
		{"1:0", "", "", givesMemory},
		{"1:1", "", "", givesMemory},
		{"1:2", "", "", givesMemory},
		{"1:4", "", "", givesMemory},
		{"1:11", "", "", "the kernel's log"},
		{"1:12", "", "", givesMemory},
		{"4:1", "", "", givesConsole},
		{"5:1", "", "", givesConsole},
		{"7:1", "", "", givesConsole},

		{"1:5", "virtual/mem/zero", "mem", ""},
		{"4:64", "pnp0/tty/ttyS0", "tty", ""},
		{"10:200", "virtual/misc/tun", "misc", ""},
		{"10:229", "", "", ""},
		{"10:232", "virtual/misc/kvm", "misc", ""},
		{"10:238", "virtual/misc/vhost-net", "misc", ""},
		{"10:241", "", "", ""},
		{"116:2", "card0/pcmC0D0p", "sound", ""},
		{"195:0", "", "", ""}, // a driver that tells sysfs nothing
		{"226:128", "pci0/drm/renderD128", "drm", ""},
	} {
		if c.path != "" {
			device(c.number, c.path, c.subsystem)
		}
		var major, minor uint32
		if _, err := fmt.Sscanf(c.number, "%d:%d", &major, &minor); err != nil {
			t.Fatal(err)
		}
		err := refuseHostDevice(sys, unix.Mkdev(major, minor))
		if (err == nil) != (c.gives == "") || err != nil && !strings.Contains(err.Error(), "device "+c.number+" gives "+c.gives) {
			t.Errorf("%s %s: %v, want %q", c.number, c.path, err, c.gives)
		}
	}
	// What cannot be told is refused.
	if err := os.Mkdir(sys+"/devices/odd", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../devices/odd", sys+"/dev/char/230:0"); err != nil {
		t.Fatal(err)
	}
	if refuseHostDevice(sys, unix.Mkdev(230, 0)) == nil {
		t.Error("a device without a subsystem is given")
	}
}
