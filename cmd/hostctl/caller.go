package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"hostctl/apply"
	"hostctl/host"
)

// searchPath is where programs are looked for that root's hostctl starts.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// runtimeVariables are read by Go's runtime before main: they can print, dump core, slow down, and change what packages do.
var runtimeVariables = []string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}

// keptVariables are all that root's hostctl knows of its caller's environment, beside [envPrefix]: how to
// write for this reader, and for the record who stopped a container or made a generation.
var keptVariables = []string{"TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LANG", "SUDO_USER", "SUDO_UID", "DOAS_USER", "LOGNAME"}

// leaveCaller makes a process of root's independent of who started it, and how. It returns the caller's environment,
// for who asks for it by name; that of the process has [keptVariables] and a fixed PATH from then on. Of the
// limits those go that would end a change half-way: a signal or a failing write in the middle of
// it. Root of a container may lack the capability to raise them, and then has what it has.
//
// Another user's process is that user's own affair.
func leaveCaller() (environ []string) {
	environ = slices.DeleteFunc(os.Environ(), of(runtimeVariables))
	if os.Geteuid() != 0 {
		return environ
	}
	if slices.ContainsFunc(os.Environ(), of(runtimeVariables)) {
		err := syscall.Exec("/proc/self/exe", os.Args, environ)
		fmt.Fprintf(os.Stderr, "Error: start again without %s: %v\n", strings.Join(runtimeVariables, ", "), err)
		os.Exit(exitError)
	}
	_ = host.KeepDescriptors() // an older kernel than hostctl runs on: what is started then has them too
	os.Clearenv()
	os.Setenv("PATH", searchPath)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if slices.Contains(keptVariables, name) || strings.HasPrefix(name, envPrefix) {
			os.Setenv(name, value)
		}
	}
	const unlimited = ^uint64(0)
	for _, l := range []struct {
		resource int
		least    uint64
	}{{syscall.RLIMIT_AS, unlimited}, {syscall.RLIMIT_DATA, unlimited}, {syscall.RLIMIT_FSIZE, unlimited}, {syscall.RLIMIT_NOFILE, 1 << 16}} {
		var had syscall.Rlimit
		if syscall.Getrlimit(l.resource, &had) == nil && (had.Cur < l.least || had.Max < l.least) {
			_ = syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: max(had.Cur, l.least), Max: max(had.Max, l.least)})
		}
	}
	return environ
}

// of tells the entries of an environment that have one of the names.
func of(names []string) func(entry string) bool {
	return func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, name)
	}
}

// needRoot refuses what another user than root cannot do; who says what that is, in the words after "only root".
func needRoot(does string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return fmt.Errorf("not root (uid %d): only root %s", os.Geteuid(), does)
}

// changesHost is what only root does of all that is to be seen first.
const changesHost = "changes this host; `hostctl plan`, `status` and `show` tell others what they can see"

// lockHost takes the right to change this host. What is made from here on has the modes that stand in the code,
// whatever the caller's umask(2) is.
func (c *cli) lockHost(wait time.Duration) (*host.Lock, error) {
	if err := needRoot(changesHost); err != nil {
		return nil, err
	}
	syscall.Umask(0o022)
	return host.TakeLock(c.ctx, lockPath, wait)
}

// lockLedger is lockHost for what begins with what the ledger remembers. The caller releases the lock.
func (c *cli) lockLedger(wait time.Duration) (lock *host.Lock, m *apply.Machine, ledger *apply.Ledger, err error) {
	if lock, err = c.lockHost(wait); err != nil {
		return nil, nil, nil, err
	}
	if m, err = openMachine(c.ctx); err == nil {
		ledger, _, err = apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
	}
	if err != nil {
		lock.Release()
		return nil, nil, nil, err
	}
	return lock, m, ledger, nil
}
