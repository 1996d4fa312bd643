// Bench measures hostctl beside its peers, all in one run on one throwaway host, and prints medians, ratios and the
// goal of each ratio. It needs root, gcc, busybox-static, systemd and the peers: the Debian packages bubblewrap, crun,
// runc and systemd-container. A peer that is missing is an error that names its package.
//
//	make build && scripts/go run ./bench          # what `make bench` does
//	scripts/go run ./bench -part launch -n 200    # one part, more rounds
//	scripts/go run ./bench -thousand              # apply of 1,000 containers too
//	scripts/go run ./bench -json                  # the samples, for machines
//	scripts/go run ./bench -check                 # exit 1 where a goal is missed
//
// Absolute times differ from machine to machine; what counts is the ratio of two medians of one run. So the contestants
// take turns, in an order that changes each round, and whatever else the machine does hits all of them.
//
// The program runs twice. Outside (main.go) it builds a kit of what is measured and boots the throwaway host (package
// host/try); inside (inside.go) it measures and answers in JSON; outside again it prints (table.go). It knows hostctl
// by its commands and the launcher by its protocol, the peers by their commands, and nothing by its code, save the
// spec that a launcher is given and package hcl, whose reading of a configuration is compared with the bare parser's.
//
// Start reading at inside.go: a part is a function that returns tables.
package main
