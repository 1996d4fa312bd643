package hcl

// Field is an attribute or a block of the language itself, beside those of the kinds.
type Field struct {
	Name string
	// Type is an attribute's type as the manual writes it: string, bool, number,
	// expression, address, addresses, type; "" for a block.
	Type     string
	Doc      string // in one line or two
	Required bool
	Default  string
	Label    string  // of a block: what its label is, such as NAME; "" where it has none
	Fields   []Field // of a block
	// Free says that a block holds attributes of any name.
	Free bool
}

// Language returns the blocks that stand at the top of a file, the kinds apart.
func Language() []Field { return language }

// Everywhere returns what stands in the block of every resource, beside its kind's own attributes.
func Everywhere() []Field { return everywhere }

var (
	nameField        = Field{Name: "description", Type: "string", Doc: "For people: what it is for."}
	conditionField   = Field{Name: "condition", Type: "expression", Required: true, Doc: "What must be true."}
	messageField     = Field{Name: "error_message", Type: "string", Required: true, Doc: "What is said where it is not."}
	forEachField     = Field{Name: "for_each", Type: "expression", Doc: "A map or a set of strings: one for each element. each.key and each.value stand for it in the block; each key is part of the name on the host."}
	countField       = Field{Name: "count", Type: "expression", Doc: "How many there are. count.index, from 0, stands for the number in the block."}
	dependsField     = Field{Name: "depends_on", Type: "addresses", Doc: "What is made before and removed after, where no reference says so."}
	sensitiveField   = Field{Name: "sensitive", Type: "bool", Default: "false", Doc: "The value is used and compared as any other, and never printed."}
	preconditionDoc  = "What must hold before anything is planned."
	postconditionDoc = "What must hold of the block as it is evaluated; self stands for it."
)

func conditionBlock(name, doc string) Field {
	return Field{Name: name, Doc: doc, Fields: []Field{conditionField, messageField}}
}

var language = []Field{
	{Name: "hostctl", Doc: "The configuration itself. One block in all its files.", Fields: []Field{
		{Name: "name", Type: "string", Required: true, Doc: "Says on the host whose objects these are. Two configurations on one host never touch each other's. Changed, hostctl adopt takes over what the old name has."},
		{Name: "required_version", Type: "string", Doc: "The versions of hostctl that may read this, such as \">= 0.1\"."},
	}},
	{Name: "variable", Label: "NAME", Doc: "A value that is given from outside: by -var, a file of variables or the environment. Expressions read it as var.NAME.", Fields: []Field{
		{Name: "type", Type: "type", Doc: "string, number, bool, list(...), set(...), map(...), object({...}), tuple([...]) or any."},
		{Name: "default", Type: "expression", Doc: "Its value where none is given; without a default one must be."},
		nameField, sensitiveField,
		{Name: "nullable", Type: "bool", Default: "true", Doc: "Whether its value may be null."},
		conditionBlock("validation", "What must be true of the value; the condition reads var.NAME."),
	}},
	{Name: "locals", Doc: "Values with names, for expressions to share: local.NAME.", Free: true},
	{Name: "output", Label: "NAME", Doc: "A value to print, or to hand from a module to who uses it.", Fields: []Field{
		{Name: "value", Type: "expression", Required: true, Doc: "The value."}, nameField, sensitiveField,
		conditionBlock("precondition", preconditionDoc),
	}},
	{Name: "module", Label: "NAME", Doc: "The configuration of another directory, used as a part of this one. Its variables are attributes here, its outputs are read as module.NAME.OUTPUT.", Free: true, Fields: []Field{
		{Name: "source", Type: "string", Required: true, Doc: "The directory, such as \"./modules/site\": below the repository's root."},
		forEachField, countField, dependsField,
	}},
	{Name: "check", Label: "NAME", Doc: "Conditions on the configuration as a whole. One that does not hold is a warning.", Fields: []Field{
		conditionBlock("assert", "One condition."),
	}},
	{Name: "moved", Doc: "What was applied under one address goes on under another.", Fields: []Field{
		{Name: "from", Type: "address", Required: true, Doc: "The address as it was: container.web, or module.site."},
		{Name: "to", Type: "address", Required: true, Doc: "The address as it is now."},
	}},
	{Name: "removed", Doc: "What was applied is forgotten, and left on the host as it is.", Fields: []Field{
		{Name: "from", Type: "address", Required: true, Doc: "The address as it was."},
	}},
	{Name: "import", Doc: "Takes over an object of the host that nobody owns.", Fields: []Field{
		{Name: "to", Type: "address", Required: true, Doc: "The resource that it becomes."},
		{Name: "id", Type: "string", Required: true, Doc: "Its name on the host: of an account or a namespace; a directory's path."},
	}},
}

var everywhere = []Field{
	forEachField, countField,
	{Name: "lifecycle", Doc: "How the resource may and may not be changed.", Fields: []Field{
		{Name: "prevent_destroy", Type: "bool", Default: "false", Doc: "Refuses a plan that deletes the resource or makes it anew."},
		{Name: "ignore_changes", Type: "list of attributes", Doc: "Attributes whose difference from the host is left as it is, such as [limits.memory]; all for every one."},
		conditionBlock("precondition", preconditionDoc),
		conditionBlock("postcondition", postconditionDoc),
	}},
	{Name: "dynamic", Label: "BLOCK", Doc: "Makes a block of the type of its label for each element of a list, map or set.", Fields: []Field{
		{Name: "for_each", Type: "expression", Required: true, Doc: "The elements. BLOCK.key and BLOCK.value stand for one in content."},
		{Name: "iterator", Type: "expression", Doc: "Another name for BLOCK in content."},
		{Name: "labels", Type: "expression", Doc: "The labels of the block, as a list."},
		{Name: "content", Doc: "What stands in the block."},
	}},
}

// LanguageText returns what the manual says of a block or attribute of the
// language itself, by its path: "variable", "variable.validation.condition". What stands
// in every resource is found without the resource's kind: "lifecycle.prevent_destroy".
func LanguageText(path string) string {
	if f := fieldOf(path); f != nil {
		return f.Doc
	}
	return ""
}
