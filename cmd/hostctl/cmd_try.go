package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hostctl/hcl"
	"hostctl/host/try"
	"hostctl/policy"
	"hostctl/resource/container"
	"hostctl/resource/volume"
)

var tryCommand = command{
	name: "try", operands: "DIR [-- COMMAND [ARGUMENT...]]", passes: true,
	summary: "Boot a throwaway host, apply the configuration of DIR there, and run a command or a shell on it",
	example: "hostctl try examples/web\nhostctl try examples/web -- hostctl status\nhostctl try -policy examples/system/policy/policy.hcl examples/system",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		var s source
		s.vars = varFlags{}
		fs.Var(&s.vars, "var", "set a variable, as `NAME=VALUE`; may be given again")
		fs.Var(&s.varFiles, "var-file", "read variables from `FILE`; may be given again, a later one wins")
		policyFile := fs.String("policy", "", "give the throwaway host the policy in `FILE` instead of this machine's")
		return func(c *cli, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("want the directory of a configuration")
			}
			s.dir = args[0]
			command := args[1:]
			if len(command) > 0 && command[0] == "--" {
				command = command[1:]
			} else if len(command) > 0 {
				return fmt.Errorf("unexpected %q; a command comes after --", command[0])
			}
			return tryOut(c, &s, *policyFile, command)
		}
	},
}

// The programs' place on a throwaway host, which is in everybody's PATH.
const tryBin = "/usr/local/bin"

func tryOut(c *cli, s *source, policyFile string, command []string) (err error) {
	var text []byte
	if policyFile != "" {
		if _, text, err = c.namedPolicy(policyFile); err != nil {
			return err
		}
	}
	config, sources, err := s.read(c)
	if err != nil {
		return err
	}
	options, err := tryOptions(config, sources)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stderr, "Booting a throwaway host. It shares this machine's kernel and is root on it: it is no sandbox.")
	h, err := try.Boot(c.ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()

	if policyFile != "" {
		put := try.Command{Args: []string{"/bin/sh", "-euc", "mkdir -p $(dirname " + policy.Path + "); cat > " + policy.Path},
			Stdin: bytes.NewReader(text), Stdout: c.stdout, Stderr: c.stderr}
		if code, err := h.Run(c.ctx, put); err != nil || code != exitOK {
			return fmt.Errorf("write the throwaway host's policy: exit status %d, %w", code, err)
		}
	}
	args := []string{"hostctl", "apply", "-auto-approve", "-chdir=" + sources.Dir}
	if sources.Root != "" {
		args = append(args, "-root="+sources.Root)
	}
	for name, value := range s.vars {
		args = append(args, "-var", name+"="+value)
	}
	for _, f := range sources.VarFiles {
		args = append(args, "-var-file", f.Name)
	}
	var env []string
	for name, value := range s.request(sources).Env {
		env = append(env, envPrefix+name+"="+value)
	}
	code, err := h.Run(c.ctx, try.Command{Args: args, Env: env, Stdout: c.stdout, Stderr: c.stderr})
	if err != nil {
		return err
	}
	if err := showUnits(c, h, config); err != nil {
		return err
	}
	shell := len(command) == 0
	if code != exitOK && !shell {
		return exitStatus(code)
	}
	if shell {
		command = []string{"/bin/sh", "-i"}
		if _, err := os.Stat("/bin/bash"); err == nil {
			command = []string{"/bin/bash", "-i"}
		}
		fmt.Fprintln(c.stderr, "\nA shell on the throwaway host; `exit` ends both.")
	}
	code, err = h.Run(c.ctx, try.Command{Args: command, Dir: sources.Dir, Stdin: c.stdin, Stdout: c.stdout, Stderr: c.stderr})
	if err == nil && code != exitOK {
		err = exitStatus(code)
	}
	return err
}

// tryOptions shows the throwaway host what the configuration names: its root
// directories as they are on this machine, read-only, and fresh directories for its volumes.
func tryOptions(config *hcl.Config, sources hcl.Sources) (try.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return try.Options{}, err
	}
	launcher, err := launcherPath()
	if err != nil {
		return try.Options{}, err
	}
	o := try.Options{Binds: []try.Bind{
		{Source: self, Target: filepath.Join(tryBin, "hostctl")},
		{Source: launcher, Target: filepath.Join(tryBin, container.LauncherName)},
		{Source: cmp.Or(sources.Root, sources.Dir)},
	}}
	for _, f := range sources.VarFiles {
		o.Binds = append(o.Binds, try.Bind{Source: f.Name})
	}
	for _, addr := range config.State.Addrs() {
		switch spec := config.State[addr].(type) {
		case *container.Container:
			bind := try.Bind{Source: spec.Rootfs}
			// A directory that is missing is for the plan to report, with its place.
			if _, err := os.Stat(spec.Rootfs); err == nil && !slices.Contains(o.Binds, bind) {
				o.Binds = append(o.Binds, bind)
			}
		case *volume.Volume:
			o.Fresh = append(o.Fresh, try.FreshFor(spec.Path))
		}
	}
	return o, nil
}

// showUnits prints what `systemctl status` says of each container.
func showUnits(c *cli, h *try.Host, config *hcl.Config) error {
	var units []string
	for _, addr := range config.State.Addrs() {
		if addr.Kind == container.Name {
			units = append(units, container.UnitName(addr.HostName()))
		}
	}
	if len(units) == 0 {
		return nil
	}
	fmt.Fprintf(c.stdout, "\n$ systemctl status\n")
	args := append([]string{"systemctl", "status", "--no-pager", "--lines=3"}, units...)
	var said strings.Builder
	_, err := h.Run(c.ctx, try.Command{Args: args, Stdout: &said, Stderr: io.Discard})
	fmt.Fprintln(c.stdout, printable(said.String()))
	return err
}
