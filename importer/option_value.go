package importer

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

func number(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || f < 0 || f > 1e9 {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return f, nil
}

func count(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

// size reads bytes as docker writes them: 512m, 1.5g, 64MiB, 1024.
func size(s string) (uint64, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	text = strings.TrimSuffix(strings.TrimSuffix(text, "b"), "i")
	shift := 0.0
	for i, unit := range []string{"k", "m", "g", "t"} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			text, shift = rest, float64(i+1)
			break
		}
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if n := f * math.Pow(1024, shift); err == nil && n >= 0 && n < 1<<62 {
		return uint64(n), nil
	}
	return 0, fmt.Errorf("%q is no size", s)
}

func duration(of func(*reader) *time.Duration) func(*reader, string) error {
	return func(r *reader, v string) error {
		d, err := span(v)
		if err == nil {
			*of(r) = d
		}
		return err
	}
}

// span reads a time as Go or systemd writes it: 30s, 1m30s, 1min 30s, 90.
func span(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	var sum float64
	rest := strings.TrimSpace(s)
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n < 0 {
			n = len(rest)
		}
		f, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no time", s)
		}
		rest = strings.TrimSpace(rest[n:])
		n = strings.IndexFunc(rest, func(r rune) bool { return r < 'a' || r > 'z' })
		if n < 0 {
			n = len(rest)
		}
		unit, ok := spans[rest[:n]]
		if !ok {
			return 0, fmt.Errorf("%q is no time", s)
		}
		sum += f * unit
		rest = strings.TrimSpace(rest[n:])
	}
	if s == "" || sum*1e9 > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is no time", s)
	}
	return time.Duration(sum * 1e9), nil
}

// spans are the units of systemd.time(7), in seconds.
var spans = map[string]float64{
	"": 1, "us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1,
	"m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
	"d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800,
}

// commandWords takes a command that may be a JSON list or a shell's line.
func commandWords(s string) ([]string, error) {
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		var list []string
		if err := json.Unmarshal([]byte(s), &list); err == nil {
			return list, nil
		}
	}
	return splitWords(s)
}

// healthWords is a health command as the words that run it.
func healthWords(s string) []string {
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		var list []string
		if json.Unmarshal([]byte(s), &list) == nil {
			return healthList(list)
		}
	}
	s = strings.TrimSpace(strings.TrimPrefix(s, "CMD-SHELL "))
	if rest, ok := strings.CutPrefix(s, "CMD "); ok {
		if words, err := splitWords(rest); err == nil {
			return words
		}
	}
	return []string{"/bin/sh", "-c", s}
}

// healthList is a Compose health test as the words that run it; none for NONE.
func healthList(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	switch list[0] {
	case "NONE":
		return nil
	case "CMD":
		return list[1:]
	case "CMD-SHELL":
		return []string{"/bin/sh", "-c", strings.Join(list[1:], " ")}
	}
	return list
}

// hostPath reports whether a mount's source is a path, and not a volume's name.
func hostPath(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "~") || strings.HasPrefix(s, "%")
}

// fileNames are names of files without an extension, and fileExtensions what the names of others end in.
var (
	fileNames = words("Caddyfile Corefile Dockerfile Procfile passwd group shadow hosts localtime timezone machine-id " +
		"os-release .env .htpasswd .pgpass .my.cnf id_rsa id_ed25519 authorized_keys")
	fileExtensions = words("conf cnf cfg ini yml yaml json toml xml env sh py sql pem crt cer key txt properties js lua rules " +
		"list sock socket db sqlite sqlite3 php html tpl tmpl template hcl pub asc gpg p12 pfx jks htpasswd csv river alloy ldif secret md")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// looksLikeFile guesses whether a bind mount is of a file: nobody says it, and the host is not looked at.
func looksLikeFile(source, target string) bool {
	for _, p := range []string{target, source} {
		base := path.Base(p)
		if fileNames[base] || fileExtensions[strings.TrimPrefix(path.Ext(base), ".")] && path.Ext(base) != base {
			return true
		}
	}
	return false
}

// didYouMean suggests the nearest of the names, where one is near.
func didYouMean(given string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if d := distance(given, n); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many letters must be put in, taken out or exchanged.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			left, row[j+1] = row[j+1], min(left+cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
