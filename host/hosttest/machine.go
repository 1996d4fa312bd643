package hosttest

import (
	"fmt"
	"strings"
	"sync"
)

// Machine is a host that lives in memory. Its methods are safe for concurrent use.
type Machine struct {
	// Faults makes calls of any part fail, and records them.
	*Faults
	// Passwd and Dirs are the machine's account files and directories.
	*Passwd
	*Dirs
	parts []part
}

type part struct {
	name string
	fmt.Stringer
}

// New returns a machine with root and a few system accounts and groups, an empty
// directory tree with /srv and /var/lib, and nothing running.
func New() *Machine {
	f := &Faults{}
	m := &Machine{Faults: f, Passwd: newPasswd(f), Dirs: newDirs(f)}
	m.Attach("accounts", m.Passwd)
	m.Attach("directories", m.Dirs)
	return m
}

// Attach makes another family of doors part of the machine's text.
func (m *Machine) Attach(name string, s fmt.Stringer) { m.parts = append(m.parts, part{name, s}) }

// String prints the whole machine: each part under its name, one line an object, in a fixed order.
func (m *Machine) String() string {
	var b strings.Builder
	for _, p := range m.parts {
		fmt.Fprintf(&b, "%s\n", p.name)
		for line := range strings.Lines(p.String()) {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}

// Faults makes calls fail, once each. The zero Faults lets all pass.
type Faults struct {
	mu   sync.Mutex
	next map[string]error
	log  []string
}

// Fail makes the next call of the operation, such as "AddAccount shop", fail with err before it changes anything.
func (f *Faults) Fail(op string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = map[string]error{}
	}
	f.next[op] = err
}

// Calls returns the mutating calls so far, in order.
func (f *Faults) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

// call records a mutating call and returns the error that it is to fail with.
func (f *Faults) call(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, op)
	err := f.next[op]
	delete(f.next, op)
	return err
}
