// Package rule says which directories of a host may be given to containers. It is pure, and knows nothing but
// paths: the policy judges configurations by it, and the launcher, which links little, once more at every start.
package rule
