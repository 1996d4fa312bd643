package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	outer "github.com/hashicorp/hcl/v2"

	"hostctl/hcl"
	"hostctl/host"
	"hostctl/resource/all"
)

const (
	rowParser = "the bare HCL parser"
	rowLoad   = "load and evaluate, confined"
	rowLive   = "live memory of the configuration"

	rowStart = "hostctl version"
	rowSmall = "hostctl validate, one container"
)

// languages measures how long a configuration takes from its text to its state, beside the parser alone.
func languages(s settings) ([]*Table, error) {
	t, err := smallTable(s.Kit)
	if err != nil {
		return nil, err
	}
	tables := []*Table{t}
	for _, c := range []struct{ n, rounds int }{{1000, 9}, {10_000, 5}} {
		t, err := languageTable(c.n, c.rounds)
		if err != nil {
			return nil, fmt.Errorf("%d containers: %w", c.n, err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// smallTable measures what the confined child costs where there is next to nothing to read.
func smallTable(k kit) (*Table, error) {
	f, err := newFleet(k, 1, false)
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: "Reading a configuration of one container",
		Note:  "hostctl validate from its exec to its exit, beside the bare start of the same program: the difference is the confined child.",
		Goals: []Goal{{Row: rowSmall, Less: rowStart, Most: 15}},
	}
	return t, t.turns(60, []turn{
		{rowStart, func() (time.Duration, error) { return f.hostctl("version") }},
		{rowSmall, func() (time.Duration, error) { return f.hostctl("validate") }},
	})
}

func languageTable(n, rounds int) (*Table, error) {
	text := manyContainers(n)
	t := &Table{
		Title: fmt.Sprintf("Reading a configuration of %d containers", n),
		Note: fmt.Sprintf("hclsyntax.ParseConfig on %d KiB in a warm process, and hcl.Load on the same text: the confined child's start, its parsing and\n"+
			"evaluation, and the decoding of what it answers.", len(text)>>10),
		Base:  rowParser,
		Goals: []Goal{{Row: rowLoad, Beside: rowParser, Most: 1.6}},
	}
	all := []turn{
		{rowParser, func() (time.Duration, error) {
			begun := time.Now()
			_, diags := hclsyntax.ParseConfig(text, "main.hcl", outer.InitialPos)
			took := time.Since(begun)
			if diags.HasErrors() {
				return 0, diags
			}
			return took, nil
		}},
		{rowLoad, func() (time.Duration, error) {
			begun := time.Now()
			c := load(text)
			took := time.Since(begun)
			return took, complete(c, n)
		}},
	}
	if err := t.turns(rounds, all); err != nil {
		return nil, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := load(text)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err := complete(c, n); err != nil {
		return nil, err
	}
	t.row(rowLive, "KiB").add(float64(after.HeapAlloc-before.HeapAlloc) / 1024)
	t.Goals = append(t.Goals, Goal{Row: rowLive, Most: 150 << 10})
	return t, nil
}

// load is the way of every command, with this program as the confined child.
func load(text []byte) *hcl.Config {
	child := func(ctx context.Context, request []byte) ([]byte, error) {
		return host.Confined{Args: []string{"bench", hcl.ChildArg}, Stdin: request, MaxOutput: hcl.MaxAnswer}.Run(ctx)
	}
	sources := hcl.Sources{Dir: "/bench", Files: []hcl.File{{Name: "main.hcl", Text: text}}}
	return hcl.Load(context.Background(), child, hcl.Request{Sources: sources}, all.Kinds())
}

func complete(c *hcl.Config, n int) error {
	if c.Diagnostics.HasErrors() {
		return fmt.Errorf("%s: %s", c.Diagnostics[0].Summary, c.Diagnostics[0].Detail)
	}
	if len(c.State) != n+3 {
		return fmt.Errorf("%d resources, not %d", len(c.State), n+3)
	}
	return nil
}

// manyContainers is a configuration of n containers as people write them, 550 bytes each.
func manyContainers(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`hostctl {
  name = "bench"
}
variable "port" {
  default = 5432
}
locals {
  root = "/srv/rootfs"
}
user "shop" {
}
volume "db" {
  path  = "/srv/db"
  owner = user.shop
}
container "db" {
  rootfs  = "/srv/rootfs/db"
  command = ["/bin/db"]
}
`)
	for i := range n {
		fmt.Fprintf(&b, `
# Worker %[1]d takes jobs from its queue and writes what it makes to the volume.
container "web%[1]d" {
  rootfs  = "${local.root}/postgres"
  command = ["/usr/lib/postgresql/16/bin/postgres", "-D", "/data", "-c", "port=${var.port}"]
  run_as  = user.shop
  environment = {
    QUEUE = "mail"
    NAME  = "worker-%[1]d"
  }
  mount "/data" {
    volume    = volume.db
    read_only = true
  }
  limits {
    memory = "512M"
    cpu    = 1.5
    tasks  = 200
  }
  restart      = "on-failure"
  stop_timeout = "30s"
  depends_on   = [container.db]
}
`, i)
	}
	return b.Bytes()
}
