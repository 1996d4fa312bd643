package container

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hostctl/host"
	"hostctl/runtime"
)

func (d Device) source(target string) string {
	if d.Source != "" {
		return d.Source
	}
	return target
}

func (c *Container) validateDevices(v *validator) {
	for _, target := range slices.Sorted(maps.Keys(c.Device)) {
		at, d := "device["+strconv.Quote(target)+"]", c.Device[target]
		if err := runtime.ValidDevice(target); err != nil {
			v.bad(at, fmt.Sprintf("no device can be at %q", target), "it "+err.Error())
		} else if runtime.OwnDevice(target) {
			v.bad(at, fmt.Sprintf("%s is there of the container's own", target), "give the device another path")
		}
		if d.Source != "" {
			if err := runtime.ValidDevice(d.Source); err != nil {
				v.bad(at+".source", fmt.Sprintf("%q is no device", d.Source), "it "+err.Error())
			}
		}
		if d.Permissions == "" || strings.Trim(d.Permissions, "rwm") != "" || len(d.Permissions) > 3 {
			v.bad(at+".permissions", fmt.Sprintf("%q are no permissions", d.Permissions), `write "r", "w" or "rw"`)
		}
	}
}

// deviceAllow is what the unit's cgroup allows besides the devices that every service has. The device is said by its number: no path of
// the configuration's stands in a unit.
func (c *Container) deviceAllow() ([]host.DeviceAllow, error) {
	var out []host.DeviceAllow
	for _, target := range slices.Sorted(maps.Keys(c.Device)) {
		d := c.Device[target]
		number, err := runtime.CharDevice(d.source(target))
		if err != nil {
			return nil, fmt.Errorf("device %s: %w", d.source(target), err)
		}
		out = append(out, host.DeviceAllow{Device: runtime.DeviceNode(number), Permissions: d.Permissions})
	}
	return out, nil
}
