package runtime

import (
	"context"
	"errors"
	goruntime "runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"hostctl/runtime/internal/raw"
)

// Entry is a command that is to run in a running container, beside its payload.
type Entry struct {
	Args []string // the command, looked up in the container's PATH, and its arguments
	User string   // as Spec.User; "" is the payload's own
	Dir  string   // "" is where the payload started
	Env  []string // on top of the payload's own
	// Files are the command's standard input, output and error, of which none may be a terminal; ignored with TTY.
	Files [3]int
	// TTY gives the command a terminal of the container's own, never the caller's: see [Entered.Terminal].
	TTY bool
}

// Entered is a command that runs in a container. It is this process's child.
type Entered struct {
	PID   int
	PidFD int // the caller closes it
	// Terminal is the master of the command's terminal, not blocking; -1 without one. The caller closes it.
	Terminal int
}

var fileNames = [3]string{"stdin", "stdout", "stderr"}

// Signal sends the command a signal; one that has ended, and was waited for, gets none.
func (e *Entered) Signal(s syscall.Signal) error {
	if err := unix.PidfdSendSignal(e.PidFD, s, nil, 0); err != nil {
		return call("pidfd_send_signal", err)
	}
	return nil
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
// caller's descriptors but these, and what it runs is decided before it enters. Nor has the container any hold on the caller: the child
// has memory of its own, so that its death for want of memory (memory.oom.group) is not the caller's, and when the payload stops or
// freezes it, the caller waits no longer than until ctx is done, and the command does not run.
//
// The calling goroutine's thread must not be used for anything else afterwards: it makes children in the
// container's pid namespace. Enter locks it.
func (p Paths) Enter(ctx context.Context, r Record, e Entry) (_ *Entered, err error) {
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
	return en.run(ctx)
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
	if err := en.frozen(); err != nil {
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

func (en *entering) run(ctx context.Context) (*Entered, error) {
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
	if !en.entry.TTY {
		for i, fd := range files {
			if err := refuseTerminal(fd); err != nil {
				return nil, step(fileNames[i], err)
			}
		}
	} else {
		slave := -1
		if terminal, slave, err = openPTY(en.root, en.id); err != nil {
			return nil, step("terminal", err)
		}
		defer unix.Close(slave)
		files = [3]int{slave, slave, slave}
	}
	s, err := en.script(f, files, command, env)
	if err == nil {
		var e *Entered
		if e, err = en.clone(ctx, s); err == nil {
			e.Terminal = terminal
			return e, nil
		}
	}
	if terminal >= 0 {
		unix.Close(terminal)
	}
	return nil, err
}

// script lists what the child does.
func (en *entering) script(f facts, files [3]int, command string, env []string) (*script, error) {
	s := &script{calls: make([]raw.Call, 0, maxCalls), names: make([]string, 0, maxCalls)}
	s.fds.statusRead = &s.add("close(status)", 0, unix.SYS_CLOSE).Args[0]
	if err := en.limits(s); err != nil {
		return nil, err
	}
	// In the order in which none overwrites another: each was moved out of the way of 0, 1 and 2 before.
	for i, fd := range files {
		high, err := en.keep(unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 16))
		if err != nil {
			return nil, call("fcntl(F_DUPFD_CLOEXEC)", err)
		}
		s.add("dup3("+fileNames[i]+")", raw.Any, unix.SYS_DUP3, uintptr(high), uintptr(i), 0)
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
		ruleset, err := en.ruleset(may, f.Landlock)
		if err != nil {
			return nil, err
		}
		*s.fds.landlock = uintptr(ruleset)
	}
	// With the caller goes the command. The kernel forgets this where the ids change, so not before.
	s.add("prctl(PR_SET_PDEATHSIG, SIGKILL)", 0, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	s.seal(may, 3)
	s.execPayload(en.spec, en.entry.Args, env)
	s.command(command)

	return s, nil
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
func (en *entering) ruleset(may privileges, abi int) (int, error) {
	if !may.Landlock {
		return en.keep(newScope())
	}
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
