package main

import (
	"embed"
	"flag"
	"fmt"

	"hostctl/hcl"
)

//go:embed completion
var completionScripts embed.FS

// shells are those that there is a script for.
var shells = []string{"bash", "zsh", "fish"}

var completionCommand = command{
	name: "completion", operands: "SHELL",
	summary: "Print the script by which bash, zsh or fish completes hostctl's command line",
	details: `
Commands, flags, files and the addresses of resources are completed: of the configuration in this directory, and, for who
may read the ledger, of this host. Load it for one session with the example, or for all, as the system's administrator:

  hostctl completion bash > /etc/bash_completion.d/hostctl
  hostctl completion zsh  > /usr/local/share/zsh/site-functions/_hostctl
  hostctl completion fish > /etc/fish/completions/hostctl.fish

Configurations are read for it as they are for plan: by a process that can do nothing.`,
	example: "source <(hostctl completion bash)",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		return func(c *cli, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one SHELL: bash, zsh or fish")
			}
			script, err := completionScripts.ReadFile("completion/hostctl." + args[0])
			if err != nil {
				return fmt.Errorf("there is no completion for %q%s (there is for bash, zsh and fish)", args[0], hcl.DidYouMean(args[0], shells))
			}
			_, err = c.stdout.Write(script)
			return err
		}
	},
}
