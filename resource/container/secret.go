package container

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hostctl/host"
	"hostctl/policy/rule"
	"hostctl/resource"
	"hostctl/runtime"
)

const (
	secretsDir      = "/run/secrets" // where Docker and Podman have them
	maxSecretsCount = 64
)

// Secret is a credential of the host's as a file inside a container. The configuration names it by its id alone.
type Secret struct {
	// Credential is the id that the host's policy has it by.
	Credential string `json:"credential" diff:"replace" attr:"required"`
	// Path is the absolute path that the file has inside; unset, it is the block's label in /run/secrets.
	Path string `json:"path,omitempty" diff:"restart"`
	// Owner is whose the file is inside, as a file's owner; unset, the program's user.
	Owner string `json:"owner,omitempty" diff:"restart"`
	// Mode is the permission bits.
	Mode resource.Mode `json:"mode" diff:"restart" default:"0400"`

	// Source is the file on the host, by the host's policy, and Encrypted whether systemd decrypts it.
	Source    string `json:"source,omitempty" diff:"replace" attr:"internal"`
	Encrypted bool   `json:"encrypted,omitempty" diff:"replace" attr:"internal"`
}

func secretPath(label string) string { return "secret[" + strconv.Quote(label) + "]" }

// target is the file's path inside.
func (s Secret) target(label string) string {
	if s.Path != "" {
		return s.Path
	}
	return secretsDir + "/" + label
}

func (c *Container) validateSecrets(v *validator) {
	if len(c.Secret) > maxSecretsCount {
		v.bad("", fmt.Sprintf("%d secrets", len(c.Secret)), fmt.Sprintf("a container has at most %d", maxSecretsCount))
	}
	by := map[string]string{}
	for _, label := range slices.Sorted(maps.Keys(c.Secret)) {
		s, at := c.Secret[label], secretPath(label)
		if !isFileName(label) {
			v.bad(at, fmt.Sprintf("%q is no name of a file", label), `write a name without "/", such as "tls.key"; path = "/etc/tls/key" puts the file elsewhere than into `+secretsDir)
			continue
		}
		if !rule.ValidCredential(s.Credential) {
			v.bad(at+".credential", fmt.Sprintf("%q is no id of a credential", s.Credential),
				rule.CredentialForm+"; the host's policy says what file that is, and a configuration names no file")
		}
		target, where := s.target(label), at
		if s.Path != "" {
			where = at + ".path"
		}
		if err := checkTarget(target); err != nil {
			v.bad(where, fmt.Sprintf("no file can be at %q", target), err.Error())
		} else {
			c.validateFileTarget(v, where, target)
		}
		if _, twice := c.File[target]; twice {
			v.bad(where, fmt.Sprintf("%s is a file of this container too", target), "keep one of them")
		}
		for _, other := range slices.Sorted(maps.Keys(c.File)) {
			if other != target && below(other, target) {
				v.bad(where, fmt.Sprintf("the file %s would be below this secret", other), "")
			}
		}
		if other, twice := by[target]; twice {
			v.bad(where, fmt.Sprintf("%s is the path of secret %q too", target, other), "give one of them another")
		}
		by[target] = label
		if s.Mode == 0 || s.Mode > 0o777 {
			v.bad(at+".mode", fmt.Sprintf("%s is no mode of a secret", s.Mode), `write permission bits such as "0400"`)
		}
		if err := checkUser(s.Owner); err != nil {
			v.bad(at+".owner", fmt.Sprintf("%q is no owner", s.Owner), `write a uid, uid:gid, a name, or name:group, as the container knows them`)
		}
	}
	for _, target := range slices.Sorted(maps.Keys(by)) {
		for _, other := range slices.Sorted(maps.Keys(by)) {
			if other != target && below(other, target) {
				v.bad(secretPath(by[other]), fmt.Sprintf("%s is a secret of this container, and no directory", target), "")
			}
		}
	}
}

