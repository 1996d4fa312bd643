package apply

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keySize is the size in bytes of the key that seals saved plans.
const keySize = 32

// SealKey returns the key that seals the sensitive values of saved plans. It
// lies beside the ledger, readable by root alone, and is made when it is first asked for; a
// plan that was sealed with another is stale. A key that others could read is an error.
func (m *Machine) SealKey() ([]byte, error) {
	path := filepath.Join(filepath.Dir(m.LedgerPath), "plan.key")
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, keySize)
	rand.Read(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("key of saved plans: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".plan.key-*") // 0600 by its contract
	if err != nil {
		return nil, fmt.Errorf("key of saved plans: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path) // whole, and never in another's place
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("key of saved plans: %w", err)
	}
	return readKey(path)
}

func readKey(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key of saved plans %s: others could read it; remove it, and plan again", path)
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != keySize {
		err = fmt.Errorf("key of saved plans %s: damaged; remove it, and plan again", path)
	}
	return key, err
}
