// Package netns is the kind of named network namespaces: their interfaces,
// addresses, routes and sysctls.
//
// netns.go is the declaration; start with [Spec]. check.go is everything that
// can be said of it without looking at the host. live.go reads and changes the
// host through [Door], converge.go decides what has to be done to a namespace.
// The package knows nothing of netlink, of the language, or of containers.
package netns
