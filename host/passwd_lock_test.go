package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Editors at the same time lose nothing of each other's work.
func TestEditorsWait(t *testing.T) {
	p := newRoot(t, seed)
	const n = 12
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			a := shop
			a.Name, a.UID, a.GID = fmt.Sprintf("shop%d", i), uint32(2000+i), uint32(2000+i)
			errs[i] = p.AddAccount(context.Background(), a)
			errs[i] = errors.Join(errs[i], p.AddSubID(context.Background(), SubID{a.Name, uint64(1+i) << 16, 1 << 16}))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	known, err := p.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if a, ok := known.User(fmt.Sprintf("shop%d", i)); !ok || len(a.Groups) != 1 {
			t.Errorf("shop%d: %v %+v", i, ok, a)
		}
	}
	if ids, err := p.SubIDs(t.Context()); err != nil || len(ids) != n {
		t.Errorf("%d ranges, %v", len(ids), err)
	}
	if got := diff(seed, files(t, p)); strings.Contains(got, "left behind") {
		t.Error(got)
	}
}

func TestLocksOfOthers(t *testing.T) {
	etc := func(p Passwd, name string) string { return filepath.Join(p.Root, "etc", name) }
	t.Run("lckpwdf", func(t *testing.T) {
		p := newRoot(t, seed)
		f, err := os.Create(etc(p, ".pwd.lock"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			t.Fatal(err)
		}
		refused(t, p)
	})
	t.Run("passwd.lock of a living process", func(t *testing.T) {
		p := newRoot(t, seed)
		os.WriteFile(etc(p, "passwd.lock"), fmt.Appendf(nil, "%d\x00", os.Getppid()), 0o600)
		refused(t, p)
	})
	t.Run("group.lock of nobody", func(t *testing.T) {
		p := newRoot(t, seed)
		os.WriteFile(etc(p, "group.lock"), []byte("x"), 0o600)
		if err := p.AddAccount(t.Context(), shop); err == nil || !strings.Contains(err.Error(), "group.lock names no process") {
			t.Errorf("error %v", err)
		}
	})
	for name, pid := range map[string]int{"of a process that is gone": 1 << 30, "of an earlier process with this pid": os.Getpid()} {
		t.Run("passwd.lock "+name, func(t *testing.T) {
			p := newRoot(t, seed)
			os.WriteFile(etc(p, "passwd.lock"), fmt.Appendf(nil, "%d\x00", pid), 0o600)
			if err := p.AddAccount(t.Context(), shop); err != nil {
				t.Error(err)
			}
		})
	}
}

// What an edit left that was killed while it took a lock is not there for ever.
func TestLockThatWasCutOff(t *testing.T) {
	p := newRoot(t, seed)
	var left []string
	for _, name := range []string{"passwd", "shadow", "group", "gshadow"} {
		left = append(left, filepath.Join(p.Root, "etc", "."+name+".lock.hostctl"))
		os.WriteFile(left[len(left)-1], nil, 0o600)
	}
	if err := p.AddAccount(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// refused checks that an edit waits for the lock, until its context ends.
func refused(t *testing.T, p Passwd) {
	t.Helper()
	before := files(t, p)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("waited in vain")
	cancel(why)
	if err := p.AddAccount(ctx, shop); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	if got := diff(before, files(t, p)); got != "" {
		t.Errorf("changed:\n%s", got)
	}
}

func TestSubIDs(t *testing.T) {
	ctx := t.Context()
	p := newRoot(t, map[string]string{"subuid": "alice:100000:65536\n# ours follow\nodd\n"})
	ours := SubID{"hostctl/shop/container.web", 524288, 65536}
	for range 2 { // the second time nothing is left to do
		if err := p.AddSubID(ctx, ours); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"subuid": "alice:100000:65536\n# ours follow\nodd\nhostctl/shop/container.web:524288:65536\n",
		"subgid": "hostctl/shop/container.web:524288:65536\n",
	}
	if got := diff(want, files(t, p)); got != "" {
		t.Error(got)
	}
	if err := p.AddSubID(ctx, SubID{"other", 524288 + 65535, 1}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overlap: %v", err)
	}
	if err := p.AddSubID(ctx, SubID{"other", 100000, 1}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overlap in one of the files: %v", err)
	}
	if ids, err := p.SubIDs(ctx); err != nil || fmt.Sprint(ids) != "[{alice 100000 65536} {hostctl/shop/container.web 524288 65536}]" {
		t.Errorf("%v, %v", ids, err)
	}
	if err := p.RemoveSubID(ctx, ours); err != nil {
		t.Fatal(err)
	}
	if got := diff(map[string]string{"subuid": "alice:100000:65536\n# ours follow\nodd\n"}, files(t, p)); got != "" {
		t.Error(got)
	}
}

func TestAsksOthers(t *testing.T) {
	for conf, want := range map[string]bool{
		"passwd: files systemd":                                 false,
		"passwd:\tcompat [NOTFOUND=return] files":               false,
		"group: files sss\npasswd: files":                       false,
		"#passwd: files ldap":                                   false,
		"passwd: files sss":                                     true,
		"passwd: files [!UNAVAIL=return TRYAGAIN=cont] winbind": true,
		"": false,
	} {
		if got := asksOthers(conf); got != want {
			t.Errorf("%q: %v", conf, got)
		}
	}
}

func TestProcesses(t *testing.T) {
	pids, err := Passwd{}.Processes(uint32(os.Getuid()))
	if err != nil || len(pids) == 0 {
		t.Errorf("%v, %v", pids, err)
	}
	for _, tt := range []struct {
		status string
		want   bool
	}{{"Name:\tx\nUid:\t1\t2\t3\t2100\nGid:\t0", true}, {"Uid:\t1\t2\t3\t4\nGid:\t2100", false}, {"", false}} {
		if hasUID([]byte(tt.status), 2100) != tt.want {
			t.Errorf("%q", tt.status)
		}
	}
}
