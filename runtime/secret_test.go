package runtime

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"hostctl/policy/rule"
)

const canary = "S3CR3T-canary"

// credentials makes the directory that systemd makes for a unit, with one credential, and allows that to containers of a pattern.
func (b *bed) credentials(pattern string) string {
	b.t.Helper()
	dir := b.dir + "/credentials"
	b.must(os.RemoveAll(dir))
	b.must(os.Mkdir(dir, 0o700))
	b.must(os.WriteFile(dir+"/tls-key", []byte(canary), 0o400))
	b.allow(rule.Grants{Writable: []string{b.dir}, Rootfs: []string{b.dir}, Credentials: map[string][]string{"tls-key": {pattern}}})
	return dir
}

// given starts the launcher as systemd does where the unit has credentials.
func given(dir string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "CREDENTIALS_DIRECTORY="+dir) }
}

func TestLaunchSecrets(t *testing.T) {
	for _, init := range []bool{false, true} {
		b := newBed(t)
		b.furnish()
		dir := b.credentials("w*")
		s := b.spec(func(s *Spec) {
			s.Init, s.User = init, "www"
			s.Secrets = []Secret{
				{Target: "/run/secrets/tls.key", Credential: "tls-key", Mode: 0o400},
				{Target: "/etc/conf.d/key", Credential: "tls-key", Mode: 0o440, Owner: "0:web"},
			}
			s.Args = []string{"sh", "-c", `
				cat /run/secrets/tls.key; echo; cat /etc/conf.d/key; echo; cat /etc/conf.d/default.conf
				busybox stat -c '%u:%g %a %n' /run/secrets /run/secrets/tls.key /etc/conf.d/key
				echo x > /run/secrets/tls.key || echo no; busybox rm -f /run/secrets/tls.key || echo no; echo x > /run/secrets/new || echo no
				grep -c noswap /proc/self/mountinfo
				while read -r id parent dev root point options rest; do
					case $point in /run/secrets) echo $options;; esac
				done < /proc/self/mountinfo
				ls /run/credentials ` + dir + ` && echo seen
				busybox env | busybox grep -i cred
				ls -l /proc/self/fd | busybox grep -i cred
				grep -i cred /proc/self/mountinfo
				true
			`}
			s.Args[2] = strings.ReplaceAll(s.Args[2], "grep", "busybox grep")
			s.Args[2] = strings.ReplaceAll(s.Args[2], "busybox busybox", "busybox")
		})
		o := b.launch(s, nil, given(dir)).end()
		swaps := "2\n"
		if !canNoSwap() {
			swaps = "0\n"
		}
		// The other one is not the payload's to read.
		want := canary + "\n\ndefault\n0:0 755 /run/secrets\n33:34 400 /run/secrets/tls.key\n0:77 440 /etc/conf.d/key\nno\nno\nno\n" +
			swaps + "ro,nosuid,nodev,noexec,relatime\n"
		if o.code != 0 || o.out != want {
			t.Errorf("init %v: exit %d, %s\n%s\nwant\n%s", init, o.code, o.line, o.out, want)
		}
	}
}

// A secret that is not wholly as systemd leaves it ends the launcher before the payload runs; trying again does not help.
func TestLaunchRefusesSecrets(t *testing.T) {
	b := newBed(t)
	for name, c := range map[string]struct {
		spoil func(dir string) (string, error) // and the directory that the launcher is told
		want  string
	}{
		"missing": {func(d string) (string, error) { return d, os.Remove(d + "/tls-key") }, "ENOENT"},
		"a link":  {func(d string) (string, error) { return d, relink(d+"/tls-key", d+"/else") }, "ELOOP"},
		"a pipe":  {func(d string) (string, error) { return d, errors.Join(os.Remove(d+"/tls-key"), mkfifo(d+"/tls-key")) }, "not a regular file"},
		"a directory": {func(d string) (string, error) {
			return d, errors.Join(os.Remove(d+"/tls-key"), os.Mkdir(d+"/tls-key", 0o700))
		}, "not a regular file"},
		"too large":    {func(d string) (string, error) { return d, os.Truncate(d+"/tls-key", MaxFile+1) }, "larger than"},
		"another's":    {func(d string) (string, error) { return d, os.Chown(d+"/tls-key", 65534, 0) }, "uid 65534"},
		"open":         {func(d string) (string, error) { return d, os.Chmod(d+"/tls-key", 0o440) }, "mode 0440"},
		"no directory": {func(d string) (string, error) { return "", nil }, "CREDENTIALS_DIRECTORY"},
		"relative":     {func(d string) (string, error) { return filepath.Base(d), nil }, "CREDENTIALS_DIRECTORY"},
		"dots":         {func(d string) (string, error) { return d + "/../credentials", nil }, "CREDENTIALS_DIRECTORY"},
		"a linked directory": {func(d string) (string, error) {
			return d + ".link", errors.Join(os.RemoveAll(d+".link"), os.Symlink(d, d+".link"))
		}, "ELOOP"},
		"not allowed": {func(d string) (string, error) { b.credentials("db"); return d, nil }, `policy does not give credential "tls-key" to container web`},
	} {
		dir, err := c.spoil(b.credentials("web"))
		b.must(err)
		s := b.spec(func(s *Spec) {
			s.Args = []string{"sh", "-c", "echo ran"}
			s.Secrets = []Secret{{Target: "/run/secrets/x", Credential: "tls-key", Mode: 0o400}}
		})
		o := b.launch(s, nil, given(dir)).end()
		if o.code != ExitConfig || o.out != "" || o.record != nil || !strings.Contains(o.line, c.want) || !strings.Contains(o.line, "policy") ||
			!strings.Contains(o.line, `credential "tls-key"`) || strings.Contains(o.line, canary) {
			t.Errorf("%s: exit %d\n%s\n%s", name, o.code, o.line, o.out)
		}
	}
	s := b.spec(func(s *Spec) {
		s.Secrets = []Secret{{Target: "/run/secrets/x", Credential: "tls-key", Mode: 0o400, Owner: "nobody-there"}}
	})
	dir := b.credentials("web")
	if o := b.launch(s, nil, given(dir)).end(); o.code != ExitConfig || !strings.Contains(o.line, "nobody-there") {
		t.Errorf("owner: exit %d %s", o.code, o.line)
	}
	if p := Check(s); len(p) != 1 || p[0].Field != "secret owner" {
		t.Errorf("Check says %v", p)
	}
}

