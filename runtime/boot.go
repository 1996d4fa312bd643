package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// systemUUID is what a whole system is told that it is: always the same for one name on one host, and no way back to the host's own
// id (machine-id(5)). A system whose /etc/machine-id is empty takes it for its own.
func systemUUID(name string) (string, error) {
	const file = "/etc/machine-id"
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", call("open("+file+")", err)
	}
	defer unix.Close(fd)
	id, err := readAll(fd, 64)
	if err != nil {
		return "", call("read("+file+")", err)
	}
	host := strings.TrimSpace(string(id))
	if len(host) != 32 || !isHex(host) {
		return "", errors.New(file + " is no machine id")
	}
	return uuid(host, name), nil
}

// uuid is a UUID of version 4 made of both, RFC 9562.
func uuid(host, name string) string {
	sum := sha256.Sum256([]byte("hostctl\x00" + host + "\x00" + name))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
