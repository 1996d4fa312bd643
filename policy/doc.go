// Package policy is what the owner of a host allows: which paths, accounts, networks and powers a configuration may have,
// whoever wrote it. It is pure. A configuration's resources say what they ask for ([resource.Demand]); a Policy judges
// that, and knows no kind. [Policy.Paths] is the part that the launcher judges by once more, at every start, on what it
// has opened.
//
// Begin with [File], which is the policy as it is written, and [Policy.Check].
package policy
