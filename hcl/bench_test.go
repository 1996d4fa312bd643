package hcl_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	outer "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostctl/hcl"
)

// manyContainers is a configuration of n container blocks, 550 bytes each.
func manyContainers(n int) string {
	var b strings.Builder
	b.WriteString("hostctl {\n  name = \"bench\"\n}\nvariable \"port\" {\n  default = 5432\n}\nlocals {\n  root = \"/srv/rootfs\"\n}\nuser \"shop\" {\n}\nvolume \"db\" {\n  path  = \"/srv/db\"\n  owner = user.shop\n}\ncontainer \"db\" {\n  rootfs = \"/srv/rootfs/db\"\n}\n")
	for i := range n {
		fmt.Fprintf(&b, `
# Worker %d takes jobs from its queue and writes what it makes to the volume.
container "web%d" {
  rootfs  = "${local.root}/postgres"
  command = ["/usr/lib/postgresql/16/bin/postgres", "-D", "/data", "-c", "port=${var.port}"]
  run_as  = user.shop
  environment = {
    QUEUE = "mail"
    NAME  = "worker-%d"
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
`, i, i, i)
	}
	return b.String()
}

// cpu reports the CPU time of an iteration, children included, in
// milliseconds: it says more than the clock on a machine that others use too.
func cpu(b *testing.B) func() {
	spent := func() (ns int64) {
		for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
			var u syscall.Rusage
			syscall.Getrusage(who, &u)
			ns += u.Utime.Nano() + u.Stime.Nano()
		}
		return ns
	}
	before := spent()
	return func() { b.ReportMetric(float64(spent()-before)/1e6/float64(b.N), "cpu-ms/op") }
}

// BenchmarkLoad compares the bare parser with the whole way to a state: in this
// process, and through the confined child.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 1000} {
		text := manyContainers(n)
		b.Run(fmt.Sprintf("parser/%d", n), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				if _, diags := hclsyntax.ParseConfig([]byte(text), "main.hcl", outer.InitialPos); diags.HasErrors() {
					b.Fatal(diags)
				}
			}
		})
		b.Run(fmt.Sprintf("evaluate/%d", n), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				if c := hcl.Evaluate(request(text), hcl.TestKinds); c.Diagnostics.HasErrors() {
					b.Fatal(c.Diagnostics)
				}
			}
		})
		b.Run(fmt.Sprintf("load/%d", n), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				if c := hcl.Load(b.Context(), child, request(text), hcl.TestKinds); c.Diagnostics.HasErrors() || len(c.State) != n+3 {
					b.Fatal(c.Diagnostics)
				}
			}
		})
	}
}
