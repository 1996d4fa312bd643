package importer

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// quadletOptions are the keys of [Container] and [Pod] that are an option of podman run.
var quadletOptions = map[string]string{
	"AddCapability": "cap-add", "AddDevice": "device", "AddHost": "add-host", "Annotation": "annotation",
	"CgroupsMode": "cgroups", "DNS": "dns", "DNSOption": "dns-option", "DNSSearch": "dns-search",
	"DropCapability": "cap-drop", "Entrypoint": "entrypoint", "EnvironmentFile": "env-file",
	"EnvironmentHost": "env-host", "ExposeHostPort": "expose", "GIDMap": "gidmap", "GroupAdd": "group-add",
	"HealthCmd": "health-cmd", "HealthInterval": "health-interval", "HealthLogDestination": "health-log-destination",
	"HealthMaxLogCount": "health-max-log-count", "HealthMaxLogSize": "health-max-log-size",
	"HealthOnFailure": "health-on-failure", "HealthRetries": "health-retries",
	"HealthStartPeriod": "health-start-period", "HealthStartupCmd": "health-startup-cmd",
	"HealthStartupInterval": "health-startup-interval", "HealthStartupRetries": "health-startup-retries",
	"HealthStartupSuccess": "health-startup-success", "HealthStartupTimeout": "health-startup-timeout",
	"HealthTimeout": "health-timeout", "HostName": "hostname", "HttpProxy": "http-proxy", "IP": "ip", "IP6": "ip6",
	"LogDriver": "log-driver", "LogOpt": "log-opt", "Memory": "memory", "Mount": "mount", "NetworkAlias": "network-alias",
	"Notify": "sdnotify", "PidsLimit": "pids-limit", "PublishPort": "publish", "Pull": "pull", "ReadOnly": "read-only",
	"ReadOnlyTmpfs": "read-only-tmpfs", "RunInit": "init", "Secret": "secret", "ShmSize": "shm-size",
	"StopSignal": "stop-signal", "StopTimeout": "stop-timeout", "SubGIDMap": "subgidname", "SubUIDMap": "subuidname",
	"Sysctl": "sysctl", "Timezone": "tz", "Tmpfs": "tmpfs", "UIDMap": "uidmap", "Ulimit": "ulimit",
	"User": "user", "UserNS": "userns", "WorkingDir": "workdir",
}

// quadletLost are the keys that have no equal, and why.
var quadletLost = map[string]string{
	"AppArmor":             "hostctl's own rules hold",
	"AutoUpdate":           "nothing is updated by itself",
	"GlobalArgs":           "no podman runs",
	"Mask":                 "hostctl's own rules hold",
	"ReloadCmd":            "a reload is a signal",
	"ReloadSignal":         "name it in a reload of your own",
	"SeccompProfile":       "hostctl's own rules hold",
	"SecurityLabelDisable": "files are not labelled", "SecurityLabelFileType": "files are not labelled",
	"SecurityLabelLevel": "files are not labelled", "SecurityLabelNested": "files are not labelled",
	"SecurityLabelType": "files are not labelled",
	"Unmask":            "hostctl's own rules hold",
}

// quadletNothing are the keys that hold here anyway, or say how podman itself behaves.
var quadletNothing = words("ContainersConfModule NoNewPrivileges StartWithPod Retry RetryDelay ServiceName VolatileTmp HttpProxy ReadOnly")

// option gives a service what one key of [Container] or [Pod] says.
func (q *quadlet) option(r *reader, key, value string) error {
	switch key {
	case "Environment":
		return each(value, r.env)
	case "Label", "Annotation":
		return each(value, func(w string) error { return r.set(strings.ToLower(key), w) })
	case "Network":
		return r.network(q.networkName(value))
	case "Volume":
		return r.volume(quadletSource(value))
	case "Mount":
		return r.mount(strings.ReplaceAll(value, ".volume,", ","))
	case "Group":
		r.group = value
		return nil
	case "AddCapability", "DropCapability":
		return r.set(quadletOptions[key], value)
	case "PodmanArgs":
		return q.podmanArgs(r, value)
	}
	if name, ok := quadletOptions[key]; ok {
		return r.set(name, value)
	}
	if quadletNothing[key] {
		return nil
	}
	why, ok := quadletLost[key]
	if !ok {
		why = "hostctl does not know the key" + didYouMean(key, slices.Sorted(maps.Keys(quadletOptions)))
	}
	r.service.lose(key+"="+value, why)
	return nil
}

// each runs do on every word of a value.
func each(value string, do func(string) error) error {
	list, err := unitWords(value)
	if err != nil {
		return err
	}
	for _, w := range list {
		if err := do(w); err != nil {
			return err
		}
	}
	return nil
}

func (q *quadlet) podmanArgs(r *reader, value string) error {
	list, err := unitWords(value)
	if err != nil {
		return err
	}
	flags, rest, err := readFlags(list)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%q is no option", rest[0])
	}
	for _, f := range flags {
		if err := r.set(f.name, f.value); err != nil {
			return err
		}
	}
	return nil
}

// networkName is a Network= as podman run would have it.
func (q *quadlet) networkName(value string) string {
	name, opts, two := strings.Cut(value, ":")
	switch path.Ext(name) {
	case ".network":
		name = strings.TrimSuffix(name, ".network")
	case ".container":
		if to, ok := q.services[name]; ok {
			return "container:" + to
		}
	}
	if two {
		name += ":" + opts
	}
	return name
}

// quadletSource takes ".volume" from a mount's source.
func quadletSource(value string) string {
	source, rest, ok := strings.Cut(value, ":")
	if !ok {
		return value
	}
	return strings.TrimSuffix(source, ".volume") + ":" + rest
}

