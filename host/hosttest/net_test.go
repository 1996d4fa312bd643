package hosttest_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"hostctl/host"
	"hostctl/host/hosttest"
)

// door is every method that the fake and the real door share.
type door interface {
	Namespaces() ([]host.NamedNamespace, error)
	Survey(look func(mark string) (sysctls []string, ok bool)) ([]host.Surveyed, error)
	Namespace(name string) (host.NamedNamespace, bool, error)
	AddNamespace(name, mark string) (host.Namespace, error)
	DeleteNamespace(name, mark string) error

	Links(host.Namespace) ([]host.Link, error)
	Link(ns host.Namespace, name string) (host.Link, bool, error)
	AddVeth(outside host.Link, ns host.Namespace, inside host.Link) (host.Link, error)
	DeleteLink(ns host.Namespace, index int) error
	SetAlias(ns host.Namespace, index int, alias string) error
	SetName(ns host.Namespace, index int, name string) error
	SetUp(ns host.Namespace, index int, up bool) error
	SetMaster(index, master int) error
	SetMTU(ns host.Namespace, index, mtu int) error
	AddAddress(ns host.Namespace, index int, p netip.Prefix) error
	DeleteAddress(ns host.Namespace, l host.Link, p netip.Prefix) error

	Routes(host.Namespace) ([]host.Route, error)
	SetRoute(host.Namespace, host.Route) error
	DeleteRoute(host.Namespace, host.Route) error
	Overrides(host.Namespace) ([]host.Override, error)
	EndOverride(host.Namespace, host.Override) error

	Sysctls(ns host.Namespace, keys []string) (map[string]string, error)
	NewSysctls(keys []string) (map[string]string, error)
	ChangedSysctls(ns host.Namespace) (map[string]string, error)
	SetSysctl(ns host.Namespace, key, value string) error
	AddBridge(name, mac string) (host.Link, error)
}

const (
	bridgeMark = "hostctl:shop:network.lan"
	nsMark     = "hostctl:shop:netns.front"
	endMark    = "hostctl:shop:netns.front:eth0"
)