// isFileName reports whether s can be the last part of a path, and stand in one as it is.
func isFileName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= 255 && utf8.ValidString(s) && !strings.ContainsAny(s, `/"\`) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// resolveSecrets asks the host's policy where the credentials lie. What it does not give it refuses by itself.
func (c *Container) resolveSecrets(self resource.Addr, r *resource.Resolver) {
	c.Secret = maps.Clone(c.Secret)
	for label, s := range c.Secret {
		s.Source, s.Encrypted = "", false
		if r.Credentials != nil {
			if cred, ok := r.Credentials(s.Credential, self.HostName()); ok {
				s.Source, s.Encrypted = cred.File, cred.Encrypted
			}
		}
		c.Secret[label] = s
	}
}

// secretAt is the block of the secret with that path inside.
func (c *Container) secretAt(target string) string {
	for label, s := range c.Secret {
		if s.target(label) == target {
			return secretPath(label)
		}
	}
	return ""
}

// secrets are those of the launcher's spec.
func (c *Container) secrets() (out []runtime.Secret) {
	for _, label := range slices.Sorted(maps.Keys(c.Secret)) {
		s := c.Secret[label]
		out = append(out, runtime.Secret{Target: s.target(label), Credential: s.Credential, Mode: uint32(s.Mode), Owner: s.Owner})
	}
	return out
}

// secretsInDir reports whether there are secrets where programs look for them.
func (c *Container) secretsInDir() bool {
	for label, s := range c.Secret {
		if path.Dir(s.target(label)) == secretsDir {
			return true
		}
	}
	return false
}

// credentials are the properties by which the unit has the credentials, each once. What the policy names stands in the unit, so it is looked
// at once more.
func (c *Container) credentials() ([]host.Property, error) {
	var plain, encrypted []host.Credential
	seen := map[string]bool{}
	for _, label := range slices.Sorted(maps.Keys(c.Secret)) {
		s := c.Secret[label]
		if !rule.ValidCredential(s.Credential) || !rule.ValidCredentialFile(s.Source) {
			return nil, fmt.Errorf("secret %q: the host's policy gives no credential %q to this container", label, s.Credential)
		}
		switch cred := (host.Credential{ID: s.Credential, Path: s.Source}); {
		case seen[s.Credential]:
		case s.Encrypted:
			encrypted = append(encrypted, cred)
		default:
			plain = append(plain, cred)
		}
		seen[s.Credential] = true
	}
	var p []host.Property
	if len(plain) > 0 {
		p = append(p, host.Property{Name: "LoadCredential", Value: plain})
	}
	if len(encrypted) > 0 {
		p = append(p, host.Property{Name: "LoadCredentialEncrypted", Value: encrypted})
	}
	return p, nil
}

// exitCredentials is the status of a unit whose credentials systemd could not load or decrypt: 243/CREDENTIALS, systemd.exec(5).
const exitCredentials = 243

// keyless explains why a service was not started whose credentials could not be had: systemd says next to nothing.
func keyless(want *Container, err error) error {
	var job *host.JobError
	if !errors.As(err, &job) || job.Failure == nil || job.Failure.Code != "exited" || job.Failure.Status != exitCredentials {
		return err
	}
	var list []string
	for _, label := range slices.Sorted(maps.Keys(want.Secret)) {
		list = append(list, fmt.Sprintf("%q from %s", want.Secret[label].Credential, want.Secret[label].Source))
	}
	if list == nil {
		return err
	}
	return fmt.Errorf("%w; systemd could not load its credentials: %s, which the host's policy names", err, strings.Join(slices.Compact(list), ", "))
}

// checkSecrets looks at the credentials' files as the host has them.
func (k *checker) checkSecrets(v *validator, want *Container) {
	total := int64(0)
	seen := map[string]bool{}
	for _, label := range slices.Sorted(maps.Keys(want.Secret)) {
		s, at := want.Secret[label], secretPath(label)+".credential"
		if s.Source == "" || seen[s.Credential] {
			continue // the policy refuses it, or it was looked at
		}
		seen[s.Credential] = true
		size, err := k.Secret(s.Credential, s.Source, s.Encrypted)
		total += size
		switch {
		case err != nil:
			v.bad(at, fmt.Sprintf("this host cannot give credential %q", s.Credential), err.Error())
		case total > runtime.MaxFile:
			v.bad(at, fmt.Sprintf("with credential %q the container has %d bytes of them", s.Credential, total), fmt.Sprintf("systemd passes at most %d to a unit", runtime.MaxFile))
			total = 0 // said once
		}
	}
}
