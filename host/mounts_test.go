package host

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	text := `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
36 22 0:31 /a\040b /mnt/x\040y\134z ro,nosuid master:1 propagate_from:2 unbindable - fuse.s\043x src\011tab rw
40 22 0:32 / /empty rw -  tmpfs
41 22 0:32 / /empty rw - tmpfs  rw
`
	got, err := ParseMounts([]byte(strings.Replace(text, "40 22 0:32 / /empty rw -  tmpfs\n", "", 1)))
	want := `[{ID:22 Parent:1 Dev:254:0 Root:/ Point:/ Option:[rw relatime] Tag:[shared:1] Type:ext4 Source:/dev/vda Super:[rw discard]} ` +
		"{ID:36 Parent:22 Dev:0:31 Root:/a b Point:/mnt/x y\\z Option:[ro nosuid] Tag:[master:1 propagate_from:2 unbindable] Type:fuse.s#x Source:src\ttab Super:[rw]} " +
		`{ID:41 Parent:22 Dev:0:32 Root:/ Point:/empty Option:[rw] Tag:[] Type:tmpfs Source: Super:[rw]}]`
	if s := fmt.Sprintf("%+v", got); err != nil || s != want {
		t.Errorf("got  %s, %v\nwant %s", s, err, want)
	}
	for _, bad := range []string{text, "x", "\n", "1 2 3 / /x rw ext4 a b\n", "a 2 0:1 / /x rw - ext4 a b\n", "1 2 0:1 / x rw - ext4 a b\n"} {
		if _, err := ParseMounts([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestMounts(t *testing.T) {
	got, err := Mounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got {
		if m.Point == "/" {
			return
		}
	}
	t.Errorf("no root among %d mounts", len(got))
}

// FuzzMountinfo reads any text: each line is a mount or an error, and a path is the same after escaping it again.
func FuzzMountinfo(f *testing.F) {
	f.Add([]byte("22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"))
	f.Add([]byte("36 22 0:31 /a\\040b /mnt/x\\134 ro - fuse \\ rw\n1 2 3"))
	f.Add([]byte("1 1 x \\ /\\04 , - - \\777 \\400\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseMounts(data)
		if err != nil {
			return
		}
		if lines := strings.Count(strings.TrimSuffix(string(data), "\n"), "\n") + 1; len(data) > 0 && len(got) != lines {
			t.Fatalf("%d mounts of %d lines", len(got), lines)
		}
		escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`)
		for _, m := range got {
			if unescape(escape.Replace(m.Point)) != m.Point {
				t.Fatalf("%q", m.Point)
			}
		}
	})
}