// netSteps are done one after the other; what the network looks like after each
// is the same text on the fake and on the kernel.
var netSteps = []struct {
	name string
	fail bool
	do   func(t *testing.T, d door) error
}{
	{"bridge", false, func(t *testing.T, d door) error { _, err := d.AddBridge("br", host.LinkMAC(bridgeMark)); return err }},
	{"bridge of that name again", true, func(t *testing.T, d door) error { _, err := d.AddBridge("br", host.LinkMAC(bridgeMark)); return err }},
	{"bridge alias", false, func(t *testing.T, d door) error {
		return d.SetAlias(host.Namespace{}, outer(t, d, "br").Index, bridgeMark)
	}},
	{"bridge up", false, func(t *testing.T, d door) error { return d.SetUp(host.Namespace{}, outer(t, d, "br").Index, true) }},
	{"bridge address", false, func(t *testing.T, d door) error {
		return d.AddAddress(host.Namespace{}, outer(t, d, "br").Index, netip.MustParsePrefix("10.20.0.1/24"))
	}},
	{"bridge address again", false, func(t *testing.T, d door) error {
		return d.AddAddress(host.Namespace{}, outer(t, d, "br").Index, netip.MustParsePrefix("10.20.0.1/24"))
	}},
	{"namespace", false, func(t *testing.T, d door) error { _, err := d.AddNamespace("front", nsMark); return err }},
	{"namespace of that name again", true, func(t *testing.T, d door) error { _, err := d.AddNamespace("front", nsMark); return err }},
	{"namespace with a foreign mark is not deleted", true, func(t *testing.T, d door) error { return d.DeleteNamespace("front", bridgeMark) }},
	{"wrong inode", true, func(t *testing.T, d door) error {
		_, err := d.Links(host.Namespace{Name: "front", Inode: front(t, d).Inode + 1})
		return err
	}},
	{"loopback up", false, func(t *testing.T, d door) error { return d.SetUp(front(t, d), 1, true) }},
	{"sysctl", false, func(t *testing.T, d door) error {
		return d.SetSysctl(front(t, d), "net.ipv4.ip_unprivileged_port_start", "0")
	}},
	{"sysctl of several numbers", false, func(t *testing.T, d door) error {
		return d.SetSysctl(front(t, d), "net.ipv4.ip_local_port_range", "40000 50000")
	}},
	{"what of the sysctls is not new", false, func(t *testing.T, d door) error {
		changed, err := d.ChangedSysctls(front(t, d))
		if want := map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ip_local_port_range": "40000 50000"}; !maps.Equal(changed, want) {
			t.Errorf("changed sysctls %v, want %v", changed, want)
		}
		return err
	}},
	{"veth", false, func(t *testing.T, d door) error {
		_, err := d.AddVeth(host.Link{Name: "end", MAC: host.LinkMAC(endMark)}, front(t, d), host.Link{Name: "eth0", MAC: host.LinkMAC("inside")})
		return err
	}},
	{"veth with a taken name inside", true, func(t *testing.T, d door) error {
		_, err := d.AddVeth(host.Link{Name: "end2", MAC: host.LinkMAC("x")}, front(t, d), host.Link{Name: "eth0", MAC: host.LinkMAC("y")})
		return err
	}},
	{"veth with a taken name outside", true, func(t *testing.T, d door) error {
		_, err := d.AddVeth(host.Link{Name: "end", MAC: host.LinkMAC("x")}, front(t, d), host.Link{Name: "eth1", MAC: host.LinkMAC("y")})
		return err
	}},
	{"port", false, func(t *testing.T, d door) error {
		return d.SetMaster(outer(t, d, "end").Index, outer(t, d, "br").Index)
	}},
	{"outside up", false, func(t *testing.T, d door) error { return d.SetUp(host.Namespace{}, outer(t, d, "end").Index, true) }},
	{"inside up", false, func(t *testing.T, d door) error { return d.SetUp(front(t, d), inner(t, d, "eth0").Index, true) }},
	{"inside IPv4", false, addInside("10.20.0.10/24")},
	{"inside IPv6", false, addInside("fd20::10/64")},
	{"the same IPv6 with another length", false, addInside("fd20::10/56")},
	{"and back", false, addInside("fd20::10/64")},
	{"default route", false, setRoute("0.0.0.0/0", "10.20.0.1")},
	{"default route again", false, setRoute("0.0.0.0/0", "10.20.0.1")},
	{"IPv6 default route", false, setRoute("::/0", "fd20::1")},
	{"another route", false, setRoute("10.9.0.0/16", "10.20.0.2")},
	{"that route by another gateway", false, setRoute("10.9.0.0/16", "10.20.0.3")},
	{"a gateway that nothing reaches", true, setRoute("10.8.0.0/16", "10.99.0.1")},
	{"second IPv4 of the network", false, addInside("10.20.0.11/24")},
	{"the first one goes, the second and the routes stay", false, deleteInside("10.20.0.10/24")},
	{"an address that is not there", false, deleteInside("10.20.0.77/24")},
	{"route goes", false, func(t *testing.T, d door) error {
		return d.DeleteRoute(front(t, d), host.Route{Destination: netip.MustParsePrefix("10.9.0.0/16"), Via: netip.MustParseAddr("10.20.0.3")})
	}},
	{"route that is gone", false, func(t *testing.T, d door) error {
		return d.DeleteRoute(front(t, d), host.Route{Destination: netip.MustParsePrefix("10.9.0.0/16"), Via: netip.MustParseAddr("10.20.0.3")})
	}},
	{"the address that reaches a gateway goes", false, deleteInside("10.20.0.11/24")},
	{"and comes back", false, addInside("10.20.0.11/24")},
	{"the IPv6 address that reaches a gateway goes", false, deleteInside("fd20::10/64")},
	{"and comes back too", false, addInside("fd20::10/64")},
	{"a bridge follows its port's MTU", false, func(t *testing.T, d door) error {
		return d.SetMTU(host.Namespace{}, outer(t, d, "end").Index, 1400)
	}},
	{"and back", false, func(t *testing.T, d door) error {
		return d.SetMTU(host.Namespace{}, outer(t, d, "end").Index, host.MTU)
	}},
	{"one that was set stays", false, func(t *testing.T, d door) error {
		return d.SetMTU(host.Namespace{}, outer(t, d, "br").Index, 1450)
	}},
	{"whatever its port's is", false, func(t *testing.T, d door) error {
		return d.SetMTU(host.Namespace{}, outer(t, d, "end").Index, 1490)
	}},
	{"an MTU too small for IPv6", false, func(t *testing.T, d door) error {
		return d.SetMTU(front(t, d), inner(t, d, "eth0").Index, 1000)
	}},
	{"gives the addresses up", false, func(t *testing.T, d door) error {
		return d.SetMTU(front(t, d), inner(t, d, "eth0").Index, host.MTU)
	}},
	{"overrides", false, func(t *testing.T, d door) error {
		for _, o := range hosttest.Overrides {
			hosttest.MakeOverride(t, d, "front", o)
		}
		return nil
	}},
	{"one that is not there", false, func(t *testing.T, d door) error {
		return d.EndOverride(front(t, d), host.Override{Text: "ip rule 7: from all lookup 7"})
	}},
	{"each is ended", false, func(t *testing.T, d door) error {
		for _, o := range hosttest.Overrides {
			before, err := d.Overrides(front(t, d))
			if err != nil {
				return err
			}
			if err := d.EndOverride(front(t, d), o); err != nil {
				return err
			}
			after, err := d.Overrides(front(t, d))
			if err != nil || len(after) != len(before)-1 || slices.Contains(after, o) {
				t.Errorf("%q: %d of %d are left, %v: %v", o.Text, len(after), len(before), after, err)
			}
		}
		return nil
	}},
	{"inside down loses IPv6 and routes", false, func(t *testing.T, d door) error { return d.SetUp(front(t, d), inner(t, d, "eth0").Index, false) }},
	{"rename", false, func(t *testing.T, d door) error { return d.SetName(front(t, d), inner(t, d, "eth0").Index, "eth9") }},
	{"rename to a taken name", true, func(t *testing.T, d door) error { return d.SetName(front(t, d), inner(t, d, "eth9").Index, "lo") }},
	{"off the bridge", false, func(t *testing.T, d door) error { return d.SetMaster(outer(t, d, "end").Index, 0) }},
	{"bridge goes", false, func(t *testing.T, d door) error { return d.DeleteLink(host.Namespace{}, outer(t, d, "br").Index) }},
	{"outside end goes, and the inside with it", false, func(t *testing.T, d door) error {
		return d.DeleteLink(host.Namespace{}, outer(t, d, "end").Index)
	}},
	{"namespace goes", false, func(t *testing.T, d door) error { return d.DeleteNamespace("front", nsMark) }},
	{"namespace that is gone", false, func(t *testing.T, d door) error { return d.DeleteNamespace("front", nsMark) }},
}

