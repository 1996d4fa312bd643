package container

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// Health is how a program is asked whether it is well: by one of exec, http, tcp and notify. The container's tiny init asks, so that no
// daemon runs for it, and tells systemd, whose status shows it. The container is ready, and what depends on it goes on, when it is first well.
type Health struct {
	// Exec is run inside, as the program's user and confined as it is, such as ["pg_isready"]; a status of 0 is well.
	Exec []string `json:"exec,omitempty" diff:"restart" attr:"text"`
	// HTTP is asked for from inside, such as "http://127.0.0.1:8080/healthz"; an answer with a status from 200 to 399 is well.
	HTTP string `json:"http,omitempty" diff:"restart"`
	// TCP is connected to from inside, such as "127.0.0.1:5432"; a connection is well.
	TCP string `json:"tcp,omitempty" diff:"restart"`
	// Notify takes the program's own word for it: READY, and with watchdog that it goes on saying WATCHDOG. It needs notify.
	Notify bool `json:"notify,omitempty" diff:"restart"`
	// Interval is the pause between two probes; "10s" when unset. Until the program is first well it is asked more often.
	Interval resource.Duration `json:"interval,omitempty" diff:"restart"`
	// Timeout is how long a probe may take before it is killed and has failed; "2s" when unset.
	Timeout resource.Duration `json:"timeout,omitempty" diff:"restart"`
	// Retries is for how many probes in a row, an interval apart, it fails before it is unhealthy; 3 when unset.
	Retries uint64 `json:"retries,omitempty" diff:"restart"`
	// StartPeriod is how long from its start on, while it has not been well yet, failures do not count; unset, they do at once.
	StartPeriod resource.Duration `json:"start_period,omitempty" diff:"restart"`
	// Restart kills an unhealthy program, by KILL, so that it is started again as restart says; else its health is only shown.
	Restart bool `json:"restart,omitempty" diff:"restart"`
}

// PostStart is a command that is run when the program has started, before it is ready.
type PostStart struct {
	// Exec is run inside, as the program's user and confined as it is. Where it fails, the start does.
	Exec []string `json:"exec,omitempty" diff:"restart" attr:"text"`
	// Timeout is how long it may take before it is killed and has failed; "30s" when unset.
	Timeout resource.Duration `json:"timeout,omitempty" diff:"restart"`
}

// PreStop is a command that is run when the program is to stop, before it gets its stop_signal.
type PreStop struct {
	// Exec is run inside, as the program's user and confined as it is. However it ends, the program is stopped.
	Exec []string `json:"exec,omitempty" diff:"restart" attr:"text"`
	// Timeout is how long it may take before it is killed: less than stop_timeout, which counts all of the stop, and half of that when unset.
	Timeout resource.Duration `json:"timeout,omitempty" diff:"restart"`
}

func (h *Health) declared() bool {
	return len(h.Exec) > 0 || h.HTTP != "" || h.TCP != "" || h.Notify || h.Interval != 0 || h.Timeout != 0 || h.Retries != 0 || h.StartPeriod != 0 || h.Restart
}

func (p *PostStart) declared() bool { return len(p.Exec) > 0 || p.Timeout != 0 }
func (p *PreStop) declared() bool   { return len(p.Exec) > 0 || p.Timeout != 0 }

