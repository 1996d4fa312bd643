// Package netns is the kind of named network namespaces: their interfaces,
// addresses, routes and sysctls.
//
// netns.go is the declaration; start with [Spec]. check.go is everything that
// can be said of it without looking at the host. live.go reads the host through
// [Door] and sight.go makes a spec of what was seen; converge.go and remove.go
// bring a namespace to what is wanted. The package knows nothing of netlink, of
// the language, or of containers; of a network it knows what an interface of
// this package asks for.
package netns
