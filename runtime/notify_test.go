package runtime

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFilterNotify(t *testing.T) {
	for message, want := range map[string]string{
		"READY=1":                        "READY=1\n",
		"READY=1\nSTATUS=up":             "READY=1\nSTATUS=up\n",
		"RELOADING=1\nMONOTONIC_USEC=12": "RELOADING=1\nMONOTONIC_USEC=12\n",
		"STOPPING=1\nWATCHDOG=1\n":       "STOPPING=1\nWATCHDOG=1\n",
		"MAINPID=1\nREADY=1":             "READY=1\n",
		"READY=2":                        "",
		"READY=1=1":                      "",
		"FDSTORE=1\nFDNAME=x":            "",
		"BARRIER=1":                      "",
		"WATCHDOG=trigger":               "",
		"WATCHDOG_USEC=1":                "",
		"NOTIFYACCESS=all":               "",
		"EXTEND_TIMEOUT_USEC=99999999":   "",
		"BUSERROR=x\nERRNO=1":            "",
		"MONOTONIC_USEC=-1":              "",
		"":                               "",
		"=1":                             "",
		"STATUS=a\x1b[0m\x00\r\u202eb":   "STATUS=a?[0m???b\n",
		"STATUS=\xff\xfe":                "STATUS=\ufffd\ufffd\n",
	} {
		if got := filterNotify([]byte(message)); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

// Nothing but the known words comes through, each on its line, and what does come through comes through again as it is.
func FuzzFilterNotify(f *testing.F) {
	for _, s := range []string{"READY=1\nSTATUS=x", "MAINPID=1", "STATUS=a\nMAINPID=2\nREADY=1", "\xff=\n\n=", "STATUS=" + strings.Repeat("ü", 200)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		out := filterNotify(message)
		if !utf8.ValidString(out) || len(out) > len(message)*3+1 {
			t.Fatalf("%q", out)
		}
		for line := range strings.Lines(out) {
			name, _, _ := strings.Cut(line, "=")
			if !strings.Contains(" READY RELOADING STOPPING STATUS WATCHDOG MONOTONIC_USEC ", " "+name+" ") {
				t.Fatalf("%q", line)
			}
		}
		if again := filterNotify([]byte(out)); again != out {
			t.Fatalf("%q, again %q", out, again)
		}
	})
}

// The payload's words come from the container's first process, whom systemd listens to, and only those that it may say. The launcher says
// none in its stead.
func TestNotify(t *testing.T) {
	b := newBed(t)
	st := b.launch(b.spec(func(s *Spec) {
		s.Init, s.Notify, s.Watchdog, s.User = true, true, 30e6, "www"
		s.Args = []string{"sh", "-c", "probe notify READY=1 MAINPID=1 'STATUS=a\x1b[0mb' BARRIER=1 FDSTORE=1 WATCHDOG=1; echo $NOTIFY_SOCKET $WATCHDOG_USEC; sleep 0.2; ls /proc/1/fd 2>&1"}
	}), nil, nil)
	for _, m := range st.messages {
		if strings.Contains(m.text, "READY") && m.pid != st.pid() {
			t.Errorf("the launcher says %q", m.text)
		}
	}
	o := st.end()
	if !strings.Contains(o.out, "notify: <nil>\n/dev/notify 30000000\n") || !strings.Contains(o.out, "ermission denied") {
		t.Errorf("%s%s", o.out, o.line)
	}
	var said []string
	for _, m := range append(o.messages, b.drain()...) {
		if strings.HasPrefix(m.text, "MAINPID=") && m.pid != st.pid() {
			continue // the launcher's
		}
		if m.pid != st.pid() {
			t.Errorf("%q comes from %d, not from the main process %d", m.text, m.pid, st.pid())
		}
		said = append(said, m.text)
	}
	if got := strings.Join(said, "|"); got != "READY=1|STATUS=a?[0mb|WATCHDOG=1" {
		t.Errorf("systemd is told %q", got)
	}
}

// A payload that never stops talking waits for the init, which does its other work meanwhile.
func TestNotifyFlood(t *testing.T) {
	b := newBed(t)
	o := b.run(b.spec(func(s *Spec) {
		s.Init, s.Notify = true, true
		s.Args = []string{"sh", "-c", "(while :; do probe notify WATCHDOG=1 WATCHDOG=1 WATCHDOG=1 WATCHDOG=1; done) > /dev/null & (while :; do probe notify MAINPID=1; done) > /dev/null & " +
			"for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.01 &); done; sleep 0.3; exit 5"}
	}))
	if o.payload == nil || o.payload.ExitStatus() != 5 {
		t.Errorf("%+v %s", o.payload, o.line)
	}
	b.drain()
}
