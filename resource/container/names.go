package container

import (
	"strings"

	"hostctl/resource"
	"hostctl/runtime"
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

// NameOfUnit is the name of the container that a unit is of, also where that is a [Helper]; a unit that is no container's is its own name.
func NameOfUnit(unit string) string { return strings.TrimSuffix(linkOfUnit(unit), runtime.NextSuffix) }

// linkOfUnit is the link that a unit starts by, see [runtime.Paths.Link].
func linkOfUnit(unit string) string {
	link, ok1 := strings.CutPrefix(unit, unitPrefix)
	link, ok2 := strings.CutSuffix(link, unitSuffix)
	if !ok1 || !ok2 {
		return unit
	}
	return link
}

// Helper is the name of the unit that runs beside that of the container of a name while an update is made.
func Helper(name string) string { return UnitName(name + runtime.NextSuffix) }

// IsHelper reports whether a unit is some container's [Helper].
func IsHelper(unit string) bool { return strings.HasSuffix(linkOfUnit(unit), runtime.NextSuffix) }

// Keeper is the name of the slice that keeps the unit loaded while it is stopped.
// A "-" would nest one container's keeper in another's (systemd.slice(5)); no name holds a "_".
func Keeper(addr resource.Addr) string {
	return keeperPrefix + strings.ReplaceAll(addr.HostName(), "-", "_") + keeperSuffix
}
