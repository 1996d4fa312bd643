package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"
)

// ComposeInput is a Compose project to read.
type ComposeInput struct {
	Path string // the file; its directory is the project's, and nothing outside of it is read
	Name string // the project's; "" is what the file says, else the directory's
	// Env are variables that go before those of the directory's .env file. The
	// process's own environment counts only as far as it stands here.
	Env map[string]string
}

// Compose reads a Compose project with compose-go, in the way of `docker
// compose config`, all profiles being active.
func Compose(ctx context.Context, in ComposeInput) (*Project, error) {
	l, err := openCompose(in)
	if err != nil {
		return nil, err
	}
	defer l.root.Close()
	// First with a mark for every variable that is not set. Where a mark cannot
	// stand, such as in a port, they are empty, as Compose has them.
	l.marks = true
	project, err := l.load(ctx)
	if err != nil && len(l.unset) > 0 {
		l.marks, l.unset = false, map[string]bool{}
		project, err = l.load(ctx)
	}
	if err != nil {
		return nil, l.locate(err)
	}
	return l.convert(project), nil
}

// composeLoader reads the files of one project, and no other.
type composeLoader struct {
	in    ComposeInput
	dir   string // absolute
	root  *os.Root
	text  []byte
	tree  *yaml.Node
	env   types.Mapping
	marks bool
	unset map[string]bool // variables that nobody sets and that have no default
}

func openCompose(in ComposeInput) (*composeLoader, error) {
	abs, err := filepath.Abs(in.Path)
	if err != nil {
		return nil, err
	}
	l := &composeLoader{in: in, dir: filepath.Dir(abs), env: types.Mapping{}, unset: map[string]bool{}}
	if l.root, err = os.OpenRoot(l.dir); err != nil {
		return nil, &Error{File: in.Path, Summary: plain(err)}
	}
	if l.text, err = l.read(filepath.Base(abs)); err != nil {
		l.root.Close()
		return nil, &Error{File: in.Path, Summary: plain(err)}
	}
	if err := harmless(l.text, false); err != nil {
		defer l.root.Close()
		return nil, l.locate(err)
	}
	l.in.Path = abs
	l.tree = &yaml.Node{}
	if err := yaml.Unmarshal(l.text, l.tree); err != nil {
		defer l.root.Close()
		return nil, l.locate(err)
	}
	if dotEnv, err := l.read(".env"); err == nil {
		set, err := dotenv.ParseWithLookup(strings.NewReader(string(dotEnv)), func(k string) (string, bool) {
			v, ok := in.Env[k]
			return v, ok
		})
		if err != nil {
			defer l.root.Close()
			return nil, &Error{File: filepath.Join(filepath.Dir(in.Path), ".env"), Summary: plain(err)}
		}
		for k, v := range set {
			l.env[k] = v
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		defer l.root.Close()
		return nil, &Error{File: filepath.Join(filepath.Dir(in.Path), ".env"), Summary: plain(err)}
	}
	for k, v := range in.Env {
		l.env[k] = v
	}
	return l, nil
}

// plain is an error without the operation's name in front.
func plain(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// read reads a regular file below the project's directory, also through links that stay there.
func (l *composeLoader) read(rel string) ([]byte, error) {
	f, err := l.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", rel))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err == nil && len(text) > maxRead {
		err = fmt.Errorf("%s has more than %d bytes", rel, maxRead)
	}
	return text, err
}

var quiet sync.Once

func (l *composeLoader) load(ctx context.Context) (project *types.Project, err error) {
	quiet.Do(func() { logrus.SetOutput(io.Discard) }) // what it says of the source, the notes say
	defer func() {
		if p := recover(); p != nil {
			project, err = nil, fmt.Errorf("compose-go cannot read this: %v", p)
		}
	}()
	lookup := func(name string) (string, bool) { v, ok := l.env[name]; return v, ok }
	name := l.in.Name
	if name == "" {
		name = filepath.Base(l.dir)
	}
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  l.dir,
		Environment: l.env.Clone(),
		ConfigFiles: []types.ConfigFile{{Filename: l.in.Path, Content: l.text}},
	}, func(o *loader.Options) {
		o.SetProjectName(loader.NormalizeProjectName(name), l.in.Name != "")
		o.ResolvePaths = false
		o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
		o.Profiles = []string{"*"}
		o.ResourceLoaders = []loader.ResourceLoader{confined{l}}
		o.Interpolate = &interpolation.Options{LookupValue: lookup, Substitute: l.substitute, TypeCastMapping: o.Interpolate.TypeCastMapping}
	})
}

// substitute fills in the variables of a text; one without a value is a mark.
func (l *composeLoader) substitute(text string, mapping template.Mapping) (string, error) {
	return template.SubstituteWithOptions(text, mapping, template.WithoutLogging,
		template.WithReplacementFunction(func(s string, m template.Mapping, cfg *template.Config) (string, error) {
			if name := bareVariable(s); name != "" {
				if _, set := m(name); !set {
					l.unset[name] = true
					if l.marks {
						return markOpen + name + markClose, nil
					}
				}
			}
			return template.DefaultReplacementFunc(s, m, cfg)
		}))
}

var bare = regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::?\?.*)?\})$`)

// bareVariable is the name in $X, ${X} or ${X:?message}: of a variable without default.
func bareVariable(s string) string {
	m := bare.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// confined gives compose-go the files that include and extends name, where
// they are in the project's directory and lead nowhere else.
type confined struct{ *composeLoader }

func (c confined) Accept(string) bool { return true }

func (c confined) Load(ctx context.Context, name string) (string, error) {
	abs := name
	if !filepath.IsAbs(abs) {
		from, _ := ctx.Value(consts.ComposeFileKey{}).(string)
		if from == "" {
			from = c.in.Path
		}
		abs = filepath.Join(filepath.Dir(from), name)
	}
	rel, err := filepath.Rel(c.dir, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s is outside of the project's directory; it is not read", name)
	}
	text, err := c.read(rel)
	if err != nil {
		return "", fmt.Errorf("%s: %s", name, plain(err))
	}
	if err := harmless(text, true); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	// compose-go would read a .env file beside it, wherever that leads.
	env, err := c.root.Stat(filepath.Join(filepath.Dir(rel), ".env"))
	switch {
	case err == nil && !env.Mode().IsRegular():
		return "", fmt.Errorf("the .env file beside %s is no regular file", name)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("the .env file beside %s: %s", name, plain(err))
	}
	return abs, nil
}

func (c confined) Dir(name string) string {
	rel, err := filepath.Rel(c.dir, filepath.Dir(name))
	if err != nil || !filepath.IsAbs(name) {
		return filepath.Dir(name)
	}
	return rel
}

// harmless refuses what would make compose-go read a file that it was not
// given, or, in a part of a project, ask for the user's home directory.
func harmless(text []byte, part bool) error {
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	for {
		var doc any
		var node yaml.Node
		if err := dec.Decode(&node); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := node.Decode(&doc); err != nil {
			return err
		}
		top, _ := doc.(map[string]any)
		include, _ := top["include"].([]any)
		for _, one := range include {
			if m, ok := one.(map[string]any); ok {
				for key := range m {
					if key != "path" {
						return fmt.Errorf("include with %s is not read; name the path alone", key)
					}
				}
			}
		}
		if part && home(&node) {
			return errors.New(`paths in it may not begin with "~"; write them out`)
		}
	}
}

func home(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "~") || n.Kind != yaml.AliasNode && slices.ContainsFunc(n.Content, home)
}
