package container

import (
	"strings"

	"hostctl/resource"
)

const (
	// Slice holds all containers, so that a host's administrator can bound them together.
	Slice = "hostctl.slice"
	// LauncherName is the file name of the program that starts containers, wherever it is installed.
	LauncherName = "hostctl-launch"

	unitPrefix   = "hostctl-"
	unitSuffix   = ".service"
	keeperPrefix = "hostctl-keep-"
	keeperSuffix = ".slice"
	keeperSlice  = "hostctl-keep.slice" // which the keepers are in by their names
)

// Unit is the name of the container's unit.
func Unit(addr resource.Addr) string { return UnitName(addr.HostName()) }

// UnitName is the name of the unit of the container of that name on the host; of "*" the pattern of all.
func UnitName(name string) string { return unitPrefix + name + unitSuffix }

// NameOfUnit is the inverse of [UnitName]; a unit that is no container's is its own name.
func NameOfUnit(unit string) string {
	name, ok1 := strings.CutPrefix(unit, unitPrefix)
	name, ok2 := strings.CutSuffix(name, unitSuffix)
	if !ok1 || !ok2 {
		return unit
	}
	return name
}

// Keeper is the name of the slice that keeps the unit loaded while it is stopped.
// A "-" would nest one container's keeper in another's (systemd.slice(5)); no name holds a "_".
func Keeper(addr resource.Addr) string {
	return keeperPrefix + strings.ReplaceAll(addr.HostName(), "-", "_") + keeperSuffix
}
