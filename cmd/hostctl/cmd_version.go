package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"

	"hostctl/host"
)

// version is the release. It grows by semantic versioning (semver.org).
const version = "0.1.0"

// released is the day of the release, for the manual pages.
const released = "2026-11-24"

// versionFormat is the version of the JSON that the command prints.
const versionFormat = 1

var versionCommand = command{
	name:    "version",
	summary: "Print the versions of hostctl, and the oldest systemd it works with",
	example: "hostctl version -json",
	setup: func(fs *flag.FlagSet) func(*cli, []string) error {
		asJSON := fs.Bool("json", false, "print one JSON document instead of text")
		return func(c *cli, args []string) error {
			if err := noOperands(args); err != nil {
				return err
			}
			v := struct {
				Format   int    `json:"format_version"`
				Version  string `json:"version"`
				Revision string `json:"revision,omitempty"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
				Systemd  int    `json:"systemd_minimum"`
			}{versionFormat, version, revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, host.MinSystemd}
			if *asJSON {
				return c.printJSON(v, "")
			}
			fmt.Fprintf(c.stdout, "hostctl %s\n", v.Version)
			if v.Revision != "" {
				fmt.Fprintf(c.stdout, "revision %s\n", v.Revision)
			}
			fmt.Fprintf(c.stdout, "%s %s, systemd %d or newer\n", v.Go, v.Platform, v.Systemd)
			return nil
		}
	},
}

// revision is the commit that the program was built from, where the build recorded it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
