package resource

import (
	"fmt"
	"strings"
)

// Condition is what a resource waits for of another that it depends on.
type Condition string

// The conditions. The zero one is that the other was started.
const (
	Started   Condition = ""
	Healthy   Condition = "healthy"   // it is ready, and well by its own declaration of health
	Completed Condition = "completed" // it ended, with success
)

// Dependency is a reference with a condition. Its text is the reference's, container.db, or healthy(container.db).
type Dependency struct {
	To   Addr
	When Condition
}

// String returns the dependency as the language spells it.
func (d Dependency) String() string {
	if d.When == Started {
		return d.To.String()
	}
	return string(d.When) + "(" + d.To.String() + ")"
}

// MarshalText implements encoding.TextMarshaler.
func (d Dependency) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Dependency) UnmarshalText(text []byte) error {
	s, when := string(text), Started
	for _, c := range []Condition{Healthy, Completed} {
		if inner, ok := strings.CutPrefix(s, string(c)+"("); ok {
			if s, ok = strings.CutSuffix(inner, ")"); !ok {
				return fmt.Errorf("dependency %q: a parenthesis is not closed", text)
			}
			when = c
			break
		}
	}
	to, err := ParseAddr(s)
	if err != nil {
		return err
	}
	*d = Dependency{to, when}
	return nil
}

// Compare orders dependencies by what they depend on.
func (d Dependency) Compare(e Dependency) int {
	if c := d.To.Compare(e.To); c != 0 {
		return c
	}
	return strings.Compare(string(d.When), string(e.When))
}
