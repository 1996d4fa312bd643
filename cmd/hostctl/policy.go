package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hostctl/hcl"
	"hostctl/host"
	"hostctl/policy"
	"hostctl/resource"
	"hostctl/resource/container"
	"hostctl/runtime"
)

// hostPolicy is a policy with the sum of its text.
type hostPolicy struct {
	*policy.Policy
	digest string // "" is the built-in policy's
}

// enforce leaves the launcher the policy as it is now: it judges each start by that, until the next time.
func (p *hostPolicy) enforce() error { return runtime.Host.WriteRules(p.Rules()) }

// policy reads the policy of this host, [policy.Path]. One that anybody but root could have written, or that is not understood to its last word,
// is an error, and nothing is allowed. Where there is none the built-in one holds.
func (c *cli) policy() (*hostPolicy, error) {
	text, err := host.ReadTrusted(policy.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &hostPolicy{Policy: policy.Builtin()}, nil
	case err != nil:
		return nil, fmt.Errorf("the host's policy cannot be trusted, so that nothing is allowed: %w", err)
	}
	return c.readPolicy(policy.Path, text)
}

// policyFile reads the policy of a -policy flag, whoever the file belongs to; "" is this host's own.
func (c *cli) policyFile(path string) (*hostPolicy, error) {
	if path == "" {
		return c.policy()
	}
	p, _, err := c.namedPolicy(path)
	return p, err
}

// namedPolicy reads a policy that the caller named, and its text.
func (c *cli) namedPolicy(path string) (*hostPolicy, []byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > hcl.MaxDocument {
		return nil, nil, fmt.Errorf("%s is no file of at most %d MiB", path, hcl.MaxDocument>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.readPolicy(path, text)
	return p, text, err
}

// readPolicy understands a policy's text. What is wrong with it has been printed when it returns an error.
func (c *cli) readPolicy(path string, text []byte) (*hostPolicy, error) {
	var f policy.File
	doc := hcl.ReadDocument(hcl.File{Name: path, Text: text}, &f)
	if doc.Diagnostics.HasErrors() {
		return nil, c.diagnose(doc.Diagnostics)
	}
	p, problems := policy.New(path, &f)
	if len(problems) > 0 {
		return nil, c.problems(doc, problems)
	}
	sum := sha256.Sum256(text)
	return &hostPolicy{p, "sha256:" + hex.EncodeToString(sum[:])}, nil
}

// defaults are what the policy has for containers that do not say, as the language takes them.
func (p *hostPolicy) defaults() hcl.Defaults {
	all := hcl.Defaults{}
	for name, amounts := range p.Defaults() {
		if amounts == (policy.Amounts{}) {
			all[name] = nil
			continue
		}
		text, err := json.Marshal(map[string]policy.Amounts{"limits": amounts})
		if err != nil {
			panic("bug: " + err.Error())
		}
		all[name] = map[string]json.RawMessage{container.Name: text}
	}
	return all
}

// realDir is a directory by its real path, for the record.
func realDir(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// onPaper is a configuration's state as a host that has nothing yet would complete it, and the problems that there are.
func onPaper(config *hcl.Config) (resource.State, []resource.Problem) {
	r := resource.NewResolver(config.Name, nil, nil, nil)
	problems := r.Resolve(config.State)
	return r.Want, problems
}
