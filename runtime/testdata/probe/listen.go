package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// listen serves what systemd passed: each connection and datagram is told which socket it came by, and which process it is. It takes
// its time to begin and to end, so that a restart leaves a gap.
func listen() {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		fmt.Println("LISTEN_PID is", os.Getenv("LISTEN_PID"), "and this is", os.Getpid())
		os.Exit(1)
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	if n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS")); n != len(names) {
		fmt.Println("LISTEN_FDS is", n, "for", names)
		os.Exit(1)
	}
	host, _ := os.Hostname()
	time.Sleep(200 * time.Millisecond)
	for i, name := range names {
		file := os.NewFile(uintptr(3+i), name)
		answer := fmt.Sprintf("%s of %s, start %s\n", name, host, os.Args[2])
		if l, err := net.FileListener(file); err == nil {
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						fmt.Println(err)
						os.Exit(1)
					}
					c.Write([]byte(answer))
					c.Close()
				}
			}()
		} else if p, err := net.FilePacketConn(file); err == nil {
			go func() {
				for buf := make([]byte, 512); ; {
					if _, from, err := p.ReadFrom(buf); err == nil {
						p.WriteTo([]byte(answer), from)
					}
				}
			}()
		} else {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("serving", strings.Join(names, " "))
	select {}
}

// ask prints the answer of who listens there.
func ask(network, address string) {
	c, err := net.Dial(network, address)
	if err == nil {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if network == "udp" {
			c.Write([]byte("?"))
		}
		buf := make([]byte, 512)
		var n int
		if n, err = c.Read(buf); err == nil {
			os.Stdout.Write(buf[:n])
			return
		}
	}
	fmt.Println("asked in vain:", err)
	os.Exit(1)
}
