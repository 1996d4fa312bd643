package importer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// secrets and configs are files inside.
func (s *composeService) secrets() {
	for _, x := range s.c.Secrets {
		from := s.project.Secrets[x.Source]
		what := "secret " + x.Source
		switch {
		case from.File != "":
			what += " of " + s.relative(from.File)
		case from.Environment != "":
			what += " of the variable " + from.Environment
		}
		secret := Secret{Name: x.Source, Target: x.Target, What: what, Owner: x.UID}
		if x.GID != "" {
			secret.Owner = cmp.Or(x.UID, "0") + ":" + x.GID
		}
		if x.Mode != nil {
			secret.Mode = strconv.FormatInt(int64(*x.Mode), 8)
		}
		s.service.Secrets = append(s.service.Secrets, secret)
	}
	for _, x := range s.c.Configs {
		from := s.project.Configs[x.Source]
		f := Content{Target: cmp.Or(x.Target, "/"+x.Source), What: "config " + x.Source}
		switch {
		case from.Content != "":
			f.Text, f.Known = from.Content, true
		case from.File != "":
			f.Source = s.relative(from.File)
			f.What += " of " + f.Source
			f.Text, f.Known = s.readFile(f.Source)
		}
		s.service.Files = append(s.service.Files, f)
	}
}

// rest are the attributes that need no more than a word.
func (s *composeService) rest() {
	c, out := &s.c, s.service
	for _, v := range c.CapAdd {
		s.try("cap-add", v)
	}
	for _, d := range c.Devices {
		what := d.Source
		if d.Target != d.Source && d.Target != "" {
			what += ":" + d.Target
		}
		out.Devices = append(out.Devices, what)
	}
	if c.ShmSize != 0 {
		s.try("shm-size", strconv.FormatInt(int64(c.ShmSize), 10))
	}
	for _, v := range slices.Sorted(slices.Values(c.ExtraHosts.AsList("="))) {
		s.try("add-host", v)
	}
	for _, v := range c.GroupAdd {
		s.try("group-add", v)
	}
	if c.OomScoreAdj != 0 {
		s.try("oom-score-adj", strconv.FormatInt(c.OomScoreAdj, 10))
	}
	for _, v := range c.SecurityOpt {
		s.try("security-opt", v)
	}
	if len(c.Labels) > 0 {
		var list []string
		for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
			list = append(list, name+"="+c.Labels[name])
		}
		out.lose("labels "+strings.Join(list, ", "), "there are no labels")
	}
	if c.Logging != nil && c.Logging.Driver != "journald" {
		out.lose(strings.TrimSpace("logging "+c.Logging.Driver), "output goes to the journal")
	}
	if d := c.Deploy; d != nil {
		if d.Resources.Reservations != nil {
			out.lose("deploy.resources.reservations", "limits are ceilings")
		}
		if d.UpdateConfig != nil || d.RollbackConfig != nil {
			out.lose("deploy.update_config", "a change restarts the container")
		}
		if len(d.Placement.Constraints) > 0 || len(d.Placement.Preferences) > 0 {
			out.lose("deploy.placement", "this host is the only one")
		}
	}
	for _, l := range []struct {
		set       bool
		what, why string
	}{
		{c.Privileged, "privileged", "no container has force over the host"},
		{c.Tty, "tty", "there is no terminal"},
		{c.StdinOpen, "stdin_open", "standard input is empty"},
		{c.OomKillDisable, "oom_kill_disable", "the kernel kills beyond limits.memory"},
		{c.MemReservation != 0, "mem_reservation", "limits.memory is a ceiling"},
		{c.MemSwapLimit != 0, "memswap_limit", "swap is not used beyond limits.memory"},
		{c.CPUSet != "", "cpuset " + c.CPUSet, "no processors are chosen"},
		{c.CPUShares != 0, fmt.Sprintf("cpu_shares %d", c.CPUShares), "limits.cpu is a ceiling; there are no shares"},
		{c.Pid != "" && c.Pid != "private", "pid " + c.Pid, "each container has a namespace of its own"},
		{c.Ipc != "" && c.Ipc != "private" && c.Ipc != "shareable", "ipc " + c.Ipc, "each container has a namespace of its own"},
		{c.Uts != "", "uts " + c.Uts, "each container has a namespace of its own"},
		{c.Cgroup == "host", "cgroup host", "each container has a namespace of its own"},
		{c.UserNSMode != "" && c.UserNSMode != "private", "userns_mode " + c.UserNSMode, "each container has ids of its own"},
		{len(c.DNSSearch) > 0, "dns_search " + strings.Join(c.DNSSearch, ", "), "the rootfs's own /etc/resolv.conf says it"},
		{len(c.DNSOpts) > 0, "dns_opt " + strings.Join(c.DNSOpts, ", "), "the rootfs's own /etc/resolv.conf says it"},
		{len(c.Links) > 0, "links " + strings.Join(c.Links, ", "), "names of containers are not resolved"},
		{len(c.ExternalLinks) > 0, "external_links " + strings.Join(c.ExternalLinks, ", "), "names of containers are not resolved"},
		{len(c.VolumesFrom) > 0, "volumes_from " + strings.Join(c.VolumesFrom, ", "), "mount the other container's volumes by name"},
		{len(c.Gpus) > 0, "gpus", "a container has no devices of the host"},
		{len(c.DeviceCgroupRules) > 0, "device_cgroup_rules", "a container has no devices of the host"},
		{c.Runtime != "", "runtime " + c.Runtime, "hostctl's own launcher starts containers"},
		{c.Platform != "", "platform " + c.Platform, "programs are those of the host's machine"},
		{c.CgroupParent != "", "cgroup_parent " + c.CgroupParent, "all containers are in hostctl.slice"},
		{c.BlkioConfig != nil, "blkio_config", "limits are on memory, cpu and tasks"},
		{c.Develop != nil, "develop", "sources are not watched"},
		{c.Provider != nil, "provider", "it is no container"},
		{len(c.PreStart) > 0, "pre_start", "nothing runs before the program"},
		{len(c.PostStart) > 0, "post_start", "nothing runs beside the program"},
		{len(c.PreStop) > 0, "pre_stop", "nothing runs beside the program"},
		{len(c.Models) > 0, "models", "it is no container"},
		{c.UseAPISocket, "use_api_socket", "no socket gives power over the host"},
		{c.MacAddress != "", "mac_address " + c.MacAddress, "it is the kernel's choice"},
		{c.Umask != nil, "umask", "it is 0022"},
		{len(c.StorageOpt) > 0, "storage_opt", "the root is read-only"},
	} {
		if l.set {
			out.lose(l.what, l.why)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(map[string]any(c.Extensions))) {
		if !strings.HasPrefix(name, "x-") {
			out.lose(name, "hostctl does not know it")
		}
	}
}
