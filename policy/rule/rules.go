package rule

// Version is the version of the layout of Rules.
const Version = 1

// Rules are the paths of every configuration of a host: what the launcher judges by.
type Rules struct {
	Version int `json:"version"`
	// Default holds for a configuration that Configurations does not name.
	Default        Grants            `json:"default"`
	Configurations map[string]Grants `json:"configurations,omitempty"`
}

// Of returns the paths of the configuration of that name.
func (r Rules) Of(owner string) Grants {
	if p, ok := r.Configurations[owner]; ok {
		return p
	}
	return r.Default
}
