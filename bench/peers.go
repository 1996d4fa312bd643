package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// masked are the parts of /proc and /sys that the launcher covers, and so do the others here.
var masked = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
	"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
}

// peerLaunches are the floor and the programs of others, each told to make the same container as nearly as it can.
func peerLaunches(k kit) ([]contestant, error) {
	base, count := fmt.Sprint(idBase), "65536"
	all := []contestant{
		{name: "no container", argv: []string{k.Rootfs + "/bin/busybox", "true"}},
		{name: rowFloor, argv: []string{k.Floor, k.Rootfs, base, count, "/bin/true"}},
	}
	bundle, err := writeBundle(k)
	if err != nil {
		return nil, err
	}
	bwrap := []string{
		"bwrap", "--unshare-all", "--hostname", "peer", "--uid", "0", "--gid", "0", "--cap-drop", "ALL",
		"--ro-bind", k.Rootfs, "/", "--dev", "/dev", "--proc", "/proc", "--ro-bind", "/sys", "/sys", "--tmpfs", "/run", "--tmpfs", "/tmp",
		"--clearenv", "--chdir", "/",
	}
	for _, m := range masked {
		// The kit has files of that kind; what the kernel does not have bwrap would fail to make.
		if st, err := os.Stat(m); err == nil && st.IsDir() {
			bwrap = append(bwrap, "--ro-bind", k.Mask+"/dir", m)
		} else if err == nil {
			bwrap = append(bwrap, "--ro-bind", k.Mask+"/file", m)
		}
	}
	for _, p := range []struct {
		row  string
		argv []string
	}{
		{rowBwrap, append(bwrap[:len(bwrap):len(bwrap)], "--as-pid-1", "--", "/bin/true")},
		{"bwrap, its own init", append(bwrap[:len(bwrap):len(bwrap)], "--", "/bin/true")},
		{rowCrun, []string{"crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, "bench-crun"}},
		{rowRunc, []string{"runc", "run", "--bundle", bundle, "bench-runc"}},
		{rowNspawn, []string{"systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--directory=" + k.Rootfs, "--read-only",
			"--private-users=" + base + ":" + count, "--private-users-ownership=map", "--private-network", "--resolv-conf=off", "--timezone=off",
			"--link-journal=no", "--hostname=peer", "--no-new-privileges=yes", "--", "/bin/true"}},
	} {
		path, err := exec.LookPath(p.argv[0])
		if err != nil {
			return nil, err
		}
		all = append(all, contestant{name: p.row, argv: append([]string{path}, p.argv[1:]...), env: []string{"PATH=" + os.Getenv("PATH")}})
	}
	return all, nil
}

// writeBundle writes the OCI bundle for crun and runc and returns its directory. There are no resources in it, since
// a throwaway host may have no controllers, and no seccomp filter.
func writeBundle(k kit) (string, error) {
	const bundle = "/run/hostctl-bench.bundle"
	if err := os.MkdirAll(bundle, 0o755); err != nil {
		return "", err
	}
	type object = map[string]any
	ids := []object{{"containerID": 0, "hostID": idBase, "size": 65536}}
	mount := func(target, fstype string, options ...string) object {
		return object{"destination": target, "type": fstype, "source": fstype, "options": options}
	}
	var namespaces []object
	for _, t := range []string{"user", "mount", "pid", "ipc", "uts", "network", "cgroup"} {
		namespaces = append(namespaces, object{"type": t})
	}
	text, err := json.Marshal(object{
		"ociVersion": "1.0.2",
		"hostname":   "peer",
		"root":       object{"path": k.Rootfs, "readonly": true},
		"process": object{
			"user": object{"uid": 0, "gid": 0}, "args": []string{"/bin/true"}, "env": []string{"PATH=/bin"}, "cwd": "/",
			"noNewPrivileges": true, "capabilities": object{},
		},
		"mounts": []object{
			mount("/proc", "proc", "nosuid", "nodev", "noexec"),
			mount("/dev", "tmpfs", "nosuid", "noexec", "mode=755", "size=64k"),
			mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
			mount("/dev/shm", "tmpfs", "nosuid", "nodev", "mode=1777", "size=64m"),
			mount("/sys", "sysfs", "nosuid", "nodev", "noexec", "ro"),
			mount("/sys/fs/cgroup", "cgroup", "nosuid", "nodev", "noexec", "ro"),
			mount("/run", "tmpfs", "nosuid", "nodev", "mode=755", "size=16m"),
			mount("/tmp", "tmpfs", "nosuid", "nodev", "mode=1777", "size=64m"),
		},
		"linux": object{
			"uidMappings": ids, "gidMappings": ids, "namespaces": namespaces,
			"maskedPaths":   masked,
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger", "/proc/sys"},
		},
	})
	if err != nil {
		return "", err
	}
	return bundle, os.WriteFile(bundle+"/config.json", text, 0o644)
}
