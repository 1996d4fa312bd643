package importer

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// reader makes one service of the options that docker run and podman run take;
// the keys of a Quadlet unit are those under other names.
type reader struct {
	project *Project
	service *Service
	// own is the namespace that the service does not share, where its ports and networks stand.
	own  *Namespace
	dir  fs.FS // the source's directory; nil where nothing may be read
	pod  string
	mode string // of the network: "", host, none, or shared
	// attached are options of the network that apply to all interfaces.
	aliases    []string
	ips        []string
	cpuQuota   float64
	cpuPeriod  float64
	user       string
	group      string
	noHealth   bool
	health     Health
	healthCmd  string
	publishAll bool
}

func newReader(p *Project, s *Service, dir fs.FS) *reader {
	return &reader{project: p, service: s, own: &Namespace{}, dir: dir}
}

// option is what becomes of one option's value.
type option struct {
	flag bool // takes no value
	do   func(*reader, string) error
}

// lost is an option without equal. What the source had is said as name and value.
func lost(name, why string) option {
	return option{do: func(r *reader, v string) error {
		r.service.lose(strings.TrimSpace(name+" "+v), why)
		return nil
	}}
}

func lostFlag(name, why string) option {
	return option{flag: true, do: func(r *reader, v string) error {
		if v != "false" {
			r.service.lose(name, why)
		}
		return nil
	}}
}

// nothing is an option that says how the command itself behaves, or what holds here anyway.
var nothing = option{do: func(*reader, string) error { return nil }}
var nothingFlag = option{flag: true, do: nothing.do}

func text(set func(*reader, string)) option {
	return option{do: func(r *reader, v string) error { set(r, v); return nil }}
}

