// Package plan subtracts: from what is wanted, what was last applied and what
// is live it makes the differences, and the steps that remove them, in an order
// that never breaks a reference.
//
// It is pure but for [WriteFile] and [ReadFile]. It knows no kind by name:
// what a change costs comes from the tags of the kind's struct, which programs
// go down from [resource.Kind] and [Overlapper], and what else there is to say from [Noter].
//
// Start with [Make]; diff.go compares one resource, order.go puts the steps in
// order, text.go prints a [Plan] from nothing but what its JSON holds. What a
// configuration says of the way is in moves.go (other addresses) and narrow.go
// (targets, and what is refused); seal.go keeps sensitive values out of saved plans.
package plan
