package runtime

import (
	"encoding/binary"
	"errors"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// Exit statuses of the launcher and of a payload that never came to its exec; systemctl prints their names.
// Only ExitConfig is worth no restart: the same spec cannot start next time either.
const (
	ExitConfig = 78  // 78/CONFIG: called wrongly, or the spec, the rootfs or the user in it is not as it must be
	ExitExec   = 203 // 203/EXEC: the payload's own last steps, its exec above all, failed
	ExitSetup  = 226 // 226/NAMESPACE: the kernel refused an operation on the way
)

// Env is what systemd says in the environment of a unit's process.
type Env struct {
	InvocationID string // INVOCATION_ID
	NotifySocket string // NOTIFY_SOCKET
	ListenPID    string // LISTEN_PID
	ListenFDs    string // LISTEN_FDS
	Credentials  string // CREDENTIALS_DIRECTORY
}

// launch is one start. Its ops fill it in.
//
// Three parties, and who says what to whom:
//
//	launcher (main thread)          helper thread                    child = the payload's process
//	prepare mounts, pipes
//	clone3(CLONE_VFORK) ----------------------------------------->   close(its copy of hold's write end)
//	  stopped until exec            read(ready)  <----- 1 byte ---   write(ready)
//	                                id maps, idmaps, proc            read(hold): held; end of file = die
//	                                setns, mount tree, pivot_root
//	                                running/<InvocationID>
//	                                MAINPID= to systemd, and wait until it has read that
//	                                write(hold) ------ 1 byte --->   released: hostname, limits, capabilities,
//	                                                                 ids, ..., execve (or the init, which clones
//	                                                                 the payload and waits for its exec)
//	goes on          <---------------- end of vfork --------------
//	read(status)     <--- end of file: exec succeeded (close-on-exec); 16 bytes: which call failed, and how.
//	                      With the init, 16 bytes that say "started"; end of file is its death.
//	READY=1 to systemd, with the payload's pid in SCM_CREDENTIALS
//	exit 0
//
// The child was cloned with CLONE_PARENT: it is systemd's own child. It shares the launcher's memory until its
// exec and touches none of it but its list of calls and its report. When the launcher dies at any
// point before the release, the hold pipe closes and the child exits.
type launch struct {
	paths      Paths
	name       string
	spec       Spec
	sum        string
	specFD     int // open until the record names it
	invocation string
	notify     int // socket of systemd
	running    int // directory of the records

	credentials string // the unit's directory of them; "" where it has none

	below    map[string]string // the entry of the host's policy that allows a slot's directory
	rootfs   int               // the host's directory, O_PATH
	procFS   int               // a configured proc context, or -1
	id       identity
	script   *script
	slots    map[string]int // detached mounts by name
	subs     map[string][]submount
	writable []int // mounts of tmpfs made here that are attached
	rooms    []int // those of them that hold files
	contents map[string][]byte
	files    map[string]bool // slots that are files, not directories
	root     int             // the new root
	under    int             // how many mounts it lies on: the old root, and the rootfs where the new root is a room

	clonePID   int32 // written by the kernel
	clonePidFD int32
	userns     int
	proc       int    // the child's directory in the host's proc, O_PATH
	start      uint64 // the child's start time
	holdWrite  int
	recorded   bool
	released   atomic.Bool
	failed     atomic.Bool
	report     func(line string)
}

func (l *launch) pid() int   { return int(l.clonePID) }
func (l *launch) pidfd() int { return int(l.clonePidFD) }

// Launch starts the container that the link name stands for and returns the exit status of the
// launcher; report receives one line where it is not 0. It is the whole program: it changes the calling thread's
// namespaces and signal mask, and the process ends after it.
func Launch(paths Paths, name string, env Env, report func(line string)) int {
	goruntime.LockOSThread()
	// A collection stops every thread that runs Go. The one in clone3 never stops: it waits for the child, the child
	// for the helper thread, and the helper, whose allocation began the collection, for the thread in clone3.
	debug.SetGCPercent(-1)
	l := &launch{
		paths: paths, name: name, invocation: env.InvocationID, credentials: env.Credentials, report: report,
		specFD: -1, notify: -1, rootfs: -1, procFS: -1, userns: -1, proc: -1, holdWrite: -1, clonePidFD: -1,
		slots: make(map[string]int, 16), subs: map[string][]submount{}, contents: map[string][]byte{}, files: map[string]bool{},
	}
	code, err := l.run(env)
	l.fail(err)
	return code
}

func (l *launch) run(env Env) (int, error) {
	// A core would hold what the payload's files, secrets and environment hold. Whatever core_pattern(5) is: a limit on its size does not
	// keep one from a pipe.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return ExitSetup, call("prctl(PR_SET_DUMPABLE, 0)", err)
	}
	if err := l.read(env); err != nil {
		return ExitConfig, err
	}
	p, err := l.decide()
	if err != nil {
		return ExitConfig, err
	}
	// Under no descriptor of the launcher's, and none that it was started with, may a relative path begin.
	if err := unix.Chdir("/"); err != nil {
		return ExitSetup, call("chdir(/)", err)
	}
	unix.Umask(0)
	for _, o := range p.Prepare {
		if err := o.do(l); err != nil {
			return setupStatus(err), err
		}
	}
	return l.runChild(p)
}

