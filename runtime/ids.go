package runtime

import (
	"errors"
	"strconv"
)

// Mapping is one line of uid_map or gid_map of user_namespaces(7): Count ids from Inside on are those from Outside on.
type Mapping struct{ Inside, Outside, Count uint32 }

// idMap maps a container's ids onto its range; with own set, the payload's inside id
// is that host id instead, wherever it lies, and leaves a hole in the range.
func idMap(r IDRange, inside uint32, own *uint32) []Mapping {
	if own == nil {
		return []Mapping{{0, r.Base, r.Count}}
	}
	var out []Mapping
	if n := min(inside, r.Count); n > 0 {
		out = append(out, Mapping{0, r.Base, n})
	}
	out = append(out, Mapping{inside, *own, 1})
	if inside < r.Count-1 { // Count is never 0
		out = append(out, Mapping{inside + 1, r.Base + inside + 1, r.Count - inside - 1})
	}
	return out
}

// hostID is the host's number of an inside id.
func hostID(maps []Mapping, inside uint32) (uint32, bool) {
	for _, m := range maps {
		if inside >= m.Inside && inside-m.Inside < m.Count {
			return m.Outside + (inside - m.Inside), true
		}
	}
	return 0, false
}

// mapText is what is written to uid_map.
func mapText(maps []Mapping) []byte {
	var out []byte
	for _, m := range maps {
		out = strconv.AppendUint(out, uint64(m.Inside), 10)
		out = append(out, ' ')
		out = strconv.AppendUint(out, uint64(m.Outside), 10)
		out = append(out, ' ')
		out = strconv.AppendUint(out, uint64(m.Count), 10)
		out = append(out, '\n')
	}
	return out
}

// identity is who the payload is: inside, and as the host counts.
type identity struct {
	UID, GID         uint32 // inside
	HostUID, HostGID uint32
	Home             string   // of the rootfs's passwd, "/" without
	Groups           []uint32 // supplementary, inside
	UIDMap, GIDMap   []Mapping
}

// rootID returns the host's ids of the container's own root, the owner of what the launcher makes inside.
func (i identity) rootID() (uid, gid uint32) {
	uid, _ = hostID(i.UIDMap, 0)
	gid, _ = hostID(i.GIDMap, 0)
	return uid, gid
}

// mapUser decides the id maps of a container whose payload is u.
func mapUser(s Spec, u passwdUser) (identity, error) {
	id := identity{UID: u.UID, GID: u.GID, Home: u.Home}
	var uid, gid *uint32
	if s.RunAs != nil {
		uid, gid = &s.RunAs.UID, &s.RunAs.GID
	}
	id.UIDMap, id.GIDMap = idMap(s.IDs, u.UID, uid), idMap(s.IDs, u.GID, gid)
	var ok, ok2 bool
	id.HostUID, ok = hostID(id.UIDMap, u.UID)
	id.HostGID, ok2 = hostID(id.GIDMap, u.GID)
	if !ok || !ok2 {
		return identity{}, errors.New("uid " + utoa(u.UID) + ", gid " + utoa(u.GID) + " lies outside the container's " + utoa(s.IDs.Count) + " ids")
	}
	return id, nil
}

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
