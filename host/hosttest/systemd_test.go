package hosttest

import "testing"

func TestSystemdContract(t *testing.T) {
	s := NewSystemd(&Faults{})
	s.Run = func(name, _ string) (int, bool) {
		u := s.units[name]
		return 7, u != nil && text(u.properties["ExecStart"]) == "[{/fail [/fail] false}]"
	}
	Contract(t, s, []string{"/stay"}, []string{"/fail"})
}
