package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// sample is a Spec that uses every field.
func sample() Spec {
	return Spec{
		Version: 1, Name: "web", Owner: "shop", Address: `container.web["a"]`,
		Declared: RawJSON(`{"a":[1,-2.5e3,null,"x\n"],"b":{"c":true}}`),
		Rootfs:   "/srv/rootfs/web", Root: RootPersistent, Upper: "/var/lib/hostctl/roots/web", ShmSize: 1 << 20, Args: []string{"/bin/httpd", "-f", "a\nb\t\"\\ü\u2028"},
		Env: []string{"A=1", "B=x=y\n"}, Dir: "/srv", User: "www:33",
		IDs: IDRange{1000000, 65536}, RunAs: &Account{2100, 2101}, Hostname: "web.example", Netns: "/run/netns/front",
		Mounts: []Mount{
			{Target: "/data", Source: "/srv/db", Owner: &Account{999, 998}},
			{Target: "/data/ro", Source: "/srv/ro", ReadOnly: true},
			{Target: "/etc/key", Source: "/srv/keys", Path: "tls/key", ReadOnly: true},
		},
		Tmpfs: []Tmpfs{{Target: "/cache", Size: 1 << 20, Mode: 0o1777}, {Target: "/var/tmp", Size: 4096}},
		Files: []File{
			{Target: "/etc/httpd/conf.d/b.conf", Sum: Sum([]byte("b")), Mode: 0o644},
			{Target: "/etc/httpd/conf.d/a.conf", Sum: Sum([]byte("a")), Mode: 0o600, Owner: "www:33"},
			{Target: "/etc/motd", Sum: Sum(nil), Mode: 0o444},
		},
		Secrets: []Secret{
			{Target: "/run/secrets/tls.key", Credential: "tls-key", Mode: 0o400},
			{Target: "/etc/httpd/conf.d/htpasswd", Credential: "users", Mode: 0o440, Owner: "www:33"},
		},
		Init: true, Notify: true, Watchdog: 30e6, NoFile: 4096,
		Duties: Duties{
			Health:    &Health{Exec: []string{"pg_isready", "-q"}, Interval: 10e6, Timeout: 2e6, Retries: 3, StartPeriod: 60e6, Restart: true},
			PostStart: &Hook{[]string{"/bin/warm", ""}, 60e6}, PreStop: &Hook{[]string{"drain"}, 5e6}, StopSignal: 15,
		},
		Devices: []Device{{"/dev/net/tun", "/dev/net/tun"}},
		Sysctls: []Sysctl{{"kernel.shmmax", "65536"}, {"fs.mqueue.msg_max", "20"}}, Hosts: "127.0.0.1 localhost\n",
		Capabilities: []string{"chown", "net_bind_service"}, Groups: []string{"10", "web"}, SystemCalls: []string{"ptrace"}, Masked: []string{"/proc/cpuinfo"},
		Limits:         []Limit{{"memlock", 65536, Unlimited}, {"core", 0, 0}},
		OOMScoreAdjust: -500,
	}
}

func TestEncodeDecode(t *testing.T) {
	for _, s := range []Spec{sample(), minimal()} {
		data, sum, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		again, sum2, err := Encode(s)
		if err != nil || !bytes.Equal(data, again) || sum != sum2 || sum != Sum(data) {
			t.Errorf("not the same bytes twice: %v", err)
		}
		got, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("decoded\n%+v\nwant\n%+v", got, s)
		}
		var std Spec
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&std); err != nil || !reflect.DeepEqual(std, s) {
			t.Errorf("encoding/json reads\n%+v, %v\nwant\n%+v", std, err, s)
		}
	}
}

func minimal() Spec {
	return Spec{Version: 1, Name: "web", Rootfs: "/srv/web", Args: []string{"sh"}, IDs: IDRange{1000000, 65536}}
}