func relink(path, to string) error {
	return errors.Join(os.Rename(path, to), os.Symlink(to, path))
}

func TestValidSecrets(t *testing.T) {
	for name, x := range map[string]Secret{
		"path for an id":    {Target: "/run/secrets/x", Credential: "../../etc/shadow", Mode: 0o400},
		"absolute for one":  {Target: "/run/secrets/x", Credential: "/etc/shadow", Mode: 0o400},
		"no id":             {Target: "/run/secrets/x", Mode: 0o400},
		"newline":           {Target: "/run/secrets/x", Credential: "a\nb", Mode: 0o400},
		"in proc":           {Target: "/proc/x", Credential: "a", Mode: 0o400},
		"in run":            {Target: "/run/x", Credential: "a", Mode: 0o400},
		"relative":          {Target: "run/secrets/x", Credential: "a", Mode: 0o400},
		"on a volume":       {Target: "/data/x/y", Credential: "a", Mode: 0o400},
		"over a file":       {Target: "/etc/motd", Credential: "a", Mode: 0o400},
		"below a file":      {Target: "/etc/motd/x", Credential: "a", Mode: 0o400},
		"set-id":            {Target: "/run/secrets/x", Credential: "a", Mode: 0o4400},
		"an owner of words": {Target: "/run/secrets/x", Credential: "a", Mode: 0o400, Owner: "a:b:c"},
	} {
		s := minimal()
		s.Mounts = []Mount{{Target: "/data", Source: "/srv/data"}}
		s.Files = []File{{Target: "/etc/motd", Sum: Sum(nil), Mode: 0o444}}
		s.Secrets = []Secret{x}
		if err := s.Validate(); err == nil || strings.Count(err.Error(), "\n") > 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLauncherLeavesNoCore: killed while it has a secret, the launcher leaves no core, though nothing limits it and Go is told to.
func TestLauncherLeavesNoCore(t *testing.T) {
	b := newBed(t)
	dir := b.credentials("web")
	s := b.spec(func(s *Spec) {
		s.Args = []string{"sleep", "1000"}
		s.Secrets = []Secret{{Target: "/run/secrets/x", Credential: "tls-key", Mode: 0o400}}
	})
	var old unix.Rlimit
	b.must(unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, &old))
	defer unix.Prlimit(0, unix.RLIMIT_CORE, &old, nil)
	var launcher *exec.Cmd
	hit := false
	b.barrier = func(string) { // the launcher waits, and holds the payload, until it is gone
		b.must(unix.Kill(launcher.Process.Pid, unix.SIGABRT))
		for err := error(unix.EINTR); err == unix.EINTR; {
			err = unix.Waitid(unix.P_PID, launcher.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		}
		hit = true
	}
	st := b.launch(s, nil, func(cmd *exec.Cmd) {
		given(dir)(cmd)
		cmd.Dir = b.dir
		cmd.Env = append(cmd.Env, "GOTRACEBACK=crash")
		launcher = cmd
	})
	ended := launcher.ProcessState.Sys().(syscall.WaitStatus)
	st.end()
	cores, _ := filepath.Glob(b.dir + "/core*")
	if !hit || ended.Signal() != unix.SIGABRT || ended.CoreDump() || len(cores) > 0 || strings.Contains(st.stderr.String(), canary) {
		t.Errorf("hit %v, ended %v, %v", hit, launcher.ProcessState, cores)
	}
}
