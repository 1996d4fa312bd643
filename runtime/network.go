package runtime

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// ValidSysctl says why a container cannot have a setting of its own; nil when it can. Those of the network belong to a network namespace
// of its own, the others to the ipc namespace that every container has.
func ValidSysctl(name, value string) error {
	for _, part := range strings.Split(name, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return errors.New("is no name of a setting, such as net.core.somaxconn")
		}
	}
	if !netSysctl(name) && !ipcSysctl(name) {
		return errors.New("is a setting of the whole host; a container has those of net., kernel.msg*, kernel.sem, kernel.shm* and fs.mqueue.")
	}
	if value == "" || len(value) > 256 || strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t_.,:/-") != "" {
		return errors.New("cannot have the value " + strconv.Quote(value))
	}
	return nil
}

func netSysctl(name string) bool { return strings.HasPrefix(name, "net.") }

func ipcSysctl(name string) bool {
	switch name {
	case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
		"fs.mqueue.msg_default", "fs.mqueue.msg_max", "fs.mqueue.msgsize_default", "fs.mqueue.msgsize_max", "fs.mqueue.queues_max":
		return true
	}
	return false
}

// of are the settings that a test picks.
func of(list []Sysctl, want func(name string) bool) (out []Sysctl) {
	for _, c := range list {
		if want(c.Name) {
			out = append(out, c)
		}
	}
	return out
}

func (s Spec) validateNetwork(bad func(field, what string)) {
	if s.HostNetwork && s.Netns != "" {
		bad("host_network", "is no network namespace of its own, and netns is one")
	}
	seen := map[string]bool{}
	for _, c := range s.Sysctls {
		err := ValidSysctl(c.Name, c.Value)
		switch {
		case err != nil:
			bad("sysctls", strconv.Quote(c.Name)+" "+err.Error())
		case seen[c.Name]:
			bad("sysctls", strconv.Quote(c.Name)+" stands twice")
		case netSysctl(c.Name) && (s.Netns != "" || s.HostNetwork):
			bad("sysctls", strconv.Quote(c.Name)+" is a setting of a network namespace that is not the container's own")
		}
		seen[c.Name] = true
	}
	if len(s.Hosts) > maxHosts || !bytesOK(s.Hosts) {
		bad("hosts", "is larger than 64 KiB, or no text")
	}
}

const maxHosts = 64 << 10

// sysctlOp writes settings of the namespaces that the thread is in.
type sysctlOp struct{ list []Sysctl }

func (o sysctlOp) String() string {
	var words []string
	for _, c := range o.list {
		words = append(words, c.Name+"="+strconv.Quote(c.Value))
	}
	return "sysctl " + strings.Join(words, " ")
}

func (o sysctlOp) do(*launch) error {
	for _, c := range o.list {
		if err := writeProc(unix.AT_FDCWD, sysctlPath(c.Name), []byte(c.Value)); err != nil {
			return step("sysctl "+c.Name, err)
		}
	}
	return nil
}

// ipcSysctls writes the settings of the ipc namespace, which nobody may but the root of the user namespace that it belongs to.
func (s *script) ipcSysctls(list []Sysctl) {
	if len(list) == 0 {
		return
	}
	s.add("setresuid(0)", 0, unix.SYS_SETRESUID, 0, 0, 0)
	for _, c := range list {
		path := sysctlPath(c.Name)
		open := s.add("openat("+path+", O_WRONLY)", raw.Any, unix.SYS_OPENAT, at, s.str(path), unix.O_WRONLY|unix.O_CLOEXEC)
		open.Out[0] = &s.add("write("+path+", "+strconv.Quote(c.Value)+")", uintptr(len(c.Value)), unix.SYS_WRITE, 0, s.str(c.Value), uintptr(len(c.Value))).Args[0]
	}
}

// sysctlPath is the file of a setting. A dash stands for a dot in a name of the kernel's, as in the name of a network interface.
func sysctlPath(name string) string {
	return "/proc/sys/" + strings.ReplaceAll(strings.ReplaceAll(name, ".", "/"), "-", ".")
}

// hostsOp covers the rootfs's /etc/hosts with the mask filesystem's.
type hostsOp struct{}

func (hostsOp) String() string { return "cover /etc/hosts with mask/hosts" }

func (o hostsOp) do(l *launch) error { return step("extra hosts", o.cover(l)) }

func (hostsOp) cover(l *launch) error {
	at, err := openTarget(l.root, "/etc/hosts", unix.O_PATH|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return step("the rootfs has no file /etc/hosts (make it: touch "+l.spec.Rootfs+"/etc/hosts)", err)
	}
	if err != nil {
		return err
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return call("fstat(/etc/hosts)", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("the rootfs's /etc/hosts is no regular file")
	}
	return l.lay(at, "/etc/hosts", l.slots["mask"], "hosts", 0)
}
