package apply

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// LedgerVersion is the highest version of the ledger's format that this release reads and writes.
// A file with a higher one is refused: running on a guess could hand an id out twice.
//
// Version 2 holds what waits for a confirmation, and adoptions that have not ended, and is written only while there are such: a release
// that does not know of them would drop them, and nobody would undo the change, or know of the adoption.
const LedgerVersion = 2

// maxLedger bounds what is read into memory: some 100,000 containers.
const maxLedger = 256 << 20

// Ledger is what a host cannot say of itself: which configurations have
// resources here and what was last applied to each, which numbers were given
// out, and what an administrator stopped on purpose. Objects on the host carry
// their owner's mark, so that a lost ledger costs nothing but the memory of what to undo.
type Ledger struct {
	// HostID is the machine whose ledger this is; the file is refused on another.
	HostID string
	// Serial grows by one with each write.
	Serial uint64
	// Owners holds each configuration by its name.
	Owners map[string]*Owner
	// Grants are the numbers given out, of all configurations, also for resources
	// that are gone: files on volumes and in rootfs trees may still carry them.
	Grants []resource.Grant
	// Adopting are the adoptions that were begun and have not ended, by the former owner's name.
	Adopting map[string]Adopting

	encoded map[resource.Spec]json.RawMessage // what the last write made of each spec
	file    os.FileInfo                       // the file that was read or written last; nil where there was none
	format  int                               // the version of that file; 0 where there was none
	ahead   bool                              // of the file, with what a run is to write even where it has nothing else to do
}

// ErrLedgerTaken says that another process wrote the ledger since this one did.
var ErrLedgerTaken = errors.New("another hostctl wrote it meanwhile, although this one has the lock: was the lock's file removed? Wait for the other to end, and apply again")

// Owner is what the ledger holds of one configuration.
type Owner struct {
	// Last is what was last applied to each resource. A spec in it is replaced, never modified.
	Last resource.State
	// Stopped are the resources that `hostctl stop` stopped.
	Stopped map[resource.Addr]Stop
	// Held are the resources that `hostctl hold` keeps as they are.
	Held map[resource.Addr]Hold
	// Sensitive are the paths of Last whose values came from sensitive variables.
	Sensitive map[resource.Addr][]string
	// Begun are the resources whose creation was begun and did not end, of kinds that can leave something then.
	Begun resource.State
	// Applied is the last apply that found something to do; nil where none is remembered.
	Applied *Applied
	// Pending is the change that waits to be confirmed; nil where none does.
	Pending *Pending

	unread error           // why this release cannot tell what is remembered: then nothing else is set but raw
	raw    json.RawMessage // what is remembered, to be kept as it is
}

// Unread is the error of a configuration of which another release remembers what this one does not know, with a remedy; nil where all
// of it was read. Nothing may be planned for such a one, and a write of the ledger keeps it as it is.
func (l *Ledger) Unread(name string) error {
	if o := l.Owners[name]; o != nil {
		return o.unread
	}
	return nil
}

// Adopting says who takes over what another configuration had.
type Adopting struct {
	By string `json:"by"`
	// Only are the resources that it is about, sorted; empty is all.
	Only []resource.Addr `json:"only,omitempty"`
}

// Applied says when a configuration was applied, and from which directory.
type Applied struct {
	At  time.Time `json:"at"`
	Dir string    `json:"dir"`
}

// Owner returns the record of that configuration, made empty where there is none.
func (l *Ledger) Owner(name string) *Owner {
	o := l.Owners[name]
	if o == nil {
		o = newOwner()
		l.Owners[name] = o
	}
	return o
}

func newOwner() *Owner {
	return &Owner{Last: resource.State{}, Stopped: map[resource.Addr]Stop{}, Held: map[resource.Addr]Hold{}, Sensitive: map[resource.Addr][]string{}, Begun: resource.State{}}
}

// empty reports whether there is nothing to remember.
func (o *Owner) empty() bool {
	return len(o.Last) == 0 && len(o.Stopped) == 0 && len(o.Held) == 0 && len(o.Begun) == 0 && o.Pending == nil && o.raw == nil
}

// Grant records grants that a plan made; one that is there already is not added
// again. A number has one holder: what another resource of the configuration had of it is over.
func (l *Ledger) Grant(grants []resource.Grant) {
	for _, g := range grants {
		l.Grants = slices.DeleteFunc(l.Grants, func(old resource.Grant) bool {
			return old.Pool == g.Pool && old.Owner == g.Owner && old.Addr != g.Addr && old.Overlaps(g.Span)
		})
		if !slices.Contains(l.Grants, g) {
			l.Grants = append(l.Grants, g)
		}
	}
}

