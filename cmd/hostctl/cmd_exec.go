package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"hostctl/host"
	"hostctl/resource/container"
	"hostctl/runtime"
)

var execCommand = command{
	name: "exec", operands: "CONTAINER COMMAND [ARGUMENT...]", ends: true,
	summary: "Run a command in a running container, confined as its payload is",
	details: "The command's exit status is hostctl's: 128+n where signal n killed it, and 125 where it could not be started. On a terminal the command gets one of the container's own, and never the caller's: where only some of its files are terminals, or with -T, it gets pipes in their place. hostctl ends with the command, not with what that leaves running in the background. The third SIGINT or SIGTERM kills a command that does not end by itself.",
	example: "hostctl exec container.web ls -l /srv\nhostctl exec -u root -w /data db sh -c 'cat dump.sql | psql'",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		e := entryFlags(fs)
		noTTY := fs.Bool("T", false, "give the command no terminal; it is given one when standard input and output are one")
		return func(c *cli, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("want a container and a command, such as `hostctl exec container.web ls /`")
			}
			e.Args = args[1:]
			if e.Args[0] == "--" {
				e.Args = e.Args[1:]
			}
			return c.enter(args[0], *e, !*noTTY)
		}
	},
}

var shellCommand = command{
	name: "shell", operands: "CONTAINER",
	summary: "Run a shell in a running container, confined as its payload is",
	example: "hostctl shell container.web\nhostctl shell -u root web",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		e := entryFlags(fs)
		return func(c *cli, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one container, such as `hostctl shell container.web`")
			}
			e.Args = []string{"/bin/sh"}
			return c.enter(args[0], *e, true)
		}
	},
}

// entryFlags declares what exec and shell have in common.
func entryFlags(fs *flag.FlagSet) *runtime.Entry {
	e := new(runtime.Entry)
	fs.StringVar(&e.User, "u", "", "run as `USER` of the container: a name, uid, or either with :GROUP (the payload's own without)")
	fs.StringVar(&e.Dir, "w", "", "start in `DIR` of the container (where the payload started without)")
	fs.Func("e", "set a variable of the environment, as `NAME=VALUE`; may be given again", func(s string) error {
		if name, _, ok := strings.Cut(s, "="); !ok || name == "" || strings.ContainsRune(s, 0) {
			return errors.New("want NAME=VALUE")
		}
		e.Env = append(e.Env, s)
		return nil
	})
	return e
}

// exitNotStarted is the exit code of a command that could not be started, as env(1) and its like have it.
const exitNotStarted = 125

// enter runs an entry in the container of that address or name, and exits as it does.
func (c *cli) enter(arg string, e runtime.Entry, tty bool) error {
	code, err := c.runEntry(arg, e, tty)
	if err != nil {
		c.report(fmt.Errorf("%s: %w", arg, err))
		code = exitNotStarted
	}
	if code == 0 {
		return nil
	}
	return exitStatus(code)
}

func (c *cli) runEntry(arg string, e runtime.Entry, tty bool) (int, error) {
	if err := needRoot("enters a container"); err != nil {
		return 0, err
	}
	record, err := running(arg)
	if err != nil {
		return 0, err
	}
	out := c.terminalOf()
	e.TTY = tty && out != nil && host.IsTerminal(c.stdin) && host.IsTerminal(out)
	var pipes *host.Pipes
	if !e.TTY {
		if pipes, err = host.NewPipes([3]*os.File{os.Stdin, os.Stdout, os.Stderr}); err != nil {
			return 0, err
		}
		defer pipes.Stop()
		e.Files = pipes.Files
	}
	entered, err := runtime.Host.Enter(c.ctx, record, e)
	if err != nil {
		return 0, err
	}
	if e.TTY {
		relay := host.NewRelay(c.stdin, out, entered.Terminal)
		defer relay.Stop()
		err = relay.Start()
	} else {
		err = pipes.Start()
	}
	if err != nil {
		entered.Signal(syscall.SIGKILL)
		return 0, err
	}
	return c.await(entered)
}

// running finds the process of a running container: by the invocation that systemd tells of its unit, and what
// the launcher recorded of that.
func running(arg string) (runtime.Record, error) {
	name, err := containerName(arg)
	if err != nil {
		return runtime.Record{}, err
	}
	id := host.Invocation(host.UnitsDir, container.UnitName(name))
	if id == "" {
		return runtime.Record{}, fmt.Errorf("no such container runs; `hostctl ls` lists what there is, `systemctl status %s` says why one does not run", container.UnitName(name))
	}
	record, err := runtime.Host.ReadRecord(id)
	if err == nil && (record.Name != name || !record.Alive()) {
		err = os.ErrNotExist
	}
	if errors.Is(err, os.ErrNotExist) {
		return runtime.Record{}, errors.New("its payload does not run; it is starting or ending")
	}
	return record, err
}

// insist is how many times somebody who wants the command to end says so before it is killed: one that the container has stopped or
// frozen hears nothing else.
const insist = 3

// await hands signals on to the command and returns its exit status.
func (c *cli) await(e *runtime.Entered) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	go func() {
		ends := 0
		for s := range signals {
			if s == syscall.SIGINT || s == syscall.SIGTERM {
				if ends++; ends == insist {
					s = syscall.SIGKILL
				}
			}
			e.Signal(s.(syscall.Signal))
		}
	}()
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(e.PID, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case status.Signaled():
			return 128 + int(status.Signal()), nil
		default:
			return status.ExitStatus(), nil
		}
	}
}
