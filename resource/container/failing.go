package container

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// again describes a container whose program ended and which systemd is about to start, or starts, again: how often it has, and how the
// last run ended. One whose payload crashed is left to systemd, with a warning; one that the launcher could not even set up does
// not run as declared, whatever systemd tries: it is to be started anew, and who applies hears why it fails.
func (r *reader) again(ctx context.Context, u host.Unit, f *found) error {
	p, err := r.Systemd.Properties(ctx, u.Name, "Service.NRestarts", "Unit.InactiveEnterTimestamp")
	if err != nil {
		return err
	}
	restarts, _ := p["Service.NRestarts"].(uint32)
	if restarts == 0 && !restarting(u) {
		return nil
	}
	times := fmt.Sprintf("%d restarts", restarts)
	if restarts == 1 {
		times = "1 restart"
	}
	if ended, _ := p["Unit.InactiveEnterTimestamp"].(uint64); ended != 0 {
		times += ", the last run ended at " + time.UnixMicro(int64(ended)).Format(time.DateTime)
	}
	if !restarting(u) {
		f.status += ", " + times
		return nil
	}
	failure, err := r.Systemd.Failure(ctx, u.Name, "")
	if err != nil {
		return err
	}
	f.status = "restarting, " + failure.String() + ", " + times
	if failure.Result == "success" {
		return nil
	}
	warning := resource.Problem{Addr: f.addr, Summary: fmt.Sprintf("%s keeps failing", f.addr)}
	if failure.Code == "exited" && failure.Status == runtime.ExitSetup {
		warning.Summary = fmt.Sprintf("%s cannot be started", f.addr)
		f.live.Pending = pendingFailing
	}
	warning.Detail = failure.String() + ", " + times
	if failure.LastLine != "" {
		warning.Detail += ": " + failure.LastLine
	}
	f.warnings = append(f.warnings, warning)
	return nil
}

// WithoutLandlock says what of the containers of a state holds less than elsewhere, for want of a version of Landlock: abi is the
// kernel's, 0 for none. What is wanted runs all the same, behind its other walls.
func WithoutLandlock(want resource.State, abi int) (warnings []resource.Problem) {
	var walled, sharing []string
	for addr, spec := range want {
		c, ok := spec.(*Container)
		if !ok || c.Boot {
			continue // a whole system has none anywhere, which its plan says
		}
		walled = append(walled, addr.String())
		if c.HostNetwork || c.NetnsPath != "" {
			sharing = append(sharing, addr.String())
		}
	}
	slices.Sort(sharing)
	if abi < runtime.LandlockFiles && len(walled) > 0 {
		warnings = append(warnings, resource.Problem{Summary: "This kernel has no Landlock that containers can use",
			Detail: "Their mounts are the only wall against writing. Linux 5.19 and newer have a second one, where lsm= on the kernel's command line has it."})
	}
	if abi < runtime.LandlockSockets && len(sharing) > 0 {
		warnings = append(warnings, resource.Problem{Summary: "Abstract sockets are open to containers that share a network: " + strings.Join(sharing, ", "),
			Detail: "Whatever listens on one in the same network can be connected to from inside. Landlock closes them from Linux 6.12 on; so does a network namespace for each container."})
	}
	return warnings
}
