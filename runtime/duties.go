package runtime

import (
	"encoding/hex"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Duties are what the init does for the payload beside reaping. The zero value is nothing. They need the init.
type Duties struct {
	// Health is how the payload is asked whether it is well; nil asks nothing. It is ready when it first is.
	Health *Health `json:"health,omitempty"`
	// PostStart is run once the payload's exec has succeeded, before it can be ready. Where it fails the start does.
	PostStart *Hook `json:"post_start,omitempty"`
	// PreStop is run before the payload gets StopSignal, however it ends.
	PreStop *Hook `json:"pre_stop,omitempty"`
	// StopSignal is the signal by number that asks for the end; 0 without PreStop, and only then.
	StopSignal uint64 `json:"stop_signal,omitempty"`
}

// Health is how a payload is asked whether it is well: by exactly one of Exec, Address and Notify. Times are microseconds and not 0.
type Health struct {
	Exec []string `json:"exec,omitempty"` // a command inside, with the payload's privileges; status 0 is well
	// Address is where a connection is made from inside, which is well: 4 or 16 bytes of an IP address and 2 of a port, in hexadecimal
	// and in the network's order.
	Address string `json:"address,omitempty"`
	// URL is what is asked for through the connection, http://HOST/PATH: then an answer with a status from 200 to 399 is well.
	URL string `json:"url,omitempty"`
	// Notify asks nothing: READY=1 of the payload's own is well. It needs Spec.Notify.
	Notify bool `json:"notify,omitempty"`

	Interval    uint64 `json:"interval"`               // between the end of a probe and the next
	Timeout     uint64 `json:"timeout"`                // of a probe, which is then killed
	Retries     uint64 `json:"retries"`                // failures in a row that are ill health
	StartPeriod uint64 `json:"start_period,omitempty"` // from the start on, in which failures before the first success do not count; 0 is none
	// Restart kills a payload of ill health by SIGKILL, so that systemd starts it again where the unit says so.
	Restart bool `json:"restart,omitempty"`
}

// Hook is a command that is run inside with the payload's privileges, for at most Timeout microseconds.
type Hook struct {
	Exec    []string `json:"exec"`
	Timeout uint64   `json:"timeout"`
}

// initTells says that the init tells systemd when the payload is ready, and not the launcher.
func (s Spec) initTells() bool { return s.Notify || s.Health != nil || s.PostStart != nil }

// target is where the probe connects: 4 or 16 bytes of address, and a port. nil is nowhere.
func (h *Health) target() (ip []byte, port int) {
	b, err := hex.DecodeString(h.Address)
	if err != nil || len(b) != 6 && len(b) != 18 {
		return nil, 0
	}
	n := len(b) - 2
	return b[:n], int(b[n])<<8 | int(b[n+1])
}

// request is the GET of URL; "" where it is none.
func (h *Health) request() string {
	rest, ok := strings.CutPrefix(h.URL, "http://")
	host, path, _ := strings.Cut(rest, "/")
	if !ok || host == "" || !plain(rest) || strings.Contains(rest, " ") {
		return ""
	}
	return "GET /" + path + " HTTP/1.0\r\nHost: " + host + "\r\nUser-Agent: hostctl\r\n\r\n"
}

func (s Spec) validateDuties(bad func(field, what string)) {
	d := s.Duties
	if d == (Duties{}) {
		return
	}
	if !s.Init {
		bad("health, post_start, pre_stop", "need the init")
	}
	hook := func(field string, h *Hook) {
		if h != nil {
			validCommand(field, h.Exec, bad)
			validTime(field+" timeout", h.Timeout, bad)
		}
	}
	hook("post_start", d.PostStart)
	hook("pre_stop", d.PreStop)
	if (d.PreStop != nil) != (d.StopSignal != 0) || d.StopSignal > 64 || d.StopSignal == uint64(unix.SIGKILL) || d.StopSignal == uint64(unix.SIGSTOP) {
		bad("stop_signal", strconv.FormatUint(d.StopSignal, 10)+" goes with pre_stop, and is a signal that can be caught")
	}
	h := d.Health
	if h == nil {
		return
	}
	ways := 0
	for _, set := range []bool{len(h.Exec) > 0, h.Address != "", h.Notify} {
		if set {
			ways++
		}
	}
	if ways != 1 || h.Notify && !s.Notify {
		bad("health", "is one of exec, address and notify, the last beside the payload's own notify")
	}
	if len(h.Exec) > 0 {
		validCommand("health", h.Exec, bad)
	}
	if ip, port := h.target(); h.Address != "" && (ip == nil || port == 0) || h.URL != "" && (h.Address == "" || h.request() == "") {
		bad("health", "address is no address and port, or url no URL of http there")
	}
	validTime("health interval", h.Interval, bad)
	validTime("health timeout", h.Timeout, bad)
	if h.Retries < 1 || h.Retries > 1000 || h.StartPeriod > maxTime {
		bad("health", "retries are 1 to 1000, and a start_period is at most a day")
	}
}

const maxTime = 86400e6 // a day, in microseconds

func validTime(field string, usec uint64, bad func(field, what string)) {
	if usec < 1000 || usec > maxTime {
		bad(field, strconv.FormatUint(usec, 10)+" is not 1 ms to a day, in microseconds")
	}
}

func validCommand(field string, args []string, bad func(field, what string)) {
	if len(args) == 0 || args[0] == "" || strings.Contains(args[0], "/") && args[0][0] != '/' {
		bad(field, "names no command by an absolute path or a name to look up in PATH")
	}
	for _, a := range args {
		if !bytesOK(a) {
			bad(field, "holds NUL or is not valid UTF-8")
		}
	}
}

// String is the end of what a plan says of the init; "" for none.
func (d Duties) String() string {
	text := ""
	if d.PostStart != nil {
		text += ", which then runs " + strconv.Quote(d.PostStart.Exec[0])
	}
	if h := d.Health; h != nil {
		switch {
		case len(h.Exec) > 0:
			text += ", whose health is " + strconv.Quote(h.Exec[0])
		case h.Notify:
			text += ", whose health is what it says"
		default:
			text += ", whose health is " + h.URL + " at " + h.Address
		}
	}
	if d.PreStop != nil {
		text += ", and before its end " + strconv.Quote(d.PreStop.Exec[0])
	}
	return text
}

// encode writes the duties for the init's arguments; "" is none.
func (d Duties) encode() string {
	if d == (Duties{}) {
		return ""
	}
	w := &writer{first: true}
	w.open('{')
	w.duties(d)
	w.close('}')
	return string(w.out)
}

func decodeDuties(text string) (d Duties, err error) {
	if text == "" {
		return d, nil
	}
	r := &reader{data: []byte(text)}
	r.object(func(key string) bool { return r.duty(&d, key) })
	r.end()
	return d, r.err
}

func (w *writer) duties(d Duties) {
	if h := d.Health; h != nil {
		w.key("health")
		w.open('{')
		if len(h.Exec) > 0 {
			w.strs("exec", h.Exec)
		}
		w.optional("address", h.Address)
		w.optional("url", h.URL)
		if h.Notify {
			w.flag("notify", true)
		}
		w.uint("interval", h.Interval)
		w.uint("timeout", h.Timeout)
		w.uint("retries", h.Retries)
		if h.StartPeriod != 0 {
			w.uint("start_period", h.StartPeriod)
		}
		if h.Restart {
			w.flag("restart", true)
		}
		w.close('}')
	}
	w.hook("post_start", d.PostStart)
	w.hook("pre_stop", d.PreStop)
	if d.StopSignal != 0 {
		w.uint("stop_signal", d.StopSignal)
	}
}

func (w *writer) hook(key string, h *Hook) {
	if h != nil {
		w.key(key)
		w.open('{')
		w.strs("exec", h.Exec)
		w.uint("timeout", h.Timeout)
		w.close('}')
	}
}

// duty reads the value of a key of Duties, and says whether it is one.
func (r *reader) duty(d *Duties, key string) bool {
	switch key {
	case "health":
		d.Health = r.health()
	case "post_start":
		d.PostStart = r.hook()
	case "pre_stop":
		d.PreStop = r.hook()
	case "stop_signal":
		d.StopSignal = r.uint(63)
	default:
		return false
	}
	return true
}

func (r *reader) health() *Health {
	h := new(Health)
	r.object(func(key string) bool {
		switch key {
		case "exec":
			h.Exec = r.strs()
		case "address":
			h.Address = r.str()
		case "url":
			h.URL = r.str()
		case "notify":
			h.Notify = r.boolean()
		case "interval":
			h.Interval = r.uint(63)
		case "timeout":
			h.Timeout = r.uint(63)
		case "retries":
			h.Retries = r.uint(63)
		case "start_period":
			h.StartPeriod = r.uint(63)
		case "restart":
			h.Restart = r.boolean()
		default:
			return false
		}
		return true
	})
	return h
}

func (r *reader) hook() *Hook {
	h := new(Hook)
	r.object(func(key string) bool {
		switch key {
		case "exec":
			h.Exec = r.strs()
		case "timeout":
			h.Timeout = r.uint(63)
		default:
			return false
		}
		return true
	})
	return h
}
