package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hostctl/apply"
	"hostctl/host"
	"hostctl/host/hosttest"
	"hostctl/resource"
	"hostctl/resource/user"
	"hostctl/resource/volume"
)

// What an adoption that was cut off cannot hand over is let go, whichever of the two marks it carries; with that the adoption can be ended.
func TestForgetOfHalfAdopted(t *testing.T) {
	const path = "/srv/data"
	alice, data, logs := resource.Addr{Kind: "user", Name: "alice"}, resource.Addr{Kind: "volume", Name: "data"}, resource.Addr{Kind: "volume", Name: "logs"}
	dir := func(path string) *volume.Volume {
		v := volume.Kind().New().(*volume.Volume)
		v.Path, v.Mode = path, 0o755
		return v
	}
	hers := dir(path)
	hers.Owner = alice
	for name, tt := range map[string]struct {
		mark       string // on the directory; "" is none there
		only       []resource.Addr
		shop, more resource.State // what the former owner and the new one have by the ledger
		forget     string
		refused    string
		over       bool // and with it the adoption
	}{
		"gone":                  {shop: resource.State{data: dir(path)}, forget: "volume.data"},
		"the old one's":         {mark: "shop/volume.data", shop: resource.State{data: dir(path)}, forget: "volume.data"},
		"marked before":         {mark: "store/volume.data", shop: resource.State{data: dir(path)}, forget: "volume.data"},
		"handed over":           {mark: "store/volume.data", more: resource.State{data: dir(path)}, forget: "volume.data"},
		"another's":             {mark: "blog/volume.x", shop: resource.State{data: dir(path)}, forget: "volume.data"},
		"one of some":           {mark: "shop/volume.data", only: []resource.Addr{data, logs}, shop: resource.State{data: dir(path)}, forget: "volume.data"},
		"the only one":          {mark: "shop/volume.data", only: []resource.Addr{data}, shop: resource.State{data: dir(path)}, forget: "volume.data", over: true},
		"needed by the other's": {mark: "store/volume.data", shop: resource.State{alice: user.Kind().New()}, more: resource.State{data: hers}, forget: "user.alice", refused: "volume.data refers to user.alice"},
	} {
		t.Run(name, func(t *testing.T) {
			machine := hosttest.New()
			m := &apply.Machine{Kinds: resource.Kinds{user.Kind(), volume.Kind()}, ID: "m1", LedgerPath: filepath.Join(t.TempDir(), "ledger.json"),
				Hosts: map[string]resource.Host{"user": user.NewHost(machine), "volume": volume.NewHost(machine)}}
			machine.PutDir("/srv/logs", host.Dir{Mode: 0o755, Mark: "store/volume.logs"})
			if tt.mark != "" {
				machine.PutDir(path, host.Dir{Mode: 0o755, Mark: tt.mark})
			}
			ledger := &apply.Ledger{HostID: m.ID, Owners: map[string]*apply.Owner{}, Adopting: map[string]apply.Adopting{"shop": {By: "store", Only: tt.only}}}
			ledger.Owner("store").Last[logs] = dir("/srv/logs")
			for addr, spec := range tt.more {
				ledger.Owner("store").Last[addr] = spec
			}
			for addr, spec := range tt.shop {
				ledger.Owner("shop").Last[addr] = spec
			}
			if err := ledger.Write(m.LedgerPath); err != nil {
				t.Fatal(err)
			}
			p, problems, err := new(forgetting).propose(t.Context(), m, ledger, []string{tt.forget})
			if err != nil {
				t.Fatal(err)
			}
			if tt.refused != "" {
				if len(problems) != 1 || !strings.Contains(problems[0].Error(), tt.refused) {
					t.Errorf("%v", problems)
				}
				return
			}
			var out, said bytes.Buffer
			c := &cli{ctx: t.Context(), stdout: &out, stderr: &said, width: defaultWidth}
			if _, err := p.carryOut(c, origin{command: "forget"}, false); err != nil || len(problems) > 0 {
				t.Fatalf("%v, %v\n%s", err, problems, said.String())
			}
			if d, err := machine.StatDir(path); err == nil && d.Mark != "" && d.Mark != "blog/volume.x" {
				t.Errorf("mark %q", d.Mark)
			}
			l, _, err := apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds)
			if err != nil {
				t.Fatal(err)
			}
			if a, ok := l.Adopting["shop"]; ok == tt.over || slices.Contains(a.Only, data) {
				t.Errorf("%+v, %v", a, ok)
			}
			if l.Owner("shop").Last[data] != nil || l.Owner("store").Last[data] != nil {
				t.Error("the ledger has it still")
			}
			if tt.over {
				return
			}
			a, problems, err := m.Adoption(t.Context(), "shop", "store", nil, nil)
			if err != nil || len(problems) > 0 || len(a.Plan.Steps) > 0 {
				t.Fatalf("%v, %v, %+v", err, problems, a)
			}
			if err := m.Succeed(a); err != nil {
				t.Fatal(err)
			}
			if l, _, err = apply.ReadLedger(m.LedgerPath, m.ID, m.Kinds); err != nil || l.HalfAdopted("store") != nil || len(l.Owner("store").Last) != 1 {
				t.Errorf("%v, %+v", err, l)
			}
		})
	}
}
