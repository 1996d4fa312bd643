package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"syscall"

	"hostctl/hcl"
	"hostctl/host"
	"hostctl/resource/container"
)

var killCommand = command{
	name: "kill", operands: "CONTAINER",
	summary: "Send a signal to a container's payload",
	details: "systemd sends it to the container's first process; the tiny init hands it on. What follows is the container's restart policy: `hostctl stop` is how a container stays stopped.",
	example: "hostctl kill -s HUP container.web\nhostctl kill container.worker",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		name := fs.String("s", "TERM", "send `SIGNAL`, by its name")
		return func(c *cli, args []string) error {
			signal, err := signalOf(*name)
			if err != nil {
				return err
			}
			return c.onUnit(args, func(s *host.Systemd, unit string) error { return s.Kill(c.ctx, unit, signal) })
		}
	},
}

var pauseCommand = command{
	name: "pause", operands: "CONTAINER",
	summary: "Freeze all processes of a container where they stand",
	details: "Their memory stays, and the kernel runs none of them until `hostctl resume`. To systemd the container is still active.",
	example: "hostctl pause container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		return func(c *cli, args []string) error {
			return c.onUnit(args, func(s *host.Systemd, unit string) error { return s.Freeze(c.ctx, unit) })
		}
	},
}

var resumeCommand = command{
	name: "resume", operands: "CONTAINER",
	summary: "Let the processes of a paused container go on",
	example: "hostctl resume container.web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		return func(c *cli, args []string) error {
			return c.onUnit(args, func(s *host.Systemd, unit string) error { return s.Thaw(c.ctx, unit) })
		}
	},
}

// onUnit does something with the unit of the one container that is named, which must run.
func (c *cli) onUnit(args []string, do func(*host.Systemd, string) error) error {
	if len(args) != 1 {
		return errors.New("want one container, such as container.web")
	}
	if err := needRoot("signals, pauses and resumes containers"); err != nil {
		return err
	}
	names, err := containersOf(args)
	if err != nil {
		return err
	}
	systemd, err := host.DialSystemd(context.WithoutCancel(c.ctx))
	if err != nil {
		return err
	}
	defer systemd.Close()
	return do(systemd, container.UnitName(names[0]))
}

// signals are those that mean something to a program and can be sent by name, as kill(1) spells them.
var signals = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "ABRT": syscall.SIGABRT, "KILL": syscall.SIGKILL,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "TERM": syscall.SIGTERM, "CONT": syscall.SIGCONT, "STOP": syscall.SIGSTOP, "WINCH": syscall.SIGWINCH,
}

func signalOf(name string) (syscall.Signal, error) {
	if s, ok := signals[strings.TrimPrefix(strings.ToUpper(name), "SIG")]; ok {
		return s, nil
	}
	var names []string
	for n := range signals {
		names = append(names, n)
	}
	return 0, fmt.Errorf("-s: there is no signal %q%s", name, hcl.DidYouMean(strings.ToUpper(name), names))
}
