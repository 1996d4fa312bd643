package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/godbus/dbus/v5"
)

// buffered is a socket that is read in large pieces.
type buffered struct {
	*net.UnixConn
	in *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// newConn is a connection of the D-Bus library that never sees a unix socket: its own reader of those panics where one
// is reset in the middle of a message, as when the bus is killed.
func newConn(c *net.UnixConn, opts ...dbus.ConnOption) (*dbus.Conn, error) {
	return dbus.NewConn(buffered{c, bufio.NewReader(c)}, opts...)
}

// inFlight is a call whose answer has not come yet.
type inFlight struct {
	s    *Systemd
	call *dbus.Call
}

// answer is what came back.
type answer struct {
	body []any
	err  error
}

func (a answer) store(to ...any) error {
	if a.err != nil {
		return a.err
	}
	if err := dbus.Store(a.body, to...); err != nil {
		return fmt.Errorf("systemd answered in another type: %w", err)
	}
	return nil
}

// call sends one call, as soon as a slot is free, and waits for its answer.
func (s *Systemd) call(ctx context.Context, object dbus.BusObject, method string, args ...any) answer {
	if err := s.enter(ctx); err != nil {
		return answer{err: err}
	}
	defer s.leave()
	return s.send(ctx, object, method, args...).wait(ctx)
}

// enter takes one of the slots that bound what is in flight; leave gives it back.
func (s *Systemd) enter(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.conn.Context().Done():
		return ErrSystemdLost
	}
}

func (s *Systemd) leave() { <-s.slots }

// send sends one call, within a slot that the caller has taken.
func (s *Systemd) send(ctx context.Context, object dbus.BusObject, method string, args ...any) *inFlight {
	return &inFlight{s: s, call: object.GoWithContext(ctx, method, 0, make(chan *dbus.Call, 1), args...)}
}

// wait returns the answer.
func (f *inFlight) wait(ctx context.Context) answer {
	select {
	case <-f.call.Done:
		return answer{body: f.call.Body, err: plainError(f.call.Err)}
	case <-ctx.Done():
		return answer{err: ctx.Err()}
	case <-f.s.conn.Context().Done():
		return answer{err: ErrSystemdLost}
	}
}

// plainError makes of a D-Bus error one that callers can tell apart and people can read.
func plainError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, dbus.ErrClosed) {
		return ErrSystemdLost
	}
	var e dbus.Error
	if !errors.As(err, &e) {
		return err
	}
	text := ""
	if len(e.Body) > 0 {
		text, _ = e.Body[0].(string)
	}
	switch e.Name {
	case systemdName + ".UnitExists":
		return ErrUnitExists
	case systemdName + ".NoSuchUnit":
		return ErrNoUnit
	case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected":
		return ErrSystemdLost
	}
	if text == "" {
		return errors.New(e.Name)
	}
	return errors.New(text)
}
