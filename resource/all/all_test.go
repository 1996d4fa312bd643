package all

import (
	"testing"

	"hostctl/resource"
)

// Every attribute says what a change of it costs.
func TestClasses(t *testing.T) {
	var walk func(path string, s *resource.Schema)
	walk = func(path string, s *resource.Schema) {
		for _, a := range s.Attrs {
			if a.Class == resource.None && a.Form != resource.Block {
				t.Errorf("%s.%s has no diff tag", path, a.Name)
			}
			if a.Nested != nil {
				walk(path+"."+a.Name, a.Nested)
			}
		}
	}
	for _, kind := range Kinds() {
		walk(kind.Name, resource.SchemaOf(kind.New()))
	}
}
