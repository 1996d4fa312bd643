// Package apply brings a plan and the host together: it observes the live state
// through the kinds' hosts, keeps the ledger of what a host cannot say of
// itself, and runs a plan's steps with bounded parallelism, going on with what
// does not depend on a failure.
//
// It names no kind and parses no configuration. Start with [Machine.Observe],
// which is the reading half, and [Machine.Run], the writing half; [Ledger] is
// the file between two runs.
package apply
