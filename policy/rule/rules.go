package rule

// Version is the version of the layout of Rules.
const Version = 1

// Rules are the paths of every configuration of a host: what the launcher judges by.
type Rules struct {
	Version int `json:"version"`
	// Default holds for a configuration that Configurations does not name.
	Default        Paths            `json:"default"`
	Configurations map[string]Paths `json:"configurations,omitempty"`
}

// Of returns the paths of the configuration of that name.
func (r Rules) Of(owner string) Paths {
	if p, ok := r.Configurations[owner]; ok {
		return p
	}
	return r.Default
}
