// Package integration runs the built hostctl on real systems: throwaway hosts (hostctl/host/try) with a
// systemd of their own, and User-mode Linux (hostctl/integration/uml) for what limits do.
//
// The tests know hostctl only as its users do: its command line, systemctl, ip, /proc and the files. They
// need root; without it they skip, and with HOSTCTL_TEST_NO_SKIP=1 they fail instead.
//
// Start reading at harness_test.go.
package integration
