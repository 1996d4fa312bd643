package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"hostctl/hcl"
	"hostctl/host"
	"hostctl/host/try"
	"hostctl/resource/all"
)

// settings are what the run outside tells the run inside.
type settings struct {
	Parts    []string
	Rounds   int // of launches; the slower parts take fewer, see each
	Thousand bool
	Kit      kit
}

// report is what the run inside answers, and what -json prints.
type report struct {
	Machine string   `json:"machine"` // kernel, processors, versions of what was measured
	Tables  []*Table `json:"tables"`
	Error   string   `json:"error,omitempty"`
}

func main() {
	try.Main(os.Args)
	if len(os.Args) > 1 && os.Args[1] == hcl.ChildArg {
		os.Exit(hcl.ServeChild(os.Stdin, os.Stdout, all.Kinds(), host.ConfineSelf))
	}
	if len(os.Args) == 3 && os.Args[1] == insideArg {
		os.Exit(inside(os.Args[2]))
	}
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Measures hostctl beside its peers on a throwaway host; see the package's documentation.\n\nUsage: go run ./bench [flags]\n\n")
		flag.PrintDefaults()
	}
	var (
		s      settings
		parts  = flag.String("part", strings.Join(partNames(), ","), "measure only these parts, separated by commas")
		bin    = flag.String("bin", "bin", "the directory with hostctl and hostctl-launch")
		asJSON = flag.Bool("json", false, "print one JSON document with every sample")
		check  = flag.Bool("check", false, "exit with 1 where a goal is missed")
	)
	flag.IntVar(&s.Rounds, "n", 60, "how many rounds of launches")
	flag.BoolVar(&s.Thousand, "thousand", false, "measure the apply of 1,000 containers too")
	flag.Parse()
	s.Parts = strings.Split(*parts, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := measure(ctx, s, *bin)
	if r == nil {
		fail(err)
	}
	missed := 0
	for _, t := range r.Tables {
		for _, g := range t.Goals {
			if !g.Met {
				missed++
			}
		}
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		e.Encode(r)
	} else {
		fmt.Println(r.Machine)
		for _, t := range r.Tables {
			t.print(os.Stdout)
		}
	}
	if err != nil {
		fail(err) // what was measured before it is printed
	}
	if *check && missed > 0 {
		fail(fmt.Errorf("%d goals missed", missed))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// measure builds the kit, boots a host, and runs this program again inside.
func measure(ctx context.Context, s settings, bin string) (*report, error) {
	if s.Rounds < 1 {
		return nil, errors.New("-n must be at least 1")
	}
	for _, p := range s.Parts {
		if !slices.Contains(partNames(), p) {
			return nil, fmt.Errorf("there is no part %q; the parts are %s", p, strings.Join(partNames(), ", "))
		}
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("must be run by root")
	}
	if err := needPackages(); err != nil {
		return nil, err
	}
	// Not below /tmp: the throwaway host has one of its own, and a tmpfs is not where programs live.
	dir, err := os.MkdirTemp("/var/tmp", "hostctl-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if s.Kit, err = buildKit(ctx, dir, bin); err != nil {
		return nil, err
	}
	if slices.Contains(s.Parts, "boot") {
		if err := s.Kit.buildSystem(ctx); err != nil {
			return nil, err
		}
	}
	h, err := try.Boot(ctx, try.Options{Binds: []try.Bind{{Source: dir}}})
	if err != nil {
		return nil, err
	}
	arg, err := json.Marshal(s)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	var out strings.Builder
	exit, err := h.Run(ctx, try.Command{Args: []string{s.Kit.Bench, insideArg, string(arg)}, Stdout: &out, Stderr: os.Stderr})
	if err := errors.Join(err, h.Close()); err != nil {
		return nil, err
	}
	r := new(report)
	if err := json.Unmarshal([]byte(out.String()), r); err != nil {
		return nil, fmt.Errorf("the run inside exited with %d and no report: %w", exit, err)
	}
	if r.Error != "" {
		err = errors.New(r.Error)
	}
	return r, err
}