// options are those of docker-run(1) and podman-run(1), by their long names.
var options = map[string]option{
	"add-host":                {do: (*reader).addHost},
	"annotation":              nothing,
	"arch":                    nothing,
	"attach":                  nothing,
	"authfile":                nothing,
	"blkio-weight":            lost("--blkio-weight", "limits are on memory, cpu and tasks"),
	"cap-add":                 {do: (*reader).capAdd},
	"cap-drop":                nothing, // none is given
	"cgroup-conf":             lost("--cgroup-conf", "a container's cgroup is set by limits alone"),
	"cgroup-parent":           lost("--cgroup-parent", "all containers are in hostctl.slice"),
	"cgroupns":                {do: privateOnly("--cgroupns")},
	"cgroups":                 lost("--cgroups", "each container has a cgroup of its own"),
	"cidfile":                 nothing,
	"conmon-pidfile":          nothing,
	"cpu-period":              {do: func(r *reader, v string) (err error) { r.cpuPeriod, err = number(v); return }},
	"cpu-quota":               {do: func(r *reader, v string) (err error) { r.cpuQuota, err = number(v); return }},
	"cpu-shares":              lost("--cpu-shares", "limits.cpu is a ceiling; there are no shares"),
	"cpus":                    {do: func(r *reader, v string) (err error) { r.service.Limits.CPU, err = number(v); return }},
	"cpuset-cpus":             lost("--cpuset-cpus", "no processors are chosen"),
	"cpuset-mems":             lost("--cpuset-mems", "no memory nodes are chosen"),
	"creds":                   nothing,
	"detach":                  nothingFlag,
	"detach-keys":             nothing,
	"device":                  text(func(r *reader, v string) { r.service.Devices = append(r.service.Devices, v) }),
	"device-cgroup-rule":      lost("--device-cgroup-rule", "a container has no devices of the host"),
	"device-read-bps":         lost("--device-read-bps", "limits are on memory, cpu and tasks"),
	"device-write-bps":        lost("--device-write-bps", "limits are on memory, cpu and tasks"),
	"dns":                     text(func(r *reader, v string) { r.own.DNS = append(r.own.DNS, v) }),
	"dns-option":              lost("--dns-option", "the rootfs's own /etc/resolv.conf says it"),
	"dns-search":              lost("--dns-search", "the rootfs's own /etc/resolv.conf says it"),
	"entrypoint":              {do: (*reader).entrypoint},
	"env":                     {do: (*reader).env},
	"env-file":                {do: (*reader).envFile},
	"env-host":                lostFlag("--env-host", "nothing of the host's environment is inherited"),
	"expose":                  nothing,
	"gidmap":                  lost("--gidmap", "each container has ids of its own"),
	"gpus":                    lost("--gpus", "a container has no devices of the host"),
	"group-add":               {do: (*reader).groupAdd},
	"health-cmd":              text(func(r *reader, v string) { r.healthCmd = v }),
	"health-interval":         {do: duration(func(r *reader) *time.Duration { return &r.health.Interval })},
	"health-log-destination":  nothing,
	"health-max-log-count":    nothing,
	"health-max-log-size":     nothing,
	"health-on-failure":       lost("--health-on-failure", "what follows a failed health check is not chosen"),
	"health-retries":          {do: func(r *reader, v string) (err error) { r.health.Retries, err = count(v); return }},
	"health-start-period":     {do: duration(func(r *reader) *time.Duration { return &r.health.StartPeriod })},
	"health-start-interval":   lost("--health-start-interval", "a health check has one interval"),
	"health-startup-cmd":      lost("--health-startup-cmd", "there is one health check"),
	"health-startup-interval": lost("--health-startup-interval", "there is one health check"),
	"health-startup-retries":  lost("--health-startup-retries", "there is one health check"),
	"health-startup-success":  lost("--health-startup-success", "there is one health check"),
	"health-startup-timeout":  lost("--health-startup-timeout", "there is one health check"),
	"health-timeout":          {do: duration(func(r *reader) *time.Duration { return &r.health.Timeout })},
	"help":                    nothingFlag,
	"hostname":                text(func(r *reader, v string) { r.service.Hostname = v }),
	"hostuser":                lost("--hostuser", "accounts of the host are not copied inside"),
	"http-proxy":              nothingFlag,
	"image-volume":            nothing,
	"init":                    nothingFlag, // is the default
	"init-path":               nothing,
	"interactive":             lostFlag("--interactive", "standard input is empty"),
	"ip":                      text(func(r *reader, v string) { r.ips = append(r.ips, v) }),
	"ip6":                     text(func(r *reader, v string) { r.ips = append(r.ips, v) }),
	"ipc":                     {do: privateOnly("--ipc")},
	"kernel-memory":           lost("--kernel-memory", "limits.memory holds the kernel's too"),
	"label":                   text(func(r *reader, v string) { r.service.lose("label "+v, "there are no labels") }),
	"label-file":              lost("--label-file", "there are no labels"),
	"link":                    lost("--link", "names of containers are not resolved"),
	"link-local-ip":           lost("--link-local-ip", "addresses are those of networks"),
	"log-driver":              {do: (*reader).logDriver},
	"log-opt":                 lost("--log-opt", "output goes to the journal"),
	"mac-address":             lost("--mac-address", "it is the kernel's choice"),
	"memory":                  {do: func(r *reader, v string) (err error) { r.service.Limits.Memory, err = size(v); return }},
	"memory-reservation":      lost("--memory-reservation", "limits.memory is a ceiling"),
	"memory-swap":             lost("--memory-swap", "swap is not used beyond limits.memory"),
	"memory-swappiness":       lost("--memory-swappiness", "swap is not used beyond limits.memory"),
	"mount":                   {do: (*reader).mount},
	"name":                    text(func(r *reader, v string) { r.service.Name = v }),
	"network":                 {do: (*reader).network},
	"network-alias":           text(func(r *reader, v string) { r.aliases = append(r.aliases, v) }),
	"no-healthcheck":          {flag: true, do: func(r *reader, _ string) error { r.noHealth = true; return nil }},
	"no-hostname":             nothingFlag,
	"no-hosts":                nothingFlag,
	"oom-kill-disable":        lostFlag("--oom-kill-disable", "the kernel kills beyond limits.memory"),
	"oom-score-adj":           {do: (*reader).oomScoreAdj},
	"os":                      nothing,
	"passwd-entry":            lost("--passwd-entry", "the rootfs's own passwd file is used"),
	"pid":                     {do: privateOnly("--pid")},
	"pids-limit":              {do: (*reader).pids},
	"platform":                lost("--platform", "programs are those of the host's machine"),
	"pod":                     text(func(r *reader, v string) { r.pod = v }),
	"pod-id-file":             nothing,
	"privileged":              lostFlag("--privileged", "no container has force over the host"),
	"publish":                 {do: (*reader).publish},
	"publish-all":             lostFlag("--publish-all", "ports are published one by one"),
	"pull":                    nothing,
	"quiet":                   nothingFlag,
	"read-only":               nothingFlag, // it always is
	"read-only-tmpfs":         nothingFlag,
	"replace":                 nothingFlag,
	"requires":                text(func(r *reader, v string) { r.after(strings.Split(v, ",")...) }),
	"restart":                 {do: (*reader).restart},
	"rm":                      nothingFlag,
	"rootfs":                  nothingFlag, // the operand says what
	"runtime":                 lost("--runtime", "hostctl's own launcher starts containers"),
	"sdnotify":                {do: (*reader).notify},
	"secret":                  {do: (*reader).secret},
	"security-opt":            {do: (*reader).security},
	"shm-size":                {do: func(r *reader, v string) (err error) { r.service.ShmSize, err = size(v); return }},
	"sig-proxy":               nothingFlag,
	"stop-signal":             {do: (*reader).stopSignal},
	"stop-timeout":            {do: (*reader).stopTimeout},
	"storage-opt":             lost("--storage-opt", "the root is read-only"),
	"subgidname":              lost("--subgidname", "each container has ids of its own"),
	"subuidname":              lost("--subuidname", "each container has ids of its own"),
	"sysctl":                  {do: (*reader).sysctl},
	"systemd":                 nothing,
	"timeout":                 lost("--timeout", "a container runs until it ends"),
	"tls-verify":              nothingFlag,
	"tmpfs":                   {do: (*reader).tmpfs},
	"tty":                     lostFlag("--tty", "there is no terminal"),
	"tz":                      {do: func(r *reader, v string) error { return r.env("TZ=" + v) }},
	"uidmap":                  lost("--uidmap", "each container has ids of its own"),
	"ulimit":                  {do: (*reader).ulimit},
	"umask":                   lost("--umask", "it is 0022"),
	"unsetenv":                lost("--unsetenv", "an image's own environment is not known here"),
	"unsetenv-all":            nothingFlag,
	"user":                    text(func(r *reader, v string) { r.user = v }),
	"userns":                  {do: (*reader).userns},
	"uts":                     {do: privateOnly("--uts")},
	"variant":                 nothing,
	"volume":                  {do: (*reader).volume},
	"volume-driver":           lost("--volume-driver", "a volume is a directory of the host"),
	"volumes-from":            lost("--volumes-from", "mount the other container's volumes by name"),
	"workdir":                 text(func(r *reader, v string) { r.service.Workdir = v }),
}

