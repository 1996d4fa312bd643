package resource

import "testing"

func TestDependency(t *testing.T) {
	db := Addr{Kind: "container", Name: "db", Key: "a"}
	for text, want := range map[string]Dependency{
		`container.db["a"]`: {To: db}, `healthy(container.db["a"])`: {db, Healthy}, `completed(container.db["a"])`: {db, Completed},
	} {
		var got Dependency
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || got.String() != text {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "healthy()", "healthy(container.db", "well(container.db)", "healthy(healthy(container.db))", "healthy(container.db) "} {
		var got Dependency
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
