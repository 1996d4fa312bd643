package runtime

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPulse(t *testing.T) {
	const s = time.Second
	h := Health{Interval: 10e6, Timeout: 2e6, Retries: 3}
	period := h
	period.StartPeriod = 60e6
	type result struct {
		at   time.Duration
		ok   bool
		want string
	}
	for name, c := range map[string]struct {
		health  Health
		results []result
	}{
		"well at once": {h, []result{{0, true, Healthy}}},
		"three failures in a row": {h, []result{{0, true, Healthy}, {10 * s, false, Healthy}, {20 * s, false, Healthy}, {30 * s, false, Unhealthy},
			{40 * s, true, Healthy}, {50 * s, false, Healthy}}},
		"not in a row": {h, []result{{0, true, Healthy}, {10 * s, false, Healthy}, {20 * s, false, Healthy}, {30 * s, true, Healthy}, {40 * s, false, Healthy}, {50 * s, false, Healthy}}},
		// Who starts is asked often, and has as long as anybody.
		"a slow start": {h, []result{{0, false, Starting}, {1 * s, false, Starting}, {2 * s, false, Starting}, {19 * s, false, Starting}, {20 * s, false, Unhealthy}, {21 * s, true, Healthy}}},
		"start period": {period, []result{{0, false, Starting}, {59 * s, false, Starting}, {61 * s, false, Starting}, {81 * s, false, Unhealthy}}},
		"well in it":   {period, []result{{1 * s, true, Healthy}, {2 * s, false, Healthy}, {22 * s, false, Unhealthy}}},
		"one try":      {Health{Interval: 1e6, Retries: 1}, []result{{0, false, Unhealthy}}},
	} {
		p := newPulse(&c.health, 100*s)
		for _, r := range c.results {
			if got := p.took(r.ok, 100*s+r.at); got != r.want {
				t.Errorf("%s: after %s it is %s, want %s", name, r.at, got, r.want)
			}
		}
	}
	p, paces := newPulse(&h, 0), ""
	for range 6 {
		paces += p.next().String() + " "
	}
	p.took(true, 0)
	if paces += p.next().String(); paces != "100ms 200ms 400ms 800ms 1s 1s 10s" {
		t.Error(paces)
	}
}

func TestJudge(t *testing.T) {
	for line, want := range map[string]string{
		"HTTP/1.1 200": "", "HTTP/1.0 204": "", "HTTP/1.1 399": "", "HTTP/1.1 404": "HTTP status 404", "HTTP/1.1 503": "HTTP status 503", "HTTP/1.1 199": "HTTP status 199",
		"HTTP/1.1 2x0": "the answer is no HTTP", "HTTP/2.0 200": "the answer is no HTTP", "SSH-2.0-Open": "the answer is no HTTP", "HTTP/1.1_200": "the answer is no HTTP",
	} {
		if got := judge(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestLastLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"\n\n", ""}, {"a", "a"}, {"a\nb\n", "b"}, {"a\n \x1b[31mb\u202e\n\n", "?[31mb?"}, {strings.Repeat("x", 1000) + "\nend", "end"},
		{strings.Repeat("y", 1000), strings.Repeat("y", maxWhy)}, {"\xff", "?"},
	} {
		for _, size := range []int{1, 7, 4096} {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			w.WriteString(c.text)
			w.Close()
			var l lastLine
			for l.read(int(r.Fd()), make([]byte, size)) {
			}
			r.Close()
			if got := l.String(); got != c.want {
				t.Errorf("%.20q by %d bytes: %q, want %q", c.text, size, got, c.want)
			}
		}
	}
}

// healthy is a spec whose health is asked every 100 ms.
func (b *bed) healthy(h Health, script string) Spec {
	return b.spec(func(s *Spec) {
		s.Init, s.Health = true, &h
		if h.Interval == 0 {
			h.Interval = 100e3
		}
		if h.Timeout == 0 {
			h.Timeout = 2e6
		}
		if h.Retries == 0 {
			h.Retries = 2
		}
		s.Args = []string{"sh", "-c", script}
	})
}

// says waits until systemd is told something that matches, and returns all that it was told since the last time.
func (st *started) says(pattern string) string {
	st.t.Helper()
	want, said := regexp.MustCompile(pattern), ""
	for range 1000 {
		for _, m := range append(st.messages, st.drain()...) {
			if m.pid == st.pid() {
				said += m.text + "\n"
			}
		}
		st.messages = st.messages[:min(len(st.messages), 1)] // MAINPID=
		if want.MatchString(said) {
			return said
		}
		time.Sleep(5 * time.Millisecond)
	}
	unix.Kill(st.pid(), unix.SIGKILL)
	o := st.end()
	st.t.Logf("%s%s", o.line, o.out)
	st.t.Fatalf("systemd is told\n%s, want %s", said, pattern)
	return ""
}

// begun waits for the payload's first line: from then on its traps are set.
func (st *started) begun() {
	st.t.Helper()
	for b := []byte{0}; b[0] != '\n'; {
		if _, err := st.out.Read(b); err != nil {
			st.t.Fatal("the payload says nothing: ", err)
		}
	}
}

