package runtime

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestIDMap(t *testing.T) {
	r := IDRange{1000000, 65536}
	own := uint32(2100)
	for _, c := range []struct {
		inside uint32
		own    *uint32
		want   []Mapping
	}{
		{0, nil, []Mapping{{0, 1000000, 65536}}},
		{33, nil, []Mapping{{0, 1000000, 65536}}},
		{0, &own, []Mapping{{0, 2100, 1}, {1, 1000001, 65535}}},
		{33, &own, []Mapping{{0, 1000000, 33}, {33, 2100, 1}, {34, 1000034, 65502}}},
		{65535, &own, []Mapping{{0, 1000000, 65535}, {65535, 2100, 1}}},
		{65536, &own, []Mapping{{0, 1000000, 65536}, {65536, 2100, 1}}},
		{4294967294, &own, []Mapping{{0, 1000000, 65536}, {4294967294, 2100, 1}}},
	} {
		got := idMap(r, c.inside, c.own)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("inside %d: %v, want %v", c.inside, got, c.want)
		}
		// No two inside ids on one host id, none on host root, the payload where it belongs.
		seen := map[uint32]bool{}
		for _, m := range got {
			for _, id := range []uint32{m.Outside, m.Outside + m.Count - 1} {
				if id == 0 || seen[id] && m.Count > 1 {
					t.Errorf("inside %d: host id %d is wrong in %v", c.inside, id, got)
				}
				seen[id] = true
			}
		}
		if c.own != nil {
			if id, ok := hostID(got, c.inside); !ok || id != own {
				t.Errorf("payload %d is host id %d", c.inside, id)
			}
		}
	}
	if text := string(mapText([]Mapping{{0, 1000000, 33}, {33, 2100, 1}})); text != "0 1000000 33\n33 2100 1\n" {
		t.Errorf("map text %q", text)
	}
}

const passwd = `root:x:0:0:root:/root:/bin/sh
www:x:33:34:www:/srv/www:/bin/sh
bad:x:0x0:0::/:/bin/sh
4294967296:x:0:0::/:/bin/sh
huge:x:4294967296:0::/:/bin/sh
short:x:5
rel:x:7:8::home:/bin/sh
www:x:0:0:second:/:/bin/sh
`

const group = "root:x:0:\nweb:x:77:a,b\nbad:x:-1:\nshort:x\n"

func TestLookupUser(t *testing.T) {
	files := func(path string) ([]byte, error) {
		return []byte(map[string]string{"etc/passwd": passwd, "etc/group": group}[path]), nil
	}
	none := func(string) ([]byte, error) { return nil, nil }
	broken := func(string) ([]byte, error) { return nil, errors.New("is not a regular file") }
	runAs := &Account{2100, 2101}
	for _, c := range []struct {
		user  string
		runAs *Account
		read  func(string) ([]byte, error)
		want  passwdUser
		err   string
	}{
		{"", nil, files, passwdUser{0, 0, "/root"}, ""},
		{"", nil, none, passwdUser{0, 0, "/"}, ""},
		{"", runAs, none, passwdUser{2100, 2101, "/"}, ""},
		{"33", nil, files, passwdUser{33, 34, "/srv/www"}, ""},
		{"33:5", nil, files, passwdUser{33, 5, "/srv/www"}, ""},
		{"1000", nil, files, passwdUser{1000, 0, "/"}, ""},
		{"www", nil, files, passwdUser{33, 34, "/srv/www"}, ""},
		{"www:web", runAs, files, passwdUser{33, 77, "/srv/www"}, ""},
		{"1000:web", nil, files, passwdUser{1000, 77, "/"}, ""},
		{"rel", nil, files, passwdUser{7, 8, "/"}, ""},
		{"www", nil, none, passwdUser{}, "is not in"},
		{"nobody", nil, files, passwdUser{}, "is not in"},
		{"www:none", nil, files, passwdUser{}, "is not in"},
		{"www:bad", nil, files, passwdUser{}, "not a uid"},
		{"www:short", nil, files, passwdUser{}, "is not in"},
		{"bad", nil, files, passwdUser{}, "not a uid"},
		{"huge", nil, files, passwdUser{}, "not a uid"},
		{"short", nil, files, passwdUser{}, "is not in"},
		{"4294967296", nil, files, passwdUser{}, "not a uid"},
		{"99999999999999999999", nil, files, passwdUser{}, "not a uid"},
		{"0x0", nil, files, passwdUser{}, "not a uid"},
		{"1_0", nil, files, passwdUser{}, "not a uid"},
		{"www:0x0", nil, files, passwdUser{}, "not a uid"},
		{"www", nil, broken, passwdUser{}, "regular file"},
	} {
		s := minimal()
		s.User, s.RunAs = c.user, c.runAs
		got, err := lookupUser(s, c.read)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, %v, want error with %q", c.user, got, err, c.err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q: %v, %v, want %v", c.user, got, err, c.want)
		}
	}
}

func TestMapUserOutsideRange(t *testing.T) {
	s := minimal()
	if _, err := mapUser(s, passwdUser{UID: 65536}); err == nil {
		t.Error("uid 65536 of 65536 ids")
	}
	if _, err := mapUser(s, passwdUser{GID: 70000}); err == nil {
		t.Error("gid 70000 of 65536 ids")
	}
	s.RunAs = &Account{2100, 2101}
	id, err := mapUser(s, passwdUser{UID: 70000, GID: 80000})
	if err != nil || id.HostUID != 2100 || id.HostGID != 2101 {
		t.Errorf("%+v, %v", id, err)
	}
}

// FuzzPasswd: no file makes a lookup panic, or gives a number that the file does not say for that name.
func FuzzPasswd(f *testing.F) {
	f.Add([]byte(passwd), "www")
	f.Add([]byte(passwd), "33")
	f.Fuzz(func(t *testing.T, data []byte, user string) {
		s := minimal()
		s.User = user
		if validUser(user) != nil {
			return
		}
		got, err := lookupUser(s, func(string) ([]byte, error) { return data, nil })
		if err == nil && (got.UID == noID || got.GID == noID || cleanPath(got.Home) != nil) {
			t.Errorf("%q: %+v", user, got)
		}
	})
}

func TestParseMountinfo(t *testing.T) {
	got := parseMountinfo("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw\n" +
		"37 35 0:1 / /a\\134b\\999 rw shared:1 master:2 - overlay none rw\nnonsense\n1 2 3 - x\n")
	want := []hostMount{{"/mnt 2", "ext3", true}, {`/a\b\999`, "overlay", true}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMountinfo(text) {
			if m.fstype == "" {
				t.Errorf("no type: %+v", m)
			}
		}
	})
}
