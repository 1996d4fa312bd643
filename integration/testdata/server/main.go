// Command server is what the tests of updates update, and what asks it: it serves the socket that systemd passes, or where there is none
// one that two of it share, and ends as a server should, which is that it takes no more connections and answers all that it has taken.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	switch args := os.Args[1:]; args[0] {
	case "serve":
		serve(args[1], args[2])
	case "well":
		if args[1] == "unhealthy" {
			fmt.Println("it does not feel well")
			os.Exit(1)
		}
	case "ask":
		answer, err := ask(args[1])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(answer)
	case "load":
		n, _ := strconv.Atoi(args[2])
		load(args[1], n, args[3])
	}
}

// serve answers each line with an answer, until TERM.
func serve(answer, fault string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if fault == "ends" {
		fmt.Println("it has no idea how to serve")
		os.Exit(3)
	}
	if fault == "gate" && !pass(ctx) {
		return
	}
	l, err := listen(ctx)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("serves", answer)
	notify("READY=1")
	if fault == "dies" {
		time.AfterFunc(500*time.Millisecond, func() { os.Exit(4) })
	}
	context.AfterFunc(ctx, func() { l.Close() })
	var open sync.WaitGroup
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		open.Go(func() {
			defer c.Close()
			if line, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				fmt.Fprintf(c, "%s to %s", answer, line)
			}
		})
	}
	open.Wait()
}

// listen is the socket that systemd passes; without one, it is bound so that another process of this user can have the same address.
func listen(ctx context.Context) (net.Listener, error) {
	if os.Getenv("LISTEN_FDS") != "" {
		return net.FileListener(os.NewFile(3, "http"))
	}
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if controlErr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
	return shared.Listen(ctx, "tcp", "127.0.0.1:8080")
}

// pass waits at the gate for a line, which lets one server go on.
func pass(ctx context.Context) bool {
	passed := make(chan bool, 1)
	go func() {
		gate, err := os.Open("/gate/fifo")
		if err == nil {
			_, err = gate.Read(make([]byte, 1))
			gate.Close() // a line is for who waits
		}
		passed <- err == nil
	}()
	select {
	case <-ctx.Done():
		return false
	case ok := <-passed:
		return ok
	}
}

func notify(text string) {
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Fprint(c, text)
	c.Close()
}

// ask connects, asks, and reads to the end: all else than a whole answer is a failure.
func ask(address string) (string, error) {
	c, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	question := filepath.Base(c.LocalAddr().String())
	if _, err := fmt.Fprintln(c, question); err != nil {
		return "", err
	}
	text, err := io.ReadAll(c)
	if err != nil {
		return "", err
	}
	answer, whole := strings.CutSuffix(string(text), " to "+question+"\n")
	if !whole {
		return "", fmt.Errorf("short answer %q", text)
	}
	return answer, nil
}

// load asks at least n times, and until a file is there. Each tenth of them makes a file of that name and its number, from 0 on.
func load(address string, n int, enough string) {
	const askers = 4
	var asked, failed atomic.Int64
	var mu sync.Mutex
	answers, failures := map[string]int{}, map[string]int{}
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for {
				i := asked.Add(1) - 1
				if i >= int64(n) && there(enough) {
					return
				}
				if tenth := int64(n / 10); i%tenth == 0 {
					os.WriteFile(fmt.Sprint(enough, ".", i/tenth), nil, 0o644)
				}
				answer, err := ask(address)
				mu.Lock()
				if answers[answer]++; err != nil {
					failed.Add(1)
					failures[err.Error()]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	fmt.Println("asked", asked.Load()-askers)
	fmt.Println("failed", failed.Load())
	fmt.Println("answers of", len(answers), "kinds:", answers)
	for _, text := range slices.Sorted(maps.Keys(failures)) {
		fmt.Println(failures[text], text)
	}
}

func there(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}
