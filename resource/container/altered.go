package container

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hostctl/host"
	"hostctl/runtime"
)

// What was done to a program from outside since it was started: the launcher's notes on its process, and what the
// kernel says of it now.

// What of [Container].Altered is not of the process: the slice that keeps its unit loaded, and whose its units say that they are.
const (
	alteredKeeper = "keeper"
	alteredMark   = "mark"
)

func alteredPath(what string) string { return "altered[" + strconv.Quote(what) + "]" }

// altered notes what of the process is not any more as the launcher released it, but for what said says otherwise. A process that
// has ended meanwhile is as it was.
func (r *reader) altered(record runtime.Record, now runtime.Facts, uidMap []byte, said []string, f *found) {
	if record.Facts == nil {
		return
	}
	changed := differences(*record.Facts, now, func(kind string) string {
		own, _ := runtime.ReadFacts(filepath.Join(r.Proc, "1"))
		return own.Namespaces[kind]
	})
	init := f.live.Init && !f.live.Boot
	limitDifferences(changed, record.Facts.Limits, now.Limits, "", init)
	if init && record.Facts.Limits != "" {
		limitDifferences(changed, record.Facts.Limits, runtime.ProgramLimits(r.Proc, record.PID), " of the program", false)
	}
	if len(uidMap) > 0 && !sameMap(record.UIDMap, uidMap) {
		changed["uid_map"] = "is " + strings.Join(strings.Fields(string(uidMap)), " ")
	}
	for _, name := range said {
		delete(changed, name)
	}
	if len(changed) > 0 && record.Alive() {
		f.live.Altered = changed
		f.status += ", altered from outside"
	}
}

// alter notes something that was altered.
func (f *found) alter(what, how, status string) {
	if f.live.Altered == nil {
		f.live.Altered = map[string]string{}
	}
	f.live.Altered[what] = how
	f.status += ", " + status
}

// differences says in plain words what of was is not so now, by what it is. hosts returns the host's own namespace of a kind. It
// is pure. What the process can do itself is no difference: give capabilities up, add filters, in a whole system add mounts.
func differences(was, now runtime.Facts, hosts func(kind string) string) map[string]string {
	out := map[string]string{}
	for kind, id := range was.Namespaces {
		if is := now.Namespaces[kind]; is != "" && is != id {
			out["namespace "+kind] = "another one"
			if is == hosts(kind) {
				out["namespace "+kind] = "the host's own"
			}
		}
	}
	if more := now.Capabilities &^ was.Capabilities; more != 0 {
		out["capabilities"] = "more than it was given: " + strings.Join(host.CapabilityNames(more), ", ")
	}
	known := len(now.Namespaces) > 0 // else it has ended
	if known && was.NoNewPrivs && !now.NoNewPrivs {
		out["no_new_privs"] = "not set"
	}
	if was.SeccompFilters > 0 && now.SeccompFilters >= 0 && now.SeccompFilters < was.SeccompFilters {
		out["seccomp"] = fmt.Sprintf("filters %d, not %d", now.SeccompFilters, was.SeccompFilters)
	}
	if out["namespace mnt"] == "" && was.Mounts != "" && now.Mounts != "" && was.Mounts != now.Mounts {
		mountDifferences(out, was, now.Mounts)
	}
	return out
}

// limitDifferences compares [runtime.Facts].Limits. own says that the process is hostctl's, which changes none of them; any other
// may have taken something from itself. It is pure.
func limitDifferences(out map[string]string, was, now, whose string, own bool) {
	if was == now || was == "" || now == "" {
		return
	}
	is := map[string]string{}
	for line := range strings.Lines(now) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		is[name] = value
	}
	for line := range strings.Lines(was) {
		name, had, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		value, ok := is[name]
		if !ok || value == had {
			continue
		}
		label := name
		more := moreOf(value, had)
		if limit, ok := strings.CutPrefix(name, "Max "); ok {
			label = "limit " + limit
		} else {
			more = !more // the lower the score the later it is killed
		}
		if own || more {
			out[label+whose] = value + ", not " + had
		}
	}
}

// moreOf reports whether a limit is above another.
func moreOf(a, b string) bool {
	n, errN := strconv.ParseInt(a, 10, 64)
	m, errM := strconv.ParseInt(b, 10, 64)
	if errN != nil || errM != nil { // "unlimited"
		return errN != nil && errM == nil
	}
	return n > m
}

// mountDifferences compares the mounts of each place. Their order says nothing: the kernel has had two.
func mountDifferences(out map[string]string, was runtime.Facts, now string) {
	before, after := byPoint(was.Mounts), byPoint(now)
	for point, mounts := range before {
		if what := mountDifference(mounts, after[point], was.Boot); what != "" {
			out[mountName(point)] = what
		}
	}
	for point := range after {
		if before[point] == nil && !was.Boot {
			out[mountName(point)] = "added from outside"
		}
	}
}

// mountName is what the mounts at a place, which is written as mountinfo does, are called.
func mountName(point string) string { return "mount " + point }

// mount is a line of [runtime.Facts].Mounts.
type mount struct{ dev, root, point, options, kind string }

func parseMount(line string) (m mount) {
	if field := strings.Split(strings.TrimSuffix(line, "\n"), " "); len(field) == 5 {
		m = mount{field[0], field[1], field[2], field[3], field[4]}
	}
	return m
}

func (m mount) has(option string) bool { return slices.Contains(strings.Split(m.options, ","), option) }

func byPoint(mounts string) map[string][]mount {
	points := map[string][]mount{}
	for line := range strings.Lines(mounts) {
		m := parseMount(line)
		points[m.point] = append(points[m.point], m)
	}
	return points
}

// mountDifference compares the mounts at one place. A system may cover its own, and take more from them.
func mountDifference(was, now []mount, system bool) string {
	for _, m := range was {
		i := slices.IndexFunc(now, func(n mount) bool { return n == m })
		if i < 0 && system {
			i = slices.IndexFunc(now, func(n mount) bool { return n.same(m) && lost(m, n) == "" })
		}
		if i >= 0 {
			now = slices.Delete(slices.Clone(now), i, i+1)
			continue
		}
		if i = slices.IndexFunc(now, m.same); i >= 0 {
			if what := lost(m, now[i]); what != "" {
				return what
			}
			return "options " + now[i].options + ", not " + m.options
		}
		switch i = slices.IndexFunc(now, func(n mount) bool { return n.dev == m.dev && n.kind == m.kind }); {
		case len(now) == 0:
			return "gone"
		case i >= 0 && strings.HasSuffix(now[i].root, `//deleted`):
			return "what is mounted was deleted on the host"
		}
		return "another in its place"
	}
	if len(now) > 0 && !system {
		return "covered from outside"
	}
	return ""
}

// same says that two lines are of one mount, whatever its options.
func (m mount) same(n mount) bool { return m.dev == n.dev && m.root == n.root && m.kind == n.kind }

// lost says which protection a mount had and has no more.
func lost(was, now mount) string {
	var gone []string
	for _, option := range []string{"nosuid", "nodev", "noexec"} {
		if was.has(option) && !now.has(option) {
			gone = append(gone, option)
		}
	}
	switch {
	case was.has("ro") && !now.has("ro"):
		return "made writable"
	case len(gone) > 0:
		return "without " + strings.Join(gone, ", ")
	}
	return ""
}

func sameMap(was []runtime.Mapping, text []byte) bool {
	lines := idLines(text)
	return slices.EqualFunc(was, lines, func(m runtime.Mapping, l idLine) bool {
		return uint64(m.Inside) == l.inside && uint64(m.Outside) == l.outside && uint64(m.Count) == l.count
	})
}