// setupStatus is the exit status for an operation that failed.
func setupStatus(err error) int {
	if config := (configError{}); errors.As(err, &config) {
		return ExitConfig
	}
	return ExitSetup
}

// read takes in everything that is not the kernel's.
func (l *launch) read(env Env) (err error) {
	if !validInvocation(env.InvocationID) || env.NotifySocket == "" {
		return errors.New("is started by systemd, as a service of Type=notify: INVOCATION_ID or NOTIFY_SOCKET is missing")
	}
	if raw.NoFileError != 0 {
		return call("prlimit64(RLIMIT_NOFILE)", unix.Errno(-raw.NoFileError))
	}
	if l.spec, l.sum, l.specFD, err = l.paths.open(l.name); err != nil {
		return err
	}
	if l.running, err = unix.Open(l.paths.running(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0); err != nil {
		return call("open("+l.paths.running()+")", err)
	}
	if err := l.sockets(env); err != nil {
		return err
	}
	return l.connect(env.NotifySocket)
}

// sockets looks whether systemd has passed as many as the spec names: from descriptor 3 on, where they stay.
func (l *launch) sockets(env Env) error {
	if len(l.spec.Listen) == 0 {
		return nil // one that is passed all the same is closed like any other
	}
	if env.ListenPID != strconv.Itoa(unix.Getpid()) || env.ListenFDs != strconv.Itoa(len(l.spec.Listen)) {
		return errors.New("needs " + strconv.Itoa(len(l.spec.Listen)) + " sockets, and systemd passes " + strconv.Quote(env.ListenFDs) +
			": the unit's socket does not listen, or not as it did when it was made")
	}
	for i := range l.spec.Listen {
		var st unix.Stat_t
		if err := unix.Fstat(firstListen+i, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
			return errors.New("descriptor " + strconv.Itoa(firstListen+i) + ", which systemd passed, is no socket")
		}
	}
	return nil
}

// firstListen is SD_LISTEN_FDS_START.
const firstListen = 3

// decide looks the payload's user up and makes the plan.
func (l *launch) decide() (plan, error) {
	var f facts
	rules, err := l.paths.Rules()
	if errors.Is(err, os.ErrNotExist) {
		err = errors.New(l.paths.rules() + " is missing, so that nobody knows what this host allows: hostctl apply writes it")
	}
	if err != nil {
		return plan{}, err
	}
	if l.below, err = allowed(l.spec, rules.Of(l.spec.Owner)); err != nil {
		return plan{}, err
	}
	if l.rootfs, f.Shifted, err = openRootfs(l.spec, l.below["root"]); err != nil {
		return plan{}, step("rootfs "+l.spec.Rootfs, err)
	}
	read := func(path string) ([]byte, error) { return rootFile(l.rootfs, path) }
	user, err := lookupUser(l.spec, read)
	if err == nil {
		f.ID, err = mapUser(l.spec, user)
	}
	if err != nil {
		return plan{}, step("user "+strconv.Quote(l.spec.User), err)
	}
	if f.ID.Groups, err = lookupGroups(l.spec.Groups, f.ID.GIDMap, read); err != nil {
		return plan{}, err
	}
	if f.Owners, err = placeFiles(l.rootfs, l.spec, f.ID); err != nil {
		return plan{}, err
	}
	if l.procFS, f.ProcInside, err = openProcFS(); err != nil {
		return plan{}, err
	}
	if f.LastCap, err = lastCap(); err != nil {
		return plan{}, err
	}
	if f.Landlock, err = LandlockABI(); err != nil {
		return plan{}, err
	}
	f.NoSwap = len(l.spec.Secrets) > 0 && canNoSwap()
	if l.spec.Boot {
		if f.UUID, err = systemUUID(l.spec.Name); err != nil {
			return plan{}, err
		}
	}
	p := makePlan(l.spec, f)
	l.id, l.script = f.ID, p.Child
	return p, nil
}

// runChild clones the child and sees it through to its exec.
func (l *launch) runChild(p plan) (int, error) {
	var hold, ready, status [2]int
	for _, pipe := range []*[2]int{&hold, &ready, &status} {
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return ExitSetup, call("pipe2", err)
		}
	}
	l.holdWrite = hold[1]
	self := -1
	if l.spec.Init {
		var err error
		if self, err = unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return ExitSetup, call("open(/proc/self/exe)", err)
		}
		l.slots["self"] = self
	}
	p.Child.useFDs(hold[0], hold[1], ready[1], status[0], l.slots["landlock"], status[1], self, l.slots["notify"], l.notify)

	// The thread below holds a processor of Go's while it is stopped in clone3, and the helper needs another.
	if goruntime.GOMAXPROCS(0) < 4 {
		goruntime.GOMAXPROCS(4)
	}
	if _, err := blockSignals(); err != nil {
		return ExitSetup, err
	}
	report := raw.NewReport(status[1], ExitExec)
	done := make(chan error, 1)
	go l.help(p.Build, ready[0], status[0], report, done)

	var pins goruntime.Pinner
	own := uint64(unix.CLONE_NEWNS)
	if l.spec.Boot {
		// The mounts are made in a namespace that is the host's, of which the child then takes its copy.
		own = 0
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return ExitSetup, call("unshare(CLONE_NEWNS)", err)
		}
	}
	if l.spec.ownNetwork() {
		own |= unix.CLONE_NEWNET
	}
	pid := raw.Clone(&raw.CloneArgs{
		Flags: own | unix.CLONE_PARENT | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
			unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_CLEAR_SIGHAND |
			unix.CLONE_PIDFD | unix.CLONE_PARENT_SETTID,
		PidFD:     uint64(pin(&pins, &l.clonePidFD)),
		ParentTID: uint64(pin(&pins, &l.clonePID)),
	}, p.Child.calls, report)

	// The child has exec'ed or is gone; a helper that still waits for its first byte reads end of file.
	unix.Close(ready[1])
	unix.Close(status[1])
	if pid < 0 {
		<-done
		return ExitSetup, call("clone3(CLONE_PARENT|CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWCGROUP)", unix.Errno(-pid))
	}
	if !l.released.Load() {
		err := <-done
		return setupStatus(err), err
	}
	if report.Index >= 0 {
		return ExitExec, <-done
	}
	if err := l.outcome(status[0]); err != nil {
		l.fail(err)
		unix.Close(status[0]) // lets the init go
		return ExitExec, nil
	}
	if l.spec.initTells() {
		return 0, nil // the init says it
	}
	if err := l.tell("READY=1\n", &unix.Ucred{Pid: int32(l.pid())}); err != nil && !errors.Is(err, unix.ESRCH) {
		return ExitSetup, err
	}
	return 0, nil
}

