// Package runtime is the launcher: it makes one container of one Spec and is gone.
//
// The way is straight: a Spec (spec.go) is read from its immutable file (store.go), who the
// payload is is looked up in its root directory (user.go, ids.go), and from these alone Plan
// (plan.go) decides a list of operations that prints itself (op.go). Only then is the kernel
// touched: Launch (launch.go) prepares mounts by descriptors, clones the payload's process into
// its namespaces, builds its mount tree and lets it go; what that process does itself is a
// prepared list of system calls (child.go). The configuration's files (file.go) come into the tree in
// rooms (room.go), where hostctl changes them while the container runs (deliver.go). The tiny init (init.go) is the same program's
// second role. Start reading at Launch, which draws the protocol.
//
// It must not know HCL, plans, units or any resource kind, and it imports the standard library
// and golang.org/x/sys/unix only. It uses neither fmt nor encoding/json, which would cost a tenth of
// a container's start.
package runtime