func (st *started) kill() {
	st.must(unix.Kill(st.pid(), unix.SIGKILL))
	st.end()
}

const sleeping = "trap 'exit 0' TERM; while :; do sleep 0.05; done"

// Each kind of probe: who starts is not ready until it is well, falls ill, and is well again.
func TestHealth(t *testing.T) {
	for name, c := range map[string]struct {
		health   Health
		up, down string // what the payload does for it
		unwell   string
	}{
		"exec": {Health{Exec: []string{"sh", "-c", "cat /tmp/well || { echo 'no \x1b[1mcat' >&2; exit 3; }"}}, "echo > /tmp/well", "rm /tmp/well", `exit status 3: no \?\[1mcat`},
		"tcp":  {Health{Address: "7f0000011f90"}, "probe serve 127.0.0.1:8080 200 & p=$!", "kill $p; wait $p", "connect: connection refused"},
		"http": {Health{Address: "00000000000000000000000000000001" + "1f90", URL: "http://[::1]:8080/healthz?a=b"}, "probe serve [::1]:8080 204 & p=$!", "kill $p; wait $p; probe serve [::1]:8080 503 & p=$!", "HTTP status 503"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			// It is told by a signal: what it does is then over before the next probe, or is what the one after it finds.
			st := b.launch(b.healthy(c.health, "trap '"+c.up+"' USR1; trap '"+c.down+"' USR2; trap 'kill -TERM $p; exit 0' TERM; echo; while :; do sleep 0.05; done"), nil, nil)
			st.begun()
			if said := st.says("STATUS=starting: "); strings.Contains(said, "READY") {
				t.Errorf("ready before it is well: %s", said)
			}
			st.must(unix.Kill(st.pid(), unix.SIGUSR1))
			st.says(`READY=1\nSTATUS=healthy\n`)
			st.must(unix.Kill(st.pid(), unix.SIGUSR2))
			if said := st.says("STATUS=unhealthy: " + c.unwell + "\n"); strings.Contains(said, "READY") {
				t.Errorf("ready again: %s", said)
			}
			if c.unwell != "HTTP status 503" {
				st.must(unix.Kill(st.pid(), unix.SIGUSR1))
				st.says("STATUS=healthy\n")
			}
			st.kill()
		})
	}
}

// What a program can do as the probe of its own health harms nobody but itself.
func TestHealthHostile(t *testing.T) {
	for name, c := range map[string]struct{ probe, want string }{
		"hangs":             {"echo stuck; sleep 1000", "it takes longer than 300ms: stuck"},
		"ignores TERM":      {"trap '' TERM INT HUP; while :; do sleep 0.01; done", "it takes longer than 300ms"},
		"dies":              {"kill -ABRT $$", "signal 6"},
		"prints megabytes":  {"cat /dev/zero | head -c 50000000; echo; exit 4", "exit status 4"},
		"never ends to":     {"while :; do echo noise; done", "it takes longer than 300ms: noise"},
		"leaves a writer":   {"(while :; do echo left; done) & exit 5", "exit status 5"},
		"kills its parent":  {"kill -9 1; kill -STOP 1; exit 6", "exit status 6"},
		"speaks to systemd": {"probe notify READY=1 STATUS=healthy; exit 7", "exit status 7: notify: .*"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			s := b.healthy(Health{Exec: []string{"sh", "-c", c.probe}, Timeout: 300e3, Retries: 1}, sleeping)
			if name == "prints megabytes" || name == "leaves a writer" {
				s.Health.Timeout = 20e6
			}
			st := b.launch(s, nil, nil)
			said := st.says("STATUS=unhealthy: " + c.want)
			if strings.Contains(said, "READY") || strings.Contains(said, "STATUS=healthy") {
				t.Errorf("%s", said)
			}
			time.Sleep(300 * time.Millisecond)
			out, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", st.pid(), st.pid()))
			if n := len(strings.Fields(string(out))); n > 3 {
				t.Errorf("%d children are left", n)
			}
			st.kill()
		})
	}
}

// An unhealthy payload is killed where it is to be started again, and its end is the container's.
func TestHealthRestart(t *testing.T) {
	b := newBed(t)
	s := b.healthy(Health{Exec: []string{"cat", "/tmp/well"}, Restart: true}, "echo > /tmp/well; sleep 0.5; rm /tmp/well; trap '' TERM; while :; do sleep 0.05; done")
	st := b.launch(s, nil, nil)
	st.says("STATUS=healthy\n")
	o := st.end()
	if o.payload == nil || o.payload.ExitStatus() != 128+int(unix.SIGKILL) {
		t.Errorf("it ended %+v: %s", o.payload, o.line)
	}
}

