package rule

import (
	"slices"
	"strings"
	"testing"
)

// host is a policy with all that can meet: a part that may only be read in one that may be written, one within it that
// may be written again (which has no force), a part of the system's own, and one whose name begins as another's.
var host = Grants{
	Writable: []string{"/srv", "/data/a", "/run", "/var/lib/app", "/media/ro/inner"},
	ReadOnly: []string{"/srv/shared", "/media/ro", "/usr/share", "/etc/ssl/certs", "/etc", "/opt/app"},
	Rootfs:   []string{"/srv/rootfs", "/var/lib/machines"},
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		path              string
		write, read, root bool
	}{
		{"/srv", false, true, false}, // it holds /srv/shared
		{"/srv/a", true, true, false},
		{"/srv/a/b/c", true, true, false},
		{"/srv2", false, false, false},
		{"/srvx/a", false, false, false},
		{"/sr", false, false, false},
		{"/", false, false, false},
		{"/srv/shared", false, true, false},
		{"/srv/shared/x", false, true, false},
		{"/srv/shared2", true, true, false},
		{"/srv/share", true, true, false},
		{"/data", false, false, false},
		{"/data/a", true, true, false},
		{"/data/ab", false, false, false},
		{"/data/a/b", true, true, false},
		{"/media/ro", false, true, false},
		{"/media", false, false, false},
		{"/media/ro/inner", false, true, false},
		{"/media/ro/inner/x", false, true, false},
		{"/run/app", true, true, false},
		{"/run", false, false, false},
		{"/run/systemd", false, false, false},
		{"/run/systemd/private", false, false, false},
		{"/run/systemd2", true, true, false},
		{"/run/dbus", false, false, false},
		{"/run/dbus/system_bus_socket", false, false, false},
		{"/run/docker.sock", false, false, false},
		{"/run/docker.sockets", true, true, false},
		{"/run/hostctl", false, false, false},
		{"/run/hostctl/containers", false, false, false},
		{"/run/podman/podman.sock", false, false, false},
		{"/var/run/x", false, false, false},
		{"/var/lib", false, false, false},
		{"/var/lib/hostctl", false, false, false},
		{"/var/lib/app", true, true, false},
		{"/var/lib/machines", false, false, true},
		{"/var/lib/machines/debian", false, false, true},
		{"/usr", false, false, false},
		{"/usr/share", false, true, false},
		{"/usr/share/zoneinfo", false, true, false},
		{"/usr/bin", false, false, false},
		{"/usr/lib", false, false, false}, // could be opened, and is not
		{"/etc", false, false, false},     // an entry for all of it opens nothing
		{"/etc/shadow", false, false, false},
		{"/etc/ssl/certs", false, true, false},
		{"/etc/ssl", false, false, false},
		{"/etc/ssl/private", false, false, false},
		{"/opt/app", false, true, false},
		{"/opt", false, false, false},
		{"/proc", false, false, false},
		{"/proc/self/root/srv", false, false, false},
		{"/sys/fs/cgroup", false, false, false},
		{"/dev/shm", false, false, false},
		{"/root", false, false, false},
		{"/boot", false, false, false},
		{"/srv/rootfs", true, true, true},
		{"/srv/rootfs/web", true, true, true},
		{"/srv/rootfs2", true, true, false},
	} {
		for _, v := range []struct {
			what string
			got  Verdict
			want bool
		}{{"write", host.Write(c.path), c.write}, {"read", host.Read(c.path), c.read}, {"root", host.Root(c.path), c.root}} {
			if allowed := v.got.Root != ""; allowed != v.want || !allowed && v.got.Why == "" || allowed && !Within(c.path, v.got.Root) {
				t.Errorf("%s %s: %+v, want %v", v.what, c.path, v.got, v.want)
			}
		}
	}
}

// Nothing is allowed where nothing is said, and no entry whatever opens what is reserved.
func TestReserved(t *testing.T) {
	for _, r := range reservedDirs {
		all := Grants{Writable: []string{"/", r.dir, r.dir + "/x"}, ReadOnly: nil, Rootfs: []string{"/", r.dir}}
		for p := r.dir; ; p = p[:max(1, strings.LastIndexByte(p, '/'))] {
			for _, v := range []Verdict{all.Write(p), all.Root(p), all.Read(p)} {
				if v.Root != "" || !v.Final && !Readable(p) {
					t.Errorf("%s: %+v", p, v)
				}
			}
			if p == "/" {
				break
			}
		}
		below := r.dir + "/x/y"
		if v := all.Write(below); v.Root != "" || !v.Final {
			t.Errorf("%s: %+v", below, v)
		}
		if (Grants{}).Write(below).Root != "" || (Grants{}).Read("/srv").Root != "" || (Grants{}).Root("/srv").Root != "" {
			t.Errorf("%s: allowed by nothing", below)
		}
	}
	if !slices.IsSortedFunc(reservedDirs, func(a, b struct{ dir, why string }) int { return strings.Compare(a.dir, b.dir) }) {
		t.Error("the reserved directories are not sorted")
	}
	if !slices.IsSorted(readable) {
		t.Error("the readable directories are not sorted")
	}
	for _, dir := range readable {
		if reserved, _ := Reserved(dir); reserved == "" {
			t.Errorf("%s needs no exception", dir)
		}
		if (Grants{Writable: []string{dir}}).Write(dir).Root != "" {
			t.Errorf("%s can be written", dir)
		}
	}
}

// Whatever a policy says: what may be written may be read, nothing that is in read_only or holds it may be written, and an
// entry never takes a right to read or to be a root away.
func FuzzPaths(f *testing.F) {
	f.Add("/srv/a", "/srv", "/srv/a/b")
	f.Add("/usr/share/x", "/usr/share", "/etc/ssl/certs")
	f.Fuzz(func(t *testing.T, p, writable, readOnly string) {
		for _, s := range []string{p, writable, readOnly} {
			if !strings.HasPrefix(s, "/") || strings.Contains(s, "//") || s != "/" && strings.HasSuffix(s, "/") {
				t.Skip()
			}
		}
		r := Grants{Writable: []string{writable}, ReadOnly: []string{readOnly}}
		write, read := r.Write(p).Root != "", r.Read(p).Root != ""
		switch dir, _ := Reserved(p); {
		case write && !read:
			t.Error("can be written and not read")
		case write && (Within(p, readOnly) || Within(readOnly, p)):
			t.Error("writes to what is read-only")
		case write && (dir != "" || !Within(p, writable)):
			t.Error("writes elsewhere")
		case read && !Within(p, writable) && !Within(p, readOnly):
			t.Error("reads elsewhere")
		case read && dir != "" && !Readable(p):
			t.Error("reads what is reserved")
		}
	})
}
