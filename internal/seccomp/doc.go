// Package seccomp makes the filters that system calls pass, a payload's and those of
// the child that reads configurations: a list of what is allowed, as a program for the
// kernel's classic BPF machine (see Documentation/userspace-api/seccomp_filter.rst).
//
// It decides numbers and emits instructions; it makes no system call itself.
// policy.go says what is allowed and why not the rest, table.go (generated from
// it and from the kernel's numbers) holds each system call's number on both
// architectures, compile.go makes the tree.
package seccomp

//go:generate go run gen.go