// otherNames are the short and older names of options.
var otherNames = map[string]string{
	"a": "attach", "c": "cpu-shares", "d": "detach", "e": "env", "h": "hostname", "i": "interactive",
	"l": "label", "m": "memory", "p": "publish", "P": "publish-all", "q": "quiet", "t": "tty", "u": "user",
	"v": "volume", "w": "workdir", "net": "network", "net-alias": "network-alias", "dns-opt": "dns-option",
	"healthcheck-command": "health-cmd", "healthcheck-interval": "health-interval", "log-option": "log-opt",
}

// set gives the service one option. An error says what is wrong with the value.
func (r *reader) set(name, value string) error {
	if long, ok := otherNames[name]; ok {
		name = long
	}
	o, ok := options[name]
	if !ok {
		return fmt.Errorf("there is no option %q%s", name, didYouMean(name, slices.Sorted(maps.Keys(options))))
	}
	if err := o.do(r, value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// after adds services that this one is started after.
func (r *reader) after(names ...string) {
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			r.service.DependsOn = append(r.service.DependsOn, Dependency{Service: n})
		}
	}
}

// finish puts together what several options say.
func (r *reader) finish() {
	s := r.service
	if s.Limits.CPU == 0 && r.cpuQuota > 0 {
		if r.cpuPeriod == 0 {
			r.cpuPeriod = 100_000
		}
		s.Limits.CPU = r.cpuQuota / r.cpuPeriod
	}
	s.User = r.user
	if r.group != "" {
		s.User = strings.TrimSuffix(s.User, ":") + ":" + r.group
		if r.user == "" {
			s.User = "0:" + r.group
		}
	}
	if r.healthCmd != "" && !r.noHealth && r.healthCmd != "none" {
		r.health.Exec = healthWords(r.healthCmd)
		s.Health = &r.health
	}
	r.join()
}
