package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hostctl/host"
	"hostctl/resource"
)

// A container's listen blocks are one socket unit: systemd listens, and hands the sockets to the service of the same name (there is no
// other way to say to a transient socket whose it is). It goes on listening while the service is started again.

const (
	listenDir     = "/run/hostctl/listen"
	unixAddress   = "unix"
	maxListen     = 32
	socketSuffix  = ".socket"
	defaultSocket = resource.Mode(0o600)
)

// SocketUnit is the name of the socket unit of a container that listens.
func SocketUnit(addr resource.Addr) string { return unitPrefix + addr.HostName() + socketSuffix }

// Address is where it listens, as systemd.socket(5) has it, and in which way: "Stream" or "Datagram".
func (l Listen) address(self resource.Addr, name string) (kind, address string) {
	kind, address = "Stream", l.Stream
	if l.Datagram != "" {
		kind, address = "Datagram", l.Datagram
	}
	switch {
	case address == unixAddress:
		address = listenDir + "/" + self.HostName() + "." + name
	case strings.HasPrefix(address, ":"):
		address = "[::]" + address // both IPv6 and IPv4, see socket
	}
	return kind, address
}

func (c *Container) validateListen(v *validator) {
	modes := map[resource.Mode]bool{}
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Listen)) {
		at, l := "listen["+strconv.Quote(name)+"]", c.Listen[name]
		if err := resource.CheckName(name); err != nil {
			v.bad(at, fmt.Sprintf("%q cannot be a socket's name", name), err.Error())
		}
		attr, address := "stream", l.Stream
		if l.Datagram != "" {
			attr, address = "datagram", l.Datagram
		}
		switch {
		case l.Stream == "" && l.Datagram == "":
			v.bad(at, "it is not said where to listen", `write stream = "127.0.0.1:8080", or datagram`)
			continue
		case l.Stream != "" && l.Datagram != "":
			v.bad(at+".datagram", "a socket is for streams or for datagrams", "write two listen blocks")
			continue
		case address == unixAddress:
			mode := l.Mode
			if mode == 0 {
				mode = defaultSocket
			}
			modes[mode] = true
		case !isListenAddress(address):
			v.bad(at+"."+attr, fmt.Sprintf("%q is no address to listen on", address),
				`write such as "127.0.0.1:8080", "[::1]:8080", ":8080" for every address of the host's, or "unix"`)
		}
		if l.Mode != 0 && (address != unixAddress || l.Mode > 0o777) {
			v.bad(at+".mode", fmt.Sprintf("%s is no mode of this socket", l.Mode), `only "unix" sockets have one, at most "0777"`)
		}
		if l.Backlog > 1<<20 {
			v.bad(at+".backlog", fmt.Sprintf("%d connections cannot wait", l.Backlog), "at most 1048576")
		}
		if other := taken[attr+address]; other != "" && address != unixAddress {
			v.bad(at+"."+attr, fmt.Sprintf("listen %q has this address", other), "")
		}
		taken[attr+address] = name
	}
	for _, key := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		if _, set := c.Environment[key]; set && len(c.Listen) > 0 {
			v.bad("environment["+strconv.Quote(key)+"]", key+" is set for the sockets", "take it away")
		}
	}
	if len(modes) > 1 {
		v.bad("listen", "the unix sockets have different modes", "systemd has one for all of a container's: write the same in each")
	}
	if len(c.Listen) > maxListen {
		v.bad("listen", fmt.Sprintf("there are %d sockets", len(c.Listen)), fmt.Sprintf("at most %d are taken", maxListen))
	}
}

func isListenAddress(s string) bool {
	host, port, ok := strings.Cut(s, ":")
	if ok && host == "" {
		n, err := strconv.ParseUint(port, 10, 16)
		return err == nil && n != 0 && port[0] != '0' && port[0] != '+'
	}
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Port() != 0 && a.Addr().Zone() == "" && a.String() == s
}

// socket is the unit that listens for the container.
func (c *Container) socket(self resource.Addr, owner string) host.Transient {
	var listen []host.Listen
	mode, backlog := defaultSocket, uint64(0)
	for _, name := range c.listenNames() {
		l := c.Listen[name]
		kind, address := l.address(self, name)
		listen = append(listen, host.Listen{Type: kind, Address: address})
		if l.Mode != 0 {
			mode = l.Mode
		}
		backlog = max(backlog, l.Backlog)
	}
	p := []host.Property{
		describe(socketTitle, self, owner),
		{Name: "Listen", Value: listen},
		{Name: "BindIPv6Only", Value: "both"},
		{Name: "SocketMode", Value: uint32(mode)},
		{Name: "DirectoryMode", Value: uint32(0o755)},
		{Name: "RemoveOnStop", Value: true},
		{Name: "LogExtraFields", Value: [][]byte{[]byte("HOSTCTL_OWNER=" + owner)}},
		{Name: "CollectMode", Value: "inactive-or-failed"},
	}
	if backlog != 0 {
		p = append(p, host.Property{Name: "Backlog", Value: uint32(backlog)})
	}
	if c.RunAsUID != 0 {
		p = append(p,
			host.Property{Name: "SocketUser", Value: strconv.FormatUint(uint64(c.RunAsUID), 10)},
			host.Property{Name: "SocketGroup", Value: strconv.FormatUint(uint64(c.RunAsGID), 10)})
	}
	if c.NetnsPath != "" {
		p = append(p, host.Property{Name: "NetworkNamespacePath", Value: c.NetnsPath})
	}
	return host.Transient{Name: SocketUnit(self), Properties: p}
}

