package container

import (
	"math"
	"strings"
	"testing"
	"time"

	"hostctl/resource"
	"hostctl/resource/netns"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

var web = resource.Addr{Kind: Name, Name: "web"}

func fresh() *Container {
	c := Kind().New().(*Container)
	c.Rootfs, c.Command = "/srv/rootfs/web", []string{"/bin/httpd", "-f"}
	return c
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name  string
		set   func(*Container)
		wants []string // path and a part of the summary, for each problem
	}{
		{"as small as can be", func(c *Container) {}, nil},
		{"newlines in arguments", func(c *Container) { c.Command = []string{"sh", "-c", "a\n\tb"} }, nil},
		{"fractions of a processor", func(c *Container) { c.Limits.CPU = 0.333 }, nil},
		{"users", func(c *Container) { c.User = "1000:33" }, nil},
		{"named users", func(c *Container) { c.User = "www-data:www-data" }, nil},
		{"no rootfs", func(c *Container) { c.Rootfs = "" }, []string{"rootfs \""}},
		{"relative rootfs", func(c *Container) { c.Rootfs = "srv/x" }, []string{"rootfs \""}},
		{"unclean rootfs", func(c *Container) { c.Rootfs = "/srv/../etc" }, []string{"rootfs \""}},
		{"newline in rootfs", func(c *Container) { c.Rootfs = "/srv/a\nExecStopPost=/bin/x" }, []string{"rootfs \""}},
		{"bidi in rootfs", func(c *Container) { c.Rootfs = "/srv/\u202etfs" }, []string{"rootfs \""}},
		{"the host's root", func(c *Container) { c.Rootfs = "/" }, []string{"rootfs the host's own root"}},
		{"empty command", func(c *Container) { c.Command = nil }, []string{"command the command is empty"}},
		{"relative command", func(c *Container) { c.Command = []string{"bin/x"} }, []string{"command \"bin/x\" is a relative"}},
		{"NUL", func(c *Container) { c.Command = []string{"x", "a\x00"} }, []string{"command element 1 holds a NUL"}},
		{"an argument too long", func(c *Container) { c.Command = []string{"x", strings.Repeat("a", maxArg)} }, []string{"command element 1 has"}},
		{"variables", func(c *Container) { c.Environment = map[string]string{"A=B": "", "C": "\x00"} },
			[]string{"environment \"A=B\" cannot", `environment["C"] the value holds`}},
		{"workdir", func(c *Container) { c.Workdir = "tmp" }, []string{"workdir \"tmp\" cannot"}},
		{"huge uid", func(c *Container) { c.User = "4294967296" }, []string{"user"}},
		{"uid beyond the range", func(c *Container) { c.User = "65536" }, []string{"user"}},
		{"odd user", func(c *Container) { c.User = "a b" }, []string{"user"}},
		{"empty group", func(c *Container) { c.User = "a:" }, []string{"user"}},
		{"hostname", func(c *Container) { c.Hostname = "a_b" }, []string{"hostname"}},
		{"targets", func(c *Container) {
			c.Mount = map[string]Mount{"/": {}, "data": {}, "/proc/self": {}, "/dev": {}, "/ok": {}}
			c.Tmpfs = map[string]Tmpfs{"/ok": {Size: 4096}, "/big": {}}
		}, []string{`mount["/"] nothing`, `mount["/dev"] nothing`, `mount["/ok"] /ok is a mount and a tmpfs`,
			`mount["/proc/self"] nothing`, `mount["data"] nothing`, `tmpfs["/big"].size`}},
		{"privileges", func(c *Container) {
			c.Capabilities, c.Groups = []string{"setuid", "chown"}, []string{"audio", "12"}
			c.SystemCalls, c.MaskedPaths = []string{"ptrace"}, []string{"/proc/cpuinfo"}
			c.Rlimits, c.OOMScoreAdjust = map[string]string{"core": "0", "memlock": "64M:1G", "nproc": "100:unlimited"}, -1000
		}, nil},
		{"capabilities", func(c *Container) {
			c.Capabilities, c.Netns = []string{"chwon", "CAP_KILL", "sys_time", "kill", "kill", "net_raw"}, resource.Addr{Kind: "netns", Name: "front"}
		}, []string{`capabilities["chwon"] "chwon" is no`, `capabilities["CAP_KILL"] "CAP_KILL" is no`, `capabilities["sys_time"] "sys_time" is no`, `capabilities["kill"] "kill" stands twice`, `capabilities["net_raw"] "net_raw" has no force in netns.front`}},
		{"groups and paths", func(c *Container) {
			c.Groups, c.MaskedPaths, c.SystemCalls = []string{"a:b", "70000"}, []string{"/", "etc"}, []string{"mount", "raed"}
		}, []string{`system_calls["mount"] "mount" cannot`, `system_calls["raed"] "raed" cannot`, `groups["a:b"]`, `groups["70000"]`, `masked_paths["/"]`, `masked_paths["etc"]`}},
		{"rlimits", func(c *Container) {
			c.Rlimits, c.OOMScoreAdjust = map[string]string{"nofile": "1", "nprc": "1", "core": "1G:1M", "cpu": "x"}, 1001
		}, []string{`rlimits["core"] "1G:1M"`, `rlimits["cpu"] "x"`, `rlimits["nofile"] open files`, `rlimits["nprc"] there is no`, "oom_score_adjust"}},
		{"choices of the unit", func(c *Container) {
			c.Limits.MemoryHigh, c.Limits.Swap, c.Limits.CPUWeight, c.Limits.IOWeight, c.Limits.CPUs = 512<<20, 1<<30, 50, 10000, "0-3,6"
			c.StartLimit, c.Slice, c.Restart = StartLimit{5, resource.Duration(10 * time.Minute)}, "batch", "on-abnormal"
			c.JournalFields = map[string]string{"TEAM": "shop/a-1@x.y:z"}
		}, nil},
		{"no choices of the unit", func(c *Container) {
			c.Limits.Memory, c.Limits.MemoryHigh, c.Limits.Swap, c.Limits.CPUWeight, c.Limits.CPUs = 0, 1, 1, 10001, "3-1"
			c.StartLimit, c.Slice = StartLimit{Burst: 5}, "keep"
			c.JournalFields = map[string]string{"team": "x", "HOSTCTL_OWNER": "x", "A": "x\n[Service]", "B": "100%n", "_PID": "1", "PRIORITY": "0"}
		}, []string{"limits.memory_high", "limits.swap", "limits.cpu_weight", "limits.cpus", "start_limit a limit", `slice "keep"`,
			`journal_fields["A"]`, `journal_fields["B"]`, `journal_fields["HOSTCTL_OWNER"]`, `journal_fields["PRIORITY"]`, `journal_fields["_PID"]`, `journal_fields["team"]`}},
		{"network", func(c *Container) {
			c.Sysctls, c.ExtraHosts = map[string]string{"net.core.somaxconn": "1024", "kernel.sem": "1 2 3 4"}, map[string]string{"db": "10.0.0.2", "db6.lan": "fd00::1"}
			c.Timezone = "America/Argentina/Buenos_Aires"
		}, nil},
		{"no network", func(c *Container) {
			c.HostNetwork, c.Netns, c.Capabilities = true, resource.Addr{Kind: "netns", Name: "front"}, []string{"net_raw"}
			c.Sysctls = map[string]string{"net.core.somaxconn": "1024", "vm.swappiness": "1", "kernel.sem": "1\n"}
			c.ExtraHosts, c.Timezone = map[string]string{"a_b": "10.0.0.1", "c": "x", "d": "fe80::1%eth0"}, "../etc/passwd"
		}, []string{`capabilities["net_raw"] "net_raw" has no force in`, "host_network the container", `capabilities["net_raw"] "net_raw" has no force over`,
			`sysctls["kernel.sem"]`, `sysctls["net.core.somaxconn"]`, `sysctls["vm.swappiness"]`,
			`extra_hosts["a_b"]`, `extra_hosts["c"]`, `extra_hosts["d"]`, "timezone"}},
		{"devices", func(c *Container) {
			c.Device = map[string]Device{"/dev/fuse": {Permissions: "rw"}, "/dev/net/tun": {Source: "/dev/net/tun", Permissions: "rwm"}}
		}, nil},
		{"no devices", func(c *Container) {
			c.Device = map[string]Device{"/dev/null": {Permissions: "rw"}, "/x": {Permissions: "rw"}, "/dev/a": {Source: "/dev/../etc", Permissions: "x"}}
		}, []string{`device["/dev/a"].source`, `device["/dev/a"].permissions`, `device["/dev/null"] /dev/null is there`, `device["/x"] no device`}},
		{"notify", func(c *Container) { c.Notify, c.Watchdog, c.StartTimeout = true, 30e9, 60e9 }, nil},
		{"no notify", func(c *Container) { c.Init, c.Notify, c.Watchdog, c.StartTimeout = false, true, 1, 1 }, []string{"notify the tiny init", "watchdog 1ns", "start_timeout 1ns"}},
		{"health", func(c *Container) {
			c.Health, c.PostStart, c.PreStop = Health{Exec: []string{"pg_isready"}, Retries: 5}, PostStart{Exec: []string{"/bin/warm"}}, PreStop{Exec: []string{"drain"}, Timeout: 9e9}
		}, nil},
		{"health by http", func(c *Container) { c.Health = Health{HTTP: "http://[::1]/x?y=z"} }, nil},
		{"health by tcp", func(c *Container) { c.Health = Health{TCP: "127.0.0.1:5432", Interval: 1e9} }, nil},
		{"health by nothing", func(c *Container) { c.Health.Restart = true }, []string{"health nothing says"}},
		{"health in two ways", func(c *Container) { c.Health = Health{TCP: "127.0.0.1:1", Exec: []string{"a/b"}, Notify: true} },
			[]string{"health exec and tcp are two ways", `health.exec "a/b" is a relative`, "health.notify the program says nothing"}},
		{"health elsewhere", func(c *Container) { c.Health.HTTP = "https://127.0.0.1/" }, []string{`health.http "https://127.0.0.1/" cannot`}},
		{"health of a name", func(c *Container) { c.Health.TCP = "localhost:80" }, []string{`health.tcp "localhost:80" cannot`}},
		{"times of health", func(c *Container) {
			c.Health = Health{TCP: "[::1]:80", Interval: 1, Timeout: 1, StartPeriod: 1, Retries: 1001}
		}, []string{"health.interval 1ns", "health.timeout 1ns", "health.start_period 1ns", "health.retries 1001"}},
		{"health without the init", func(c *Container) {
			c.Init, c.Health, c.PreStop = false, Health{TCP: "[::1]:80"}, PreStop{Exec: []string{"x"}}
		},
			[]string{"health the tiny init", "pre_stop the tiny init"}},
		{"health and ptrace", func(c *Container) { c.Capabilities, c.Health = []string{"sys_ptrace"}, Health{TCP: "[::1]:80"} }, []string{"health with sys_ptrace"}},
		{"hooks", func(c *Container) { c.PostStart.Timeout, c.PreStop = 1, PreStop{[]string{""}, 10e9} },
			[]string{"post_start.exec the command is empty", "post_start.timeout 1ns", "pre_stop.exec the command is empty", "pre_stop.timeout 10s"}},
		{"health of a job", func(c *Container) { c.Job, c.Health = true, Health{TCP: "[::1]:80"} }, []string{"health a job has no health"}},
		{"notify and ptrace", func(c *Container) { c.Notify, c.Capabilities = true, []string{"kill", "sys_ptrace"} }, []string{`capabilities["sys_ptrace"] with sys_ptrace and notify`}},
		{"clone", func(c *Container) { c.SystemCalls = []string{"clone", "clone3"} }, []string{`system_calls["clone"] "clone" cannot`, `system_calls["clone3"] "clone3" cannot`}},
		{"watchdog alone", func(c *Container) { c.Watchdog = 30e9 }, []string{"watchdog a watchdog hears"}},
		{"roots", func(c *Container) { c.Root, c.RootSize, c.ShmSize = "ephemeral", 8<<20, 1<<20 }, nil},
		{"no roots", func(c *Container) {
			c.Root, c.RootSize, c.ShmSize = "writeable", 1, 1
			c.Mount = map[string]Mount{"/a": {Path: "/x"}, "/b": {Path: "../x"}, "/c": {Path: "x/"}, "/d": {Path: "x/y"}}
		}, []string{`root "writeable" is no`, "root_size only an ephemeral", "shm_size 1 is no", `mount["/a"].path`, `mount["/b"].path`, `mount["/c"].path`}},
		{"limits", func(c *Container) { c.Limits = Limits{Memory: 1, CPU: 0.0001, Tasks: 1, Files: 1} },
			[]string{"limits.memory", "limits.cpu", "limits.tasks", "limits.files"}},
		{"not a number", func(c *Container) { c.Limits.CPU = math.NaN() }, []string{"limits.cpu"}},
		{"negative processors", func(c *Container) { c.Limits.CPU = -1 }, []string{"limits.cpu"}},
		{"four digits", func(c *Container) { c.Limits.CPU = 1.2345 }, []string{"limits.cpu"}},
		{"enumerations", func(c *Container) { c.Restart, c.StopSignal = "sometimes", "SIGTERM" }, []string{"restart", "stop_signal"}},
		{"times", func(c *Container) { c.RestartDelay, c.StopTimeout = 0, resource.Duration(2*time.Hour) }, []string{"restart_delay", "stop_timeout"}},
		{"itself", func(c *Container) { c.DependsOn = []resource.Dependency{{To: web}} }, []string{"depends_on a container cannot"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := fresh()
			test.set(c)
			var got []string
			for _, p := range c.Validate(web) {
				got = append(got, p.Path+" "+p.Summary)
			}
			if len(got) != len(test.wants) {
				t.Fatalf("problems: %q, want %q", got, test.wants)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], test.wants[i]) {
					t.Errorf("problem %q, want %q", got[i], test.wants[i])
				}
			}
		})
	}
}

