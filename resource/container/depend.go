package container

import (
	"context"
	"fmt"

	"hostctl/resource"
	"hostctl/runtime"
)

// checkCondition looks whether what is depended on can ever be as the condition says.
func checkCondition(v *validator, d resource.Dependency, want resource.Spec) {
	to, ok := want.(*Container)
	switch {
	case !ok:
	case d.When == resource.Healthy && to.Job:
		v.bad("depends_on", fmt.Sprintf("%s is a job, and has no health", d.To), fmt.Sprintf("write completed(%s)", d.To))
	case d.When == resource.Healthy && !to.Health.declared():
		v.bad("depends_on", fmt.Sprintf("nothing says when %s is healthy", d.To), fmt.Sprintf("give it a health block, or write %s, which waits until it is started", d.To))
	case d.When == resource.Completed && to.scheduled():
		v.bad("depends_on", fmt.Sprintf("%s is run by the calendar, and is not waited for", d.To), fmt.Sprintf("take its schedule away, or write %s", d.To))
	case d.When == resource.Completed && !to.Job:
		v.bad("depends_on", fmt.Sprintf("%s is no job, and does not complete", d.To), "write job = true in it, or healthy(...), or the bare reference, which waits until it is started")
	}
}

// await fails where something that the container depends on is not as its condition says. Who started it in the same run waited until
// it was; this one is about what was there before.
func (h *Host) await(ctx context.Context, want *Container) error {
	for _, d := range want.DependsOn {
		switch d.When {
		case resource.Healthy:
			p, err := h.Systemd.Properties(ctx, Unit(d.To), "Unit.ActiveState", "Service.StatusText")
			if err != nil {
				return err
			}
			text, _ := p["Service.StatusText"].(string)
			if active := p["Unit.ActiveState"]; active != "active" && active != "reloading" || runtime.HealthWord(text) != runtime.Healthy {
				return fmt.Errorf("it depends on %s, which is not: %s", d, or(text, fmt.Sprint(p["Unit.ActiveState"])))
			}
		case resource.Completed:
			if !h.isDone(d.To.HostName()) {
				return fmt.Errorf("it depends on %s, which has not: run it by hostctl apply, and see hostctl logs %s", d, d.To.HostName())
			}
		}
	}
	return nil
}
