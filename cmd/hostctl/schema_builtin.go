package main

// The blocks that are the language's own. A test of the schema writes a
// configuration with each of them.

// metaAttributes stand in every block that declares a resource.
var metaAttributes = []attrSchema{
	{Name: "for_each", Type: "any", Doc: "Makes a resource for each element of a set of strings or a map: each.key and each.value stand for it."},
	{Name: "count", Type: "number", Doc: "Makes so many resources: count.index stands for the number of each, from 0."},
}

var lifecycleBlock = blockSchema{
	Type: "lifecycle", Doc: "How the resource may be changed.",
	Attributes: []attrSchema{
		{Name: "prevent_destroy", Type: "bool", Doc: "Refuses every plan that deletes or replaces the resource."},
		{Name: "ignore_changes", Type: "any", Form: "list", Doc: "The attributes whose difference is left as it is; all for every one."},
	},
	Blocks: []blockSchema{condition("precondition", "What must hold before the resource is planned."), condition("postcondition", "What must hold of the resource as it is planned; self stands for it.")},
}

func condition(name, doc string) blockSchema {
	return blockSchema{Type: name, Repeated: true, Doc: doc, Attributes: []attrSchema{
		{Name: "condition", Type: "bool", Required: true, Doc: "What must be true."},
		{Name: "error_message", Type: "string", Required: true, Doc: "What is said where it is not."},
	}}
}

var builtinBlocks = []blockSchema{
	{Type: "hostctl", Doc: "The configuration itself. Exactly one is required.", Attributes: []attrSchema{
		{Name: "name", Type: "string", Required: true, Doc: "Whose objects these are: two configurations of one host never touch each other's."},
		{Name: "required_version", Type: "string", Doc: "The versions of hostctl that may read it, such as \">= 0.1\"."},
	}},
	{Type: "variable", Labels: []string{"name"}, Repeated: true, Doc: "A value that is given from outside, as var.NAME: by -var, -var-file, *.auto.hclvars or HOSTCTL_VAR_NAME.",
		Attributes: []attrSchema{
			{Name: "type", Type: "any", Doc: "string, number, bool, any, or list(T), set(T), map(T), object({...}), tuple([...])."},
			{Name: "default", Type: "any", Doc: "Its value where none is given; without one it must be."},
			{Name: "description", Type: "string", Doc: "What it is for."},
			{Name: "sensitive", Type: "bool", Doc: "Its value is never printed."},
			{Name: "nullable", Type: "bool", Doc: "Whether null may be given."},
		},
		Blocks: []blockSchema{condition("validation", "What a given value must be like.")}},
	{Type: "locals", Repeated: true, Open: true, Doc: "Names for values, as local.NAME."},
	{Type: "output", Labels: []string{"name"}, Repeated: true, Doc: "A value that plan and apply print, and that a module gives to who calls it.", Attributes: []attrSchema{
		{Name: "value", Type: "any", Required: true, Doc: "The value."},
		{Name: "description", Type: "string", Doc: "What it is."},
		{Name: "sensitive", Type: "bool", Doc: "It is never printed."},
	}},
	{Type: "module", Labels: []string{"name"}, Repeated: true, Open: true, Doc: "The configuration of another directory, with its variables as attributes; its outputs are module.NAME.OUTPUT.",
		Attributes: append([]attrSchema{
			{Name: "source", Type: "string", Required: true, Doc: "The directory, below the repository's root, such as \"./modules/site\"."},
			{Name: "depends_on", Type: "any", Form: "list", Doc: "What comes before everything in it."},
		}, metaAttributes...)},
	{Type: "check", Labels: []string{"name"}, Repeated: true, Doc: "What should hold of the configuration; where it does not, a warning says so.", Blocks: []blockSchema{condition("assert", "One thing that should hold.")}},
	{Type: "moved", Repeated: true, Doc: "A resource has another address now, and goes on.", Attributes: []attrSchema{
		{Name: "from", Type: "any", Required: true, Doc: "Its address until now."},
		{Name: "to", Type: "any", Required: true, Doc: "Its address from now on."},
	}},
	{Type: "removed", Repeated: true, Doc: "A resource is forgotten, and goes on without an owner.", Attributes: []attrSchema{
		{Name: "from", Type: "any", Required: true, Doc: "Its address until now."},
	}},
	{Type: "import", Repeated: true, Doc: "An object of the host that nobody owns becomes a resource.", Attributes: []attrSchema{
		{Name: "to", Type: "any", Required: true, Doc: "The address of the resource."},
		{Name: "id", Type: "string", Required: true, Doc: "The name of the account or namespace on the host, or the path of the directory."},
	}},
}
