package hcl

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Limits on one value.
const (
	maxNodes = 250_000 // parts
	maxText  = 8 << 20 // bytes of text
	maxBits  = 4096    // of a number
	tooBig   = "Value is too big"
)

// measured reports whether a value is of a size that can be worked with, and
// sets e.marked where a part of it is sensitive.
func (e *evaluation) measured(v value, at hcl.Range) bool {
	m := meter{}
	err := m.add(v, 0)
	e.marked = m.marked
	if err != nil {
		e.fail(at, tooBig, sentenceOf(err))
		return false
	}
	return true
}

// measure returns an error for a value with too many parts, too much text or too great a number.
func measure(vs ...value) error {
	m := meter{}
	for _, v := range vs {
		if err := m.add(v, 0); err != nil {
			return err
		}
	}
	return nil
}

// meter counts what values hold. times is how many times the limits of one
// value it takes; 0 is once.
type meter struct {
	nodes, text, times int
	marked             bool
}

func (m *meter) add(v value, depth int) error {
	times := max(m.times, 1)
	if m.nodes++; m.nodes > times*maxNodes {
		return fmt.Errorf("a value has at most %d parts", maxNodes)
	}
	if depth > 2*maxDepth {
		return fmt.Errorf("a value nests at most %d deep", 2*maxDepth)
	}
	if v == none {
		return nil
	}
	if v.IsMarked() {
		m.marked = true
		v, _ = v.Unmark()
	}
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		if m.text += len(v.AsString()); m.text > times*maxText {
			return fmt.Errorf("a value holds at most %d MiB of text", maxText>>20)
		}
	case ty == cty.Number:
		f := v.AsBigFloat()
		if f.IsInf() {
			return errors.New("the number is infinite, as after a division by zero")
		}
		if exp := f.MantExp(nil); exp > maxBits || exp < -maxBits {
			return fmt.Errorf("a number has at most %d bits before and after its point", maxBits)
		}
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			k, element := it.Element()
			if !ty.IsSetType() {
				if err := m.add(k, depth+1); err != nil {
					return err
				}
			}
			if err := m.add(element, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
