package runtime

import (
	"errors"
	goruntime "runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// Entry is a command that is to run in a running container, beside its payload.
type Entry struct {
	Args []string // the command, looked up in the container's PATH, and its arguments
	User string   // as Spec.User; "" is the payload's own
	Dir  string   // "" is where the payload started
	Env  []string // on top of the payload's own
	// Files are the command's standard input, output and error; ignored with TTY.
	Files [3]int
	// TTY gives the command a terminal of the container's own, never the caller's: see [Entered.Terminal].
	TTY bool
}

// Entered is a command that runs in a container. It is this process's child.
type Entered struct {
	PID int
	// Terminal is the master of the command's terminal, not blocking; -1 without one. The caller closes it.
	Terminal int
}

// entering is one Enter on its way.
type entering struct {
	spec   Spec
	record Record
	entry  Entry
	open   []int // closed when it is done
	pidfd  int
	root   int // the container's, O_PATH
	cgroup int
	id     identity
}

// Enter runs a command in the container of a record, with everything that the payload itself has been put under: all of its namespaces,
// its cgroup, its limits, no capability, no new privileges, a keyring of its own, Landlock and the same filter. It keeps nothing
// of the caller's but the three files of the entry.
//
// The payload cannot look into the command while it is on its way in (CVE-2016-9962): until its exec it is not dumpable, has none of the
// caller's descriptors but these, and what it runs is decided before it enters.
//
// The calling goroutine's thread must not be used for anything else afterwards: it makes children in the
// container's pid namespace. Enter locks it.
func (p Paths) Enter(r Record, e Entry) (_ *Entered, err error) {
	goruntime.LockOSThread()
	en := &entering{record: r, entry: e}
	defer func() {
		for _, fd := range en.open {
			unix.Close(fd)
		}
	}()
	if en.spec, err = p.Spec(r.Spec); err != nil {
		return nil, err
	}
	if len(e.Args) == 0 {
		return nil, errors.New("there is no command")
	}
	if err := en.find(); err != nil {
		return nil, err
	}
	if err := en.who(); err != nil {
		return nil, err
	}
	return en.run()
}

func (en *entering) keep(fd int, err error) (int, error) {
	if err == nil {
		en.open = append(en.open, fd)
	}
	return fd, err
}

// find opens the container by its first process: whatever becomes of the number, the descriptors stay its.
func (en *entering) find() (err error) {
	pid := en.record.PID
	if en.pidfd, err = en.keep(unix.PidfdOpen(pid, 0)); err != nil {
		return call("pidfd_open", err)
	}
	if en.root, err = en.keep(en.record.OpenRoot()); err != nil {
		return err
	}
	if en.cgroup, err = en.keep(openCgroup(pid)); err != nil {
		return err
	}
	// The number was the record's when the descriptors were opened: it still is.
	if !en.record.Alive() {
		return errors.New("the container's first process has ended")
	}
	return nil
}

// who decides the ids.
func (en *entering) who() error {
	found, account, err := en.record.account(en.root, en.entry.User)
	if err != nil {
		return err
	}
	en.id = identity{UID: found.UID, GID: found.GID, HostUID: account.UID, HostGID: account.GID, Home: found.Home}
	en.id.Groups, err = lookupGroups(en.spec.Groups, en.record.GIDMap, func(path string) ([]byte, error) { return rootFile(en.root, path) })
	return err
}

// env is the command's environment: the payload's, with HOME as its user has it, and the entry's over both.
func (en *entering) env() []string {
	var env []string
	for _, list := range [][]string{en.entry.Env, en.spec.Env} {
		for i := len(list) - 1; i >= 0; i-- {
			if !hasEnv(env, envKey(list[i])) {
				env = append(env, list[i])
			}
		}
	}
	return payloadEnv(Spec{Env: env}, en.id)
}

func envKey(e string) string {
	for i := range len(e) {
		if e[i] == '=' {
			return e[:i]
		}
	}
	return e
}

func (en *entering) run() (*Entered, error) {
	env := en.env()
	command, err := findCommand(en.root, en.entry.Args[0], envValue(env, "PATH"))
	if err != nil {
		return nil, err
	}
	f := facts{ID: en.id}
	if f.Landlock, err = LandlockABI(); err != nil {
		return nil, err
	}
	if f.LastCap, err = lastCap(); err != nil {
		return nil, err
	}
	files, terminal := en.entry.Files, -1
	if en.entry.TTY {
		slave := -1
		if terminal, slave, err = openPTY(en.root, en.id); err != nil {
			return nil, step("terminal", err)
		}
		defer unix.Close(slave)
		files = [3]int{slave, slave, slave}
	}
	pid, err := en.clone(f, files, command, env)
	if err != nil && terminal >= 0 {
		unix.Close(terminal)
	}
	if err != nil {
		return nil, err
	}
	return &Entered{PID: pid, Terminal: terminal}, nil
}

// clone makes the child, which enters by itself, and returns when its exec has succeeded.
func (en *entering) clone(f facts, files [3]int, command string, env []string) (int, error) {
	s := &script{calls: make([]raw.Call, 0, maxCalls), names: make([]string, 0, maxCalls)}
	defer s.pins.Unpin()
	if err := en.limits(s); err != nil {
		return 0, err
	}
	// In the order in which none overwrites another: each was moved out of the way of 0, 1 and 2 before.
	for i, fd := range files {
		high, err := en.keep(unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 16))
		if err != nil {
			return 0, call("fcntl(F_DUPFD_CLOEXEC)", err)
		}
		s.add("dup3("+[...]string{"stdin", "stdout", "stderr"}[i]+")", raw.Any, unix.SYS_DUP3, uintptr(high), uintptr(i), 0)
	}
	s.add("setsid", raw.Any, unix.SYS_SETSID)
	if en.entry.TTY {
		s.add("ioctl(TIOCSCTTY)", 0, unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0)
	}
	if en.spec.OOMScoreAdjust != 0 {
		const file = "/proc/self/oom_score_adj"
		adjust := strconv.Itoa(en.spec.OOMScoreAdjust)
		open := s.add("openat("+file+", O_WRONLY)", raw.Any, unix.SYS_OPENAT, at, s.str(file), unix.O_WRONLY|unix.O_CLOEXEC)
		open.Out[0] = &s.add("write("+file+", "+adjust+")", uintptr(len(adjust)), unix.SYS_WRITE, 0, s.str(adjust), uintptr(len(adjust))).Args[0]
	}
	const all = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
	s.ownProc(en.spec)
	s.add("setns(container, all but CLONE_NEWPID)", 0, unix.SYS_SETNS, uintptr(en.pidfd), all)
	dir := en.entry.Dir
	if dir == "" {
		dir = en.spec.Dir
	}
	may := privilegesOf(en.spec, en.id)
	s.confine(f, may, dir)
	if s.fds.landlock != nil {
		ruleset, err := en.ruleset(f.Landlock)
		if err != nil {
			return 0, err
		}
		*s.fds.landlock = uintptr(ruleset)
	}
	// With the caller goes the command. The kernel forgets this where the ids change, so not before.
	s.add("prctl(PR_SET_PDEATHSIG, SIGKILL)", 0, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	s.seal(may, 3)
	s.execPayload(en.spec, en.entry.Args, env)
	s.command(command)

	if err := unix.Setns(en.pidfd, unix.CLONE_NEWPID); err != nil {
		return 0, call("setns(container, CLONE_NEWPID)", err)
	}
	// The child shares this process's memory until its exec.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return 0, call("prctl(PR_SET_DUMPABLE, 0)", err)
	}
	old, err := blockSignals()
	if err != nil {
		return 0, err
	}
	defer restoreSignals(old)
	report := raw.NewReport(-1, ExitExec)
	const intoCgroup = 0x200000000 // CLONE_INTO_CGROUP
	pid := raw.Clone(&raw.CloneArgs{
		Flags:      unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_CLEAR_SIGHAND | intoCgroup,
		ExitSignal: uint64(unix.SIGCHLD),
		Cgroup:     uint64(en.cgroup),
	}, s.calls, report)
	goruntime.KeepAlive(s)
	if pid < 0 {
		return 0, call("clone3(CLONE_VFORK|CLONE_INTO_CGROUP)", unix.Errno(-pid))
	}
	if report.Index >= 0 {
		unix.Wait4(pid, nil, 0, nil)
		return 0, call(s.names[report.Index], unix.Errno(-report.Result))
	}
	return pid, nil
}

