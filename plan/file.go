package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"hostctl/resource"
)

// MaxFile is the greatest size in bytes of a plan file.
const MaxFile = 256 << 20

// magic begins the first line of a plan file, which goes on with the format
// version, the body's length in bytes and the body's sha256 in hex.
const magic = "hostctl-plan"

// Basis is what a plan was made from. A saved plan holds for this and nothing else.
type Basis struct {
	HostctlVersion string `json:"hostctl_version"`
	// HostID tells this host from all others, as machine-id(5) does.
	HostID string `json:"host_id"`
	// Dir is the configuration's directory, and Root the repository's that it lies in, absolute.
	Dir  string `json:"dir"`
	Root string `json:"root,omitempty"`
	// VarFiles are the variable files that were named, absolute, in their order.
	VarFiles []string `json:"var_files,omitempty"`
	// Tree are the names, relative to Root, of the files beyond Dir that were read: of modules and templates.
	Tree []string `json:"tree,omitempty"`
	// PolicyDigest is of the host's policy; "" is that there is none.
	PolicyDigest string `json:"policy_digest,omitempty"`
	// SourceDigest is of everything that was read to get want: files, variables.
	SourceDigest string `json:"source_digest"`
	Owner        string `json:"owner"`
	// LedgerSerial grows with every change of the ledger.
	LedgerSerial uint64 `json:"ledger_serial"`
	// LiveDigest is the [Digest] of the live state.
	LiveDigest string `json:"live_digest"`
}

// File is a saved plan: what a person looked at, to be applied exactly so or not at all.
//
// Its steps are never trusted, nor could they be: specs do not stand in them.
// Whoever applies a File checks [Stale], makes the plan again from its states
// with [Make], and goes on only if that is [Plan.Equal] to the saved one. The
// checksum is against torn and hastily edited files, not against forgery: what
// it wants is checked and resolved again as what a configuration wants is.
type File struct {
	FormatVersion int `json:"format_version"`
	Basis
	Created time.Time `json:"created"`
	// Grants are what the plan took from the pools, to be entered in the ledger before the first step.
	Grants []resource.Grant `json:"grants,omitempty"`
	// Directives, Targets, Replace and Handed are those of [Options].
	Directives resource.Directives `json:"directives,omitzero"`
	Targets    []resource.Target   `json:"targets,omitempty"`
	Replace    []resource.Target   `json:"replace,omitempty"`
	Handed     []resource.Handover `json:"handed,omitempty"`
	// Sealed stands for the sensitive values, which are in none of the states.
	Sealed Sealed         `json:"sealed,omitempty"`
	Want   resource.State `json:"want"`
	Last   resource.State `json:"last"`
	Live   resource.State `json:"live"`
	Plan   *Plan          `json:"plan"`
}

// WriteFile saves f with mode 0600, in place of the regular file that path names
// or where there is none: wholly or not at all. Of any other sort is nothing
// replaced: not a link, nor a device. The caller fills in everything but FormatVersion, and has sealed
// it: see [File.Seal]. A plan with secret values is refused, for none may lie about in a file.
func WriteFile(path string, f *File) (err error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("plan file: %s is no regular file, and stays as it is; name another", path)
	}
	for _, state := range []resource.State{f.Want, f.Last, f.Live} {
		for _, addr := range state.Addrs() {
			for _, leaf := range resource.Leaves(state[addr]) {
				if leaf.Attr.Secret {
					return fmt.Errorf("plan file: %s.%s is secret, and a saved plan holds no secrets; apply without a plan file", addr, leaf.Path)
				}
			}
		}
	}
	out := *f
	out.FormatVersion = FormatVersion
	body, err := json.Marshal(&out)
	if err != nil {
		return fmt.Errorf("plan file: %w", err)
	}
	sum := sha256.Sum256(body)
	head := fmt.Sprintf("%s %d %d %x\n", magic, FormatVersion, len(body), sum)
	if len(head)+len(body) > MaxFile {
		return fmt.Errorf("plan file: %d bytes; at most %d are read back", len(head)+len(body), MaxFile)
	}

	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".hostctl-plan-*") // 0600 by its contract
	if err != nil {
		return fmt.Errorf("plan file: %w", err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("plan file: %w", err)
		}
	}()
	if _, err := tmp.WriteString(head); err != nil {
		return err
	}
	if _, err := tmp.Write(body); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	// The plan is in place. A directory that cannot be synced costs it at most a power cut.
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}

