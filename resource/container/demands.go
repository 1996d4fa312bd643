package container

import (
	"maps"
	"path"
	"slices"
	"strconv"

	"hostctl/policy/rule"
	"hostctl/resource"
	"hostctl/runtime"
)

// Demands implements resource.Demander.
func (c *Container) Demands(self resource.Addr) []resource.Demand {
	list := make([]resource.Demand, 0, 16+len(c.Mount)+len(c.Capabilities))
	add := func(path string, right resource.Right, value string) {
		list = append(list, resource.Demand{Path: path, Right: right, Value: value})
	}
	limit := func(path, name string, amount float64) {
		list = append(list, resource.Demand{Path: path, Right: resource.RightLimit, Value: name, Amount: amount})
	}
	name := self.HostName()
	add("rootfs", resource.RightRootfs, c.Rootfs)
	if c.Root != "" && c.Root != rootReadOnly {
		add("root", resource.RightRoot, string(c.Root))
	}
	if c.Root == runtime.RootWritable {
		add("root", resource.RightWrite, c.Rootfs)
	}
	if c.Boot {
		add("boot", resource.RightBoot, name)
	}
	if c.HostNetwork {
		add("host_network", resource.RightHostNetwork, name)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Sysctls)) {
		add("sysctls["+strconv.Quote(key)+"]", resource.RightSysctl, key)
	}
	for _, target := range slices.Sorted(maps.Keys(c.Device)) {
		d := c.Device[target]
		add("device["+strconv.Quote(target)+"]", resource.RightDevice, d.source(target)+":"+d.Permissions)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Listen)) {
		l := c.Listen[key]
		kind, address := "stream", l.Stream
		if l.Datagram != "" {
			kind, address = "datagram", l.Datagram
		}
		if address != unixAddress && c.Netns == (resource.Addr{}) {
			add("listen["+strconv.Quote(key)+"]."+kind, resource.RightPort, address)
		}
	}
	for _, target := range slices.Sorted(maps.Keys(c.Mount)) {
		m := c.Mount[target]
		right, source := resource.RightWrite, m.Source
		if m.ReadOnly {
			right = resource.RightRead
		}
		if m.Path != "" {
			source = path.Join(source, m.Path)
		}
		add(mountPath(target), right, source)
	}
	for _, label := range slices.Sorted(maps.Keys(c.Secret)) {
		add(secretPath(label)+".credential", resource.RightCredential, c.Secret[label].Credential+" "+name)
	}
	for _, name := range c.Capabilities {
		add("capabilities", resource.RightCapability, name)
	}
	for _, name := range c.SystemCalls {
		add("system_calls", resource.RightSystemCall, name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Rlimits)) {
		if slices.Contains(rule.Raised, name) {
			add("rlimits["+strconv.Quote(name)+"]", resource.RightRlimit, name)
		}
	}
	if c.OOMScoreAdjust < 0 {
		list = append(list, resource.Demand{Path: "oom_score_adjust", Right: resource.RightOOM, Amount: float64(c.OOMScoreAdjust)})
	}
	if c.SELinux != "" {
		add("selinux", resource.RightSELinux, c.SELinux)
	}
	limit("limits.memory", "memory", float64(c.Limits.Memory))
	limit("limits.tasks", "tasks", float64(c.Limits.Tasks))
	limit("limits.files", "files", float64(c.Limits.Files))
	limit("limits.cpu", "cpu", c.Limits.CPU)
	limit("limits.cpu_weight", "cpu_weight", float64(c.Limits.CPUWeight))
	limit("limits.io_weight", "io_weight", float64(c.Limits.IOWeight))
	add("slice", resource.RightSlice, c.Slice)
	if c.Limits.Swap != 0 {
		limit("limits.swap", "swap", float64(c.Limits.Swap))
	}
	return list
}
