package volume

import (
	"strings"
	"testing"

	"hostctl/resource"
)

var dbAddr = resource.Addr{Kind: "volume", Name: "db"}

func newVolume(path string, change func(*Volume)) *Volume {
	v := Kind().New().(*Volume)
	v.Path = path
	if change != nil {
		change(v)
	}
	return v
}

func TestValidate(t *testing.T) {
	guarded := func(point string) func(*Volume) { return func(v *Volume) { v.Mountpoint = point } }
	tests := []struct {
		volume *Volume
		want   string // path of the problem and a part of it
	}{
		{newVolume("/srv/shop/db", nil), ""},
		{newVolume("/home/x", guarded("/home")), ""},
		{newVolume("/srv", guarded("/srv")), ""},
		{newVolume("/srv/Ünï code", nil), ""},
		{newVolume("/run/shop", nil), ""},
		{newVolume("/var/lib/shop", nil), ""},
		{newVolume("/etcetera", nil), ""},
		{newVolume("/", nil), "path: / cannot be a volume"},
		{newVolume("/etc", nil), "path: /etc cannot"},
		{newVolume("/etc/shop", nil), "/etc holds the host's configuration"},
		{newVolume("/usr/local/x", nil), "path: "},
		{newVolume("/var", nil), "path: "},
		{newVolume("/var/lib", nil), "path: "},
		{newVolume("/run", nil), "path: "},
		{newVolume("/run/systemd/x", nil), "path: "},
		{newVolume("/var/lib/hostctl", nil), "is hostctl's own"},
		{newVolume("/proc/self/attr", nil), "path: "},
		{newVolume("/sys/fs/cgroup", nil), "path: "},
		{newVolume("/dev/pts", nil), "path: "},
		{newVolume("", nil), "write an absolute path"},
		{newVolume("srv/x", nil), "write an absolute path"},
		{newVolume("/srv/../etc", nil), "write an absolute path"},
		{newVolume("/srv/", nil), "write an absolute path"},
		{newVolume("/srv//x", nil), "write an absolute path"},
		{newVolume("/srv/a\nb", nil), "control characters"},
		{newVolume("/srv/a\u2028b", nil), "control characters"},
		{newVolume("/srv/a\u202eb", nil), "control characters"},
		{newVolume("/srv/a\x00b", nil), "control characters"},
		{newVolume("/srv/\xff", nil), "UTF-8"},
		{newVolume("/"+strings.Repeat("a", 256), nil), "at most 255"},
		{newVolume(strings.Repeat("/aaaa", 300), nil), "at most 1024"},
		{newVolume("/srv/x", guarded("/")), "mountpoint: "},
		{newVolume("/srv/x", guarded("/srv/x/y")), "mountpoint: "},
		{newVolume("/srv/x", guarded("/sr")), "mountpoint: "},
		{newVolume("/srv/x", guarded("srv")), "mountpoint: "},
		{newVolume("/usr/share/zoneinfo", external), ""},
		{newVolume("/etc/ssl/certs", external), ""},
		{newVolume("/srv/x", external), ""},
		{newVolume("/etc", external), "path: "},
		{newVolume("/etc/ssl", external), "path: "},
		{newVolume("/etc/ssl/certs", func(*Volume) {}), "path: "},
		{newVolume("/usr", external), "path: "},
		{newVolume("/etc/shadow", external), "path: "},
		{newVolume("/srv/x", func(v *Volume) { external(v); v.Mode = 0o700 }), "mode: mode of an external volume"},
		{newVolume("/srv/x", func(v *Volume) { external(v); v.Owner = resource.Addr{Kind: "user", Name: "u"} }), "owner: "},
		{newVolume("/srv/x", func(v *Volume) { external(v); v.OnDestroy = Delete }), "on_destroy: "},
		{newVolume("/srv/x", func(v *Volume) { v.OnDestroy = "remove" }), `write "keep" or "delete"`},
	}
	for _, tt := range tests {
		problems := tt.volume.Validate(dbAddr)
		switch {
		case tt.want == "" && len(problems) > 0, tt.want != "" && len(problems) != 1:
			t.Errorf("%+v: %v", tt.volume, problems)
		case tt.want != "" && !strings.Contains(strings.Replace(problems[0].Error(), "volume.db.", "", 1), tt.want):
			t.Errorf("%+v: %v, want %q", tt.volume, problems[0], tt.want)
		}
	}
}

