package importer

import (
	"os"
	"strings"
	"testing"

	"hostctl/resource"
)

// These kinds have what today's may not: the writer asks for it, and writes it once it is there.
type (
	laterContainer struct {
		Image        resource.Addr          `json:"image,omitzero" ref:"image" diff:"restart"`
		Command      []string               `json:"command,omitempty" diff:"restart" attr:"text"`
		Environment  map[string]string      `json:"environment,omitempty" diff:"restart" attr:"text"`
		Netns        resource.Addr          `json:"netns,omitzero" ref:"netns" diff:"restart"`
		Restart      string                 `json:"restart" diff:"replace" default:"no"`
		Capabilities []string               `json:"capabilities,omitempty" diff:"restart"`
		Health       laterHealth            `json:"health"`
		Secret       map[string]laterSecret `json:"secret,omitempty" diff:"restart"`
		Limits       struct {
			Memory resource.Bytes `json:"memory" diff:"live" default:"1G"`
			CPU    float64        `json:"cpu" diff:"live" default:"0"`
			Tasks  uint64         `json:"tasks" diff:"live" default:"0"`
		} `json:"limits"`
	}
	laterHealth struct {
		Exec     []string          `json:"exec,omitempty" diff:"live"`
		Interval resource.Duration `json:"interval" diff:"live" default:"30s"`
		Retries  uint64            `json:"retries" diff:"live" default:"3"`
	}
	laterSecret struct {
		Credential string `json:"credential,omitempty" diff:"restart" attr:"required"`
	}
	laterImage struct {
		Source string `json:"source,omitempty" diff:"replace" attr:"required"`
	}
	laterNetwork struct {
		Subnet string `json:"subnet,omitempty" diff:"live"`
		NAT    bool   `json:"nat" diff:"live" default:"false"`
	}
	laterNetns struct {
		Interface map[string]laterInterface `json:"interface,omitempty" diff:"live"`
		Route     map[string]laterRoute     `json:"route,omitempty" diff:"live"`
		Publish   map[string]laterPublish   `json:"publish,omitempty" diff:"live"`
	}
	laterInterface struct {
		Network   resource.Addr `json:"network" ref:"network" diff:"live" attr:"required"`
		Addresses []string      `json:"addresses,omitempty" diff:"live"`
	}
	laterRoute struct {
		Via string `json:"via,omitempty" diff:"live" attr:"required"`
	}
	laterPublish struct {
		Host string `json:"host,omitempty" diff:"live"`
		To   uint32 `json:"to,omitempty" diff:"live"`
	}
)

func (*laterContainer) Validate(resource.Addr) []resource.Problem                    { return nil }
func (*laterContainer) Resolve(resource.Addr, *resource.Resolver) []resource.Problem { return nil }
func (*laterImage) Validate(resource.Addr) []resource.Problem                        { return nil }
func (*laterImage) Resolve(resource.Addr, *resource.Resolver) []resource.Problem     { return nil }
func (*laterNetwork) Validate(resource.Addr) []resource.Problem                      { return nil }
func (*laterNetwork) Resolve(resource.Addr, *resource.Resolver) []resource.Problem   { return nil }
func (*laterNetns) Validate(resource.Addr) []resource.Problem                        { return nil }
func (*laterNetns) Resolve(resource.Addr, *resource.Resolver) []resource.Problem     { return nil }

func laterKinds() resource.Kinds {
	return resource.Kinds{
		{Name: "image", New: func() resource.Spec { return resource.SetDefaults(&laterImage{}) }},
		{Name: "network", New: func() resource.Spec { return resource.SetDefaults(&laterNetwork{}) }},
		{Name: "netns", New: func() resource.Spec { return resource.SetDefaults(&laterNetns{}) }},
		{Name: "container", New: func() resource.Spec { return resource.SetDefaults(&laterContainer{}) }},
	}
}

// TestLaterKinds writes one project for kinds that have more, and less, than today's.
func TestLaterKinds(t *testing.T) {
	line, err := os.ReadFile("testdata/run/mariadb.sh")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Run(strings.Replace(string(line), "mariadb:11", "--cap-add CHOWN -p 127.0.0.1:3306:3306 mariadb:11", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	text := p.Write(laterKinds()).Text
	valid(t, laterKinds(), text)
	for _, want := range []string{
		"image \"mariadb\" {\n  source = \"mariadb:11\"\n}", "image = image.mariadb", `capabilities = ["chown"]`, "nat    = true",
		"route \"default\" {\n    via = \"10.89.0.1\"\n  }", "publish \"127.0.0.1:3306\" {\n    host = \"127.0.0.1:3306\"\n    to   = 3306\n  }",
		"health {\n    exec     = [\"/bin/sh\", \"-c\", \"healthcheck.sh --connect --innodb_initialized\"]\n    interval = \"10s\"\n    # no equal: health timeout 5s",
		"secret \"root\" {\n    credential = \"root\"\n  }", "# no equal: nofile 65536", "# no equal: volume mariadb:/var/lib/mysql:Z,U",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s\nis missing in\n%s", want, text)
		}
	}
	for _, not := range []string{"rootfs", "  mount ", "command =", "exit 78"} {
		if strings.Contains(string(text), not) {
			t.Errorf("%q stands in\n%s", not, text)
		}
	}
}
