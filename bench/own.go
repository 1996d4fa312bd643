package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"hostctl/runtime"
)

// ownLaunches are hostctl-launch with and without the tiny init. This process stands in for systemd: it is the parent
// that gets the payload for its own child, and the socket that hears of it.
//
// The caller calls done when it has launched for the last time.
func ownLaunches(k kit) (all []contestant, done func() error, err error) {
	const socket = "/run/hostctl-bench.notify"
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, nil, err
	}
	heard := make(chan string, 16)
	go hear(notify, heard)
	paths := runtime.Host
	done = func() error {
		var errs error
		for _, c := range all {
			errs = errors.Join(errs, paths.Unlink(c.argv[1]))
		}
		return errors.Join(errs, paths.Prune(nil), notify.Close())
	}
	for _, c := range []struct {
		row, name string
		init      bool
	}{{rowLaunch, "bare", false}, {rowInit, "init", true}} {
		sum, err := paths.WriteSpec(runtime.Spec{
			Version: runtime.SpecVersion, Name: c.name, Owner: "bench", Address: "container." + c.name,
			Rootfs: k.Rootfs, Args: []string{"/bin/true"}, Env: []string{"PATH=/bin"},
			IDs: runtime.IDRange{Base: idBase, Count: 65536}, Init: c.init,
		})
		if err != nil {
			return nil, nil, err
		}
		if err := paths.Link(c.name, sum); err != nil {
			return nil, nil, err
		}
		all = append(all, contestant{
			name: c.row, argv: []string{k.Launch, c.name}, handsOver: true,
			before: func(c *contestant) error {
				id := make([]byte, 16)
				rand.Read(id)
				c.env = []string{"NOTIFY_SOCKET=" + socket, "INVOCATION_ID=" + hex.EncodeToString(id)}
				return nil
			},
			after: func() error { return told(heard) },
		})
	}
	return all, done, nil
}

// hear reads each message as it comes, as systemd does: a descriptor that comes with one is closed by that, which is the
// answer that the launcher waits for.
func hear(notify *net.UnixConn, heard chan<- string) {
	buf := make([]byte, 4096)
	for {
		n, err := notify.Read(buf)
		if err != nil {
			return // it was closed
		}
		heard <- string(buf[:n])
	}
}

// told takes what the launcher has told systemd: that the payload is the main process, and ready.
func told(heard <-chan string) error {
	var all strings.Builder
	for !strings.Contains(all.String(), "READY=1") {
		select {
		case text := <-heard:
			all.WriteString(text + "\n")
		case <-time.After(time.Second): // everything was sent before the launcher ended
			return fmt.Errorf("the launcher told systemd only %q", all.String())
		}
	}
	if !strings.Contains(all.String(), "MAINPID=") {
		return fmt.Errorf("the launcher told systemd no MAINPID, only %q", all.String())
	}
	return nil
}
