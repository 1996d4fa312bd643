// Command hostctl-launch starts one container and ends. systemd runs it as the ExecStart of hostctl-<name>.service;
// the same program, under the name of the tiny init, is the container's process 1.
//
// It imports package runtime alone: every library that is linked in costs each container's start. So does what Go
// reads at its own start to follow the cgroup's share of the processors, which is of no use to a few milliseconds.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"

	"hostctl/runtime"
)

func main() {
	if runtime.IsInit(os.Args) {
		os.Exit(runtime.Init(os.Args))
	}
	line := func(text string) { os.Stderr.WriteString(text + "\n") }
	paths, args := runtime.Host, os.Args[1:]
	if len(args) == 3 && args[0] == "-run" {
		paths, args = runtime.Paths{Run: args[1], State: args[1] + "/state"}, args[2:]
	}
	if len(args) == 2 && args[0] == runtime.DoneFlag {
		if err := paths.Finish(args[1], os.Getenv("INVOCATION_ID")); err != nil {
			line("container " + args[1] + ": " + err.Error())
			os.Exit(runtime.ExitSetup)
		}
		return
	}
	if len(args) != 1 {
		line("usage: hostctl-launch [-run /run/hostctl] NAME (started by systemd as a service of Type=notify)")
		os.Exit(runtime.ExitConfig)
	}
	env := runtime.Env{
		InvocationID: os.Getenv("INVOCATION_ID"), NotifySocket: os.Getenv("NOTIFY_SOCKET"),
		ListenPID: os.Getenv("LISTEN_PID"), ListenFDs: os.Getenv("LISTEN_FDS"),
		Credentials: os.Getenv("CREDENTIALS_DIRECTORY"),
	}
	os.Exit(runtime.Launch(paths, args[0], env, line))
}
