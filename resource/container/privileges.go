package container

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hostctl/resource"
	"hostctl/runtime"
)

// What a container's program has on top of what every one has. Each is a word in the configuration, and a line in the plan.

func (c *Container) validatePrivileges(v *validator) {
	list := func(name, thing string, values []string, check func(string) error, known []string) {
		seen := map[string]bool{}
		for _, value := range values {
			at := name + "[" + strconv.Quote(value) + "]"
			if err := check(value); err != nil {
				detail := err.Error()
				if near := resource.Nearest(value, known); near != "" && strings.HasPrefix(detail, "there is no such") {
					detail += fmt.Sprintf("; did you mean %q?", near)
				}
				v.bad(at, fmt.Sprintf("%q %s", value, thing), detail)
			} else if seen[value] {
				v.bad(at, fmt.Sprintf("%q stands twice", value), "")
			}
			seen[value] = true
		}
	}
	list("capabilities", "is no capability of a container", c.Capabilities, runtime.ValidCapability, runtime.CapabilityNames())
	list("system_calls", "cannot be allowed", c.SystemCalls, runtime.ValidSystemCall, runtime.SystemCallNames())
	list("groups", "is no group", c.Groups, func(g string) error {
		if strings.Contains(g, ":") {
			return errors.New("write a gid or the name of a group")
		}
		return checkUser("0:" + g)
	}, nil)
	list("masked_paths", "cannot be masked", c.MaskedPaths, func(p string) error {
		if p == "/" {
			return errors.New("it is the root")
		}
		return checkPath(p)
	}, nil)
	for _, name := range c.Capabilities {
		if runtime.NetworkCapability(name) && c.Netns != (resource.Addr{}) {
			v.bad("capabilities["+strconv.Quote(name)+"]", fmt.Sprintf("%q has no force in %s", name, c.Netns),
				"a declared namespace belongs to the host: give it its addresses and rules there, or leave netns out for a network that is the container's own")
		}
	}
	if c.Notify && slices.Contains(c.Capabilities, "sys_ptrace") {
		v.bad(`capabilities["sys_ptrace"]`, "with sys_ptrace and notify the program could be its tiny init",
			"that has systemd's socket, over which it could name another main process; take sys_ptrace away, or notify")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Rlimits)) {
		at := "rlimits[" + strconv.Quote(name) + "]"
		if name == "nofile" {
			v.bad(at, "open files are limited by limits.files", fmt.Sprintf("write limits { files = %s }", c.Rlimits[name]))
		} else if err := runtime.ValidLimit(name); err != nil {
			v.bad(at, fmt.Sprintf("there is no limit %q", name), "these can be set: "+strings.Join(runtime.LimitNames(), ", "))
		} else if _, err := rlimit(name, c.Rlimits[name]); err != nil {
			v.bad(at, fmt.Sprintf("%q is no limit", c.Rlimits[name]), err.Error())
		}
	}
	if c.OOMScoreAdjust < -1000 || c.OOMScoreAdjust > 1000 {
		v.bad("oom_score_adjust", fmt.Sprintf("%d is out of range", c.OOMScoreAdjust), "from -1000, which is never, to 1000, which is first")
	}
}

// rlimits are the limits as the launcher needs them.
func (c *Container) rlimits() (out []runtime.Limit, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.Rlimits)) {
		l, err := rlimit(name, c.Rlimits[name])
		if err != nil {
			return nil, fmt.Errorf("rlimits %s: %w", name, err)
		}
		out = append(out, l)
	}
	return out, nil
}

// rlimit reads "soft" or "soft:hard": numbers, sizes such as 64M, or unlimited.
func rlimit(name, text string) (runtime.Limit, error) {
	soft, hard, two := strings.Cut(text, ":")
	if !two {
		hard = soft
	}
	l := runtime.Limit{Name: name}
	for _, part := range []struct {
		text string
		to   *uint64
	}{{soft, &l.Soft}, {hard, &l.Hard}} {
		if part.text == "unlimited" {
			*part.to = runtime.Unlimited
			continue
		}
		var n resource.Bytes
		if err := n.UnmarshalText([]byte(part.text)); err != nil {
			return l, errors.New(`write a number, a size such as "64M" or "unlimited", or two of them as "soft:hard"`)
		}
		*part.to = uint64(n)
	}
	if l.Soft > l.Hard {
		return l, errors.New("the soft limit, which comes first, is above the hard one")
	}
	return l, nil
}