// moveGrants returns the grants with those of moved resources of owner under
// the new address, and before what that one was granted in an earlier life.
func moveGrants(grants []resource.Grant, owner string, moves []plan.Move) []resource.Grant {
	if len(moves) == 0 {
		return grants
	}
	var moved, others []resource.Grant
	for _, g := range grants {
		i := slices.IndexFunc(moves, func(m plan.Move) bool { return g.Owner == owner && m.From == g.Addr })
		if i < 0 {
			others = append(others, g)
			continue
		}
		g.Addr = moves[i].To
		moved = append(moved, g)
	}
	return append(moved, others...)
}

// move hands what the ledger holds of each moved resource, but for its last
// applied spec, to the new address. It reports whether that changed anything.
func (l *Ledger) move(owner string, moves []plan.Move) bool {
	grants := moveGrants(l.Grants, owner, moves)
	changed := !slices.Equal(grants, l.Grants)
	l.Grants = grants
	record := l.Owner(owner)
	for _, m := range moves {
		if stop, ok := record.Stopped[m.From]; ok {
			record.Stopped[m.To], changed = stop, true
			delete(record.Stopped, m.From)
		}
	}
	return changed
}

// The file is one line with the sha256 of the rest, then one JSON document. The
// sum tells a torn or edited file from a good one.
// O is a configuration's ownerFile, or where it is not understood yet its text.
type ledgerFile[O any] struct {
	Version int              `json:"version"`
	HostID  string           `json:"host_id"`
	Serial  uint64           `json:"serial"`
	Owners  map[string]O     `json:"configurations"`
	Grants  []resource.Grant `json:"grants,omitempty"`

	Adopting map[string]Adopting `json:"adopting,omitempty"`
}

type ownerFile struct {
	Last      map[resource.Addr]json.RawMessage `json:"last,omitempty"`
	Stopped   map[resource.Addr]Stop            `json:"stopped,omitempty"`
	Held      map[resource.Addr]Hold            `json:"held,omitempty"`
	Sensitive map[resource.Addr][]string        `json:"sensitive,omitempty"`
	Begun     map[resource.Addr]json.RawMessage `json:"begun,omitempty"`
	Applied   *Applied                          `json:"applied,omitempty"`
	Pending   *pendingFile                      `json:"pending,omitempty"`
}

// ReadLedger reads the ledger of the machine hostID. A file that is not there
// is an empty ledger, and found is false. A file that is damaged, of another
// machine, or of a newer release is an error with a remedy, never taken for empty; where it is one configuration alone that is not
// understood, see [Ledger.Unread].
func ReadLedger(path, hostID string, kinds resource.Kinds) (l *Ledger, found bool, err error) {
	l = &Ledger{HostID: hostID, Owners: map[string]*Owner{}}
	data, info, err := readRegular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("ledger: %w", err)
	}
	sum, body, _ := bytes.Cut(data, []byte("\n"))
	if string(sum) != checksum(body) {
		return nil, false, fmt.Errorf("ledger %s: damaged: its checksum does not match; move it away (mv %s %s.damaged) and hostctl finds what it owns by the marks on the host", path, path, path)
	}
	var format struct { // the rest has a meaning only where this is known
		Version int `json:"version"`
	}
	var f ledgerFile[json.RawMessage]
	err = json.Unmarshal(body, &format)
	if err == nil && (format.Version < 1 || format.Version > LedgerVersion) {
		err = fmt.Errorf("format %d; this hostctl reads up to %d: use the release that wrote it", format.Version, LedgerVersion)
	}
	if err == nil {
		err = json.Unmarshal(body, &f)
	}
	if err != nil {
		return nil, false, fmt.Errorf("ledger %s: %w", path, err)
	}
	if f.HostID != hostID {
		return nil, false, fmt.Errorf("ledger %s: it is of the machine %s and this is %s; if this host was cloned, move the file away and hostctl finds what it owns by the marks on the host", path, f.HostID, hostID)
	}
	l.Serial, l.Grants, l.Adopting, l.file, l.format = f.Serial, f.Grants, f.Adopting, info, f.Version
	for name, raw := range f.Owners {
		var of ownerFile
		o := newOwner()
		if err = json.Unmarshal(raw, &of); err == nil {
			o, err = of.decode(kinds)
		}
		if err != nil {
			o = newOwner()
			o.raw, o.unread = raw, fmt.Errorf("ledger %s: configuration %q: %w; another release of hostctl wrote that: use it for this configuration (the others need it not)", path, name, err)
		}
		l.Owners[name] = o
	}
	return l, true, nil
}

func (of *ownerFile) decode(kinds resource.Kinds) (*Owner, error) {
	o := newOwner()
	o.Applied = of.Applied
	maps.Copy(o.Stopped, of.Stopped)
	maps.Copy(o.Held, of.Held)
	maps.Copy(o.Sensitive, of.Sensitive)
	for _, part := range []struct {
		raw  map[resource.Addr]json.RawMessage
		into resource.State
	}{{of.Last, o.Last}, {of.Begun, o.Begun}} {
		for addr, raw := range part.raw {
			spec, err := kinds.DecodeSpec(addr.Kind, raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", addr, err)
			}
			part.into[addr] = spec
		}
	}
	var err error
	o.Pending, err = of.Pending.decode(kinds)
	return o, err
}

