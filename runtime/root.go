package runtime

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenRoot opens the root directory of a running container, O_PATH, as its processes see it. The caller closes it.
func (r Record) OpenRoot() (int, error) {
	path := procPath(r.PID, "root")
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, call("open("+path+")", err)
	}
	if !r.Alive() {
		unix.Close(fd)
		return -1, errors.New("the container's first process has ended")
	}
	return fd, nil
}

// Account is who a user of the container is on the host: user is as Spec.User, "" is the payload's own. Names are looked up in the
// container's root, which is not trusted; an id that is not mapped is an error.
func (r Record) Account(root int, user string) (Account, error) {
	_, account, err := r.account(root, user)
	return account, err
}

// account is Account with what else is known of the user inside.
func (r Record) account(root int, user string) (passwdUser, Account, error) {
	if user == "" {
		user = utoa(r.UID) + ":" + utoa(r.GID)
	}
	fail := func(err error) (passwdUser, Account, error) {
		return passwdUser{}, Account{}, step("user "+strconv.Quote(user), err)
	}
	if err := validUser(user); err != nil {
		return fail(err)
	}
	found, err := lookupUser(Spec{User: user}, func(path string) ([]byte, error) { return rootFile(root, path) })
	if err != nil {
		return fail(err)
	}
	uid, ok := hostID(r.UIDMap, found.UID)
	gid, ok2 := hostID(r.GIDMap, found.GID)
	if !ok || !ok2 {
		return fail(errors.New("uid " + utoa(found.UID) + ", gid " + utoa(found.GID) + " is not mapped in the container"))
	}
	return found, Account{uid, gid}, nil
}
