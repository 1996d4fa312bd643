package runtime

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A setting is the container's alone, and one of the whole host is nobody's to have.
func TestSysctls(t *testing.T) {
	b := newBed(t)
	files := "/proc/sys/kernel/shmmax /proc/sys/fs/mqueue/msg_max /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/ip_unprivileged_port_start"
	host := func() (out string) {
		for _, f := range strings.Fields(files) {
			data, err := os.ReadFile(f)
			b.must(err)
			out += string(data)
		}
		return out
	}
	before := host()
	for _, capable := range []bool{false, true} {
		o := b.run(b.spec(func(s *Spec) {
			s.Sysctls = []Sysctl{{"kernel.shmmax", "65536"}, {"fs.mqueue.msg_max", "20"}, {"net.core.somaxconn", "1234"}}
			if capable {
				s.Capabilities = []string{"net_admin"}
			}
			s.Args = []string{"sh", "-c", "cat " + files}
		}))
		if o.out != "65536\n20\n1234\n0\n" {
			t.Errorf("%q %s", o.out, o.line)
		}
	}
	if after := host(); after != before {
		t.Errorf("the host has\n%s, had\n%s", after, before)
	}
	b.refused("a setting that is not there", ExitSetup, b.spec(func(s *Spec) { s.Sysctls = []Sysctl{{"net.core.nothing", "1"}} }), "sysctl net.core.nothing", "ENOENT")
	for name, want := range map[string]string{
		"net.core.somaxconn": "", "kernel.sem": "", "fs.mqueue.msg_max": "",
		"kernel.core_pattern": "whole host", "vm.swappiness": "whole host", "kernel.msg": "whole host", "net..x": "is no name", "net/core": "is no name", "": "is no name", "net.../x": "is no name",
	} {
		if err := ValidSysctl(name, "1"); fmt.Sprint(err) == "<nil>" != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, value := range []string{"", "1\n2", "1\x00", strings.Repeat("1", 257)} {
		if ValidSysctl("net.core.somaxconn", value) == nil {
			t.Errorf("value %q is accepted", value)
		}
	}
	for _, change := range []func(*Spec){
		func(s *Spec) { s.HostNetwork, s.Netns = true, "/run/netns/x" },
		func(s *Spec) { s.HostNetwork, s.Capabilities = true, []string{"net_raw"} },
		func(s *Spec) { s.HostNetwork, s.Sysctls = true, []Sysctl{{"net.core.somaxconn", "1"}} },
		func(s *Spec) { s.Sysctls = []Sysctl{{"kernel.sem", "1"}, {"kernel.sem", "1"}} },
	} {
		s := minimal()
		if change(&s); s.Validate() == nil {
			t.Errorf("accepted: %+v", s)
		}
	}
}

// In the host's network a payload reaches what listens there and changes nothing of it; abstract sockets stay behind Landlock.
func TestHostNetwork(t *testing.T) {
	b := newBed(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	defer tcp.Close()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("reached\n"))
			c.Close()
		}
	}()
	abstract, err := net.Listen("unix", "@hostctl-test-host-network")
	b.must(err)
	defer abstract.Close()
	port := tcp.Addr().(*net.TCPAddr).Port
	s := b.spec(func(s *Spec) {
		s.HostNetwork = true
		s.Args = []string{"sh", "-c", fmt.Sprintf("busybox nc 127.0.0.1 %d; probe connect @hostctl-test-host-network; busybox ip link set lo mtu 1000 2>&1; echo x > /sys/class/net/lo/ifalias", port)}
	})
	o := b.run(s)
	if !strings.HasPrefix(o.out, "reached\n") || !strings.Contains(o.out, "not permitted") {
		t.Errorf("%s%s", o.out, o.line)
	}
	if landlockABI(t) >= LandlockSockets && !strings.Contains(o.out, "connect: operation not permitted") {
		t.Errorf("an abstract socket of the host's: %s", o.out)
	}
	for name, id := range b.probe(b.spec(func(s *Spec) { s.HostNetwork = true })).Namespaces {
		if host, err := os.Readlink("/proc/self/ns/" + name); err == nil && host == id != (name == "net" || name == "time" || name == "time_for_children") {
			t.Errorf("namespace %s: %s, the host's %s", name, id, host)
		}
	}
}

// Nor does a whole system in the host's network reach the host's abstract sockets, nor what enters it; its own it does, and it mounts.
func TestBootInHostNetwork(t *testing.T) {
	b := newBed(t)
	overlayOK(t, b)
	if landlockABI(t) < LandlockSockets {
		skip(t, "Landlock of Linux 6.12")
	}
	abstract, err := net.Listen("unix", "@hostctl-test-boot-network")
	b.must(err)
	defer abstract.Close()
	const script = "probe connect @hostctl-test-boot-network; busybox mount -t tmpfs none /data && echo x > /data/x && busybox umount /data && " +
		"busybox mount --bind /tmp /data && busybox mount -o remount,ro,bind /data && busybox umount /data && busybox unshare -m true && echo mounts"
	spec := func(args ...string) Spec {
		return b.spec(func(s *Spec) { booted(s); s.HostNetwork, s.Args = true, args })
	}
	o := b.run(spec("sh", "-c", script))
	st := b.launch(spec("probe", "wait"), nil, nil)
	readLine(t, st.out, "ready\n")
	out, errs, _ := b.enter(Entry{Args: []string{"sh", "-c", script}})
	for who, text := range map[string]string{"the system": o.out + o.line, "who enters": out + errs} {
		if !strings.Contains(text, "connect: operation not permitted") || !strings.Contains(text, "mounts\n") {
			t.Errorf("%s: %s", who, text)
		}
	}
	b.must(unix.Kill(st.pid(), unix.SIGKILL))
	st.end()
}

// The file is read-only, and is not laid through a link.
func TestHosts(t *testing.T) {
	b := newBed(t)
	s := b.spec(func(s *Spec) {
		s.Hosts, s.Args = "127.0.0.1 localhost\n10.0.0.2 db\n", []string{"sh", "-c", "cat /etc/hosts; echo x > /etc/hosts || echo refused"}
	})
	b.refused("no file", ExitSetup, s, "touch "+b.rootfs+"/etc/hosts")
	b.must(os.Symlink("/etc/passwd", b.rootfs+"/etc/hosts"))
	b.refused("a link", ExitSetup, s, "extra hosts", "no regular file")
	b.must(os.Remove(b.rootfs + "/etc/hosts"))
	b.must(mkfifo(b.rootfs + "/etc/hosts"))
	b.refused("a fifo", ExitSetup, s, "no regular file")
	b.must(os.Remove(b.rootfs + "/etc/hosts"))
	b.must(os.WriteFile(b.rootfs+"/etc/hosts", []byte("rootfs\n"), 0o644))
	for _, root := range []string{RootReadOnly, RootEphemeral} {
		s.Root = root
		if o := b.run(s); o.out != "127.0.0.1 localhost\n10.0.0.2 db\nrefused\n" {
			t.Errorf("%q %s", o.out, o.line)
		}
	}
}