// ReadFile reads a saved plan. A file that is torn, edited, too large, of
// another format version, no regular file, another user's, or writable by others is an error.
func ReadFile(path string, kinds resource.Kinds) (*File, error) {
	data, err := readRegular(path)
	if err != nil {
		return nil, fmt.Errorf("plan file: %w", err)
	}
	f, err := decodeFile(data, kinds)
	if err != nil {
		return nil, fmt.Errorf("plan file %s: %w", path, err)
	}
	return f, nil
}

func readRegular(path string) ([]byte, error) {
	// O_NONBLOCK so that a FIFO does not hold us; it has no effect on regular files.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case owner(info) != os.Geteuid():
		return nil, fmt.Errorf("%s belongs to uid %d and you are uid %d; apply a plan that you made yourself", path, owner(info), os.Geteuid())
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%s can be written by group or others (mode %04o); make the plan again and keep it to yourself", path, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, MaxFile)
	}
	return data, err
}

// owner is the uid that a file belongs to.
func owner(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func decodeFile(data []byte, kinds resource.Kinds) (*File, error) {
	head, body, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.HasPrefix(head, []byte(magic+" ")) || len(head) > 200 {
		return nil, errors.New("this is no plan of hostctl plan -out")
	}
	var version, size int
	var sum string
	if n, err := fmt.Sscanf(string(head[len(magic):]), "%d %d %64s", &version, &size, &sum); n < 1 || n < 3 && version == FormatVersion {
		return nil, fmt.Errorf("bad first line: %w", err)
	}
	if version != FormatVersion {
		return nil, fmt.Errorf("format version %d; this hostctl reads %d: make the plan again", version, FormatVersion)
	}
	if len(body) != size {
		return nil, fmt.Errorf("%d bytes of %d: the file is torn or was edited; make the plan again", len(body), size)
	}
	if got := sha256.Sum256(body); hex.EncodeToString(got[:]) != sum {
		return nil, errors.New("the checksum does not fit: the file was edited or is damaged; make the plan again")
	}
	// The states need the kinds to be decoded; the outer fields shadow File's.
	raw := struct {
		File
		Want json.RawMessage `json:"want"`
		Last json.RawMessage `json:"last"`
		Live json.RawMessage `json:"live"`
	}{}
	if err := decodeStrict(body, &raw); err != nil {
		return nil, err
	}
	f := raw.File
	if f.FormatVersion != version || f.Plan == nil || f.Plan.FormatVersion != version {
		return nil, errors.New("the format versions in it differ")
	}
	for _, s := range []struct {
		name string
		data json.RawMessage
		into *resource.State
	}{{"want", raw.Want, &f.Want}, {"last", raw.Last, &f.Last}, {"live", raw.Live, &f.Live}} {
		if s.data == nil {
			return nil, fmt.Errorf("%s is missing", s.name)
		}
		state, err := kinds.DecodeState(s.data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		*s.into = state
	}
	return &f, nil
}

// Stale says why a plan made from saved is not good any more when things are as
// now: a sentence for each reason, the weightiest first; nil if it is still good.
// Where the configuration lies is no reason, what it says is.
func Stale(saved, now Basis) []string {
	var reasons []string
	add := func(differs bool, format string, args ...any) {
		if differs {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	add(saved.HostID != now.HostID, "The plan was made on another host.")
	add(saved.Owner != now.Owner, "The plan is of configuration %s, not of %s.", quote(saved.Owner), quote(now.Owner))
	add(saved.SourceDigest != now.SourceDigest, "The configuration or its variables changed since the plan was made.")
	add(saved.PolicyDigest != now.PolicyDigest, "The host's policy changed since the plan was made.")
	add(saved.LedgerSerial != now.LedgerSerial, "Something was applied on this host since the plan was made (ledger serial %d then, %d now).", saved.LedgerSerial, now.LedgerSerial)
	add(saved.LiveDigest != now.LiveDigest, "The host changed since the plan was made.")
	add(saved.HostctlVersion != now.HostctlVersion, "The plan was made by hostctl %s, and this is %s.", plain(saved.HostctlVersion), plain(now.HostctlVersion))
	return reasons
}

// Digest returns the sha256 of a state, as "sha256:" and hex digits. It counts
// what [resource.Leaves] shows, so that nil and empty are one, whatever the state was read from.
func Digest(state resource.State) string {
	h := sha256.New()
	var buf []byte
	put := func(s string) {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	for _, addr := range state.Addrs() {
		leaves := resource.Leaves(state[addr])
		buf = binary.BigEndian.AppendUint64(buf[:0], uint64(len(leaves)))
		put(addr.String())
		for _, leaf := range leaves {
			put(leaf.Path)
			put(leaf.Value)
		}
		h.Write(buf)
	}
	var b strings.Builder
	b.WriteString("sha256:")
	b.WriteString(hex.EncodeToString(h.Sum(nil)))
	return b.String()
}
