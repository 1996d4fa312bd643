package runtime

import (
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
	for _, n := range [][2]uint32{{1, 1}, {1, 2}, {1, 4}, {1, 11}, {21, 0}, {10, 144}} {
		if ValidDeviceNumber(unix.Mkdev(n[0], n[1])) == nil {
			t.Errorf("%v is given", n)
		}
	}
	for _, d := range []Device{{"/dev/null", "/dev/zero"}, {"/dev/../etc/x", "/dev/zero"}, {"/etc/x", "/dev/zero"}, {"/dev/x", "/etc/x"}, {"/dev/pts/0", "/dev/zero"}, {"/dev/a b", "/dev/zero"}, {"/dev/", "/dev/zero"}} {
		s := minimal()
		if s.Devices = []Device{d}; s.Validate() == nil {
			t.Errorf("accepted: %+v", d)
		}
	}
}
