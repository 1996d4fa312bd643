package hcl

// TestKinds are the kinds of the tests, for those that stand outside, and
// Golden is how they compare.
var (
	TestKinds = testKinds
	Golden    = golden
)
