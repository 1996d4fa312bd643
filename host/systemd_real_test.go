//go:build throwaway

package host_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"hostctl/host"
	"hostctl/host/hosttest"
)

// realSystemd is the systemd of the throwaway host that the integration tests run
// these on, built with the tag.
func realSystemd(t *testing.T) *host.Systemd {
	t.Helper()
	if _, err := os.Stat("/run/hostctl/try"); err != nil {
		t.Fatal("not on a throwaway host (no /run/hostctl/try)")
	}
	s, err := host.DialSystemd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRealSystemdContract(t *testing.T) {
	hosttest.Contract(t, realSystemd(t), []string{"/bin/sleep", "infinity"}, []string{"/bin/sh", "-c", "exit 7"})
}

func TestRealFailureTellsTheLastLine(t *testing.T) {
	s := realSystemd(t)
	const unit = "hostctl-lastline.service"
	keeper := host.Transient{Name: "hostctl-keep-lastline.slice", Properties: []host.Property{{Name: "After", Value: []string{unit}}}}
	err := s.StartTransient(t.Context(), host.Transient{Name: unit, Properties: []host.Property{
		{Name: "Type", Value: "notify"},
		{Name: "Wants", Value: []string{keeper.Name}},
		{Name: "ExecStart", Value: []host.Command{{Path: "/bin/sh", Args: []string{"sh", "-c", `echo first; printf 'no such\033[31mthing\n' >&2; exit 3`}}}},
	}}, keeper)
	want := "start unit hostctl-lastline.service: failed (exit status 3): no such\uFFFD[31mthing"
	if err == nil || err.Error() != want {
		t.Errorf("error\n got %v\nwant %s", err, want)
	}
	if err := s.Remove(t.Context(), keeper.Name, unit); err != nil {
		t.Error(err)
	}
}

// What a run wrote that journald read only after it, and after another one had begun, is told all the same.
func TestRealFailureOfAnEarlierRun(t *testing.T) {
	s := realSystemd(t)
	const unit = "hostctl-earlier.service"
	journald := func(signal string) {
		t.Helper()
		if out, err := exec.Command("systemctl", "kill", "--kill-whom=main", "--signal="+signal, "systemd-journald.service").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	journald("STOP")
	defer journald("CONT")
	// ended returns the invocation of a run that has ended.
	ended := func() string {
		t.Helper()
		for {
			p, err := s.Properties(t.Context(), unit, "Unit.ActiveState", "Unit.InvocationID")
			if err != nil {
				t.Fatal(err)
			}
			if id, _ := p["Unit.InvocationID"].([]byte); p["Unit.ActiveState"] == "failed" {
				return hex.EncodeToString(id)
			}
		}
	}
	if err := s.StartTransient(t.Context(), host.Transient{Name: unit, Properties: []host.Property{
		{Name: "Type", Value: "simple"}, // its start is done before it can have ended
		{Name: "ExecStart", Value: []host.Command{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo cannot go on; exit 3"}}}},
	}}); err != nil {
		t.Fatal(err)
	}
	first := ended()
	if err := s.Start(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	if second := ended(); second == first {
		t.Fatal("there was no other run")
	}
	journald("CONT")
	f, err := s.Failure(t.Context(), unit, first)
	if err != nil || f.Code != "exited" || f.Status != 3 || f.LastLine != "cannot go on" {
		t.Errorf("%+v, %v", f, err)
	}
	if err := s.Remove(t.Context(), unit); err != nil {
		t.Error(err)
	}
}

// Many jobs in flight on one connection each get their own result.
func TestRealJobsInFlight(t *testing.T) {
	s := realSystemd(t)
	const n = 60
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			errs[i] = s.StartTransient(t.Context(), host.Transient{Name: fmt.Sprintf("hostctl-flight-%d.service", i), Properties: []host.Property{
				{Name: "Type", Value: "notify"}, // which neither program does
				{Name: "TimeoutStartUSec", Value: uint64(60e6)},
				{Name: "CollectMode", Value: "inactive-or-failed"},
				{Name: "ExecStart", Value: []host.Command{{Path: "/bin/sh", Args: []string{"sh", "-c", "exit " + fmt.Sprint(i%2)}}}},
			}})
		})
	}
	wg.Wait()
	for i, err := range errs {
		var job *host.JobError
		if !errors.As(err, &job) || job.Unit != fmt.Sprintf("hostctl-flight-%d.service", i) {
			t.Errorf("%d: %v", i, err)
		}
	}
	// The bus allows 128 calls of one connection to wait for their answers.
	const many = 200
	reads := make([]error, many)
	for i := range many {
		wg.Go(func() {
			_, reads[i] = s.Properties(t.Context(), "init.scope", "Unit.Id", "Unit.LoadState", "Unit.ActiveState", "Unit.SubState")
		})
	}
	wg.Wait()
	if err := errors.Join(reads...); err != nil {
		t.Errorf("%d units read at one time: %v", many, err)
	}
	for i := range n {
		wg.Go(func() { errs[i] = s.Remove(t.Context(), fmt.Sprintf("hostctl-flight-%d.service", i)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("removed at one time: %v", err)
	}
	units, err := s.List(t.Context(), "hostctl-flight-*")
	if err != nil || len(units) != 0 {
		t.Errorf("left over: %v %v", units, err)
	}
}

func TestRealContextEndsAWait(t *testing.T) {
	s := realSystemd(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := s.StartTransient(ctx, host.Transient{Name: "hostctl-slow.service", Properties: []host.Property{
		{Name: "Type", Value: "notify"},
		{Name: "CollectMode", Value: "inactive-or-failed"},
		{Name: "ExecStart", Value: []host.Command{{Path: "/bin/sleep", Args: []string{"sleep", "60"}}}},
	}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("start that does not end: %v, want the deadline", err)
	}
	if err := s.Remove(t.Context(), "hostctl-slow.service"); err != nil {
		t.Error(err)
	}
}

func TestRealHostileEnvironment(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
	if _, err := realSystemd(t).List(t.Context(), "*.slice"); err != nil {
		t.Error(err)
	}
}

func TestRealLostConnection(t *testing.T) {
	s := realSystemd(t)
	failed := make(chan error)
	go func() {
		failed <- s.StartTransient(context.Background(), host.Transient{Name: "hostctl-lost.service", Properties: []host.Property{
			{Name: "Type", Value: "notify"},
			{Name: "CollectMode", Value: "inactive-or-failed"},
			{Name: "ExecStart", Value: []host.Command{{Path: "/bin/sleep", Args: []string{"sleep", "60"}}}},
		}})
	}()
	other := realSystemd(t)
	for {
		units, err := other.List(t.Context(), "hostctl-lost.service")
		if err != nil {
			t.Fatal(err)
		}
		if len(units) == 1 {
			break
		}
	}
	s.Close()
	if err := <-failed; !errors.Is(err, host.ErrSystemdLost) {
		t.Errorf("start whose connection is lost: %v, want ErrSystemdLost", err)
	}
	if err := other.Remove(t.Context(), "hostctl-lost.service"); err != nil {
		t.Error(err)
	}
}

func TestRealJournal(t *testing.T) {
	s := realSystemd(t)
	const unit = "hostctl-log.service"
	err := s.StartTransient(t.Context(), host.Transient{Name: unit, Properties: []host.Property{
		{Name: "Type", Value: "exec"},
		{Name: "SyslogIdentifier", Value: "log"},
		{Name: "ExecStart", Value: []host.Command{{Path: "/bin/sh", Args: []string{"sh", "-c", `printf 'one\n\033bin\n'; exec sleep 60`}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	err = host.Journal(ctx, host.JournalQuery{Units: []string{unit}, Lines: -1, Follow: true}, func(e host.Entry) bool {
		if e.Manager {
			return true
		}
		got = append(got, string(e.Message))
		if e.Unit != unit || e.Time.IsZero() || len(e.Invocation) != 32 {
			t.Errorf("entry %+v", e)
		}
		return len(got) < 2
	})
	if err != nil || strings.Join(got, "|") != "one|\033bin" {
		t.Errorf("journal: %q, %v", got, err)
	}
	if err := s.Remove(t.Context(), unit); err != nil {
		t.Error(err)
	}
}

func skip(t *testing.T, ability string) {
	t.Helper()
	if os.Getenv("HOSTCTL_TEST_NO_SKIP") == "1" {
		t.Fatal(ability)
	}
	t.Skip(ability)
}
