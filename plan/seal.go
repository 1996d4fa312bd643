package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"hostctl/resource"
)

// Sealed stands for the sensitive values of a saved plan: by resource and path,
// the HMAC-SHA256 of the value's JSON under a key that never leaves the host. Who has the
// file can neither read a value nor try values out; the host can tell whether one is the same.
type Sealed map[resource.Addr]map[string]string

// Seal takes the values that the paths cover out of the file's states, which
// are replaced, and leaves seals of the wanted ones. It keys the digests of
// the file's [Basis] too, for both are over sensitive values: [SealBasis].
func (f *File) Seal(key []byte, kinds resource.Kinds, hidden map[resource.Addr][]string) {
	f.Sealed = nil
	for addr, paths := range hidden {
		spec := f.Want[addr]
		if spec == nil {
			continue
		}
		for _, leaf := range resource.Leaves(spec) {
			if !resource.Covered(leaf.Path, paths) || leaf.Attr.Form == resource.Labelled {
				continue
			}
			if f.Sealed == nil {
				f.Sealed = Sealed{}
			}
			if f.Sealed[addr] == nil {
				f.Sealed[addr] = map[string]string{}
			}
			f.Sealed[addr][leaf.Path] = seal(key, addr, leaf)
		}
	}
	for _, state := range []*resource.State{&f.Want, &f.Last, &f.Live} {
		*state = redact(*state, kinds, hidden)
	}
	f.Basis = f.Basis.Seal(key)
}

// Seal returns the basis with its digests under the key.
func (b Basis) Seal(key []byte) Basis {
	keyed := func(digest string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(digest))
		return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil))
	}
	b.SourceDigest, b.LiveDigest = keyed("source "+b.SourceDigest), keyed("live "+b.LiveDigest)
	return b
}

// Unseal puts the sensitive values of fresh, which was evaluated and resolved
// again, into the file's wanted state. A value that is not the one that was
// planned with, or is missing, is an error that names its place alone.
func (f *File) Unseal(key []byte, fresh resource.State) error {
	want := make(resource.State, len(f.Want))
	for addr, spec := range f.Want {
		want[addr] = spec
	}
	for _, addr := range addrsOf(f.Sealed) {
		seals := f.Sealed[addr]
		if want[addr] == nil || fresh[addr] == nil {
			return fmt.Errorf("%s: there is no such resource now", addr)
		}
		var paths []string
		for path := range seals {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		leaves := byPath(resource.Leaves(fresh[addr]))
		for _, path := range paths {
			leaf := leaves[path]
			if leaf == nil || !hmac.Equal([]byte(seal(key, addr, *leaf)), []byte(seals[path])) {
				return fmt.Errorf("%s.%s: the sensitive value is not the one that was planned with", addr, path)
			}
		}
		want[addr] = resource.Graft(want[addr], fresh[addr], paths)
	}
	f.Want = want
	return nil
}

// seal is the HMAC of a value in its place: equal values in two places have two seals.
func seal(key []byte, addr resource.Addr, leaf resource.Leaf) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "value %q %q %s", addr.String(), leaf.Path, leaf.Value)
	return hex.EncodeToString(mac.Sum(nil))
}

// redact returns the state with the defaults of the kinds at the hidden paths.
func redact(s resource.State, kinds resource.Kinds, hidden map[resource.Addr][]string) resource.State {
	out := make(resource.State, len(s))
	for addr, spec := range s {
		out[addr] = spec
		if kind, ok := kinds.Lookup(addr.Kind); ok && len(hidden[addr]) > 0 {
			out[addr] = resource.Blank(spec, kind.New(), hidden[addr])
		}
	}
	return out
}

func addrsOf(s Sealed) []resource.Addr {
	var addrs []resource.Addr
	for addr := range s {
		addrs = append(addrs, addr)
	}
	slices.SortFunc(addrs, resource.Addr.Compare)
	return addrs
}
