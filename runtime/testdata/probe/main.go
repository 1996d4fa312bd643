// Command probe is the payload of the launcher's tests: it prints what it finds itself to be, as JSON.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		ch := make(chan os.Signal, 8)
		signal.Notify(ch, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP)
		os.Stdout.WriteString("ready\n")
		for s := range ch {
			os.Stdout.WriteString(s.String() + "\n")
			if s == syscall.SIGTERM {
				os.Exit(42)
			}
		}
	}
	if len(os.Args) > 1 && os.Args[1] == "connect" {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err == nil {
			err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: os.Args[2]})
		}
		fmt.Println("connect:", err)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "notify" {
		c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
		for _, m := range os.Args[2:] {
			if err == nil {
				_, err = c.Write([]byte(m))
			}
		}
		fmt.Println("notify:", err)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "spy" {
		spy()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "ids" {
		ids()
		return
	}
	if len(os.Args) > 3 && os.Args[1] == "key" {
		key(os.Args[2], os.Args[3])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "listen" {
		listen()
	}
	if len(os.Args) > 3 && os.Args[1] == "serve" {
		status, _ := strconv.Atoi(os.Args[3])
		fmt.Println(http.ListenAndServe(os.Args[2], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })))
		os.Exit(1)
	}
	if len(os.Args) > 3 && os.Args[1] == "ask" {
		ask(os.Args[2], os.Args[3])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "become" {
		id, _ := strconv.Atoi(os.Args[2])
		err := errors.Join(syscall.Setgid(id), syscall.Setuid(id))
		fmt.Println(err, syscall.Exec(os.Args[3], os.Args[3:], nil))
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "foreign" {
		foreign(os.Args[2]) // must not return
		return
	}
	out := map[string]any{
		"uid": os.Getuid(), "gid": os.Getgid(), "pid": os.Getpid(), "args": os.Args, "env": os.Environ(),
	}
	out["groups"], _ = syscall.Getgroups()
	out["hostname"], _ = os.Hostname()
	out["cwd"], _ = os.Getwd()
	status := map[string]string{}
	for _, line := range strings.Split(read("/proc/self/status"), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok {
			status[k] = strings.TrimSpace(v)
		}
	}
	out["status"] = status
	for _, f := range []string{"uid_map", "gid_map", "mountinfo", "cgroup", "limits"} {
		out[f] = read("/proc/self/" + f)
	}
	fds := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		fds[e.Name()], _ = os.Readlink("/proc/self/fd/" + e.Name())
	}
	out["fds"] = fds
	var dev []string
	filepath.WalkDir("/dev", func(p string, d fs.DirEntry, err error) error {
		dev = append(dev, p)
		return nil
	})
	out["dev"] = dev
	errs := map[string]string{}
	try := func(name string, err error) {
		errs[name] = "ok"
		if err != nil {
			errs[name] = err.Error()
		}
	}
	for _, p := range os.Args[1:] {
		try("write "+p, os.WriteFile(p, []byte("1"), 0o644))
	}
	for _, p := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"} {
		if _, err := os.Lstat(p); err == nil {
			_, err = os.ReadFile(p)
			try("read "+p, err)
		}
	}
	for _, p := range []string{"/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/irq/default_smp_affinity"} {
		try("write "+p, os.WriteFile(p, []byte("x"), 0))
	}
	os.WriteFile("/tmp/mode", nil, 0o755)
	try("setuid chmod", syscall.Chmod("/tmp/mode", 0o4755))
	try("setgid fchmodat", syscall.Fchmodat(-100, "/tmp/mode", 0o2755, 0))
	fd, err := syscall.Open("/tmp/mode2", syscall.O_CREAT|syscall.O_WRONLY, 0o4755)
	try("setuid open", err)
	syscall.Close(fd)
	fd, err = syscall.Open("/tmp", 0o20200000|syscall.O_WRONLY, 0o4755) // O_TMPFILE
	try("setuid unnamed", err)
	syscall.Close(fd)
	try("setuid mknod", syscall.Mknod("/tmp/mode3", syscall.S_IFREG|0o6755, 0))
	try("mknod", syscall.Mknod("/tmp/null", syscall.S_IFCHR|0o666, 1<<8|3))
	child := exec.Command("/bin/probe", "none")
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	try("new user namespace", child.Start())
	try("mount", syscall.Mount("", "/", "", syscall.MS_REMOUNT, ""))
	try("sethostname", syscall.Sethostname([]byte("x")))
	out["max_user_namespaces"] = strings.TrimSpace(read("/proc/sys/user/max_user_namespaces"))
	out["namespaces"] = namespaces()
	out["keys"] = read("/proc/keys")
	if len(os.Args) > 1 && os.Args[1] == "powers" {
		out["readable"], out["writable"] = openable(syscall.O_RDONLY), openable(syscall.O_WRONLY)
	}
	calls := map[string]string{}
	for name, c := range denied {
		_, _, errno := syscall.RawSyscall6(c[0], c[1], c[2], c[3], 0, 0, 0)
		calls[name] = "ok"
		if errno != 0 {
			calls[name] = errno.Error()
		}
	}
	out["calls"] = calls
	out["foreign"] = map[string]string{}
	for _, how := range ways {
		err := exec.Command("/proc/self/exe", "foreign", how).Run()
		out["foreign"].(map[string]string)[how] = fmt.Sprint(err)
	}
	out["try"] = errs
	json.NewEncoder(os.Stdout).Encode(out)
}

func read(p string) string {
	b, _ := os.ReadFile(p)
	return string(b)
}