func external(v *Volume) { v.External = true }

// owner is a resolved user.
type owner struct {
	resource.Spec
	uid uint32
}

func (o owner) IDs() (uid, gid uint32) { return o.uid, o.uid }

func TestResolve(t *testing.T) {
	shop, web, ill := resource.Addr{Kind: "user", Name: "shop"}, resource.Addr{Kind: "user", Name: "web"}, resource.Addr{Kind: "user", Name: "ill"}
	r := &resource.Resolver{Want: resource.State{shop: owner{uid: 2100}, web: owner{uid: 2101}, ill: owner{}}}
	tests := []struct {
		owner, group resource.Addr
		uid, gid     uint32
		problem      string
	}{
		{resource.Addr{}, resource.Addr{}, 0, 0, ""},
		{shop, resource.Addr{}, 2100, 2100, ""},
		{shop, web, 2100, 2101, ""},
		{resource.Addr{}, web, 0, 2101, ""},
		{ill, resource.Addr{}, 0, 0, "owner"},
		{shop, resource.Addr{Kind: "user", Name: "none"}, 2100, 0, "group"},
	}
	for _, tt := range tests {
		v := newVolume("/srv/x", func(v *Volume) { v.Owner, v.Group, v.UID, v.GID = tt.owner, tt.group, 7, 7 })
		problems := v.Resolve(dbAddr, r)
		path := ""
		for _, p := range problems {
			path += p.Path
		}
		if v.UID != tt.uid || v.GID != tt.gid || path != tt.problem {
			t.Errorf("%s %s: %d:%d %v", tt.owner, tt.group, v.UID, v.GID, problems)
		}
	}
}

// Root's own directories have numbers too, so that a change of their owner is seen.
func TestRootIsAnOwner(t *testing.T) {
	var paths []string
	for _, l := range resource.Leaves(newVolume("/srv/x", nil)) {
		paths = append(paths, l.Path+"="+l.Value)
	}
	if got := strings.Join(paths, " "); got != `path="/srv/x" uid=0 gid=0 mode="0755" on_destroy="keep"` {
		t.Error(got)
	}
}

func TestCheckTogether(t *testing.T) {
	addr := func(name string) resource.Addr { return resource.Addr{Kind: "volume", Name: name} }
	tests := map[string][]string{
		"/a /b /ab":      nil,
		"/a /a":          {"volume.v1.path: /a is the path of volume.v0 too"},
		"/a /a/b/c":      {"volume.v1.path: /a/b/c lies inside /a, the path of volume.v0"},
		"/a/b/c /a":      {"volume.v0.path: /a/b/c lies inside /a, the path of volume.v1"},
		"/a /a /a/b":     {"is the path of", "lies inside"},
		"relative /a ..": nil, // for Validate to say
	}
	for paths, want := range tests {
		state := resource.State{}
		for i, p := range strings.Fields(paths) {
			state[addr("v"+string(rune('0'+i)))] = newVolume(p, nil)
		}
		got := Kind().Check(state)
		if len(got) != len(want) {
			t.Errorf("%s: %v", paths, got)
			continue
		}
		for i := range want {
			if !strings.Contains(got[i].Error(), want[i]) {
				t.Errorf("%s: %v, want %q", paths, got[i], want[i])
			}
		}
	}
}

func TestPlanNote(t *testing.T) {
	for _, tt := range []struct {
		onDestroy string
		action    resource.Action
		undo      bool
		want      string
	}{
		{Keep, resource.Create, false, ""},
		{Keep, resource.Update, false, ""},
		{Keep, resource.Delete, false, "its data stays where it is"},
		{Delete, resource.Delete, true, "its data stays where it is"},
		{Delete, resource.Delete, false, "its data is deleted with it"},
		{Delete, "replace", false, "the data stays where it is; a new path begins empty"},
	} {
		v := &Volume{OnDestroy: tt.onDestroy}
		if got := v.PlanNote(tt.action, tt.undo); got != tt.want {
			t.Errorf("%s of a volume with on_destroy = %q: %q, want %q", tt.action, tt.onDestroy, got, tt.want)
		}
	}
}
