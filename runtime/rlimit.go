package runtime

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// rlimits are the limits that a spec can set, as getrlimit(2) spells them in lower case and without RLIMIT_. The number of open
// files is not among them: it has a field of its own.
var rlimits = []struct {
	name     string
	resource int
}{
	{"as", unix.RLIMIT_AS}, {"core", unix.RLIMIT_CORE}, {"cpu", unix.RLIMIT_CPU}, {"data", unix.RLIMIT_DATA}, {"fsize", unix.RLIMIT_FSIZE},
	{"locks", unix.RLIMIT_LOCKS}, {"memlock", unix.RLIMIT_MEMLOCK}, {"msgqueue", unix.RLIMIT_MSGQUEUE}, {"nice", unix.RLIMIT_NICE},
	{"nproc", unix.RLIMIT_NPROC}, {"rss", unix.RLIMIT_RSS}, {"rtprio", unix.RLIMIT_RTPRIO}, {"rttime", unix.RLIMIT_RTTIME},
	{"sigpending", unix.RLIMIT_SIGPENDING}, {"stack", unix.RLIMIT_STACK},
}

// LimitNames are the names that a [Limit] can have, sorted.
func LimitNames() []string {
	var out []string
	for _, l := range rlimits {
		out = append(out, l.name)
	}
	return out
}

// ValidLimit says what is wrong with the name of a limit; nil for nothing.
func ValidLimit(name string) error {
	if rlimit(name) < 0 {
		return errors.New("there is no such limit")
	}
	return nil
}

// rlimit is the kernel's number of a limit; -1 for a name that is none.
func rlimit(name string) int {
	for _, l := range rlimits {
		if l.name == name {
			return l.resource
		}
	}
	return -1
}

// limitOp sets one of the child's limits. The launcher does it, which may raise them.
type limitOp struct {
	name       string
	resource   int
	soft, hard uint64
}

func (o limitOp) String() string {
	if o.soft == o.hard {
		return "limit " + o.name + " " + limitText(o.soft)
	}
	return "limit " + o.name + " " + limitText(o.soft) + ":" + limitText(o.hard)
}

func limitText(n uint64) string {
	if n == Unlimited {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

func (o limitOp) do(l *launch) error {
	err := unix.Prlimit(l.pid(), o.resource, &unix.Rlimit{Cur: o.soft, Max: o.hard}, nil)
	var had unix.Rlimit
	if err == unix.EPERM && o.resource == unix.RLIMIT_NOFILE && unix.Prlimit(l.pid(), o.resource, nil, &had) == nil && had.Max < o.hard {
		// A host whose root has no CAP_SYS_RESOURCE: as much as it grants, as systemd does for its services.
		err = unix.Prlimit(l.pid(), o.resource, &unix.Rlimit{Cur: had.Max, Max: had.Max}, nil)
	}
	if err != nil {
		return call("prlimit64("+o.String()[len("limit "):]+")", err)
	}
	return nil
}

// oomOp sets the child's oom_score_adj.
type oomOp struct{ adjust int }

func (o oomOp) String() string { return "oom_score_adj " + strconv.Itoa(o.adjust) }

func (o oomOp) do(l *launch) error {
	return writeProc(unix.AT_FDCWD, procPath(l.pid(), "oom_score_adj"), []byte(strconv.Itoa(o.adjust)))
}