// listenNames are the sockets in the order in which the program gets them.
func (c *Container) listenNames() []string { return slices.Sorted(maps.Keys(c.Listen)) }

// listens proves that the socket unit of the container's name, if it is there, is the container's: made by a call, with the owner's
// mark. The error is [errForeign] where another made it.
func (h *Host) listens(ctx context.Context, addr resource.Addr, owner string) (loaded bool, err error) {
	of, loaded, err := h.socketOwner(ctx, addr)
	if err == nil && loaded && of != owner {
		err = fmt.Errorf("socket %s: %w", SocketUnit(addr), errForeign)
	}
	return loaded, err
}

// socketOwner is the configuration whose container the socket unit of that name is of; "" where it is none's.
func (h *Host) socketOwner(ctx context.Context, addr resource.Addr) (owner string, loaded bool, err error) {
	name := SocketUnit(addr)
	p, err := h.Systemd.Properties(ctx, name, "Unit.LoadState")
	if err != nil || p["Unit.LoadState"] == "not-found" {
		return "", false, err
	}
	if p, err = h.Systemd.Properties(ctx, name, "Unit.Transient", "Unit.Description", "Socket.LogExtraFields"); err != nil {
		return "", true, err
	}
	if transient, _ := p["Unit.Transient"].(bool); !transient {
		return "", true, nil
	}
	return ownerIn(socketTitle, p["Unit.Description"], p["Socket.LogExtraFields"]), true, nil
}

// deaf explains why a service was not started whose sockets could not be had.
func (h *Host) deaf(ctx context.Context, want *Container, addr resource.Addr, err error) error {
	var job *host.JobError
	if !errors.As(err, &job) || job.Result != "dependency" || len(want.Listen) == 0 {
		return err
	}
	why, whyErr := h.Systemd.Failure(ctx, SocketUnit(addr), "")
	if whyErr != nil {
		return err
	}
	return &host.JobError{Verb: "start", Unit: SocketUnit(addr), Result: "failed", Failure: why}
}

// checkListen looks for a socket unit of the container's name that is not ours, and for other containers on its addresses.
func (k *checker) checkListen(ctx context.Context, v *validator, change resource.Change, want *Container) {
	if len(want.Listen) == 0 {
		return
	}
	name := SocketUnit(change.Addr)
	if file := unitFile(k.unitPath, name); file != "" {
		v.unitFile(file, name)
		return
	}
	switch of, loaded, err := k.socketOwner(ctx, change.Addr); {
	case err == nil && loaded && of != change.Owner && of != "" && k.remarks(change):
		if err := k.lasts(ctx, name, of); err != nil {
			v.bad("", "the socket's mark cannot be set again", err.Error())
		}
	case err == nil && loaded && of != change.Owner:
		v.bad("", fmt.Sprintf("a socket %s is there that is not this configuration's", name), "it is left alone; give the container another name, or stop that socket")
	case err != nil:
		v.bad("", fmt.Sprintf("socket %s cannot be examined", name), err.Error())
	}
	for _, other := range k.want.Addrs() {
		o, ok := k.want[other].(*Container)
		if !ok || other == change.Addr || o.NetnsPath != want.NetnsPath {
			continue
		}
		for _, mine := range want.listenNames() {
			for _, theirs := range o.listenNames() {
				if want.Listen[mine].clashes(o.Listen[theirs]) {
					v.bad("listen["+strconv.Quote(mine)+"]", fmt.Sprintf("%s listens there too, as %q", other, theirs), "give one of them another port")
				}
			}
		}
	}
}

// clashes says whether two sockets of one network cannot both be had.
func (l Listen) clashes(o Listen) bool {
	same := func(a, b string) bool {
		if a == "" || b == "" || a == unixAddress || b == unixAddress {
			return false
		}
		anyA, portA := splitListen(a)
		anyB, portB := splitListen(b)
		return portA == portB && (anyA || anyB || a == b)
	}
	return same(l.Stream, o.Stream) || same(l.Datagram, o.Datagram)
}

// splitListen says whether an address is every address of the host's, and its port.
func splitListen(s string) (every bool, port string) {
	i := strings.LastIndexByte(s, ':')
	host := strings.Trim(s[:i], "[]")
	return host == "" || host == "0.0.0.0" || host == "::", s[i+1:]
}
