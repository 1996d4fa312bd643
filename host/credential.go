package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// SystemdCreds is where systemd has the program that encrypts credentials, systemd-creds(1).
const SystemdCreds = "/usr/bin/systemd-creds"

const (
	maxCredential = 1 << 20 // CREDENTIALS_TOTAL_SIZE_MAX of systemd, bytes
	// decryptTime is how long a TPM may take over a credential.
	decryptTime = 20 * time.Second
)

// CheckCredential says what keeps systemd from giving a unit the credential of that id, or others of the host from not reading it: the file and all
// directories above it have to be root's, and the file root's alone. An encrypted one has to be decrypted here, for this id; its content goes
// nowhere. size is that of the file, in bytes; 0 where it is encrypted. Where the caller is not root and may not look, nothing is said.
func CheckCredential(id, file string, encrypted bool) (size int64, err error) {
	f, err := openTrusted(file)
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return 0, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%w; the host's policy names it: put it there, with install -m 0600, or have the policy name another", err)
	}
	if err != nil {
		return 0, fmt.Errorf("%w; a credential's file is root's alone", err)
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return 0, err
	case st.Mode().Perm()&0o077 != 0:
		return 0, fmt.Errorf("%s can be read by others than root (mode %04o); chmod 0600 %s", file, st.Mode().Perm(), file)
	case st.Size() > maxCredential:
		return 0, fmt.Errorf("%s has %d bytes; systemd passes at most %d", file, st.Size(), maxCredential)
	case !encrypted:
		return st.Size(), nil
	case os.Geteuid() != 0:
		return 0, nil
	}
	return 0, decrypts(id, file)
}

// decrypts asks systemd whether this host can decrypt a credential.
func decrypts(id, file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), decryptTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, SystemdCreds, "decrypt", "--name="+id, file, "-") // to nowhere: standard output is /dev/null
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"}
	cmd.Dir = "/"
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		why := err.Error()
		if lines := strings.Split(strings.TrimSpace(said.String()), "\n"); lines[len(lines)-1] != "" {
			why = lines[len(lines)-1]
		}
		return fmt.Errorf("%s is not decrypted by this host's systemd: %s; make it here, with systemd-creds encrypt --name=%s", file, printable(why), id)
	}
	return nil
}
