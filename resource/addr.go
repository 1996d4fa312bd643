package resource

import (
	"cmp"
	"fmt"
	"strings"
)

// MaxName is the greatest length in bytes of a resource's host name, see [Addr.HostName].
const MaxName = 48

// Addr names one resource within a configuration: container.web, with the key
// of its for_each container.worker["mail"], with its count's index
// container.worker[0], and in a module module.site["a"].container.web. The zero
// Addr names nothing. Addr is comparable and marshals as its text.
type Addr struct {
	// Module is the instance of the module that the resource stands in, as
	// [ModuleStep.String] spells each step, joined by dots; "" for the root.
	Module string
	Kind   string // the block's type, such as "container"
	Name   string // the block's label
	// Key is the for_each key or the count's index in decimal; "" for neither. A key
	// of decimal digits and an index are one: worker["0"] is worker[0].
	Key string
}

// String returns the address as the language spells it; "" for the zero Addr.
func (a Addr) String() string {
	if a == (Addr{}) {
		return ""
	}
	s := a.Kind + "." + a.Name + keyText(a.Key)
	if a.Module != "" {
		return a.Module + "." + s
	}
	return s
}

// keyText is a key as it stands behind a name.
func keyText(key string) string {
	switch {
	case key == "":
		return ""
	case isIndex(key):
		return "[" + key + "]"
	default:
		return `["` + key + `"]`
	}
}

// isIndex reports whether a key is a number as a count makes it.
func isIndex(key string) bool {
	for i := range len(key) {
		if key[i] < '0' || key[i] > '9' || key[0] == '0' && len(key) > 1 {
			return false
		}
	}
	return key != ""
}

// HostName is the name that the resource goes by on the host: the names and keys
// of its modules, its label and its key, joined by "-". Two resources of one kind
// that come to the same HostName cannot stand in one configuration.
func (a Addr) HostName() string {
	name := ""
	for _, m := range a.Modules() {
		name += m.Name + "-"
		if m.Key != "" {
			name += m.Key + "-"
		}
	}
	name += a.Name
	if a.Key != "" {
		name += "-" + a.Key
	}
	return name
}

// ModuleStep is one step of [Addr.Module]: the label of a module block and, with for_each or count, its key.
type ModuleStep struct{ Name, Key string }

// String returns the step as the language spells it: module.site["a"].
func (m ModuleStep) String() string { return "module." + m.Name + keyText(m.Key) }

// Modules are the steps of a.Module, the outermost first; none for the root.
func (a Addr) Modules() []ModuleStep {
	if a.Module == "" {
		return nil
	}
	steps, rest, err := cutModules(a.Module + ".")
	if err != nil || rest != "" {
		return nil // no address that was parsed or made from steps comes here
	}
	return steps
}

// Compare orders addresses by module, kind, name and key; numbers among keys by their value.
func (a Addr) Compare(b Addr) int {
	if isIndex(a.Key) && isIndex(b.Key) {
		return cmp.Or(strings.Compare(a.Module, b.Module), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name),
			cmp.Compare(len(a.Key), len(b.Key)), strings.Compare(a.Key, b.Key))
	}
	return cmp.Or(strings.Compare(a.Module, b.Module), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key))
}

// ParseAddr is the inverse of [Addr.String] for a non-zero address. worker["0"] is read as worker[0].
func ParseAddr(s string) (Addr, error) {
	steps, rest, err := cutModules(s)
	if err != nil {
		return Addr{}, fmt.Errorf("address %q: %w", s, err)
	}
	kind, rest, ok := strings.Cut(rest, ".")
	name, key, rest, err := cutName(rest)
	if err != nil {
		return Addr{}, fmt.Errorf("address %q: %w", s, err)
	}
	if !ok || CheckName(kind) != nil || CheckName(name) != nil || rest != "" || kind == "module" {
		return Addr{}, fmt.Errorf(`address %q: want KIND.NAME or KIND.NAME["KEY"]`, s)
	}
	return Addr{Module: JoinModules(steps), Kind: kind, Name: name, Key: key}, nil
}

// JoinModules is the text of steps as [Addr.Module] holds it.
func JoinModules(steps []ModuleStep) string {
	texts := make([]string, len(steps))
	for i, m := range steps {
		texts[i] = m.String()
	}
	return strings.Join(texts, ".")
}

// cutModules takes the steps module.NAME. and module.NAME[KEY]. from the front of an address.
func cutModules(s string) (steps []ModuleStep, rest string, err error) {
	for {
		inner, ok := strings.CutPrefix(s, "module.")
		if !ok {
			return steps, s, nil
		}
		name, key, rest, err := cutName(inner)
		if err != nil {
			return nil, "", err
		}
		if CheckName(name) != nil {
			return nil, "", fmt.Errorf("%q is no name of a module", name)
		}
		steps = append(steps, ModuleStep{name, key})
		if s, ok = strings.CutPrefix(rest, "."); !ok {
			if rest != "" {
				return nil, "", fmt.Errorf("%q stands behind the module", rest)
			}
			return steps, "", nil
		}
		if s == "" {
			return steps, "", nil
		}
	}
}

// cutName takes NAME, NAME["KEY"] or NAME[INDEX] from the front of s.
func cutName(s string) (name, key, rest string, err error) {
	end := strings.IndexAny(s, ".[")
	if end < 0 || s[end] == '.' {
		if end < 0 {
			end = len(s)
		}
		return s[:end], "", s[end:], nil
	}
	name, inner := s[:end], s[end+1:]
	text, rest, ok := strings.Cut(inner, "]")
	if !ok {
		return "", "", "", fmt.Errorf("a bracket is not closed")
	}
	if isIndex(text) && len(text) <= MaxName {
		return name, text, rest, nil
	}
	text, ok1 := strings.CutPrefix(text, `"`)
	text, ok2 := strings.CutSuffix(text, `"`)
	if !ok1 || !ok2 || CheckName(text) != nil {
		return "", "", "", fmt.Errorf(`the key is written as ["key"] or [0]`)
	}
	return name, text, rest, nil
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

// CheckName reports whether s can be a label of a resource or module, or a for_each key: lower
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
