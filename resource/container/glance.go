package container

import (
	"context"
	"fmt"
	"time"

	"hostctl/host"
	"hostctl/resource"
)

// Glance implements [resource.Glancer] by what systemd tells everybody of its units: specs and records are root's.
func (h *Host) Glance(ctx context.Context) ([]resource.Sight, error) {
	units, err := h.units(ctx)
	if err != nil {
		return nil, err
	}
	var sights []resource.Sight
	for _, u := range units {
		p, err := h.Systemd.Properties(ctx, u.Name, "Unit.Transient", "Unit.Description", "Service.ExecStart", "Service.LogExtraFields", "Service.MainPID", "Service.StatusText", "Unit.ActiveEnterTimestamp")
		if err != nil {
			return nil, err
		}
		name := NameOfUnit(u.Name)
		owner := provenOwner(p, name)
		if resource.CheckName(owner) != nil {
			continue
		}
		s := resource.Sight{Owner: owner, Name: name, Status: glance(u)}
		if pid, _ := p["Service.MainPID"].(uint32); pid != 0 {
			s.Status += fmt.Sprintf(", pid %d", pid)
		}
		if since, _ := p["Unit.ActiveEnterTimestamp"].(uint64); since != 0 && running(u) {
			s.Status += ", since " + time.UnixMicro(int64(since)).Format(time.DateTime)
		}
		if u.ActiveState != "inactive" && u.ActiveState != "failed" { // else systemd shows what was last said
			s.Status = withHealth(s.Status, p["Service.StatusText"])
		}
		sights = append(sights, s)
	}
	return sights, nil
}

// glance is a unit's state in the words that [Host.Read] has for it.
func glance(u host.Unit) string {
	switch {
	case u.SubState == "exited":
		return "done"
	case restarting(u):
		return "restarting"
	case u.ActiveState == "activating":
		return "starting"
	case running(u):
		return "running"
	case u.ActiveState == "failed":
		return "failed"
	case u.ActiveState == "deactivating":
		return "stopping"
	}
	return "stopped"
}
