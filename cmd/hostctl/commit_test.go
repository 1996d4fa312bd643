package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a repository says is its commit is bytes of whoever writes it: a commit's name comes out, or nothing.
func TestCommitOf(t *testing.T) {
	const one, two = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"
	const sha256 = one + "aaaaaaaaaaaaaaaaaaaaaaaa"
	for name, tt := range map[string]struct {
		files map[string]string // "-> target" is a symbolic link
		dir   string            // of the configuration, below the repository
		root  string            // of -root; "." is the repository
		want  string
	}{
		"none":                      {nil, ".", "", ""},
		"branch":                    {map[string]string{".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": one + "\n"}, ".", "", one},
		"below":                     {map[string]string{".git/HEAD": one + "\n"}, "hosts/web1", "", one},
		"not above the root":        {map[string]string{".git/HEAD": one + "\n"}, "hosts/web1", "hosts", ""},
		"up to the root":            {map[string]string{".git/HEAD": one + "\n"}, "hosts/web1", ".", one},
		"SHA-256":                   {map[string]string{".git/HEAD": sha256}, ".", "", sha256},
		"packed":                    {map[string]string{".git/HEAD": "ref: refs/heads/main", ".git/packed-refs": "# pack-refs with: peeled\n" + two + " refs/heads/mai\n" + one + " refs/heads/main\n"}, ".", "", one},
		"loose before packed":       {map[string]string{".git/HEAD": "ref: refs/heads/main", ".git/refs/heads/main": one, ".git/packed-refs": two + " refs/heads/main\n"}, ".", "", one},
		"no commit yet":             {map[string]string{".git/HEAD": "ref: refs/heads/main"}, ".", "", ""},
		"no hash":                   {map[string]string{".git/HEAD": strings.ToUpper("abcdef") + one[6:]}, ".", "", ""},
		"words":                     {map[string]string{".git/HEAD": "ref: refs/heads/main", ".git/refs/heads/main": "secret of the host\n"}, ".", "", ""},
		"out of refs":               {map[string]string{".git/HEAD": "ref: HEAD2", ".git/HEAD2": one}, ".", "", ""},
		"dots":                      {map[string]string{".git/HEAD": "ref: refs/../HEAD2", ".git/HEAD2": one}, ".", "", ""},
		"link out":                  {map[string]string{".git/HEAD": "-> ../../outside"}, ".", "", ""},
		"link":                      {map[string]string{".git/HEAD": "-> HEAD2", ".git/HEAD2": one}, ".", "", ""},
		"directory link out":        {map[string]string{".git": "-> ../outside.git"}, ".", "", ""},
		"refs link out":             {map[string]string{".git/HEAD": "ref: refs/heads/main", ".git/refs": "-> ../../outside.git"}, ".", "", ""},
		"too long":                  {map[string]string{".git/HEAD": one + strings.Repeat(" ", maxRef)}, ".", "", ""},
		"submodule":                 {map[string]string{".git/HEAD": two, "sub/.git": "gitdir: ../.git/modules/sub\n", ".git/modules/sub/HEAD": one}, "sub", ".", one},
		"submodule, root not named": {map[string]string{".git/HEAD": two, "sub/.git": "gitdir: ../.git/modules/sub\n", ".git/modules/sub/HEAD": one}, "sub", "", ""},
		"worktree": {map[string]string{"wt/.git": "gitdir: ../.git/worktrees/wt\n", ".git/worktrees/wt/HEAD": "ref: refs/heads/main", ".git/worktrees/wt/commondir": "../..\n",
			".git/refs/heads/main": one}, "wt", ".", one},
		"worktree of elsewhere": {map[string]string{".git": "gitdir: /etc\n"}, ".", "", ""},
		"worktree above":        {map[string]string{".git": "gitdir: ../outside.git\n"}, ".", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			repo := filepath.Join(top, "repo")
			write := func(path, text string) {
				t.Helper()
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				var err error
				if target, ok := strings.CutPrefix(text, "-> "); ok {
					err = os.Symlink(target, path)
				} else {
					err = os.WriteFile(path, []byte(text), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			write(filepath.Join(top, "outside"), two)
			write(filepath.Join(top, "outside.git", "HEAD"), two)
			write(filepath.Join(top, "outside.git", "heads", "main"), two)
			for path, text := range tt.files {
				write(filepath.Join(repo, path), text)
			}
			dir, root := filepath.Join(repo, tt.dir), ""
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.root != "" {
				root = filepath.Join(repo, tt.root)
			}
			if got := commitOf(dir, root); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