// limits gives the child the payload's limits, while it may still raise its own.
func (en *entering) limits(s *script) error {
	const nlimits = 16 // RLIM_NLIMITS of asm-generic/resource.h
	for resource := range uintptr(nlimits) {
		limit := new(unix.Rlimit)
		if err := unix.Prlimit(en.record.PID, int(resource), nil, limit); err != nil {
			return call("prlimit64(container)", err)
		}
		s.add("prlimit64(as the payload's)", 0, unix.SYS_PRLIMIT64, 0, resource, pin(&s.pins, limit), 0)
	}
	return nil
}

// ruleset is the container's Landlock ruleset, made anew: a process cannot enter another's.
func (en *entering) ruleset(abi int) (int, error) {
	ruleset, err := en.keep(newRuleset(abi))
	if err != nil {
		return -1, err
	}
	for _, r := range landlockRights(en.spec, mounted(en.spec)) {
		fd, err := unix.Openat2(en.root, r.path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
		if err != nil {
			return -1, call("openat2("+r.path+")", err)
		}
		var st unix.Stat_t
		if err = unix.Fstat(fd, &st); err == nil {
			if st.Mode&unix.S_IFMT != unix.S_IFDIR {
				r.access &= landlockFile
			}
			err = allow(ruleset, fd, r.path, r.access, abi)
		}
		unix.Close(fd)
		if err != nil {
			return -1, err
		}
	}
	return ruleset, nil
}

// openCgroup opens the directory of a process's cgroup in the version 2 tree.
func openCgroup(pid int) (int, error) {
	path := procPath(pid, "cgroup")
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, call("open("+path+")", err)
	}
	defer unix.Close(fd)
	data, err := readAll(fd, 4096)
	if err != nil {
		return -1, call("read("+path+")", err)
	}
	line := find(data, 0, "0", 3)
	if line == nil {
		return -1, errors.New(path + " names no cgroup of version 2")
	}
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(mount, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		dir, err := unix.Open(mount+line[2], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, call("open("+mount+line[2]+")", err)
		}
		return dir, nil
	}
	return -1, errors.New("no cgroup2 filesystem is mounted at /sys/fs/cgroup")
}

// openPTY makes a terminal in the container's own devpts. Both sides are opened without following a link, and
// through nothing that is no devpts.
func openPTY(root int, id identity) (master, slave int, err error) {
	const path = "dev/pts/ptmx"
	master, err = unix.Openat2(root, path, &unix.OpenHow{
		Flags:   unix.O_RDWR | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, -1, call("openat2("+path+", RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS)", err)
	}
	slave, err = peer(master, id)
	if err != nil {
		unix.Close(master)
		return -1, -1, err
	}
	return master, slave, nil
}

func peer(master int, id identity) (int, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(master, &fs); err != nil {
		return -1, call("fstatfs(ptmx)", err)
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return -1, errors.New("/dev/pts/ptmx of the container lies on no devpts")
	}
	unlock := int32(0)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock))); errno != 0 {
		return -1, call("ioctl(TIOCSPTLCK)", errno)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, call("ioctl(TIOCGPTPEER)", errno)
	}
	if err := unix.Fchown(int(fd), int(id.HostUID), int(id.HostGID)); err != nil {
		unix.Close(int(fd))
		return -1, call("fchown(terminal)", err)
	}
	return int(fd), nil
}
