package host

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Override is what goes before the unicast routes of a namespace's main table: a rule of the routing policy (ip-rule(8)) that
// the kernel did not make, or a route that lets what it is for go nowhere.
type Override struct {
	// Text is it in the words of ip(8): "ip rule 100: from all lookup 7", "ip -6 route blackhole fd99::/64".
	Text string
	// Missing says that it is one of the kernel's own rules, and is not there.
	Missing bool
}

// override is one with what ends it, as read on the thread that is to end it.
type override struct {
	Override
	end func() error
}

// Overrides returns the overrides of ns, rules first.
func (n *Netlink) Overrides(ns Namespace) (found []Override, err error) {
	err = n.atOverrides(ns, func(list []override) error { found = overrides(list); return nil })
	return found, err
}

// atOverrides calls do with the overrides of ns, rules first, on a thread that can end them.
func (n *Netlink) atOverrides(ns Namespace, do func([]override) error) error {
	return n.at(ns, func(h *netlink.Handle) error {
		_, refusing, err := listRoutes(h)
		if err != nil {
			return err
		}
		return n.onThread(ns, func() error {
			rules, err := listRules()
			if err != nil {
				return err
			}
			return do(slices.Concat(rules, refusing))
		})
	})
}

// EndOverride takes an override out of ns, or puts back the rule that is missing. It is
// ended as it was read: no other rule or route, however like it, is touched.
func (n *Netlink) EndOverride(ns Namespace, o Override) error {
	if err := n.atOverrides(ns, func(list []override) error {
		for _, have := range list {
			if have.Override != o {
				continue
			}
			if err := have.end(); err != nil {
				return fmt.Errorf("end the override %q: %w", o.Text, err)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	// A route by a nexthop object (ip-nexthop(8)) is not found by its type, which the kernel answers as if it were gone.
	left, err := n.Overrides(ns)
	if err == nil && slices.Contains(left, o) {
		err = fmt.Errorf("end the override %q: it is there still; take it away with ip(8), in that namespace", o.Text)
	}
	return err
}

func overrides(list []override) (out []Override) {
	for _, o := range list {
		out = append(out, o.Override)
	}
	return out
}

// refusals are the types of routes that lead nowhere, in the words of ip-route(8).
var refusals = map[int]string{unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw"}

// refusal is a route of such a type as an override; the kernel's own are none.
func refusal(h *netlink.Handle, r netlink.Route, family int) (o override, ok bool) {
	word := refusals[r.Type]
	if word == "" || r.Protocol == unix.RTPROT_KERNEL {
		return o, false
	}
	to := route(r, family).Destination
	o.Text = fmt.Sprintf("%s route %s %s", ipCommand(family), word, routeTo(to))
	if r.Table != unix.RT_TABLE_MAIN {
		o.Text += " table " + tableName(uint32(r.Table))
	}
	if r.Priority != 0 && (family == netlink.FAMILY_V4 || r.Priority != ip6Metric) {
		o.Text += fmt.Sprintf(" metric %d", r.Priority)
	}
	o.end = func() error {
		// Without the link: IPv6 shows such routes at loopback.
		return unless(h.RouteDel(&netlink.Route{Dst: ipNet(to), Type: r.Type, Table: r.Table, Priority: r.Priority, Protocol: r.Protocol, Tos: r.Tos}), unix.ESRCH)
	}
	return o, true
}

// ip6Metric is what an IPv6 route without a metric gets (IP6_RT_PRIO_USER).
const ip6Metric = 1024

// kernelRules are those that the kernel makes in each namespace, by family and with their tables.
var kernelRules = map[int][]kernelRule{
	netlink.FAMILY_V4: {{0, unix.RT_TABLE_LOCAL}, {32766, unix.RT_TABLE_MAIN}, {32767, unix.RT_TABLE_DEFAULT}},
	netlink.FAMILY_V6: {{0, unix.RT_TABLE_LOCAL}, {32766, unix.RT_TABLE_MAIN}},
}

type kernelRule struct {
	priority int
	table    uint32
}

// listRules reads the rules of the calling thread's namespace, and returns as overrides what of them differs from those that the kernel
// makes. A family that the kernel has no rules for has none missing.
func listRules() (out []override, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		messages, err := dump(func() ([][]byte, error) {
			req := nl.NewNetlinkRequest(unix.RTM_GETRULE, unix.NLM_F_DUMP)
			req.AddData(nl.NewIfInfomsg(family))
			return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWRULE)
		})
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list rules: %w", err)
		}
		missing := map[string]kernelRule{}
		for _, k := range kernelRules[family] {
			missing[fmt.Sprintf("%s rule %d: from all lookup %s", ipCommand(family), k.priority, tableName(k.table))] = k
		}
		for _, m := range messages {
			text, made, err := ruleText(m)
			if err != nil {
				return nil, fmt.Errorf("list rules: %w", err)
			}
			if _, own := missing[text]; own || made {
				delete(missing, text)
				continue
			}
			out = append(out, override{Override{Text: text}, func() error { return unless(deleteRule(m), unix.ENOENT) }})
		}
		for text, k := range missing {
			out = append(out, override{Override{text, true}, func() error { return unless(addRule(family, k), unix.EEXIST) }})
		}
	}
	slices.SortFunc(out, func(a, b override) int { return strings.Compare(a.Text, b.Text) })
	return out, nil
}

// deleteRule sends the kernel the rule as it told of it, as ip-rule(8) flushes: what is not the same in all is another one.
func deleteRule(message []byte) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELRULE, unix.NLM_F_ACK)
	req.AddRawData(message)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func addRule(family int, k kernelRule) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family), Table: uint8(k.table), Type: nl.FR_ACT_TO_TBL}})
	req.AddData(nl.NewRtAttr(nl.FRA_PRIORITY, nl.Uint32Attr(uint32(k.priority))))
	req.AddData(nl.NewRtAttr(nl.FRA_PROTOCOL, nl.Uint8Attr(unix.RTPROT_KERNEL)))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// ruleText says a rule in the words of ip-rule(8), and whether it is the one that the kernel makes with the first VRF.