func (c *Container) validateHealth(v *validator) {
	for _, block := range []struct {
		path string
		set  bool
	}{{"health", c.Health.declared()}, {"post_start", c.PostStart.declared()}, {"pre_stop", c.PreStop.declared()}} {
		switch {
		case !block.set:
		case c.Boot:
			v.bad(block.path, fmt.Sprintf("a whole system has no %s", block.path), "its own init looks after its services; take it away, or boot = true")
		case c.Job:
			v.bad(block.path, fmt.Sprintf("a job has no %s", block.path), "it runs to its end; take it away, or job = true")
		case !c.Init:
			v.bad(block.path, "the tiny init does that, and there is none", "take init = false away, or "+block.path)
		case slices.Contains(c.Capabilities, "sys_ptrace"):
			v.bad(block.path, "with sys_ptrace the program could be the init that asks after it", "take sys_ptrace away, or "+block.path)
		}
	}
	hook := func(path string, exec []string, timeout, most resource.Duration) {
		validateExec(v, path, exec)
		if timeout != 0 && (timeout < 1e6 || timeout >= most) {
			v.bad(path+".timeout", fmt.Sprintf("%s is out of range", timeout), fmt.Sprintf("from 1ms to below %s", most))
		}
	}
	if c.PostStart.declared() {
		hook("post_start", c.PostStart.Exec, c.PostStart.Timeout, 86400e9)
	}
	if c.PreStop.declared() {
		hook("pre_stop", c.PreStop.Exec, c.PreStop.Timeout, c.StopTimeout)
	}
	h := &c.Health
	if !h.declared() {
		return
	}
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{{"exec", len(h.Exec) > 0}, {"http", h.HTTP != ""}, {"tcp", h.TCP != ""}, {"notify", h.Notify}} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) == 0:
		v.bad("health", "nothing says how the program is asked", `write exec = ["COMMAND"], http = "http://127.0.0.1:8080/", tcp = "127.0.0.1:5432", or notify = true`)
	case len(ways) > 1:
		v.bad("health", fmt.Sprintf("%s are two ways to ask", strings.Join(ways[:2], " and ")), "keep one of them")
	}
	if len(h.Exec) > 0 {
		validateExec(v, "health", h.Exec)
	}
	for _, at := range []struct{ path, text string }{{"health.http", h.HTTP}, {"health.tcp", h.TCP}} {
		if at.text == "" {
			continue
		}
		if _, err := h.address(); err != nil {
			v.bad(at.path, fmt.Sprintf("%q cannot be asked", at.text), err.Error())
		}
	}
	if h.Notify && !c.Notify {
		v.bad("health.notify", "the program says nothing of itself", "write notify = true beside the health block too, or ask it by exec, http or tcp")
	}
	for _, d := range []struct {
		path  string
		value resource.Duration
		low   resource.Duration
	}{{"health.interval", h.Interval, 100e6}, {"health.timeout", h.Timeout, 1e6}, {"health.start_period", h.StartPeriod, 1e6}} {
		if d.value != 0 && (d.value < d.low || d.value > 86400e9) {
			v.bad(d.path, fmt.Sprintf("%s is out of range", d.value), fmt.Sprintf("from %s to 24h", d.low))
		}
	}
	if h.Retries > 1000 {
		v.bad("health.retries", fmt.Sprintf("%d is out of range", h.Retries), "from 1 to 1000")
	}
}

// validateExec checks a command that is run inside beside the program.
func validateExec(v *validator, path string, exec []string) {
	switch {
	case len(exec) == 0 || exec[0] == "":
		v.bad(path+".exec", "the command is empty", `write the program and its arguments, such as ["/bin/warm-up", "-q"]`)
	case strings.Contains(exec[0], "/") && !strings.HasPrefix(exec[0], "/"):
		v.bad(path+".exec", fmt.Sprintf("%q is a relative path", exec[0]), "write an absolute path inside the container, or a bare name to be found in PATH")
	}
	size := 0
	for i, arg := range exec {
		if size += len(arg) + 1; strings.ContainsRune(arg, 0) || !utf8.ValidString(arg) {
			v.bad(path+".exec", fmt.Sprintf("element %d holds a NUL byte or is not valid UTF-8", i), "")
		}
	}
	// The init has all commands among its own arguments, as one.
	if size > maxArg/8 {
		v.bad(path+".exec", fmt.Sprintf("the command has %d bytes", size), fmt.Sprintf("at most %d are taken; put a long one into a file", maxArg/8))
	}
}

