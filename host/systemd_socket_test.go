//go:build throwaway

package host

import (
	"os"
	"testing"
	"time"
)

// Each of the two ways to systemd works by itself.
func TestRealSockets(t *testing.T) {
	if _, err := os.Stat("/run/hostctl/try"); err != nil {
		t.Fatal("not on a throwaway host (no /run/hostctl/try)")
	}
	for socket, bus := range map[string]bool{systemBusSocket: true, systemdPrivateSocket: false} {
		t.Run(socket, func(t *testing.T) {
			s, err := dialSystemd(t.Context(), socket, bus)
			// A host that has just booted joins its bus a little later.
			for late := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(late); {
				s, err = dialSystemd(t.Context(), socket, bus)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.checkVersion(t.Context()); err != nil {
				t.Error(err)
			}
			transient := Transient{Name: "hostctl-socket.service", Properties: []Property{
				{Name: "ExecStart", Value: []Command{{Path: "/bin/sleep", Args: []string{"sleep", "60"}}}},
			}}
			if err := s.StartTransient(t.Context(), transient); err != nil {
				t.Error(err)
			}
			if err := s.Remove(t.Context(), transient.Name); err != nil {
				t.Error(err)
			}
		})
	}
}