func ruleText(message []byte) (text string, made bool, err error) {
	header := nl.DeserializeRtMsg(message) // struct fib_rule_hdr has the same form; its action is the type
	attrs, err := nl.ParseRouteAttr(message[header.Len():])
	if err != nil {
		return "", false, err
	}
	values := map[uint16][]byte{}
	for _, a := range attrs {
		values[a.Attr.Type] = a.Value
	}
	number := func(kind uint16) uint32 {
		if len(values[kind]) < 4 {
			return 0
		}
		return nl.NativeEndian().Uint32(values[kind])
	}
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	add("%s rule %d:", ipCommand(int(header.Family)), number(nl.FRA_PRIORITY))
	if header.Flags&netlink.FibRuleInvert != 0 {
		add(" not")
	}
	add(" from %s", selector(values[nl.FRA_SRC], header.Src_len))
	if header.Dst_len != 0 {
		add(" to %s", selector(values[nl.FRA_DST], header.Dst_len))
	}
	if header.Tos != 0 {
		add(" tos %#x", header.Tos)
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case nl.FRA_IIFNAME:
			add(" iif %s", unix.ByteSliceToString(a.Value))
		case nl.FRA_OIFNAME:
			add(" oif %s", unix.ByteSliceToString(a.Value))
		case nl.FRA_FWMASK:
			add(" fwmark %#x/%#x", number(nl.FRA_FWMARK), number(nl.FRA_FWMASK))
		case nl.FRA_SUPPRESS_PREFIXLEN, nl.FRA_SUPPRESS_IFGROUP:
			if v := number(a.Attr.Type); v != 1<<32-1 { // -1 is none
				add(" suppress %d", v)
			}
		case nl.FRA_SRC, nl.FRA_DST, nl.FRA_PRIORITY, nl.FRA_FWMARK, nl.FRA_TABLE, nl.FRA_PROTOCOL, nl.FRA_GOTO, nl.FRA_L3MDEV, nl.FRA_PAD:
		default: // ports, users, and what kernels will have: so much that it is not taken for the kernel's own
			add(" attribute-%d %x", a.Attr.Type, a.Value)
		}
	}
	_, vrf := values[nl.FRA_L3MDEV]
	switch header.Type {
	case nl.FR_ACT_TO_TBL:
		if vrf {
			add(" lookup l3mdev")
		} else {
			add(" lookup %s", tableName(number(nl.FRA_TABLE)))
		}
	case nl.FR_ACT_GOTO:
		add(" goto %d", number(nl.FRA_GOTO))
	case nl.FR_ACT_BLACKHOLE, nl.FR_ACT_UNREACHABLE, nl.FR_ACT_PROHIBIT:
		// Their numbers are those of the routes' types.
		add(" %s", refusals[int(header.Type)])
	default:
		add(" action %d", header.Type)
	}
	protocol := values[nl.FRA_PROTOCOL]
	return b.String(), vrf && len(protocol) == 1 && protocol[0] == unix.RTPROT_KERNEL, nil
}

func ipCommand(family int) string {
	if family == netlink.FAMILY_V6 {
		return "ip -6"
	}
	return "ip"
}

func tableName(id uint32) string {
	switch id {
	case unix.RT_TABLE_LOCAL:
		return "local"
	case unix.RT_TABLE_MAIN:
		return "main"
	case unix.RT_TABLE_DEFAULT:
		return "default"
	}
	return fmt.Sprint(id)
}

func selector(address []byte, bits uint8) string {
	a, ok := netip.AddrFromSlice(address)
	if bits == 0 || !ok {
		return "all"
	}
	return netip.PrefixFrom(a, int(bits)).String()
}

func routeTo(p netip.Prefix) string {
	if p.Bits() == 0 {
		return "default"
	}
	return p.String()
}
