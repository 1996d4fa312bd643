// Package hosttest is one machine in memory. It implements what the kinds need
// of the doors in package host, prints itself as text for golden files, and
// objects to transitions that the real host would refuse: adding what is there,
// removing what is missing, changing what is not ours.
//
// It must not know of resources. Each family of doors has a file and a type of
// its own; [Machine] puts them together. The contract tests in package host run the
// same steps against this machine and against the real one. Start with [Machine].
package hosttest
