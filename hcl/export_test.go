package hcl

// TestKinds are the kinds of the tests, for those that stand outside.
var TestKinds = testKinds
