package container

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
	"hostctl/runtime"
)

var update = flag.Bool("update", false, "write the golden files")

const launcher = "/usr/lib/hostctl/hostctl-launch"

func TestUnitGolden(t *testing.T) {
	full := fresh()
	full.Command = []string{"/bin/sh", "-c", "echo %n ${HOME} $$ \n[Service]\nExecStopPost=/bin/touch /x"}
	full.Environment = map[string]string{"QUEUE": "mail\nExecStart=/bin/x"}
	full.Limits = Limits{Memory: 512 << 20, CPU: 1.5, Tasks: 200, Files: 1024}
	full.Restart, full.RestartDelay, full.StopSignal, full.StopTimeout = "always", resource.Duration(5*time.Second), "QUIT", resource.Duration(1500*time.Millisecond)
	full.DependsOn = []resource.Dependency{{To: resource.Addr{Kind: Name, Name: "db"}}}
	unlimited := fresh()
	unlimited.Limits = Limits{Files: 1024}
	for name, c := range map[string]*Container{"default": fresh(), "full": full, "unlimited": unlimited} {
		t.Run(name, func(t *testing.T) {
			s := hosttest.NewSystemd(&hosttest.Faults{})
			unit, err := c.transient(web, "shop", launcher)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.StartTransient(context.Background(), unit, keeper(web)); err != nil {
				t.Fatal(err)
			}
			golden(t, "unit-"+name+".txt", s.String())
		})
	}
}

func TestUnitRefuses(t *testing.T) {
	for name, make := range map[string]func() (host.Transient, error){
		"owner": func() (host.Transient, error) { return fresh().transient(web, "a\nb", launcher) },
		"name": func() (host.Transient, error) {
			return fresh().transient(resource.Addr{Kind: Name, Name: "a\nb"}, "shop", launcher)
		},
		"launcher": func() (host.Transient, error) { return fresh().transient(web, "shop", "/opt/$x/hostctl-launch") },
		"signal": func() (host.Transient, error) {
			c := fresh()
			c.StopSignal = "x\ny"
			return c.transient(web, "shop", launcher)
		},
		"restart": func() (host.Transient, error) {
			c := fresh()
			c.Restart = "x\ny"
			return c.transient(web, "shop", launcher)
		},
	} {
		if _, err := make(); err == nil {
			t.Errorf("%s: a unit was made of it", name)
		}
	}
}

func TestLauncherSpecGolden(t *testing.T) {
	c := fresh()
	c.Environment = map[string]string{"QUEUE": "mail\nx"}
	c.Workdir, c.User, c.Hostname = "/srv", "www-data", "www"
	c.IDBase, c.RunAsUID, c.RunAsGID, c.NetnsPath = lowRange, 2100, 2100, "/run/netns/front"
	c.Mount = map[string]Mount{
		"/data": {Volume: resource.Addr{Kind: "volume", Name: "db"}, Source: "/srv/db", OwnerUID: 2100, OwnerGID: 2101},
		"/site": {Volume: resource.Addr{Kind: "volume", Name: "site"}, Source: "/srv/site", ReadOnly: true},
	}
	c.Tmpfs = map[string]Tmpfs{"/run/x": {Size: 16 << 20, Mode: 0o750}}
	spec, err := c.launcherSpec(web, "shop")
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := runtime.Encode(*spec)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "spec.json", string(data))
	back := new(reader).declared(*spec)
	if diff := difference(c, back); diff != "" {
		t.Errorf("the spec does not carry the container: %s", diff)
	}
}

// difference is what a plan would show, "" where it is empty.
func difference(want, live *Container) string {
	var b strings.Builder
	has := map[string]string{}
	for _, l := range resource.Leaves(live) {
		has[l.Path] = l.Value
	}
	for _, l := range resource.Leaves(want) {
		if has[l.Path] != l.Value {
			b.WriteString(l.Path + ": " + has[l.Path] + " -> " + l.Value + "\n")
		}
		delete(has, l.Path)
	}
	for path, value := range has {
		b.WriteString(path + ": " + value + " -> \n")
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update and look at the difference):\n%s", file, got)
	}
}