// address is where http or tcp is.
func (h *Health) address() (netip.AddrPort, error) {
	host := h.TCP
	if h.HTTP != "" {
		u, err := url.Parse(h.HTTP)
		switch {
		case err != nil || u.Host == "":
			return netip.AddrPort{}, errors.New("write it as http://127.0.0.1:8080/PATH")
		case u.Scheme == "https":
			return netip.AddrPort{}, errors.New("the init speaks no TLS; ask by http, or run a command that does by exec")
		case u.Scheme != "http" || u.User != nil || u.Fragment != "" || strings.ContainsAny(h.HTTP, " #"):
			return netip.AddrPort{}, errors.New("write it as http://127.0.0.1:8080/PATH, without a user, spaces and a fragment")
		case len(h.HTTP) > 1024:
			return netip.AddrPort{}, errors.New("it is longer than 1024 bytes")
		}
		if host = u.Host; u.Port() == "" {
			host += ":80"
		}
	}
	at, err := netip.ParseAddrPort(host)
	if err != nil || at.Port() == 0 || at.Addr().Zone() != "" {
		return at, errors.New("an IP address and a port are wanted, such as 127.0.0.1:8080 or [::1]:8080: names are not looked up")
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

// or is the value, or what stands for one that is unset.
func or[T comparable](value, unset T) T {
	if value == *new(T) {
		return unset
	}
	return value
}

// duties are what the init does for the container.
func (c *Container) duties() (d runtime.Duties, err error) {
	if h := &c.Health; h.declared() {
		d.Health = &runtime.Health{
			Exec: h.Exec, Notify: h.Notify, URL: h.HTTP, Restart: h.Restart, Retries: or(h.Retries, 3), StartPeriod: usec(h.StartPeriod),
			Interval: usec(or(h.Interval, resource.Duration(10*time.Second))), Timeout: usec(or(h.Timeout, resource.Duration(2*time.Second))),
		}
		if h.HTTP != "" || h.TCP != "" {
			at, err := h.address()
			if err != nil {
				return d, err
			}
			d.Health.Address = hex.EncodeToString(append(at.Addr().AsSlice(), byte(at.Port()>>8), byte(at.Port())))
		}
	}
	if p := &c.PostStart; p.declared() {
		d.PostStart = &runtime.Hook{Exec: p.Exec, Timeout: usec(or(p.Timeout, resource.Duration(30*time.Second)))}
	}
	if p := &c.PreStop; p.declared() {
		d.PreStop = &runtime.Hook{Exec: p.Exec, Timeout: usec(or(p.Timeout, c.StopTimeout/2))}
		d.StopSignal = uint64(signals[c.StopSignal])
	}
	return d, nil
}

// health adds to the status how the program is.
func (r *reader) health(ctx context.Context, u host.Unit, f *found) error {
	if !f.live.Health.declared() {
		return nil
	}
	p, err := r.Systemd.Properties(ctx, u.Name, "Service.StatusText")
	if err != nil {
		return err
	}
	f.status = withHealth(f.status, p["Service.StatusText"])
	return nil
}

// withHealth adds to a status what a unit's StatusText says of the program's health, if it does.
func withHealth(status string, statusText any) string {
	if text, _ := statusText.(string); runtime.HealthWord(text) != "" && text != status {
		return status + ", " + strings.TrimPrefix(text, runtime.Starting+": ")
	}
	return status
}

// well fails where a program that runs says of itself, or is found, to be unhealthy.
func (h *Host) well(ctx context.Context, unit string, c *Container) error {
	if !c.Health.declared() {
		return nil
	}
	p, err := h.Systemd.Properties(ctx, unit, "Service.StatusText")
	if err != nil {
		return err
	}
	if text, _ := p["Service.StatusText"].(string); runtime.HealthWord(text) == runtime.Unhealthy {
		return fmt.Errorf("unit %s runs, and is %s", unit, text)
	}
	return nil
}
