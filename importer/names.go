package importer

import (
	"strconv"
	"strings"

	"hostctl/resource"
)

// names gives each thing of a source a valid name of its own.
type names struct {
	used  map[string]bool
	given map[string]string
}

func newNames() *names { return &names{map[string]bool{}, map[string]string{}} }

// of returns the name that from goes by: always the same one, and nobody else's.
func (n *names) of(from string) string {
	if name, ok := n.given[from]; ok {
		return name
	}
	base := validName(from)
	name := base
	for i := 2; n.used[name]; i++ {
		suffix := "-" + strconv.Itoa(i)
		name = strings.TrimRight(base[:min(len(base), maxLabel-len(suffix))], "-") + suffix
	}
	n.used[name], n.given[from] = true, name
	return name
}

// maxLabel leaves room for what a name becomes a part of, such as a user's 31 characters.
const maxLabel = 30

// validName makes a name that [resource.CheckName] takes of any text, the
// nearest there is. It begins with a letter, for a reference cannot begin otherwise.
func validName(from string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(from) {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case '0' <= r && r <= '9':
			b.WriteString("n" + string(r))
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= maxLabel {
			break
		}
	}
	name := strings.Trim(b.String(), "-")
	if resource.CheckName(name) != nil {
		return "unnamed"
	}
	return name
}

// identifier makes a variable's name of a resource's.
func identifier(prefix, name string) string {
	return prefix + "_" + strings.ReplaceAll(name, "-", "_")
}

// imageName is the name that an image goes by: the last part of its repository.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	name, _, _ := strings.Cut(image, ":")
	return name
}
