package try

import (
	"context"
	"time"

	"hostctl/host"
)

// startScope asks the machine's systemd for a transient scope that holds the process pid and whose
// cgroup is delegated (org.freedesktop.systemd1(5), systemd.scope(5)). It returns when the start job is done.
func startScope(ctx context.Context, name string, pid int) error {
	systemd, err := host.DialSystemd(ctx)
	if err != nil {
		return err
	}
	defer systemd.Close()
	return systemd.StartTransient(ctx, host.Transient{Name: name, Properties: []host.Property{
		{Name: "Description", Value: "hostctl throwaway host"},
		{Name: "PIDs", Value: []uint32{uint32(pid)}},
		{Name: "Delegate", Value: true},
		{Name: "CollectMode", Value: "inactive-or-failed"},
	}})
}

// stopScope returns when systemd has no such scope any more, or has not answered in time.
func stopScope(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if systemd, err := host.DialSystemd(ctx); err == nil {
		defer systemd.Close()
		systemd.Remove(ctx, name)
	}
}
