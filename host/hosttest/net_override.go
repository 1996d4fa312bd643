package hosttest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"hostctl/host"
)

// Overrides are one of each sort.
var Overrides = []host.Override{
	{Text: "ip rule 32766: from all lookup main", Missing: true},
	{Text: "ip -6 rule 0: from all lookup local", Missing: true},
	{Text: "ip rule 100: from all lookup 7"},
	{Text: "ip rule 100: from 10.20.0.0/24 lookup 7"},
	{Text: "ip rule 101: not from all to 10.9.0.0/16 iif lo fwmark 0x1/0xff prohibit"},
	{Text: "ip -6 rule 102: from fd20::/64 oif eth0 blackhole"},
	{Text: "ip rule 103: from all goto 32767"},
	{Text: "ip route blackhole 10.9.0.0/16"},
	{Text: "ip route blackhole 10.9.0.0/16 metric 5"},
	{Text: "ip route prohibit 10.8.0.0/16 table local"},
	{Text: "ip -6 route unreachable fd99::/64"},
	{Text: "ip -6 route blackhole default metric 1"},
	{Text: "ip route throw 10.7.0.0/16"},
}

// MakeOverride puts an override into a namespace: on the kernel with the very command that the override is, ip(8).
func MakeOverride(t *testing.T, door any, namespace string, o host.Override) {
	t.Helper()
	if fake, ok := door.(*Net); ok {
		e, _, err := fake.Namespace(namespace)
		if err == nil {
			err = fake.Hand().Override(e.Namespace, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	NeedTools(t, "ip")
	words := strings.Fields(o.Text)
	at := 1
	for words[at] != "rule" && words[at] != "route" {
		at++
	}
	args := append([]string{"-n", namespace}, words[1:at+1]...)
	verb := "add"
	if o.Missing {
		verb = "del"
	}
	args = append(args, verb)
	words = words[at+1:]
	if args[len(args)-2] == "rule" {
		args = append(args, "pref", strings.TrimSuffix(words[0], ":"))
		words = words[1:]
	}
	if out, err := exec.Command("ip", append(args, words...)...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Sprintf("ip %s %s: %v: %s", args, words, err, out))
	}
}
