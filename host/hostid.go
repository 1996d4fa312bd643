package host

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ID names this host: the same on every boot, different on every host, and
// without use for anybody else, for machine-id(5) is not to be shown. It is
// 32 hexadecimal digits, derived from /etc/machine-id.
func ID() (string, error) {
	const path = "/etc/machine-id"
	id, err := readHex(path, 32)
	if err != nil {
		return "", fmt.Errorf("host identity: %w; systemd-machine-id-setup(1) makes one", err)
	}
	return appID(id), nil
}

// appID is a number of our own from the machine's, in the manner of sd_id128_get_machine_app_specific(3).
func appID(machine string) string {
	mac := hmac.New(sha256.New, []byte(machine))
	mac.Write([]byte("hostctl"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// BootID names the running boot, as the kernel does in random(4): 32
// hexadecimal digits, without the hyphens. What a reboot takes away is recorded with it.
func BootID() (string, error) {
	id, err := readHex("/proc/sys/kernel/random/boot_id", 32)
	if err != nil {
		return "", fmt.Errorf("boot identity: %w", err)
	}
	return id, nil
}

// Monotonic is the time of the kernel's monotonic clock (clock_gettime(2)): since the boot, without what the host was
// suspended. Nobody sets it.
func Monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for no clock that there is
	return time.Duration(ts.Nano())
}

// readHex reads a file that holds n hexadecimal digits, hyphens between them and a newline apart.
func readHex(path string, n int) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.ReplaceAll(strings.TrimSuffix(string(data), "\n"), "-", "")
	if _, err := hex.DecodeString(s); err != nil || len(s) != n || strings.Trim(s, "0") == "" {
		return "", fmt.Errorf("%s holds no identity", path)
	}
	return s, nil
}
