package container

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDropInDirs(t *testing.T) {
	want := []string{"hostctl-.service.d", "hostctl-a-.service.d", "hostctl-a-b.service.d", "service.d"}
	if got := slices.Sorted(slices.Values(dropInDirs("hostctl-a-b.service"))); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := dropInDirs("hostctl-a.socket"); slices.Contains(got, "service.d") || !slices.Contains(got, "hostctl-.socket.d") {
		t.Errorf("of a socket: %q", got)
	}
	for file, want := range map[string]bool{
		"/etc/systemd/system/hostctl-.service.d/x.conf": true, "/etc/systemd/system/service.d/x.conf": true, "/run/systemd/system/hostctl-a.service.d/x.conf": true,
		"/usr/lib/systemd/system/hostctl-.service.d/x.conf": true, "/usr/lib/systemd/system/service.d/10-timeout-abort.conf": false,
		"/lib/systemd/system/socket.d/x.conf": false, "/etc/systemd/system/hostctl-a.service": true, "/run/systemd/transient/hostctl-a.service": false,
		"/run/systemd/transient/hostctl-a.service.d/50-MemoryMax.conf": false, "/etc/systemd/system.control/hostctl-a.service.d/50-CPUWeight.conf": true,
		"/run/systemd/system.control/hostctl-a.service.d/50-TasksMax.conf": false, "/run/systemd/transient/hostctl-a.service.d/50-DevicePolicy.conf": true,
		"/run/systemd/transient/hostctl-a.service.d/evil.conf": true, "/run/systemd/transient/hostctl-a.service.d/MemoryMax.conf": true,
		"/etc/systemd/system/hostctl.slice.d/x.conf": true,
	} {
		if got := adminsOwn(file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

// What others put beside a unit is said of each resource, what systemd has read as such, and once.
func TestForeign(t *testing.T) {
	etc, usr := t.TempDir(), t.TempDir()
	write := func(path string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	all, own := write(filepath.Join(etc, "hostctl-.service.d/all.conf")), write(filepath.Join(etc, "hostctl-web.service.d/own.conf"))
	write(filepath.Join(usr, "hostctl-.service.d/all.conf")) // the other of its name is read
	write(filepath.Join(etc, "hostctl-other.service.d/x.conf"))
	write(filepath.Join(etc, "hostctl-.socket.d/x.conf")) // it has no socket
	write(filepath.Join(etc, "hostctl-web.service.d/README"))
	stands := write(filepath.Join(usr, "hostctl-web.service"))
	if err := os.Symlink("/dev/null", filepath.Join(etc, "hostctl-web.timer")); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.apply(web, resolved())
	asks := &asked{Systemd: b.Systemd, properties: map[string]map[string]any{Unit(web): {"Unit.DropInPaths": []string{all}}}}
	b.Systemd = asks
	if r := b.read(nil); len(r.Foreign) > 0 {
		t.Errorf("without any: %v", r.Foreign)
	}
	asks.path = []string{etc, usr, filepath.Join(etc, "absent")}
	r := b.read(nil)
	want := []string{
		"unit file " + stands + " stands in the way of " + Unit(web), "admin drop-in " + all + " changes the unit",
		"admin drop-in " + own + " changes the unit from the next daemon-reload on", TimerUnit(web) + " is masked: it can be started no more",
	}
	var got []string
	for _, p := range r.Foreign {
		if got = append(got, p.Summary); p.Addr != web || p.Detail == "" {
			t.Errorf("%+v", p)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(r.Warnings) > 0 {
		t.Errorf("said again as warnings: %v", r.Warnings)
	}
}