// help runs on a thread of its own, which ends up in the container's mount namespace and with the process.
func (l *launch) help(ops []op, ready, status int, report *raw.Report, done chan<- error) {
	goruntime.LockOSThread()
	err := l.build(ops, ready, status)
	if err != nil && l.recorded {
		unix.Unlinkat(l.running, l.invocation, 0)
	}
	if l.released.Load() {
		waitFor(status) // for the exec, or for what failed
	}
	if report.Index >= 0 {
		err = l.outcome(status)
	}
	// A failed child, or one that fails now because nobody will write the byte, waits for this thread to say why: with
	// its end, that of the unit's main process, systemd kills what is left. The main thread is still stopped in clone3.
	l.fail(err)
	unix.Close(l.holdWrite)
	if err != nil {
		unix.Close(status)
	}
	done <- err
}

// waitFor waits until one of some descriptors can be read or has come to its end, and says whether it is the first.
// It keeps Go's processor, so that nothing has to be scheduled when it happens.
func waitFor(fds ...int) (first bool) {
	var list [2]unix.PollFd
	for i, fd := range fds {
		list[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&list)), uintptr(len(fds)), 0, 0, 0, 0)
		if errno != unix.EINTR {
			return errno == 0 && list[0].Revents&unix.POLLIN != 0
		}
	}
}

