package main

import (
	"flag"
	"fmt"
	"time"

	"hostctl/host"
	"hostctl/resource/container"
	"hostctl/runtime"
)

var eventsCommand = command{
	name: "events", operands: "[CONTAINER...]",
	summary: "Print what becomes of containers as it happens, until interrupted",
	details: "What runs is told first. It comes from systemd's own signals, which every user may hear; nothing can be made or changed with them, so this is what a service discovery reads.",
	example: "hostctl events\nhostctl events -json | jq -r 'select(.event == \"failed\").container'",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		asJSON := fs.Bool("json", false, "print each event as one line of JSON")
		return func(c *cli, args []string) error {
			wanted := map[string]bool{}
			for _, arg := range args {
				name, err := containerName(arg)
				if err != nil {
					return err
				}
				wanted[name] = true
			}
			var failed error
			last := map[string]host.UnitState{}
			err := host.WatchServices(c.ctx, container.UnitName("*"), func(s host.UnitState) bool {
				if container.IsHelper(s.Unit) {
					return true // the container itself goes on
				}
				e := eventOf(s)
				// What a program says of itself changes as often as it likes, and is no event.
				before := last[s.Unit]
				if last[s.Unit] = s; sameEvent(before, s) {
					return true
				}
				if len(wanted) > 0 && !wanted[e.Container] {
					return true
				}
				if *asJSON {
					failed = c.printJSON(e, "")
				} else {
					failed = c.printEvent(e)
				}
				return failed == nil
			})
			if failed != nil {
				return failed
			}
			return err
		}
	},
}

// event is one line.
type event struct {
	Time      time.Time `json:"time"`
	Container string    `json:"container"`
	// Event is starting, running, reloading, stopping, stopped, restarting or failed.
	Event      string `json:"event"`
	Unit       string `json:"unit"`
	Active     string `json:"active_state"`
	Sub        string `json:"sub_state"`
	PID        uint32 `json:"pid,omitempty"`
	Restarts   uint32 `json:"restarts,omitempty"`
	Invocation string `json:"invocation,omitempty"`
	// Health is starting, healthy or unhealthy, of a container that declares it; Status is why.
	Health string `json:"health,omitempty"`
	Status string `json:"status,omitempty"`
	// Exit or Signal say how the last main process ended.
	Exit   *int32 `json:"exit,omitempty"`
	Signal int32  `json:"signal,omitempty"`
}

// sameEvent reports whether nothing happened between two states of a unit but that its text is another.
func sameEvent(a, b host.UnitState) bool {
	a.StatusText, b.StatusText = runtime.HealthWord(a.StatusText), runtime.HealthWord(b.StatusText)
	return a == b
}

func eventOf(s host.UnitState) event {
	e := event{Time: time.Now().UTC(), Container: container.NameOfUnit(s.Unit), Unit: s.Unit, Active: s.ActiveState, Sub: s.SubState,
		PID: s.MainPID, Restarts: s.Restarts, Invocation: s.Invocation}
	if e.Health = runtime.HealthWord(s.StatusText); e.Health != "" {
		e.Status = s.StatusText
	}
	switch {
	case s.SubState == "auto-restart":
		e.Event = "restarting"
	case s.ActiveState == "active":
		e.Event = "running"
	case s.ActiveState == "activating":
		e.Event = "starting"
	case s.ActiveState == "deactivating":
		e.Event = "stopping"
	case s.ActiveState == "inactive":
		e.Event = "stopped"
	default:
		e.Event = s.ActiveState
	}
	const exited, killed, dumped = 1, 2, 3 // CLD_ of waitid(2)
	switch s.ExecMainCode {
	case exited:
		e.Exit = &s.ExecMainStatus
	case killed, dumped:
		e.Signal = s.ExecMainStatus
	}
	return e
}

func (c *cli) printEvent(e event) error {
	text := e.Event
	switch {
	case e.PID != 0:
		text += fmt.Sprintf(", pid %d", e.PID)
	case e.Exit != nil:
		text += fmt.Sprintf(", exit status %d", *e.Exit)
	case e.Signal != 0:
		text += fmt.Sprintf(", killed by signal %d", e.Signal)
	}
	if e.Health != "" && e.PID != 0 {
		text += ", " + printable(e.Status)
	}
	if e.Restarts > 0 {
		text += fmt.Sprintf(", restarts %d", e.Restarts)
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s: %s\n", e.Time.Local().Format("2006-01-02 15:04:05"), c.paint("36", e.Container), text)
	return err
}