func addInside(p string) func(*testing.T, door) error {
	return func(t *testing.T, d door) error {
		return d.AddAddress(front(t, d), inner(t, d, "eth0").Index, netip.MustParsePrefix(p))
	}
}

func deleteInside(p string) func(*testing.T, door) error {
	return func(t *testing.T, d door) error {
		return d.DeleteAddress(front(t, d), inner(t, d, "eth0"), netip.MustParsePrefix(p))
	}
}

func setRoute(to, via string) func(*testing.T, door) error {
	return func(t *testing.T, d door) error {
		return d.SetRoute(front(t, d), host.Route{Destination: netip.MustParsePrefix(to), Via: netip.MustParseAddr(via)})
	}
}

func front(t *testing.T, d door) host.Namespace {
	t.Helper()
	e, ok, err := d.Namespace("front")
	if err != nil || !ok || !e.Mounted {
		t.Fatalf("namespace front: %v, there: %v", err, ok)
	}
	return e.Namespace
}

func outer(t *testing.T, d door, name string) host.Link {
	t.Helper()
	return get(t, d, host.Namespace{}, name)
}
func inner(t *testing.T, d door, name string) host.Link {
	t.Helper()
	return get(t, d, front(t, d), name)
}

func get(t *testing.T, d door, ns host.Namespace, name string) host.Link {
	t.Helper()
	l, ok, err := d.Link(ns, name)
	if err != nil || !ok {
		t.Fatalf("link %s: %v, there: %v", name, err, ok)
	}
	return l
}

var shown = []string{"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_port_range"}

// walk returns the network's text after each step.
func walk(t *testing.T, d door) []string {
	var texts []string
	for _, step := range netSteps {
		if err := step.do(t, d); (err != nil) != step.fail {
			t.Fatalf("%s: error %v, want one: %v\n%s", step.name, err, step.fail, hosttest.NetText(d, shown...))
		}
		texts = append(texts, "-- "+step.name+"\n"+hosttest.NetText(d, shown...))
	}
	return texts
}