// TestDecodeRefuses changes one thing of a good spec at a time.
func TestDecodeRefuses(t *testing.T) {
	good, _, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"version":1`, `"version":2`, "newer"},
		{`"version":1`, `"version":0`, "version"},
		{`"version":1`, `"version":1,"extra":1`, "unknown field"},
		{`"version":1`, `"version":1,"version":1`, "stands twice"},
		{`"version":1`, `"Version":1`, "unknown field"},
		{`"version":1`, `"version":1.0`, "whole number"},
		{`"name":"web"`, `"name":"web--next"`, "not a name"},
		{`"name":"web"`, `"name":"../x"`, "not a name"},
		{`"name":"web"`, `"name":""`, "not a name"},
		{`"name":"web"`, `"name":"` + strings.Repeat("a", 49) + `"`, "not a name"},
		{`"owner":"shop"`, `"owner":"a\nb"`, "control"},
		{`"owner":"shop"`, `"owner":"\ud800"`, "surrogate"},
		{`"owner":"shop"`, "\"owner\":\"\xff\"", "UTF-8"},
		{`"owner":"shop"`, `"owner":null`, "expected"},
		{`"rootfs":"/srv/rootfs/web"`, `"rootfs":"srv"`, "absolute"},
		{`"rootfs":"/srv/rootfs/web"`, `"rootfs":"/srv/../etc"`, "clean"},
		{`"rootfs":"/srv/rootfs/web"`, `"rootfs":"/srv/"`, "clean"},
		{`"rootfs":"/srv/rootfs/web"`, `"rootfs":"/"`, "root directory"},
		{`"rootfs":"/srv/rootfs/web"`, `"rootfs":"/a\u0000b"`, "control"},
		{`"args":["/bin/httpd"`, `"args":["bin/httpd"`, "neither"},
		{`"args":["/bin/httpd"`, `"args":["/bin/\u0000"`, "NUL"},
		{`"args":["/bin/httpd"`, `"args":[""`, "no command"},
		{`"env":["A=1"`, `"env":["A"`, "KEY=value"},
		{`"env":["A=1"`, `"env":["=1"`, "KEY=value"},
		{`"env":["A=1"`, `"env":["B=1"`, "stands twice"},
		{`"dir":"/srv"`, `"dir":"srv"`, "absolute"},
		{`"user":"www:33"`, `"user":"4294967296"`, "not a uid"},
		{`"user":"www:33"`, `"user":"4294967295"`, "not a uid"},
		{`"user":"www:33"`, `"user":"0x0"`, "not a uid"},
		{`"user":"www:33"`, `"user":"00"`, "not a uid"},
		{`"user":"www:33"`, `"user":"-1"`, "not a uid"},
		{`"user":"www:33"`, `"user":"a:b:c"`, "not uid"},
		{`"base":1000000`, `"base":0`, "id 0"},
		{`"base":1000000`, `"base":4294901761`, "past"},
		{`"count":65536`, `"count":0`, "empty"},
		{`"count":65536`, `"count":4294967296`, "32 bits"},
		{`"uid":2100`, `"uid":0`, "run_as"},
		{`"uid":2100`, `"uid":1000005`, "own id range"},
		{`{"uid":2100,"gid":2101}`, `{"uid":2100}`, "uid and a gid"},
		{`"hostname":"web.example"`, `"hostname":"a b"`, "host name"},
		{`"netns":"/run/netns/front"`, `"netns":"front"`, "absolute"},
		{`"target":"/data"`, `"target":"/"`, "root directory"},
		{`"target":"/data"`, `"target":"/proc/self/attr"`, "/proc"},
		{`"target":"/data"`, `"target":"/dev"`, "/dev"},
		{`"target":"/data"`, `"target":"/sys/fs/cgroup"`, "/sys"},
		{`"target":"/data"`, `"target":"/cache"`, "stands twice"},
		{`"source":"/srv/db"`, `"source":"db"`, "absolute"},
		{`"size":4096`, `"size":0`, "size"},
		{`"mode":1023`, `"mode":2048`, "mode"},
		{`"target":"/etc/motd"`, `"target":"/etc/httpd"`, "would lie below the file"},
		{`"target":"/etc/motd"`, `"target":"/etc/../motd"`, "clean"},
		{`"target":"/etc/motd"`, `"target":"/cache"`, "stands twice"},
		{`"target":"/etc/motd"`, `"target":"/cache/motd"`, "payload's to write"},
		{`"target":"/etc/motd"`, `"target":"/run/motd"`, "payload's to write"},
		{`"target":"/etc/motd"`, `"target":"/data/etc/motd"`, "lies on a mount"},
		{`"sum":"3e`, `"sum":"3E`, "sha256"},
		{`"sum":"3e`, `"sum":"3`, "sha256"},
		{`"mode":420`, `"mode":2541`, "above 0777"},
		{`"owner":"www:33"`, `"owner":"4294967296"`, "not a uid"},
		{`"nofile":4096`, `"nofile":18446744073709551615`, "nofile"},
		{`"init":true`, `"init":1`, "true or false"},
	} {
		if !bytes.Contains(good, []byte(c.old)) {
			t.Errorf("the sample has no %s", c.old)
			continue
		}
		_, err := Decode(bytes.Replace(good, []byte(c.old), []byte(c.new), 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: error %v, want one with %q", c.old, c.new, err, c.want)
		}
	}
	for _, text := range []string{"", "{", "[]", "null", "{}", string(good) + "x", strings.Repeat("[", 1<<20),
		`{"declared":` + strings.Repeat("[", 1<<20)} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%.20q is a spec", text)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	s := minimal()
	s.Args = []string{"sh", "\xff"}
	if _, _, err := Encode(s); err == nil {
		t.Error("invalid UTF-8 was encoded")
	}
	s = minimal()
	s.Declared = RawJSON(`{`)
	if _, _, err := Encode(s); err == nil {
		t.Error("half a JSON value was encoded")
	}
}

// FuzzDecode: what Decode accepts, encoding/json reads as the same Spec, and Encode writes such that it
// decodes to it again.
func FuzzDecode(f *testing.F) {
	for _, s := range []Spec{sample(), minimal()} {
		data, _, err := Encode(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(data)
		if err != nil {
			return
		}
		var std Spec
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&std); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		a, _, err := Encode(s)
		if err != nil {
			t.Fatalf("decoded, but not encodable: %v", err)
		}
		b, _, err := Encode(std)
		if err != nil || !bytes.Equal(a, b) {
			t.Fatalf("encoding/json reads another spec: %v\n%s\n%s", err, a, b)
		}
		again, err := Decode(a)
		if err != nil {
			t.Fatalf("encoded, but not decodable: %v", err)
		}
		if c, _, _ := Encode(again); !bytes.Equal(a, c) {
			t.Fatalf("changes on the way\n%s\n%s", a, c)
		}
	})
}

// A container that was applied by an older release is started again by this launcher after an upgrade. testdata/spec/1.json is what version 1 wrote
// when it was new, and is never written anew: what stands there is read for ever, and means what it meant.
func TestOldSpecs(t *testing.T) {
	data, err := os.ReadFile("testdata/spec/1.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	now, _, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	var was, is map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(data, &was), json.Unmarshal(now, &is)); err != nil {
		t.Fatal(err)
	}
	for key, value := range was {
		if !bytes.Equal(is[key], value) {
			t.Errorf("%s is read as %s, was %s", key, is[key], value)
		}
	}
	newer := bytes.Replace(data, []byte(`"version":1`), []byte(`"version":99`), 1)
	if _, err := Decode(newer); err == nil || !strings.Contains(err.Error(), "newer than this launcher's") {
		t.Errorf("a spec of the future: %v", err)
	}
}