func (q *quadlet) container(u *unit) error {
	s := &Service{Name: u.stem(), Restart: "no"}
	r := newReader(q.project, s, q.dir)
	if strings.Contains(u.name, "@.") {
		s.change("template "+u.name, fmt.Sprintf("this is its instance %q; for_each makes more", u.instance()))
	}
	err := u.each("Container", func(key, value string) (err error) {
		switch key {
		case "Image":
			s.Image = value
			if image, ok := q.images[value]; ok {
				s.Image = image
			}
		case "Rootfs":
			s.Rootfs, _, _ = strings.Cut(value, ":")
		case "ContainerName":
			if value != s.Name && value != u.expand("%N", u.instance()) {
				s.change("ContainerName="+value, "the unit is named after the container's block")
			}
		case "Exec":
			s.Args, err = unitWords(value)
		case "Pod":
			name, ok := q.pods[value]
			if !ok {
				return fmt.Errorf("%q is not among the files", value)
			}
			if r.pod = name; name == "" {
				r.mode = "none"
			}
			err = q.podVolumes(r, value)
		default:
			if i := strings.IndexByte(value, '%'); key != "Volume" && i >= 0 && i+1 < len(value) && strings.IndexByte("hHuUgGmbs", value[i+1]) >= 0 {
				s.change(key+"="+value, "specifiers that only a running host knows stay as they are")
			}
			err = q.option(r, key, value)
		}
		return err
	})
	if err != nil {
		return err
	}
	if s.Image == "" && s.Rootfs == "" {
		return &Error{File: u.name, Summary: "[Container] has neither Image= nor Rootfs="}
	}
	if err := q.serviceSection(u, s); err != nil {
		return err
	}
	if err := q.unitSection(u, s); err != nil {
		return err
	}
	r.finish()
	q.project.adopt(s)
	return nil
}

// podVolumes mounts what a pod's Volume= gives to each of its containers.
func (q *quadlet) podVolumes(r *reader, pod string) error {
	for _, u := range q.units {
		if u.name != pod {
			continue
		}
		if err := u.each("Pod", func(key, value string) error {
			if key == "Volume" {
				return q.option(r, key, value)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (q *quadlet) serviceSection(u *unit, s *Service) error {
	return u.each("Service", func(key, value string) (err error) {
		switch key {
		case "Restart":
			switch value {
			case "no", "always", "on-failure":
				s.Restart = value
			case "on-abnormal", "on-abort", "on-watchdog":
				s.Restart = "on-failure"
				s.change("Restart="+value, "on-failure is the nearest")
			case "on-success":
				s.lose("Restart=on-success", "what ended well is not started again")
			default:
				return fmt.Errorf("%q is no way to restart", value)
			}
		case "RestartSec":
			s.RestartDelay, err = span(value)
		case "TimeoutStopSec":
			d, err := span(value)
			s.StopTimeout = &d
			return err
		case "TimeoutStartSec", "Type", "NotifyAccess", "Delegate", "KillMode", "RemainAfterExit", "SyslogIdentifier":
		case "MemoryMax":
			if value != "infinity" {
				s.Limits.Memory, err = size(value)
			}
		case "TasksMax":
			if value != "infinity" {
				s.Limits.Tasks, err = count(value)
			}
		case "LimitNOFILE":
			_, hard, two := strings.Cut(value, ":")
			if !two {
				hard = value
			}
			s.Limits.Files, err = count(hard)
		case "CPUQuota":
			var f float64
			f, err = strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
			s.Limits.CPU = f / 100
		case "User":
			q.project.user(value)
			s.RunAs = value
		default:
			s.lose(key+"="+value, "the unit is hostctl's own")
		}
		return err
	})
}

// usual are targets that every unit is ordered after.
var usual = words("network-online.target network.target local-fs.target basic.target sysinit.target default.target multi-user.target " +
	"nss-lookup.target time-sync.target remote-fs.target podman.service podman.socket systemd-resolved.service")

func (q *quadlet) unitSection(u *unit, s *Service) error {
	wanted := false
	err := u.each("Install", func(key, value string) error {
		wanted = wanted || key == "WantedBy" || key == "RequiredBy" || key == "UpheldBy"
		return nil
	})
	if !wanted && u.last("Container", "Pod") == "" {
		s.change("no [Install]", "it is started with the others; enabled = false keeps it stopped")
	}
	if err != nil {
		return err
	}
	return u.each("Unit", func(key, value string) error {
		switch key {
		case "Description":
			s.Description = value
		case "Documentation", "DefaultDependencies", "StartLimitIntervalSec", "StartLimitBurst", "StartLimitInterval":
		case "After", "Requires", "Wants", "BindsTo", "PartOf", "Requisite", "Upholds":
			return each(value, func(name string) error {
				switch to, ours := q.services[name]; {
				case ours:
					if !slices.ContainsFunc(s.DependsOn, func(d Dependency) bool { return d.Service == to }) {
						s.DependsOn = append(s.DependsOn, Dependency{Service: to})
					}
				case usual[name] || strings.HasSuffix(name, "-volume.service") || strings.HasSuffix(name, "-network.service") ||
					strings.HasSuffix(name, "-pod.service") || strings.HasSuffix(name, "-image.service") || strings.HasSuffix(name, "-build.service") ||
					slices.Contains(quadletKinds[1:], path.Ext(name)):
				default:
					s.lose(key+"="+name, "containers are ordered after containers of their configuration")
				}
				return nil
			})
		default:
			s.lose(key+"="+value, "the unit is hostctl's own")
		}
		return nil
	})
}