// world is what containers refer to, of the kinds that they really refer to.
func world() resource.State {
	return resource.State{
		{Kind: "user", Name: "shop"}:    &user.User{UID: 2100},
		{Kind: "volume", Name: "db"}:    &volume.Volume{Path: "/srv/shop/db", Owner: resource.Addr{Kind: "user", Name: "shop"}, Mode: 0o700},
		{Kind: "volume", Name: "site"}:  &volume.Volume{Path: "/srv/site", Mode: 0o755},
		{Kind: "netns", Name: "front"}:  netns.Kind().New(),
		{Kind: Name, Name: "db"}:        fresh(),
		{Kind: Name, Name: "unrelated"}: fresh(),
	}
}

func resolve(t *testing.T, want resource.State, live resource.State, grants []resource.Grant) (*resource.Resolver, []resource.Problem) {
	t.Helper()
	r := resource.NewResolver("shop", live, grants, map[string][]resource.Span{Pool: {{Start: lowRange, Size: RangeSize}}})
	return r, r.Resolve(want)
}

func TestResolve(t *testing.T) {
	want := world()
	c := fresh()
	c.Netns = resource.Addr{Kind: "netns", Name: "front"}
	c.DependsOn = []resource.Dependency{{To: resource.Addr{Kind: Name, Name: "unrelated"}}, {To: resource.Addr{Kind: Name, Name: "db"}}}
	c.Mount = map[string]Mount{
		"/data": {Volume: resource.Addr{Kind: "volume", Name: "db"}},
		"/site": {Volume: resource.Addr{Kind: "volume", Name: "site"}, ReadOnly: true},
	}
	want[web] = c
	if _, problems := resolve(t, want, nil, nil); len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.IDBase < lowRange+RangeSize || c.IDBase%RangeSize != 0 {
		t.Errorf("id base %d", c.IDBase)
	}
	if m := c.Mount["/data"]; m.Source != "/srv/shop/db" || m.OwnerUID != 2100 || m.OwnerGID != 2100 {
		t.Errorf("mount of an owned volume: %+v", m)
	}
	if m := c.Mount["/site"]; m.Source != "/srv/site" || m.OwnerUID != 0 {
		t.Errorf("mount of root's volume: %+v", m)
	}
	if c.NetnsPath != netns.Path(c.Netns) {
		t.Errorf("netns path %q", c.NetnsPath)
	}
	if len(c.After) != 2 || !strings.HasPrefix(c.After[0], "hostctl-db.service ") || c.DependsOn[0].To.Name != "db" {
		t.Errorf("after %q, depends on %v", c.After, c.DependsOn)
	}

	t.Run("run_as", func(t *testing.T) {
		want, d := world(), fresh()
		d.RunAs = resource.Addr{Kind: "user", Name: "shop"}
		d.Mount = map[string]Mount{
			"/data": {Volume: resource.Addr{Kind: "volume", Name: "db"}},
			"/site": {Volume: resource.Addr{Kind: "volume", Name: "site"}},
		}
		want[web] = d
		if _, problems := resolve(t, want, nil, nil); len(problems) > 0 {
			t.Fatal(problems)
		}
		if d.RunAsUID != 2100 || d.RunAsGID != 2100 || d.Mount["/data"].OwnerUID != 0 {
			t.Errorf("%+v", d)
		}
	})
	t.Run("a writable volume of root's", func(t *testing.T) {
		want, d := world(), fresh()
		d.Mount = map[string]Mount{"/site": {Volume: resource.Addr{Kind: "volume", Name: "site"}}}
		want[web] = d
		_, problems := resolve(t, want, nil, nil)
		if len(problems) != 1 || problems[0].Path != `mount["/site"].volume` || problems[0].Detail == "" {
			t.Errorf("problems: %v", problems)
		}
	})
	t.Run("what only a new unit gets makes dependants anew", func(t *testing.T) {
		want, d := world(), fresh()
		d.DependsOn = []resource.Dependency{{To: resource.Addr{Kind: Name, Name: "db"}}}
		want[web] = d
		want[resource.Addr{Kind: Name, Name: "db"}].(*Container).StopSignal = "QUIT"
		resolve(t, want, nil, nil)
		if d.After[0] == c.After[0] {
			t.Errorf("after is %q as before", d.After)
		}
	})
	t.Run("a lost ledger", func(t *testing.T) {
		want, d, live := world(), fresh(), fresh()
		want[web], live.IDBase = d, lowRange+7*RangeSize
		r, _ := resolve(t, want, resource.State{web: live}, nil)
		if d.IDBase != live.IDBase || len(r.New) == 0 {
			t.Errorf("id base %d, want that of what runs, %d", d.IDBase, live.IDBase)
		}
	})
	t.Run("what was granted once", func(t *testing.T) {
		want, d := world(), fresh()
		want[web] = d
		resolve(t, want, nil, []resource.Grant{{Pool: Pool, Owner: "shop", Addr: web, Span: resource.Span{Start: lowRange + 9*RangeSize, Size: RangeSize}}})
		if d.IDBase != lowRange+9*RangeSize {
			t.Errorf("id base %d", d.IDBase)
		}
	})
}

