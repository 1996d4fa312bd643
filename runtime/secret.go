package runtime

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"hostctl/policy/rule"
)

// Secret is a credential of the unit's (systemd.exec(5), LoadCredential=) as a file inside the container. It lies in a room as a [File] does;
// what is in it is in no spec and no store: the launcher copies it at each start, from what systemd gives to the unit.
type Secret struct {
	// Target is the absolute, clean path inside, as a file's.
	Target string `json:"target"`
	// Credential is the id that the unit has it by.
	Credential string `json:"credential"`
	// Mode is the permission bits, without set-id and sticky ones.
	Mode uint32 `json:"mode"`
	// Owner is whose the file is inside, in the words of Spec.User; "" is the payload's own user.
	Owner string `json:"owner,omitempty"`
}

// file is the secret as a file of which nobody knows the content.
func (x Secret) file() File { return File{Target: x.Target, Mode: x.Mode, Owner: x.Owner} }

// secretOwner is who owns a secret, as the host counts. read returns a file of the rootfs.
func secretOwner(s Spec, x Secret, id identity, read func(string) ([]byte, error)) (Account, error) {
	if x.Owner == "" {
		return Account{id.HostUID, id.HostGID}, nil
	}
	return fileOwner(s, x.file(), id, read)
}

// secretOp reads a credential of the unit's.
type secretOp struct{ secret Secret }

func (o secretOp) String() string {
	return "read credential " + o.secret.Credential + " for " + o.secret.Target
}

func (o secretOp) do(l *launch) error {
	content, err := readCredential(l.credentials, o.secret.Credential)
	if err != nil {
		return configError{step("secret "+o.secret.Target+": credential "+strconv.Quote(o.secret.Credential)+
			", whose file the host's policy names, did not come from systemd", err)}
	}
	l.contents[o.secret.Target] = content
	return nil
}

// readCredential reads a credential from the directory that systemd made for the unit: a regular file of root's that nobody else can
// read, of at most MaxFile bytes, reached through no link.
func readCredential(dir, id string) ([]byte, error) {
	if !rule.ValidCredential(id) || cleanPath(dir) != nil {
		return nil, errors.New("CREDENTIALS_DIRECTORY is missing or no absolute path")
	}
	path := dir + "/" + id
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, call("openat2("+path+", RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS)", err)
	}
	defer unix.Close(fd)
	content, st, err := readContent(fd)
	if err == nil && (st.Uid != 0 || st.Mode&0o077 != 0) {
		err = errors.New("belongs to uid " + utoa(st.Uid) + " with mode 0" + strconv.FormatUint(uint64(st.Mode&0o7777), 8) + ", and is to be root's alone")
	}
	if err != nil {
		clear(content)
		return nil, step(path, err)
	}
	return content, nil
}

// canNoSwap says whether the kernel can keep a tmpfs out of swap (6.3).
func canNoSwap() bool {
	ctx, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(ctx)
	return unix.FsconfigSetFlag(ctx, "noswap") == nil
}