func TestNetFake(t *testing.T) {
	texts := walk(t, hosttest.NewNet(t))
	if got, want := texts[len(texts)-1], "-- namespace that is gone\nhost\n\tloopback lo up\n"; got != want {
		t.Errorf("something is left:\n%s", got)
	}
}

// TestNetKernel holds the fake against the kernel, step by step.
func TestNetKernel(t *testing.T) {
	hosttest.OnKernel(t, func(t *testing.T, d *host.Netlink) {
		if err := d.SetUp(host.Namespace{}, 1, true); err != nil {
			t.Fatal(err)
		}
		fake, real := walk(t, hosttest.NewNet(t)), walk(t, d)
		for i := range real {
			if fake[i] != real[i] {
				t.Errorf("the kernel says\n%s\nthe fake says\n%s", real[i], fake[i])
			}
		}
	})
}

// TestNetKernelThreads insists that no thread that Go runs goroutines on stays in
// another namespace, the process's first one included.
func TestNetKernelThreads(t *testing.T) {
	hosttest.OnKernel(t, func(t *testing.T, d *host.Netlink) {
		home, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			if _, err := d.AddNamespace(fmt.Sprint("n", i), nsMark); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				if _, err := d.Namespaces(); err != nil {
					t.Error(err)
				}
				for _, who := range []string{"self", "thread-self"} {
					if ns, err := os.Readlink("/proc/" + who + "/ns/net"); ns != home {
						t.Errorf("%s is in %s, not in %s, %v", who, ns, home, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestNetKernelIproute2 holds what the door makes against ip(8).
func TestNetKernelIproute2(t *testing.T) {
	hosttest.NeedTools(t, "ip", "umount")
	hosttest.OnKernel(t, func(t *testing.T, d *host.Netlink) {
		ip := func(args ...string) string {
			t.Helper()
			out, err := exec.Command("ip", args...).CombinedOutput()
			if err != nil {
				t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
			}
			return string(out)
		}
		if _, err := d.AddNamespace("front", nsMark); err != nil {
			t.Fatal(err)
		}
		if got := ip("netns", "list"); got != "front\n" {
			t.Errorf("ip netns list: %q", got)
		}
		if got := ip("-n", "front", "link", "show", "lo"); !strings.Contains(got, "alias "+nsMark) {
			t.Errorf("no alias: %s", got)
		}
		ip("netns", "add", "foreign")
		ip("netns", "exec", "front", "true")
		ip("netns", "delete", "front")
		entries, err := d.Namespaces()
		if err != nil || len(entries) != 1 || entries[0].Name != "foreign" || !entries[0].Mounted || entries[0].Mark != "" {
			t.Errorf("entries %v, error %v", entries, err)
		}
		if err := d.DeleteNamespace("foreign", nsMark); err == nil {
			t.Error("a foreign namespace was deleted")
		}
		// Another mark is also in the file below the namespace: it tells of one that went away.
		const other = "hostctl:store:netns.front"
		if _, err := d.AddNamespace("front", nsMark); err != nil {
			t.Fatal(err)
		}
		if err := d.MoveNamespace("front", nsMark, "front", other); err != nil {
			t.Fatal(err)
		}
		ip("netns", "exec", "front", "true")
		if out, err := exec.Command("umount", "/run/netns/front").CombinedOutput(); err != nil {
			t.Fatalf("umount: %v: %s", err, out)
		}
		if e, ok, err := d.Namespace("front"); err != nil || !ok || e.Mounted || e.Mark != other {
			t.Errorf("after another mark and umount: %v, %v, %v", e, ok, err)
		}
		if err := d.DeleteNamespace("front", other); err != nil {
			t.Error(err)
		}
		// What a crash between the file and its mount leaves, and umount(8).
		if _, err := d.AddNamespace("front", nsMark); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("umount", "/run/netns/front").CombinedOutput(); err != nil {
			t.Fatalf("umount: %v: %s", err, out)
		}
		e, ok, err := d.Namespace("front")
		if err != nil || !ok || e.Mounted || e.Mark != nsMark {
			t.Errorf("after umount: %v, %v, %v", e, ok, err)
		}
		if _, err := d.AddNamespace("front", nsMark); err != nil {
			t.Error("the file was not taken up again:", err)
		}
	})
}