func (l *launch) build(ops []op, ready, status int) error {
	if !waitFor(ready, status) {
		return errors.New("the payload's process died before it was released")
	}
	for _, o := range ops {
		if err := o.do(l); err != nil {
			return err
		}
	}
	return nil
}

// fail writes the one line that says why; only the first cause counts.
func (l *launch) fail(err error) {
	if err != nil && !l.failed.Swap(true) {
		l.report(oneLine("container " + l.name + ": " + err.Error()))
	}
}

// outcome reads how the child's list of calls ended; nil is a payload that runs its own program.
func (l *launch) outcome(status int) error {
	data := make([]byte, raw.ReportSize)
	n, err := unix.Read(status, data) // one write, one read: a failed child still holds the other end
	for err == unix.EINTR {
		n, err = unix.Read(status, data)
	}
	if err != nil {
		return call("read(status)", err)
	}
	if n < raw.ReportSize {
		if l.spec.Init {
			return errors.New("the init died before it had started the payload")
		}
		return nil
	}
	index := int64(binary.NativeEndian.Uint64(data))
	result := int64(binary.NativeEndian.Uint64(data[8:]))
	names := l.script.names
	if index == initStarted {
		return nil
	}
	if index >= initStage {
		names, index = initNames[:], index-initStage
	}
	return failedCall(names, index, result)
}

// failedCall is what a child's raw.Report says, by the names of its calls.
func failedCall(names []string, index, result int64) error {
	if index < 0 || index >= int64(len(names)) {
		return errors.New("the payload's process reported nonsense")
	}
	if result >= 0 {
		return errors.New(names[index] + ": returned " + strconv.FormatInt(result, 10))
	}
	return call(names[index], unix.Errno(-result))
}

// connect opens the way to systemd's notify socket: a path, or an abstract name behind '@'.
func (l *launch) connect(socket string) (err error) {
	if len(socket) > 107 || socket[0] != '/' && socket[0] != '@' {
		return errors.New("NOTIFY_SOCKET is neither a path nor an abstract name")
	}
	if l.notify, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return call("socket(AF_UNIX, SOCK_DGRAM)", err)
	}
	if err := unix.Connect(l.notify, &unix.SockaddrUnix{Name: socket}); err != nil {
		return call("connect(NOTIFY_SOCKET)", err)
	}
	return nil
}

// tell sends systemd a message, in the name of another process where cred is set.
func (l *launch) tell(message string, cred *unix.Ucred) error {
	var oob []byte
	if cred != nil {
		oob = unix.UnixCredentials(cred)
	}
	word, _, _ := strings.Cut(message, "=")
	for {
		err := unix.Sendmsg(l.notify, []byte(message), oob, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return call("sendmsg(NOTIFY_SOCKET, "+word+")", err)
		}
		return nil
	}
}

// barrier waits until systemd has worked off all that it was told: it then closes the descriptor that comes with
// BARRIER=1 (sd_notify_barrier(3), systemd 246). A MAINPID= that it reads only when that process has ended already it
// refuses, and what comes from there with it: the unit would fail with "protocol", whatever the payload's exit was.
func (l *launch) barrier() error {
	var done [2]int
	if err := unix.Pipe2(done[:], unix.O_CLOEXEC); err != nil {
		return call("pipe2", err)
	}
	defer unix.Close(done[0])
	err := error(unix.EINTR)
	for err == unix.EINTR {
		err = unix.Sendmsg(l.notify, []byte("BARRIER=1"), unix.UnixRights(done[1]), nil, unix.MSG_NOSIGNAL)
	}
	unix.Close(done[1])
	if err != nil {
		return call("sendmsg(NOTIFY_SOCKET, BARRIER)", err)
	}
	waitFor(done[0])
	return nil
}
