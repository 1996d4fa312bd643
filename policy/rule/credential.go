package rule

import "strings"

// ValidCredential reports whether s can be a credential's id: it becomes a file's name, and stands in a unit.
func ValidCredential(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '-' || s[0] == '_' || s[0] == '.' {
		return false
	}
	return strings.Trim(s, letters+"-_.") == ""
}

// CredentialForm says what [ValidCredential] takes.
const CredentialForm = `an id has a-z, A-Z, 0-9, "-", "_" and ".", and begins with a letter or a digit; at most 64`

// ValidCredentialFile reports whether the path of a credential's file, which is absolute, can stand in a unit as it is: systemd has a
// meaning for : % \ quotes and white space in it.
func ValidCredentialFile(p string) bool {
	return strings.HasPrefix(p, "/") && strings.Trim(p, letters+"-_./+@,=") == ""
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Match reports whether a name fits one of the patterns: a name, or the beginning of names with a "*" behind it.
func Match(patterns []string, name string) bool {
	for _, p := range patterns {
		if begin, ok := strings.CutSuffix(p, "*"); p == name || ok && strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}
