package host

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Holes are copied as holes, what does not fit is not begun, and a file is as long as what can be read of it.
func TestCopyData(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
	dir := t.TempDir()
	small, from := filepath.Join(dir, "small"), filepath.Join(dir, "from")
	for point, options := range map[string]string{small: "size=256k,mode=0755", from: "size=16m,mode=0755"} {
		if err := os.Mkdir(point, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("hostctl-test", point, "tmpfs", 0, options); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Unmount(point, unix.MNT_DETACH) })
	}
	file := func(name string, size int64, parts map[int64]string) string {
		f, err := os.Create(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		for at, text := range parts {
			if _, err := f.WriteAt([]byte(text), at); err != nil {
				t.Fatal(err)
			}
		}
		return f.Name()
	}
	cp := func(source string) (Copied, error) {
		a, err := HostPlace(source)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b, err := HostPlace(small)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		return CopyTree(a, b)
	}
	const tera = 1 << 40
	for _, c := range []struct {
		name  string
		size  int64
		parts map[int64]string
	}{
		{"nothing", 0, nil},
		{"a hole", tera, nil},
		{"holes", tera, map[int64]string{0: "begin", tera / 2: "middle", tera - 3: "end"}},
		{"a hole at the end", 1 << 20, map[int64]string{0: "begin"}},
		{"no hole", 8, map[int64]string{0: "12345678"}},
	} {
		done, err := cp(file(c.name, c.size, c.parts))
		if err != nil || done.Files != 1 || done.Bytes != c.size {
			t.Errorf("%s: %+v, %v", c.name, done, err)
			continue
		}
		f, err := os.Open(filepath.Join(small, c.name))
		if err != nil {
			t.Fatal(err)
		}
		st, err := f.Stat()
		if err != nil || st.Size() != c.size || st.Sys().(*syscall.Stat_t).Blocks > int64(len(c.parts)*8) {
			t.Errorf("%s: %d bytes in %d blocks, %v", c.name, st.Size(), st.Sys().(*syscall.Stat_t).Blocks, err)
		}
		for at, text := range c.parts {
			got := make([]byte, len(text))
			if _, err := f.ReadAt(got, at); err != nil || string(got) != text {
				t.Errorf("%s at %d: %q, %v", c.name, at, got, err)
			}
		}
		f.Close()
		os.Remove(f.Name())
	}
	if _, err := cp(file("much", 1<<20, map[int64]string{0: strings.Repeat("x", 1<<20)})); err == nil || !strings.Contains(err.Error(), "it has 1048576 bytes, and 262144 are free there") {
		t.Error(err)
	}
	if left, err := os.ReadDir(small); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	const kernel = "/sys/kernel/uevent_seqnum" // says 4096 bytes, and has fewer
	if _, err := cp(kernel); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(small, filepath.Base(kernel))); err != nil || len(got) == 0 || bytes.IndexByte(got, 0) >= 0 {
		t.Errorf("%q, %v", got, err)
	}
}