func TestClasses(t *testing.T) {
	want := map[string]resource.Class{
		"rootfs": resource.Restart, "command": resource.Restart, "limits.memory": resource.Live, "limits.cpu": resource.Live,
		"limits.tasks": resource.Live, "limits.files": resource.Restart, "restart": resource.Replace, "restart_delay": resource.Replace,
		"stop_signal": resource.Replace, "stop_timeout": resource.Replace, "enabled": resource.Live, "init": resource.Restart,
		`mount["/data"].read_only`: resource.Restart, `mount["/data"].source`: resource.Restart, "id_base": resource.Restart,
	}
	c := fresh()
	c.IDBase = lowRange
	c.Mount = map[string]Mount{"/data": {Source: "/x"}}
	for _, leaf := range resource.Leaves(c) {
		if class, ok := want[leaf.Path]; ok && leaf.Attr.Class != class {
			t.Errorf("%s is %s, want %s", leaf.Path, leaf.Attr.Class, class)
		}
		delete(want, leaf.Path)
	}
	if len(want) > 0 {
		t.Errorf("no such attribute: %v", want)
	}
}

func TestNames(t *testing.T) {
	mail := resource.Addr{Kind: Name, Name: "worker", Key: "mail"}
	if Unit(mail) != "hostctl-worker-mail.service" || Keeper(mail) != "hostctl-keep-worker_mail.slice" {
		t.Errorf("%s, %s", Unit(mail), Keeper(mail))
	}
	if NameOfUnit(Unit(mail)) != "worker-mail" || NameOfUnit("ssh.service") != "ssh.service" {
		t.Error("NameOfUnit is not the inverse")
	}
}

func TestCPUMask(t *testing.T) {
	for list, want := range map[string]string{"": "", "0": "\x01", "0-3,6": "\x4f", "8": "\x00\x01", "7-8": "\x80\x01"} {
		got, err := cpuMask(list)
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", list, got, err)
		}
		if back := cpuList(got); back != list {
			t.Errorf("%q comes back as %q", list, back)
		}
	}
	for _, list := range []string{",", "a", "1-", "-1", "2-1", "0 1", "+1", "99999"} {
		if _, err := cpuMask(list); err == nil {
			t.Errorf("%q is accepted", list)
		}
	}
}
