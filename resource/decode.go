package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
)

// decode reads a struct with its defaults set from JSON. encoding/json does all
// but one thing: it makes the values of a map from nothing, and the blocks of
// a labelled attribute begin with their defaults, too.
func (s *Schema) decode(data []byte, v reflect.Value) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v.Addr().Interface()); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more data after the end of the object")
	}
	if !s.hasLabels(v) {
		return nil
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		part, ok := parts[a.Name]
		if !ok {
			continue
		}
		f := a.Value(v)
		switch a.Form {
		case Block:
			if err := a.Nested.decode(part, f); err != nil {
				return err
			}
		case Labelled:
			var blocks map[string]json.RawMessage
			if err := json.Unmarshal(part, &blocks); err != nil {
				return err
			}
			f.Set(reflect.MakeMapWithSize(f.Type(), len(blocks)))
			for label, data := range blocks {
				block := NewBlock(a.Nested)
				if err := a.Nested.decode(data, block); err != nil {
					return err
				}
				f.SetMapIndex(reflect.ValueOf(label), block)
			}
		}
	}
	return nil
}

// hasLabels reports whether v has a labelled block anywhere.
func (s *Schema) hasLabels(v reflect.Value) bool {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		f := a.Value(v)
		if a.Form == Labelled && f.Len() > 0 || a.Form == Block && a.Nested.hasLabels(f) {
			return true
		}
	}
	return false
}
