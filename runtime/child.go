package runtime

import (
	goruntime "runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"hostctl/internal/seccomp"
	"hostctl/runtime/internal/raw"
)

// script is what the cloned child does, call by call, with a name for each. Results may go into the
// arguments of later calls, so calls never grows past the capacity it was made with.
type script struct {
	calls   []raw.Call
	names   []string
	path    *uintptr // where the command's path goes, once it is found
	fds     childFDs
	pins    goruntime.Pinner
	argv    []*byte   // of the init: see InitName
	listens bool      // the init's payload wants to know its own pid
	self    *raw.Call // which opens the process's directory in proc, for its label
	bytes   [2]byte   // what the child writes to ready, and reads from hold
}

// childFDs are the arguments of the child's calls that are descriptors of the launcher's. landlock is nil where the
// kernel has none; status and self are the init's and nil without it, notifyIn nil without Spec.Notify, and notifyOut where the
// launcher itself says that the payload is ready.
type childFDs struct{ statusRead, holdWrite, ready, holdRead, landlock, status, self, notifyIn, notifyOut *uintptr }

const maxCalls = 192

func (s *script) add(name string, want uintptr, trap uintptr, args ...uintptr) *raw.Call {
	if len(s.calls) == cap(s.calls) {
		panic("bug: the child's script is longer than maxCalls")
	}
	c := raw.Call{Trap: trap, Want: want}
	copy(c.Args[:], args)
	s.calls, s.names = append(s.calls, c), append(s.names, name)
	return &s.calls[len(s.calls)-1]
}

// pin gives a pointer as the kernel takes it. What it points to is on the heap and stays there.
func pin[T any](p *goruntime.Pinner, v *T) uintptr {
	p.Pin(v)
	return uintptr(unsafe.Pointer(v))
}

// cstr is a C string.
func cstr(s string) *byte {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return &b[0]
}

func (s *script) str(v string) uintptr { return pin(&s.pins, cstr(v)) }

// vector is a NULL-terminated array of C strings.
func (s *script) vector(list []string) uintptr {
	v := vector(list)
	return pin(&s.pins, &v[0])
}

// vector is a NULL-terminated array of C strings.
func vector(list []string) []*byte {
	out := make([]*byte, 0, len(list)+1)
	for _, s := range list {
		out = append(out, cstr(s))
	}
	return append(out, nil)
}

// at is AT_FDCWD as the kernel takes it, here and in every call below whose first argument is a directory.
const at = ^uintptr(99)

const sigsetSize = 8

