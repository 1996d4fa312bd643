// Package container is the kind "container": a program in namespaces of its own
// over a root directory, run by the host's systemd as the transient unit
// hostctl-<name>.service.
//
// container.go is the declaration, validate.go and resolve.go what can be decided without a
// host; translate.go turns it into what the launcher and systemd are told; read.go with
// facts.go, check.go and apply.go are the effects, through the narrow interfaces of live.go.
// The files of a configuration are declared in file.go, and inside.go reads and changes them.
// It knows no other kind's type: what it needs of a user, a volume or a network
// namespace it reads from their resolved attributes by name.
package container
