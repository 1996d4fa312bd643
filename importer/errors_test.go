package importer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrong holds what is wrong with a source to its line and its words.
func TestWrong(t *testing.T) {
	unit := func(name string) func(string) error {
		return func(text string) error { _, err := Quadlet([]File{{Name: name, Text: []byte(text)}}, nil); return err }
	}
	for _, c := range []struct {
		name, text, want string
		read             func(string) error
	}{
		{"no assignment", "[Container]\nImage=x\nwhat\n", "a.container:3: neither a section nor an assignment", unit("a.container")},
		{"no section", "Image=x\n", "a.container:1: the assignment stands in no section", unit("a.container")},
		{"open section", "[Container\n", "a.container:1: a section is written [Name]", unit("a.container")},
		{"other section", "[Contaner]\nImage=x\n", `a.container:2: a .container has no section [Contaner]; did you mean "Container"?`, unit("a.container")},
		{"no image", "[Container]\nExec=x\n", "a.container: [Container] has neither Image= nor Rootfs=", unit("a.container")},
		{"port", "[Container]\nImage=x\n\nPublishPort=99999:1\n", `a.container:4: PublishPort=: publish: "99999" is no port`, unit("a.container")},
		{"long line's first", "[Container]\nImage=x\nExec=a \\\n  'b\n", "a.container:3: Exec=: a quote is not closed", unit("a.container")},
		{"cut off", "[Container]\nImage=x \\\n", `a.container:2: the last line ends in "\"`, unit("a.container")},
		{"pod", "[Container]\nImage=x\nPod=a.pod\n", `a.container:3: Pod=: "a.pod" is not among the files`, unit("a.container")},
		{"podman's args", "[Container]\nImage=x\nPodmanArgs=--memroy 1g\n", `a.container:3: PodmanArgs=: there is no option "memroy"; did you mean "memory"?`, unit("a.container")},
		{"one name twice", "[Container]\nImage=x\n", "a-x.container: another unit comes to the name a-x too", func(s string) error {
			_, err := Quadlet([]File{{Name: "a@x.container", Text: []byte(s)}, {Name: "a-x.container", Text: []byte(s)}}, nil)
			return err
		}},
		{"no text", "[Container]\nImage=\xff\n", "a.container: it is no UTF-8 text", unit("a.container")},
		{"no kind", "", "a.service: it is no Quadlet unit", unit("a.service")},
		{"lonely drop-in", "", "it adds to a.container, which is not among the files", unit("a.container.d/x.conf")},
		{"machine", "[Exec]\nBoot=perhaps\n", `m.nspawn:2: Boot=: "perhaps" is neither yes nor no`, func(s string) error {
			_, err := Nspawn([]File{{Name: "m.nspawn", Text: []byte(s)}})
			return err
		}},
		{"no command line", "ls -l", "this is no `docker run`", runLine},
		{"no image named", "docker run -d --name x", "the command line names no image", runLine},
		{"flag", "docker run --publsh 80 nginx", `there is no option "publsh"; did you mean "publish"?`, runLine},
		{"flag's value", "docker run -m lots nginx", `--memory: "lots" is no size`, runLine},
		{"quote", "docker run 'nginx", "a ' is not closed", runLine},
		{"shell", "docker run nginx && rm -rf /", `"&" is the shell's`, runLine},
		{"two lines", "docker run nginx\ndocker run redis", "a second line follows", runLine},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.read(c.text)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; wanted %s", err, c.want)
			}
		})
	}
}

func runLine(s string) error { _, err := Run(s, nil); return err }

// TestComposeWrong does that for Compose, and holds that nothing outside of the
// project's directory is read.
func TestComposeWrong(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "secret.yml", "services: {x: {image: outside}}\n")
	write(t, outside, "secret.env", "SECRET=unread\n")
	for _, c := range []struct{ name, text, want string }{
		{"yaml", "services:\n  web:\n   image: [\n", "compose.yaml:"},
		{"unknown key", "services:\n  web:\n    image: x\n    imagee: y\n", "compose.yaml:"},
		{"type", "services:\n  web:\n    image: x\n    ports: 80\n", "compose.yaml:4: "},
		{"no services", "{}\n", "empty compose file"},
		{"undefined", "services:\n  web: {image: x, depends_on: [db]}\n", "db"},
		{"list", "- a\n", "must be a mapping"},
		{"bomb", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", "compose.yaml"},
		{"include outside", "include: [" + outside + "/secret.yml]\nservices: {a: {image: x}}\n", "outside of the project's directory"},
		{"include up", "include: [../x.yml]\nservices: {a: {image: x}}\n", "outside of the project's directory"},
		{"include by link", "include: [link.yml]\nservices: {a: {image: x}}\n", "link.yml: "},
		{"include's env file", "include: [{path: mapped.yml}]\nservices: {a: {image: x}}\n", "include with env_file is not read"},
		{"include's env file at once", "include: [{path: part.yml, env_file: " + outside + "/secret.env}]\nservices: {a: {image: x}}\n", "env_file"},
		{"extends outside", "services: {a: {extends: {file: ../x.yml, service: y}}}\n", "outside of the project's directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "compose.yaml", c.text)
			write(t, dir, "part.yml", "services: {p: {image: part}}\n")
			write(t, dir, "mapped.yml", "include: [{path: part.yml, env_file: x}]\n")
			if err := os.Symlink(filepath.Join(outside, "secret.yml"), filepath.Join(dir, "link.yml")); err != nil {
				t.Fatal(err)
			}
			_, err := Compose(context.Background(), ComposeInput{Path: filepath.Join(dir, "compose.yaml")})
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; wanted %s", err, c.want)
			}
		})
	}
}

// TestComposeEnvironment holds where variables come from, and that files outside are not asked.
func TestComposeEnvironment(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, "secret.env", "SECRET=unread\n")
	write(t, dir, ".env", "FROM_FILE=file\nBOTH=file\n")
	write(t, dir, "compose.yaml", `services:
  a:
    image: x
    env_file: [`+outside+`/secret.env, {path: link.env, required: true}]
    environment: {A: "${FROM_FILE}", B: "${BOTH}", C: "${PROCESS}", D: "${PROCESS-default}", E: , F: "x$${G}"}
`)
	if err := os.Symlink(filepath.Join(outside, "secret.env"), filepath.Join(dir, "link.env")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PROCESS", "process")
	t.Setenv("E", "process")
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, []string{`A = "file"`, `B = "file"`, "C = var.PROCESS", `D = "default"`, `F = "x$${G}"`, "no equal: environment E"}},
		{map[string]string{"PROCESS": "given", "BOTH": "given"}, []string{`A = "file"`, `B = "given"`, `C = "given"`, `D = "given"`}},
	} {
		p, err := Compose(context.Background(), ComposeInput{Path: filepath.Join(dir, "compose.yaml"), Env: c.env})
		if err != nil {
			t.Fatal(err)
		}
		text := string(p.Write(kinds()).Text)
		valid(t, kinds(), []byte(text))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s is missing in\n%s", want, text)
			}
		}
		for _, not := range []string{"unread", `"process"`} {
			if strings.Contains(text, not) {
				t.Errorf("%s stands in\n%s", not, text)
			}
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
