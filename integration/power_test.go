package integration

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hostctl/integration/uml"
)

// TestPowerCuts cuts the power of a virtual machine in the middle of applies, again and again on one disk. After each boot all
// containers are back by themselves, with the ids that they had, and one apply converges. HOSTCTL_TEST_POWER_CUTS is how often.
func TestPowerCuts(t *testing.T) {
	cuts := 10
	if s := os.Getenv("HOSTCTL_TEST_POWER_CUTS"); s != "" {
		var err error
		if cuts, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	dir := umlDir(t, "power.sh", []string{"power.hcl"})
	disk, err := uml.NewDisk(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Remove(); err != nil {
			t.Error(err)
		}
	})
	cutOff := 0
	for boot := cuts; boot >= 0; boot-- {
		if err := os.WriteFile(filepath.Join(dir, "boot"), []byte(strconv.Itoa(boot)), 0o644); err != nil {
			t.Fatal(err)
		}
		ctx, cut := context.WithCancel(t.Context())
		go func() {
			defer cut()
			for boot > 0 && os.Remove(filepath.Join(dir, "ready")) != nil {
				select {
				case <-ctx.Done():
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
			if boot > 0 {
				time.Sleep(time.Duration(rand.Int64N(int64(6 * time.Second)))) // whatever is met then
			} else {
				<-ctx.Done()
			}
		}()
		// The whole system boots, as it does on a host, and the script beside it.
		r, err := disk.Run(ctx, dir, "systemd.unit=multi-user.target", "systemd.wants=uml.service")
		cut()
		if _, ended := os.Stat(filepath.Join(dir, "status")); !errors.Is(ended, fs.ErrNotExist) && (r.Status != 0 || boot > 0) {
			t.Fatalf("exit status %d\n%s\nconsole:\n%s", r.Status, r.Log, r.Console)
		}
		if boot == 0 && err != nil || boot > 0 && !errors.Is(err, context.Canceled) || !strings.Contains(r.Log, "all is there") {
			t.Fatalf("%v\n%s\nconsole:\n%s", err, r.Log, r.Console)
		}
		if strings.Contains(r.Log, "interrupted") {
			cutOff++
		}
		t.Log(r.Log)
	}
	t.Logf("%d of %d cuts were in the middle of an apply", cutOff, cuts)
}
