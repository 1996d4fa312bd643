package resource

import "context"

// Glancer is implemented by a Host of which others than root see something, though they may not [Host.Read] it.
type Glancer interface {
	// Glance returns what everybody may see of the kind's resources, of every configuration, in no order. It proves
	// nothing: a sight is for people, and no plan is made of it.
	Glance(ctx context.Context) ([]Sight, error)
}

// Sight is one resource as everybody may see it.
type Sight struct {
	Owner  string // the configuration that it is said to be of
	Name   string // on the host, see [Addr.HostName]
	Status string // in a few words, as [Reading.Status] has them
}
