// Package volume is the kind "volume": a directory of the host that containers
// may mount. Its data outlives the declaration unless the declaration says otherwise.
//
// It must not know how directories are reached: volume.go is pure, live.go sees
// the host through [Door]. Start with [Volume].
package volume
