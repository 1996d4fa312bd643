package runtime

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxPasswd is the largest passwd or group file of a rootfs that is read, in bytes.
const maxPasswd = 1 << 20

// passwdUser is who a payload is inside, before any mapping.
type passwdUser struct {
	UID, GID uint32
	Home     string
}

// parseID reads a uid or gid: decimal digits without sign, prefix or leading zero, below 4294967295.
func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == noID || strings.Trim(s, "0123456789") != "" || len(s) > 1 && s[0] == '0' {
		return 0, errors.New(strconv.Quote(s) + " is not a uid or gid from 0 to 4294967294")
	}
	return uint32(n), nil
}

// numeric says whether s must be a number: it begins as no name does. Such a word is never looked up.
func numeric(s string) bool {
	return s != "" && (s[0] >= '0' && s[0] <= '9' || s[0] == '-' || s[0] == '+' || s[0] == '.')
}

func validUser(user string) error {
	if user == "" {
		return nil
	}
	name, group, has := strings.Cut(user, ":")
	for i, w := range []string{name, group} {
		if i == 1 && !has {
			break
		}
		switch {
		case numeric(w):
			if _, err := parseID(w); err != nil {
				return err
			}
		case w == "" || len(w) > 256 || !plain(w) || strings.ContainsAny(w, ":, \t"):
			return errors.New(strconv.Quote(user) + " is not uid, uid:gid, name or name:group")
		}
	}
	return nil
}

// lookupUser decides who the payload of s is; read returns a file of the rootfs (nil where there is
// none) and is called only where a file is needed.
func lookupUser(s Spec, read func(path string) ([]byte, error)) (passwdUser, error) {
	user := s.User
	if user == "" {
		user = DefaultUser
		if s.RunAs != nil {
			user = utoa(s.RunAs.UID) + ":" + utoa(s.RunAs.GID)
		}
	}
	name, group, hasGroup := strings.Cut(user, ":")
	passwd, err := read("etc/passwd")
	if err != nil {
		return passwdUser{}, err
	}
	out := passwdUser{Home: "/"} // without an entry the group is 0, as with every other runtime
	field := 0
	if numeric(name) {
		field = 2
		if out.UID, err = parseID(name); err != nil {
			return passwdUser{}, err
		}
	}
	line := find(passwd, field, name, 7)
	if line == nil && field == 0 {
		return passwdUser{}, errors.New(strconv.Quote(name) + " is not in the rootfs's /etc/passwd")
	}
	if line != nil {
		if err := out.fill(line); err != nil {
			return passwdUser{}, &StepError{"the rootfs's /etc/passwd, user " + name, err}
		}
	}
	if hasGroup {
		if out.GID, err = lookupGroup(group, read); err != nil {
			return passwdUser{}, err
		}
	}
	return out, nil
}

func lookupGroup(group string, read func(string) ([]byte, error)) (uint32, error) {
	if numeric(group) {
		return parseID(group)
	}
	data, err := read("etc/group")
	if err != nil {
		return 0, err
	}
	line := find(data, 0, group, 4)
	if line == nil {
		return 0, errors.New("group " + strconv.Quote(group) + " is not in the rootfs's /etc/group")
	}
	gid, err := parseID(line[2])
	return gid, step("the rootfs's /etc/group, group "+group, err)
}

// lookupGroups finds the supplementary groups of a payload, each of which must be mapped.
func lookupGroups(groups []string, gidMap []Mapping, read func(string) ([]byte, error)) ([]uint32, error) {
	var out []uint32
	for _, group := range groups {
		gid, err := lookupGroup(group, read)
		if err == nil {
			if _, ok := hostID(gidMap, gid); !ok {
				err = errors.New("gid " + utoa(gid) + " is not one of the container's ids")
			}
		}
		if err != nil {
			return nil, step("group "+strconv.Quote(group), err)
		}
		out = append(out, gid)
	}
	return out, nil
}

// find returns the fields of the first line whose field i is value and that has at least n fields.
func find(data []byte, i int, value string, n int) []string {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		if data = rest; !bytes.Contains(line, []byte(value)) {
			continue
		}
		if fields := strings.Split(string(line), ":"); len(fields) >= n && fields[i] == value {
			return fields
		}
	}
	return nil
}

// fill takes uid, gid and home from a passwd line.
func (u *passwdUser) fill(line []string) error {
	uid, err := parseID(line[2])
	if err != nil {
		return err
	}
	gid, err := parseID(line[3])
	if err != nil {
		return err
	}
	u.UID, u.GID = uid, gid
	if cleanPath(line[5]) == nil {
		u.Home = line[5]
	}
	return nil
}

// rootFile returns a small regular file of a rootfs, nil where there is none. Neither a link to
// the outside nor a FIFO, device or endless file gets further than an error: the file is looked
// up with the rootfs as root, and opened for reading only once it is known to be regular.
func rootFile(root int, path string) ([]byte, error) {
	fd, err := unix.Openat2(root, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return nil, nil
	}
	if err != nil {
		return nil, call("openat2(rootfs, "+path+", RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS)", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, call("fstat("+path+")", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, errors.New("the rootfs's /" + path + " is not a regular file")
	case st.Size > maxPasswd:
		return nil, errors.New("the rootfs's /" + path + " is larger than 1 MiB")
	}
	file, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, call("open(/"+path+")", err)
	}
	defer unix.Close(file)
	data := make([]byte, min(int(st.Size)+1, maxPasswd+1))
	n := 0
	for n < len(data) {
		m, err := unix.Read(file, data[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, call("read(/"+path+")", err)
		}
		if m == 0 {
			break
		}
		n += m
	}
	return data[:n], nil
}
