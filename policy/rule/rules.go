package rule

// Rules are what every configuration of a host may have: what the launcher judges by.
type Rules struct {
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
