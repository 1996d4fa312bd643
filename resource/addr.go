package resource

import (
	"cmp"
	"fmt"
	"strings"
)

// MaxName is the greatest length in bytes of a resource's host name, see [Addr.HostName].
const MaxName = 48

// Addr names one resource within a configuration: container.web, or with the
// key of its for_each container.worker["mail"]. The zero Addr names nothing.
// Addr is comparable and marshals as its text.
type Addr struct {
	Kind string // the block's type, such as "container"
	Name string // the block's label
	Key  string // the for_each key; "" for a resource without for_each
}

// String returns the address as the language spells it; "" for the zero Addr.
func (a Addr) String() string {
	switch {
	case a == Addr{}:
		return ""
	case a.Key == "":
		return a.Kind + "." + a.Name
	default:
		return a.Kind + "." + a.Name + `["` + a.Key + `"]`
	}
}

// HostName is the name that the resource goes by on the host: the label and the
// key joined by "-". Two resources of one kind that come to the same HostName
// cannot stand in one configuration.
func (a Addr) HostName() string {
	if a.Key == "" {
		return a.Name
	}
	return a.Name + "-" + a.Key
}

// Compare orders addresses by kind, name and key.
func (a Addr) Compare(b Addr) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key))
}

// ParseAddr is the inverse of [Addr.String] for a non-zero address.
func ParseAddr(s string) (Addr, error) {
	kind, rest, ok := strings.Cut(s, ".")
	name, key := rest, ""
	if i := strings.IndexByte(rest, '['); i >= 0 {
		name = rest[:i]
		k, ok1 := strings.CutPrefix(rest[i:], `["`)
		k, ok2 := strings.CutSuffix(k, `"]`)
		if !ok1 || !ok2 || CheckName(k) != nil {
			return Addr{}, fmt.Errorf("address %q: the key is written as [\"key\"]", s)
		}
		key = k
	}
	if !ok || CheckName(kind) != nil || CheckName(name) != nil {
		return Addr{}, fmt.Errorf(`address %q: want KIND.NAME or KIND.NAME["KEY"]`, s)
	}
	return Addr{Kind: kind, Name: name, Key: key}, nil
}

// MarshalText implements encoding.TextMarshaler.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; the empty text is the zero Addr.
func (a *Addr) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*a = Addr{}
		return nil
	}
	*a, err = ParseAddr(string(text))
	return err
}

// CheckName reports whether s can be a resource's label or for_each key: lower
// case letters, digits and single hyphens between them, at most [MaxName] bytes.
// The rule makes every name a valid unit, link, account and file name, and
// leaves "--" to hostctl itself.
func CheckName(s string) error {
	if s == "" {
		return fmt.Errorf("a name cannot be empty")
	}
	if len(s) > MaxName {
		return fmt.Errorf("%d characters; at most %d fit a unit's name", len(s), MaxName)
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && i > 0 && i < len(s)-1 && s[i-1] != '-':
		default:
			return fmt.Errorf("a name holds lower-case letters and digits, and single hyphens between them")
		}
	}
	return nil
}