// What the program says of itself comes behind its health, which it cannot say; that it is ready waits for both.
func TestHealthAndNotify(t *testing.T) {
	b := newBed(t)
	s := b.healthy(Health{Exec: []string{"cat", "/tmp/well"}}, "probe notify READY=1 'STATUS=healthy, I say'; sleep 0.3; echo > /tmp/well; "+sleeping)
	s.Notify = true
	st := b.launch(s, nil, nil)
	if said := st.says("STATUS=starting: [^;]*; healthy, I say"); strings.Contains(said, "READY") {
		t.Error(said)
	}
	st.says("READY=1\nSTATUS=healthy; healthy, I say\n")
	st.kill()

	// Without a health block nobody is healthy.
	s = b.spec(func(s *Spec) {
		s.Init, s.Notify = true, true
		s.Args = []string{"sh", "-c", "probe notify READY=1 STATUS=healthy; " + sleeping}
	})
	st = b.launch(s, nil, nil)
	st.says("STATUS=it says healthy\n")
	st.kill()

	s = b.healthy(Health{Notify: true}, "sleep 0.3; probe notify READY=1; "+sleeping)
	s.Notify = true
	st = b.launch(s, nil, nil)
	if said := st.says("STATUS=starting\n"); strings.Contains(said, "READY") {
		t.Error(said)
	}
	st.says("READY=1\nSTATUS=healthy\n")
	st.kill()
}

// The hooks run inside: one before the payload is ready, which fails the start, one before its end.
func TestHooks(t *testing.T) {
	b := newBed(t)
	s := b.spec(func(s *Spec) {
		s.Init = true
		s.PostStart = &Hook{[]string{"sh", "-c", "sleep 0.2; echo started > /tmp/log"}, 5e6}
		s.PreStop, s.StopSignal = &Hook{[]string{"sh", "-c", "sleep 0.2; echo stopping >> /tmp/log"}, 5e6}, uint64(unix.SIGTERM)
		s.Args = []string{"sh", "-c", "trap 'cat /tmp/log; exit 0' TERM; while :; do sleep 0.05; done"}
	})
	st := b.launch(s, nil, nil)
	st.says("^READY=1\n$")
	st.must(unix.Kill(st.pid(), unix.SIGTERM))
	if o := st.end(); o.out != "started\nstopping\n" || o.payload.ExitStatus() != 0 {
		t.Errorf("%q %#x %s", o.out, *o.payload, o.line)
	}

	s.PostStart.Exec = []string{"sh", "-c", "echo not today; exit 9"}
	st = b.launch(s, nil, nil)
	if o := st.end(); o.payload.ExitStatus() != 1 {
		t.Errorf("%+v %s", o.payload, o.line)
	}
	for _, m := range b.drain() {
		if strings.Contains(m.text, "READY") {
			t.Errorf("ready: %q", m.text)
		}
	}

	s.PostStart = &Hook{[]string{"nosuchprogram"}, 5e6}
	if o := b.run(s); o.code != ExitExec || !strings.Contains(o.line, "faccessat(the program of health, post_start or pre_stop, X_OK): ENOENT") {
		t.Errorf("%d %s", o.code, o.line)
	}

	// One that takes too long, and one that is stopped meanwhile: the payload gets its signal all the same.
	s.PostStart, s.PreStop.Exec, s.PreStop.Timeout = nil, []string{"sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"}, 300e3
	s.Args = []string{"sh", "-c", "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.05; done"}
	st = b.launch(s, nil, nil)
	readLine(t, st.out, "up\n")
	st.must(unix.Kill(st.pid(), unix.SIGTERM))
	if o := st.end(); o.out != "told\n" || o.payload.ExitStatus() != 0 {
		t.Errorf("%q %#x %s", o.out, *o.payload, o.line)
	}
}

// The init stays small with all of its duties, after a thousand probes too, and closes what it opens.
func TestHealthIsSmall(t *testing.T) {
	b := newBed(t)
	s := b.healthy(Health{Exec: []string{"true"}, Interval: 1e3}, "echo up; "+sleeping)
	s.PreStop, s.StopSignal = &Hook{[]string{"true"}, 5e6}, uint64(unix.SIGTERM)
	st := b.launch(s, nil, nil)
	st.says("STATUS=healthy\n")
	fds := func() int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", st.pid()))
		st.must(err)
		return len(list)
	}
	before := fds()
	time.Sleep(3 * time.Second)
	if after := fds(); after > before+2 {
		t.Errorf("%d descriptors, and %d before", after, before)
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", st.pid()))
	st.must(err)
	var kib int
	fmt.Sscanf(regexp.MustCompile(`Anonymous: +\d+`).FindString(string(rollup)), "Anonymous: %d", &kib)
	t.Logf("the init has %d KiB of anonymous memory", kib)
	if kib == 0 || kib > 716 {
		t.Errorf("the init has %d KiB of anonymous memory, at most 716 are wanted", kib)
	}
	st.kill()
}

func TestHealthWord(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "serving": "", "healthy": Healthy, "healthy; serving": Healthy, "unhealthy: exit status 1": Unhealthy, "starting: x; y": Starting,
		"healthyish": "", "it says healthy": "", "healthy, I say": "",
	} {
		if got := HealthWord(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