// childScript lists the child's system calls. The order is the kernel's, not a matter of taste.
func childScript(sp Spec, f facts) *script {
	s := &script{calls: make([]raw.Call, 0, maxCalls), names: make([]string, 0, maxCalls)}
	env := payloadEnv(sp, f.ID)
	if f.UUID != "" {
		env = append(env, "container_uuid="+f.UUID)
	}

	// The child's copies would keep its own pipes open for ever: the write end of the one that holds it, and the
	// read end of the one that says what failed.
	s.fds.statusRead = &s.add("close(status)", 0, unix.SYS_CLOSE).Args[0]
	s.fds.holdWrite = &s.add("close(hold)", 0, unix.SYS_CLOSE).Args[0]
	s.fds.ready = &s.add("write(ready)", 1, unix.SYS_WRITE, 0, pin(&s.pins, &s.bytes[0]), 1).Args[0]
	// Held. End of file instead of a byte: the launcher is gone, and the payload with it.
	s.fds.holdRead = &s.add("read(hold)", 1, unix.SYS_READ, 0, pin(&s.pins, &s.bytes[1]), 1).Args[0]

	may := privilegesOf(sp, f.ID)
	if sp.Boot {
		// A copy of the mounts that belongs to the container's user namespace: the kernel locks each of them, with its flags, to what
		// the launcher made it. What the system mounts itself it may change.
		s.add("unshare(CLONE_NEWNS)", 0, unix.SYS_UNSHARE, unix.CLONE_NEWNS)
		// Among its own namespaces alone, as its systemd has it on a machine: else the credentials of its services come to nothing.
		s.add("mount(/, MS_REC|MS_SHARED)", 0, unix.SYS_MOUNT, 0, s.str("/"), 0, unix.MS_REC|unix.MS_SHARED, 0)
	}
	s.add("prctl(PR_SET_DUMPABLE, 0)", 0, unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
	s.add("setsid", raw.Any, unix.SYS_SETSID)
	host := sp.Hostname
	if host == "" {
		host = sp.Name
	}
	s.add("sethostname("+host+")", 0, unix.SYS_SETHOSTNAME, s.str(host), uintptr(len(host)))

	s.ipcSysctls(of(sp.Sysctls, ipcSysctl))
	if !sp.Boot {
		s.closeProcSys()
	}
	if !sp.Init {
		s.ownProc(sp)
	}
	s.confine(f, may, sp.Dir)
	if sp.NoFile == 0 {
		// Go has raised the soft limit of this process, and so of its clone.
		s.add("prlimit64(RLIMIT_NOFILE, as the unit has it)", 0, unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, pin(&s.pins, &raw.NoFile), 0)
	}
	s.seal(may, firstListen+len(sp.Listen))
	if sp.Init {
		s.execInit(sp, env)
	} else {
		s.execPayload(sp, sp.Args, env)
	}
	return s
}

// closeProcSys forbids user namespaces, and then all writing below /proc/sys.
func (s *script) closeProcSys() {
	// This file is the container's own only when opened from its own user namespace. Then no more
	// writing below /proc/sys.
	const userns = "/proc/sys/user/max_user_namespaces"
	open := s.add("openat("+userns+", O_WRONLY)", raw.Any, unix.SYS_OPENAT, at, s.str(userns), unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW)
	write := s.add("write("+userns+", 0)", 1, unix.SYS_WRITE, 0, s.str("0"), 1)
	open.Out[0] = &write.Args[0]
	sys, empty, attr := s.str("/proc/sys"), s.str(""), &unix.MountAttr{Attr_set: attrRO | attrNoExec}
	tree := s.add("open_tree(/proc/sys, OPEN_TREE_CLONE|AT_RECURSIVE)", raw.Any, unix.SYS_OPEN_TREE, at, sys,
		unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	set := s.add("mount_setattr(/proc/sys, AT_EMPTY_PATH|AT_RECURSIVE, MOUNT_ATTR_RDONLY)", 0, unix.SYS_MOUNT_SETATTR, 0, empty,
		unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, pin(&s.pins, attr), unsafe.Sizeof(*attr))
	move := s.add("move_mount(/proc/sys, MOVE_MOUNT_F_EMPTY_PATH)", 0, unix.SYS_MOVE_MOUNT, 0, empty, at, sys, unix.MOVE_MOUNT_F_EMPTY_PATH)
	tree.Out = [2]*uintptr{&set.Args[0], &move.Args[0]}
}

// confine takes from the child what no payload has, and makes it the user that it is to be, in its directory.
func (s *script) confine(f facts, may privileges, dir string) {
	s.add("keyctl(KEYCTL_JOIN_SESSION_KEYRING)", raw.Any, unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0)
	s.bound(f, may)
	if len(may.Groups) == 0 {
		s.add("setgroups([])", 0, unix.SYS_SETGROUPS, 0, 0)
	} else {
		s.pins.Pin(&may.Groups[0])
		s.add("setgroups("+ids(may.Groups)+")", 0, unix.SYS_SETGROUPS, uintptr(len(may.Groups)), uintptr(unsafe.Pointer(&may.Groups[0])))
	}
	gid, uid := uintptr(f.ID.GID), uintptr(f.ID.UID)
	s.add("setresgid("+utoa(f.ID.GID)+")", 0, unix.SYS_SETRESGID, gid, gid, gid)
	s.add("setresuid("+utoa(f.ID.UID)+")", 0, unix.SYS_SETRESUID, uid, uid, uid)
	// NO_SETUID_FIXUP, or a uid that is root's before and after, kept the capabilities over setresuid; nothing below needs one.
	if may.Ambient {
		s.capset(may.Capabilities, may.Capabilities)
	} else {
		s.capset(may.Capabilities, 0)
	}
	// Where fs.suid_dumpable is 1 a change of ids lets others of the new ones look into the process.
	s.add("prctl(PR_SET_DUMPABLE, 0)", 0, unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
	if !may.NewPrivileges {
		s.add("prctl(PR_SET_NO_NEW_PRIVS, 1)", 0, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	s.add("umask(022)", raw.Any, unix.SYS_UMASK, 0o022)

	if dir == "" {
		dir = "/"
	}
	// As the payload: what it may not enter it does not start in. Inside the root and through no magic link.
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	cwd := s.add("openat2("+dir+", O_PATH|O_DIRECTORY, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS)", raw.Any, unix.SYS_OPENAT2, at, s.str(dir), pin(&s.pins, how), unsafe.Sizeof(*how))
	chdir := s.add("fchdir("+dir+")", 0, unix.SYS_FCHDIR)
	cwd.Out[0] = &chdir.Args[0]

	if may.landlocked(f.Landlock) {
		s.fds.landlock = &s.add("landlock_restrict_self", 0, unix.SYS_LANDLOCK_RESTRICT_SELF).Args[0]
	}
	// CLONE_CLEAR_SIGHAND has reset the handlers; what was ignored (systemd ignores SIGPIPE) still is.
	for sig := uintptr(1); sig <= 64; sig++ {
		if sig != uintptr(unix.SIGKILL) && sig != uintptr(unix.SIGSTOP) {
			s.add("rt_sigaction(all, SIG_DFL)", 0, unix.SYS_RT_SIGACTION, sig, pin(&s.pins, &zeroAction), 0, sigsetSize)
		}
	}
}

// bound takes from the child the capabilities that it could ever get back, and gives it those that outlive its exec.
func (s *script) bound(f facts, may privileges) {
	for c := 0; c <= f.LastCap; c++ {
		if may.Capabilities>>c&1 == 0 {
			s.add("prctl(PR_CAPBSET_DROP, "+others(may.Capabilities)+")", 0, unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c))
		}
	}
	s.add("prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)", 0, unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	if may.Ambient {
		// What is raised must be permitted and inheritable, and is raised before the lock that forbids it.
		s.capset(1<<(f.LastCap+1)-1, may.Capabilities)
		for c := 0; c <= f.LastCap; c++ {
			if may.Capabilities>>c&1 == 1 {
				s.add("prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE)", 0, unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c))
			}
		}
	}
	if may.Securebits != securebitsRoot {
		s.add("prctl(PR_SET_SECUREBITS, locked)", 0, unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, may.Securebits)
	}
}

// capset sets the permitted and effective capabilities, and the inheritable ones.
func (s *script) capset(permitted, inheritable uint64) {
	head := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := new([2]unix.CapUserData)
	for i := range data {
		p, inh := uint32(permitted>>(32*i)), uint32(inheritable>>(32*i))
		data[i] = unix.CapUserData{Permitted: p, Effective: p, Inheritable: inh}
	}
	what := "empty"
	if permitted != 0 {
		what = "0x" + strconv.FormatUint(permitted, 16) + ", inheritable 0x" + strconv.FormatUint(inheritable, 16)
	}
	s.add("capset("+what+")", 0, unix.SYS_CAPSET, pin(&s.pins, head), pin(&s.pins, data))
}

func others(set uint64) string {
	if set == 0 {
		return "all"
	}
	return "all but 0x" + strconv.FormatUint(set, 16)
}

func ids(list []uint32) string {
	text := "["
	for i, id := range list {
		if i > 0 {
			text += " "
		}
		text += utoa(id)
	}
	return text + "]"
}

// seal is the end of every child's preparation: no descriptor but those below keep, and the filter.
func (s *script) seal(may privileges, keep int) {
	s.add("close_range("+strconv.Itoa(keep)+", CLOSE_RANGE_CLOEXEC)", 0, unix.SYS_CLOSE_RANGE, uintptr(keep), ^uintptr(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
	// The last protection: everything above needs calls that it refuses, and what is left is what every payload may do.
	s.add("seccomp(SECCOMP_SET_MODE_FILTER)", 0, unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, pin(&s.pins, filter(&s.pins, may.Calls)))
}

// filter is struct sock_fprog with the payload's seccomp filter.
func filter(pins *goruntime.Pinner, more seccomp.More) *unix.SockFprog {
	program, err := seccomp.Compile(seccomp.Native, more)
	if err != nil {
		panic("bug: " + err.Error())
	}
	first := (*unix.SockFilter)(unsafe.Pointer(&program[0])) // struct sock_filter, both
	pins.Pin(first)
	return &unix.SockFprog{Len: uint16(len(program)), Filter: first}
}

// execPayload ends the script with the payload itself, no signal blocked, under the label of its spec.
func (s *script) execPayload(sp Spec, args, env []string) {
	s.label(sp)
	s.add("rt_sigprocmask(SIG_SETMASK, [])", 0, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, pin(&s.pins, &zeroMask), 0, sigsetSize)
	exec := s.add("execve("+strconv.Quote(args[0])+")", raw.Any, unix.SYS_EXECVE, 0, s.vector(args), s.vector(env))
	s.path = &exec.Args[0]
}

// execInit ends the script with the tiny init, which keeps every signal blocked and holds the status pipe. Its
// own settings come first in its environment, and it takes them off for the payload.
func (s *script) execInit(sp Spec, env []string) {
	args := sp.Args
	s.listens = len(sp.Listen) > 0
	s.fds.status = &s.add("fcntl(status, F_SETFD, 0)", 0, unix.SYS_FCNTL, 0, unix.F_SETFD, 0).Args[0]
	if sp.Notify {
		s.fds.notifyIn = &s.add("fcntl(notify in, F_SETFD, 0)", 0, unix.SYS_FCNTL, 0, unix.F_SETFD, 0).Args[0]
	}
	if sp.initTells() {
		s.fds.notifyOut = &s.add("fcntl(notify out, F_SETFD, 0)", 0, unix.SYS_FCNTL, 0, unix.F_SETFD, 0).Args[0]
	}
	file, label := sp.label()
	labelled := ""
	if file != "" {
		file = procSelf + "/" + file
		labelled = ", which writes " + strconv.Quote(label) + " to " + file
	}
	s.argv = vector(append([]string{InitName, "", file, label, sp.Duties.encode(), ""}, args...))
	s.path = (*uintptr)(unsafe.Pointer(&s.argv[5]))
	exec := s.add("execveat(the launcher, "+InitName+" "+strconv.Quote(args[0])+labelled+sp.Duties.String()+", AT_EMPTY_PATH)", raw.Any, unix.SYS_EXECVEAT,
		0, s.str(""), pin(&s.pins, &s.argv[0]), s.vector(append(initEnv[:len(initEnv):len(initEnv)], env...)), unix.AT_EMPTY_PATH)
	s.fds.self = &exec.Args[0]
}

// useFDs fills in the descriptors.
func (s *script) useFDs(holdRead, holdWrite, ready, statusRead, landlock, status, self, notifyIn, notifyOut int) {
	*s.fds.statusRead = uintptr(statusRead)
	*s.fds.holdRead, *s.fds.holdWrite, *s.fds.ready = uintptr(holdRead), uintptr(holdWrite), uintptr(ready)
	if s.fds.landlock != nil {
		*s.fds.landlock = uintptr(landlock)
	}
	if s.fds.status != nil {
		*s.fds.status, *s.fds.self = uintptr(status), uintptr(self)
		fds := strconv.Itoa(status)
		if s.fds.notifyOut != nil {
			*s.fds.notifyOut = uintptr(notifyOut)
			fds += ":" + strconv.Itoa(notifyOut)
		}
		if s.fds.notifyIn != nil {
			*s.fds.notifyIn = uintptr(notifyIn)
			fds += ":" + strconv.Itoa(notifyIn)
		}
		if s.listens {
			fds += ":" + initListens
		}
		s.argv[1] = cstr(fds)
	}
}

// command sets the path of the command, once it is found; the child is still held.
func (s *script) command(found string) { *s.path = s.str(found) }

var (
	zeroAction [32]byte
	zeroMask   [8]byte
)
