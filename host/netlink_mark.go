package host

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net"
	"strings"
)

// A mark is the text that proves a kernel object to be hostctl's and says
// whose: "hostctl:<owner>:<object>", such as "hostctl:shop:network.lan". A link
// carries it as its alias (IFLA_IFALIAS), a network namespace on its own
// loopback link. `ip link` prints it.
//
// The kernel ignores an alias in the message that creates a link, so a link is
// for a moment without its mark. Its hardware address, which creation does
// take, is derived from the mark and tells a half-made link from a foreign one.

const (
	markPrefix = "hostctl:"
	linkPrefix = "hc-"
)

// Released stands in the place of a mark that was taken off: it is nobody's, and
// unlike no mark at all it tells an object that is left to itself from one that is half made.
const Released = "released by hostctl"

// linkNameMax is IFNAMSIZ without the closing NUL.
const linkNameMax = 15

// Mark returns the mark of an object of the configuration named owner.
// Neither may hold a NUL; owner may not hold a colon.
func Mark(owner, object string) string { return markPrefix + owner + ":" + object }

// ParseMark splits a mark; ok is false for any other text.
func ParseMark(mark string) (owner, object string, ok bool) {
	rest, ok := strings.CutPrefix(mark, markPrefix)
	if !ok {
		return "", "", false
	}
	owner, object, ok = strings.Cut(rest, ":")
	return owner, object, ok && owner != "" && object != ""
}

// LinkName returns the name of the link that carries mark, such as
// "hc-front-k3x9q2": 15 bytes at most, the beginning of hint for people to
// recognise, and 30 bits of the mark's hash.
func LinkName(hint, mark string) string {
	sum := sha256.Sum256([]byte(mark))
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:6])
	room := linkNameMax - len(linkPrefix) - len(hash) - len("-")
	hint = strings.Trim(hint[:min(room, len(hint))], "-")
	return linkPrefix + hint + "-" + hash
}

// LinkMAC returns the hardware address that the link with this mark is created
// with, in the form of [net.HardwareAddr.String]: locally administered, unicast,
// and otherwise the mark's hash. It stays the same when the link is made anew,
// so that neighbours need not learn it again.
func LinkMAC(mark string) string {
	sum := sha256.Sum256([]byte("hardware address of " + mark))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2
	return mac.String()
}

// Carries says whether the link is proven to be the one with this mark: by its
// alias, or, where it has none yet, by the hardware address that it was made with.
func (l Link) Carries(mark string) bool {
	return l.Alias == mark || l.Alias == "" && l.MAC == LinkMAC(mark)
}

// Holder says in words whose the link is, for messages about a conflict.
func (l Link) Holder() string { return holder(l.Alias) }

// Holder says in words whose the entry of /run/netns is, for messages about a conflict.
func (n NamedNamespace) Holder() string { return holder(n.Mark) }

func holder(mark string) string {
	if owner, object, ok := ParseMark(mark); ok {
		return fmt.Sprintf("%q of configuration %q", object, owner)
	}
	return "somebody other than hostctl"
}
