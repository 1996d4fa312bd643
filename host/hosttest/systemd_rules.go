package hosttest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"hostctl/host"
)

// liveProperties are those that systemd 252 changes on a loaded unit.
var liveProperties = map[string]bool{
	"Description": true, "MemoryMax": true, "MemoryHigh": true, "MemorySwapMax": true, "CPUQuotaPerSecUSec": true,
	"CPUWeight": true, "TasksMax": true, "IOWeight": true, "AllowedCPUs": true, "DevicePolicy": true, "DeviceAllow": true,
}

// createOnly are those that only a new unit is given.
var createOnly = map[string]bool{
	"Type": true, "NotifyAccess": true, "ExecStart": true, "Slice": true, "Wants": true, "Requires": true, "After": true, "CollectMode": true,
	"Delegate": true, "Restart": true, "RestartUSec": true, "StartLimitIntervalUSec": true, "RestartPreventExitStatus": true, "RestartForceExitStatus": true, "StartLimitBurst": true, "LoadCredential": true, "LoadCredentialEncrypted": true, "WatchdogUSec": true,
	"TimeoutStartUSec": true, "TimeoutStopUSec": true, "KillMode": true, "KillSignal": true, "SuccessExitStatus": true,
	"OOMPolicy": true, "SyslogIdentifier": true, "LogExtraFields": true, "SyslogLevelPrefix": true,
	"LogRateLimitIntervalUSec": true, "LogRateLimitBurst": true, "StandardInput": true, "StandardOutput": true,
	"StandardError": true, "CapabilityBoundingSet": true, "KeyringMode": true, "UMask": true, "NoNewPrivileges": true, "IgnoreSIGPIPE": true,
	"NonBlocking": true, "RemainAfterExit": true, "ExecStartPost": true, "TimersCalendar": true, "TimersMonotonic": true, "RemainAfterElapse": true, "AccuracyUSec": true, "Persistent": true, "RandomizedDelayUSec": true,
	"Listen": true, "BindIPv6Only": true, "SocketMode": true, "DirectoryMode": true, "RemoveOnStop": true, "Backlog": true, "SocketUser": true, "SocketGroup": true, "NetworkNamespacePath": true,
}

func checkTransient(t host.Transient) error {
	if err := checkUnitName(t.Name); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, p := range t.Properties {
		if !liveProperties[p.Name] && !createOnly[p.Name] {
			return fmt.Errorf("Cannot set property %s, or unknown property.", p.Name)
		}
		if seen[p.Name] {
			return fmt.Errorf("property %s is given twice", p.Name)
		}
		seen[p.Name] = true
		if err := checkProperty(p); err != nil {
			return err
		}
	}
	if strings.HasSuffix(t.Name, ".service") && !seen["ExecStart"] {
		return fmt.Errorf("unit %s has no ExecStart", t.Name)
	}
	return nil
}

// checkProperty refuses text that systemd would write into its unit file as another line or
// expand, which is how a configuration would become a command of root's.
func checkProperty(p host.Property) error {
	var texts []string
	switch v := p.Value.(type) {
	case string:
		texts = []string{v}
	case []string:
		texts = v
		for _, name := range v {
			if err := checkUnitName(name); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
	case [][]byte:
		for _, b := range v {
			texts = append(texts, string(b))
		}
	case []host.Command:
		for _, c := range v {
			texts = append(append(texts, c.Path), c.Args...)
			if !strings.HasPrefix(c.Path, "/") {
				return fmt.Errorf("%s: path %q is not absolute", p.Name, c.Path)
			}
		}
	case []host.DeviceAllow:
		for _, d := range v {
			texts = append(texts, d.Device, d.Permissions)
		}
	case []host.Listen:
		for _, l := range v {
			texts = append(texts, l.Type, l.Address)
		}
	case []host.TimerCalendar:
		for _, c := range v {
			texts = append(texts, c.Base, c.Event)
		}
	case []host.TimerMonotonic:
		for _, m := range v {
			texts = append(texts, m.Base)
		}
	case []byte:
	case bool, int32, uint32, uint64, host.ExitStatuses:
	default:
		return fmt.Errorf("%s: a value of type %T", p.Name, v)
	}
	for _, s := range texts {
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '%' || r == '$' || r > 0x7e }) {
			return fmt.Errorf("%s: %q holds what systemd would not keep as it is", p.Name, s)
		}
	}
	return nil
}

// checkUnitName is unit_name_is_valid() of systemd without templates.
func checkUnitName(name string) error {
	dot := strings.LastIndexByte(name, '.')
	stem, suffix := name[:max(dot, 0)], name[dot+1:]
	if stem == "" || len(name) > host.MaxUnitName || !slices.Contains([]string{"service", "slice", "socket", "timer", "mount", "target"}, suffix) {
		return fmt.Errorf("unit name %q is not valid", name)
	}
	if strings.Trim(stem, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\") != "" ||
		suffix == "slice" && (strings.HasPrefix(stem, "-") || strings.HasSuffix(stem, "-") || strings.Contains(stem, "--")) {
		return fmt.Errorf("unit name %q is not valid", name)
	}
	return nil
}
