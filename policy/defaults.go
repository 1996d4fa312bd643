package policy

// Defaults are the limits of a container that does not say, by the configuration's name, "" for those without a block of their own.
func (p *Policy) Defaults() map[string]Amounts {
	all := map[string]Amounts{"": p.top.Sections.Defaults}
	for name, g := range p.of {
		all[name] = g.Sections.Defaults
	}
	return all
}
