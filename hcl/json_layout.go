package hcl

import (
	"hostctl/resource"
)

// jsonLayout is what the JSON form must know of a block's body, which the
// native syntax shows by itself: which keys are blocks, and how strings are read.
type jsonLayout struct {
	blocks map[string]jsonBlock
	modes  map[string]jsonMode // of attributes; a template where there is none
	named  bool                // the author gives the attributes' names
	root   bool                // there are only blocks
}

// jsonBlock is one type of block.
type jsonBlock struct {
	labels int
	body   func(label string) *jsonLayout // label is the last one
}

func fixed(labels int, l *jsonLayout) jsonBlock {
	return jsonBlock{labels, func(string) *jsonLayout { return l }}
}

var (
	jsonPlain     = &jsonLayout{}
	jsonCondition = fixed(0, jsonPlain)

	jsonLifecycle = fixed(0, &jsonLayout{
		modes:  map[string]jsonMode{"ignore_changes": jsonPath},
		blocks: map[string]jsonBlock{"precondition": jsonCondition, "postcondition": jsonCondition},
	})
)

// jsonRoot is the layout of a file: the language's own blocks and the kinds'.
// Constants are read as they are.
func jsonRoot(kinds resource.Kinds) *jsonLayout {
	root := &jsonLayout{root: true, blocks: map[string]jsonBlock{
		"hostctl": fixed(0, &jsonLayout{modes: map[string]jsonMode{"name": jsonLiteral, "required_version": jsonLiteral}}),
		"variable": fixed(1, &jsonLayout{
			modes:  map[string]jsonMode{"type": jsonExpression, "default": jsonLiteral, "description": jsonLiteral},
			blocks: map[string]jsonBlock{"validation": jsonCondition},
		}),
		"locals": fixed(0, &jsonLayout{named: true}),
		"output": fixed(1, &jsonLayout{
			modes:  map[string]jsonMode{"description": jsonLiteral, "depends_on": jsonAddress},
			blocks: map[string]jsonBlock{"precondition": jsonCondition},
		}),
		"module":  fixed(1, &jsonLayout{named: true, modes: map[string]jsonMode{"source": jsonLiteral, "depends_on": jsonAddress}}),
		"check":   fixed(1, &jsonLayout{blocks: map[string]jsonBlock{"assert": jsonCondition}}),
		"moved":   fixed(0, &jsonLayout{modes: map[string]jsonMode{"from": jsonAddress, "to": jsonAddress}}),
		"removed": fixed(0, &jsonLayout{modes: map[string]jsonMode{"from": jsonAddress}}),
		"import":  fixed(0, &jsonLayout{modes: map[string]jsonMode{"to": jsonAddress}}),
	}}
	made := map[*resource.Schema]*jsonLayout{}
	for _, k := range kinds {
		l := schemaLayout(resource.SchemaOf(k.New()), made)
		l.modes["depends_on"] = jsonAddress
		l.blocks["lifecycle"] = jsonLifecycle
		root.blocks[k.Name] = fixed(1, l)
	}
	return root
}

// schemaLayout is the layout of a kind's struct, or of a block in it.
func schemaLayout(s *resource.Schema, made map[*resource.Schema]*jsonLayout) *jsonLayout {
	if l := made[s]; l != nil {
		return l
	}
	l := &jsonLayout{blocks: map[string]jsonBlock{}, modes: map[string]jsonMode{}}
	made[s] = l
	for i := range s.Attrs {
		a := &s.Attrs[i]
		switch {
		case a.Form == resource.Block:
			l.blocks[a.Name] = fixed(0, schemaLayout(a.Nested, made))
		case a.Form == resource.Labelled:
			l.blocks[a.Name] = fixed(1, schemaLayout(a.Nested, made))
		case a.Ref != "":
			l.modes[a.Name] = jsonAddress
		}
	}
	l.blocks["dynamic"] = jsonBlock{1, func(label string) *jsonLayout {
		content := jsonPlain
		if a := s.Attr(label); a != nil && a.Nested != nil {
			content = schemaLayout(a.Nested, made)
		}
		return &jsonLayout{modes: map[string]jsonMode{"iterator": jsonExpression}, blocks: map[string]jsonBlock{"content": fixed(0, content)}}
	}}
	return l
}