// readRegular reads the ledger's file, and waits for nobody, whatever stands in its place.
func readRegular(path string) ([]byte, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // no effect on regular files
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%s is no regular file; move it away, and hostctl finds what it owns by the marks on the host", path)
	case info.Mode().Perm()&0o022 != 0 || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) && info.Sys().(*syscall.Stat_t).Uid != 0:
		return nil, nil, fmt.Errorf("%s can be written by others than root (mode %04o), who could have it say anything; move it away, and hostctl finds what it owns by the marks on the host, or, once you know that what it says is so: chown 0:0 %s && chmod 0600 %s",
			path, info.Mode().Perm(), path, path)
	case info.Size() > maxLedger:
		return nil, nil, fmt.Errorf("%s has %d bytes; more than %d are not read", path, info.Size(), maxLedger)
	}
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(f, maxLedger)); err != nil {
		return nil, nil, err
	}
	return data.Bytes(), info, nil
}

// Readable reports that others than its owner may read the file, which holds what may be secret. The next write ends that.
func (l *Ledger) Readable() bool { return l.file != nil && l.file.Mode().Perm()&0o077 != 0 }

// Write makes the file at path hold the ledger, whole and durable, or leaves the
// old one. Only the holder of the host's lock may write. The directory is made, root-only.
func (l *Ledger) Write(path string) error {
	data, err := l.encode()
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.replace(path, data)
}

// replace puts data in the file's place, unless somebody else did since: what that one
// remembers is not lost for what this one does. A file that is gone is made again.
func (l *Ledger) replace(path string, data []byte) error {
	there, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("ledger: %w", err)
	case l.file == nil || !os.SameFile(there, l.file) || there.Size() != l.file.Size() || !there.ModTime().Equal(l.file.ModTime()):
		return fmt.Errorf("ledger %s: %w", path, ErrLedgerTaken)
	}
	if l.file, err = replaceFile(path, data); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// encode returns the file's bytes under the next serial.
func (l *Ledger) encode() ([]byte, error) {
	l.Serial++
	e := encoder{l.encoded, make(map[resource.Spec]json.RawMessage, len(l.encoded))}
	f := ledgerFile[any]{Version: 1, HostID: l.HostID, Serial: l.Serial, Grants: l.Grants, Adopting: l.Adopting, Owners: map[string]any{}}
	if len(l.Adopting) > 0 {
		f.Version = LedgerVersion
	}
	for name, o := range l.Owners {
		if o.empty() {
			continue
		}
		if o.Pending != nil {
			f.Version = LedgerVersion
		}
		if o.raw != nil {
			f.Owners[name], f.Version = o.raw, max(f.Version, l.format)
			continue
		}
		var err error
		if f.Owners[name], err = e.owner(o); err != nil {
			return nil, err
		}
	}
	body, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	l.encoded = e.now
	return append([]byte(checksum(body)+"\n"), body...), nil
}

// encoder encodes each spec once: it is replaced, never modified.
type encoder struct {
	before, now map[resource.Spec]json.RawMessage
}

func (e encoder) owner(o *Owner) (*ownerFile, error) {
	of := &ownerFile{Last: map[resource.Addr]json.RawMessage{}, Stopped: o.Stopped, Held: o.Held, Sensitive: o.Sensitive,
		Begun: map[resource.Addr]json.RawMessage{}, Applied: o.Applied}
	for _, part := range []struct {
		state resource.State
		into  map[resource.Addr]json.RawMessage
	}{{o.Last, of.Last}, {o.Begun, of.Begun}} {
		for addr, spec := range part.state {
			data, ok := e.now[spec]
			if !ok {
				data, ok = e.before[spec]
			}
			if !ok {
				var err error
				if data, err = json.Marshal(spec); err != nil {
					return nil, fmt.Errorf("%s: %w", addr, err)
				}
			}
			part.into[addr], e.now[spec] = data, data
		}
	}
	var err error
	of.Pending, err = e.pending(o.Pending)
	return of, err
}

func checksum(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// replaceFile writes data to a new file beside path, makes it durable, and
// renames it over path: a reader, or a power cut, finds the old or the new. It returns
// which file is there now: also with an error, where the new one is not sure to last.
func replaceFile(path string, data []byte) (os.FileInfo, error) {
	dir := filepath.Dir(path)
	old, _ := os.Lstat(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return old, err
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return old, err
	}
	_, err = f.Write(data)
	info, statErr := f.Stat()
	if err := errors.Join(err, statErr, f.Sync(), f.Close()); err != nil {
		return old, err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return old, err
	}
	return info, syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
