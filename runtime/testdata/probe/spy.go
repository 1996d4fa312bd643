package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// spy looks into every process that comes, as hard as it can: it opens its memory, reads which program it is, and seizes it. A hit is
// one whose program is not the container's, and is printed; at SIGTERM it says how many processes it met before their exec.
func spy() {
	runtime.LockOSThread()
	met, hits := map[int]bool{}, map[string]bool{}
	var stop atomic.Bool
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM)
	go func() { <-ch; stop.Store(true) }()
	inside := func(exe string) bool { return strings.HasPrefix(exe, "/bin/") }
	hit := func(what, exe string) {
		if line := what + " " + exe; !hits[line] {
			hits[line] = true
			fmt.Println("hit:", line)
		}
	}
	dir, _ := os.Open("/proc")
	fmt.Println("ready")
	for !stop.Load() {
		dir.Seek(0, 0)
		names, _ := dir.Readdirnames(-1)
		for _, name := range names {
			n, err := strconv.Atoi(name)
			if err != nil || n == 1 || n == os.Getpid() {
				continue
			}
			at := "/proc/" + name
			exe, unseen := os.Readlink(at + "/exe")
			if unseen == nil && !inside(exe) {
				hit("exe", exe)
			}
			if unseen != nil {
				met[n] = true
			}
			if fd, err := syscall.Open(at+"/mem", syscall.O_RDWR, 0); err == nil {
				if exe, err := os.Readlink(at + "/exe"); err == nil && !inside(exe) {
					hit("mem", exe)
				}
				syscall.Close(fd)
			}
			const seize, interrupt = 0x4206, 0x4207
			if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, seize, uintptr(n), 0, 0, 0, 0); errno != 0 {
				continue
			}
			syscall.RawSyscall6(syscall.SYS_PTRACE, interrupt, uintptr(n), 0, 0, 0, 0)
			var ws syscall.WaitStatus
			if _, err := syscall.Wait4(n, &ws, 0x40000000, nil); err == nil && ws.Stopped() {
				if exe, err := os.Readlink(at + "/exe"); err == nil && !inside(exe) {
					hit("seized", exe)
				}
				syscall.PtraceDetach(n)
			}
		}
	}
	fmt.Println("met", len(met))
}

// ids prints the effective and saved ids of this process.
func ids() {
	var r, e, s uint32
	syscall.RawSyscall(syscall.SYS_GETRESUID, uintptr(unsafe.Pointer(&r)), uintptr(unsafe.Pointer(&e)), uintptr(unsafe.Pointer(&s)))
	fmt.Print("euid ", e, " suid ", s)
	syscall.RawSyscall(syscall.SYS_GETRESGID, uintptr(unsafe.Pointer(&r)), uintptr(unsafe.Pointer(&e)), uintptr(unsafe.Pointer(&s)))
	fmt.Println(" egid", e, "sgid", s)
}

// key tries to read a key by its number, and to find it by its name in each keyring that a process has.
func key(number, name string) {
	const read, search = 11, 10
	id, _ := strconv.Atoi(number)
	buf := make([]byte, 64)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_KEYCTL, read, uintptr(id), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	fmt.Println("read:", errno != 0)
	kind, _ := syscall.BytePtrFromString("user")
	called, _ := syscall.BytePtrFromString(name)
	for ring := -5; ring <= -1; ring++ { // KEY_SPEC_USER_SESSION_KEYRING to KEY_SPEC_THREAD_KEYRING
		_, _, errno := syscall.RawSyscall6(syscall.SYS_KEYCTL, search, uintptr(ring), uintptr(unsafe.Pointer(kind)), uintptr(unsafe.Pointer(called)), 0, 0)
		fmt.Println("search:", errno != 0)
	}
	_, _, errno = syscall.RawSyscall6(syscall.SYS_REQUEST_KEY, uintptr(unsafe.Pointer(kind)), uintptr(unsafe.Pointer(called)), 0, 0, 0, 0)
	fmt.Println("request:", errno != 0)
}
