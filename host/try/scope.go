package try

import (
	"context"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// startScope asks the machine's systemd for a transient scope that holds the process pid and whose
// cgroup is delegated (org.freedesktop.systemd1(5), systemd.scope(5)). It returns when the start job is done.
func startScope(ctx context.Context, name string, pid int) error {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		if conn, err = dbus.NewSystemConnectionContext(ctx); err != nil {
			return fmt.Errorf("connect to systemd: %w", err)
		}
	}
	defer conn.Close()
	result := make(chan string, 1)
	if _, err := conn.StartTransientUnitContext(ctx, name, "fail", []dbus.Property{
		dbus.PropDescription("hostctl throwaway host"),
		{Name: "PIDs", Value: godbus.MakeVariant([]uint32{uint32(pid)})},
		{Name: "Delegate", Value: godbus.MakeVariant(true)},
		{Name: "CollectMode", Value: godbus.MakeVariant("inactive-or-failed")},
	}, result); err != nil {
		return err
	}
	select {
	case r := <-result:
		if r != "done" {
			return fmt.Errorf("job %s", r)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
