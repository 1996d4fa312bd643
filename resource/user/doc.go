// Package user is the kind "user": an account of the host with a primary group
// of its own. Such an account owns files and may be what a container runs as;
// nobody logs in with it.
//
// It must not know how accounts are stored: user.go is pure, live.go sees the
// host through [Door]. Start with [User].
package user
