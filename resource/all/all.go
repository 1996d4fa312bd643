// Package all holds the one list of kinds.
package all

import (
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/resource/netns"
	"hostctl/resource/network"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

// Kinds are all kinds, in the order of the manual.
func Kinds() resource.Kinds {
	return resource.Kinds{user.Kind(), volume.Kind(), network.Kind(), netns.Kind(), container.Kind()}
}
