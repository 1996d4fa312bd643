package hcl

import (
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// textFunctions is sorted by name.
var textFunctions = []Function{
	{"Text", "basename", "basename(path)", "What stands behind the last slash of the path.", `basename("/srv/db/data")`, `"data"`, bounded(baseName)},
	{"Text", "chomp", "chomp(text)", "The text without the newlines at its end.", `chomp("a\n")`, `"a"`, bounded(stdlib.ChompFunc)},
	{"Text", "dirname", "dirname(path)", "What stands before the last slash of the path.", `dirname("/srv/db/data")`, `"/srv/db"`, bounded(dirName)},
	{"Text", "endswith", "endswith(text, suffix)", "Whether the text ends with the suffix.", `endswith("web.log", ".log")`, `true`, bounded(endsWith)},
	{"Text", "format", "format(format, values...)", "The text of the format with the values in place of %s, %d, %q, %v and the like.", `format("%s-%02d", "web", 3)`, `"web-03"`, bounded(stdlib.FormatFunc, formats)},
	{"Text", "formatlist", "formatlist(format, values...)", "As format, for each element of the lists among the values.", `formatlist("%s.log", ["a", "b"])`, `["a.log", "b.log"]`, bounded(stdlib.FormatListFunc, formats)},
	{"Text", "indent", "indent(spaces, text)", "The text with so many spaces before every line but the first.", `indent(2, "a\nb")`, `"a\n  b"`, bounded(stdlib.IndentFunc, fewSpaces)},
	{"Text", "join", "join(separator, lists...)", "The texts of the lists with the separator between them.", `join(", ", ["a", "b"])`, `"a, b"`, bounded(stdlib.JoinFunc, shortJoin)},
	{"Text", "lower", "lower(text)", "The text in lower case.", `lower("Web")`, `"web"`, bounded(stdlib.LowerFunc)},
	{"Text", "regex", "regex(pattern, text)", "The first part of the text that the RE2 pattern matches: text, or a list or map of its groups. No match is an error; try and can catch it.", `regex("([a-z]+)-([0-9]+)", "web-12")`, `["web", "12"]`, bounded(regex)},
	{"Text", "regexall", "regexall(pattern, text)", "All parts of the text that the RE2 pattern matches, one after another, as a list.", `regexall("[0-9]+", "10.20.30")`, `["10", "20", "30"]`, bounded(regexAll)},
	{"Text", "regexreplace", "regexreplace(text, pattern, new)", "The text with new in place of every match of the RE2 pattern; $1 or ${name} in new is a group.", `regexreplace("web-12", "-([0-9]+)$", "[$1]")`, `"web[12]"`, bounded(regexReplace)},
	{"Text", "replace", "replace(text, old, new)", "The text with new in place of every old, which is taken as it is; regexreplace takes a pattern.", `replace("a.b", ".", "-")`, `"a-b"`, bounded(replace)},
	{"Text", "split", "split(separator, text)", "The pieces of the text between the separators.", `split(",", "a,b")`, `["a", "b"]`, bounded(stdlib.SplitFunc, fewPieces)},
	{"Text", "startswith", "startswith(text, prefix)", "Whether the text begins with the prefix.", `startswith("/srv/db", "/srv")`, `true`, bounded(startsWith)},
	{"Text", "strcontains", "strcontains(text, part)", "Whether the part stands in the text.", `strcontains("web-server", "web")`, `true`, bounded(strContains)},
	{"Text", "strrev", "strrev(text)", "The characters of the text from its end.", `strrev("abc")`, `"cba"`, bounded(stdlib.ReverseFunc)},
	{"Text", "substr", "substr(text, offset, length)", "So many characters from the offset; a length of -1 takes all.", `substr("worker", 0, 4)`, `"work"`, bounded(stdlib.SubstrFunc)},
	{"Text", "title", "title(text)", "The text with each word's first letter in upper case.", `title("web server")`, `"Web Server"`, bounded(stdlib.TitleFunc)},
	{"Text", "trim", "trim(text, characters)", "The text without these characters at both ends.", `trim("?!hi!", "!?")`, `"hi"`, bounded(stdlib.TrimFunc, fewCharacters)},
	{"Text", "trimprefix", "trimprefix(text, prefix)", "The text without the prefix.", `trimprefix("v1.2", "v")`, `"1.2"`, bounded(stdlib.TrimPrefixFunc)},
	{"Text", "trimspace", "trimspace(text)", "The text without spaces and newlines at both ends.", `trimspace(" a\n")`, `"a"`, bounded(stdlib.TrimSpaceFunc)},
	{"Text", "trimsuffix", "trimsuffix(text, suffix)", "The text without the suffix.", `trimsuffix("a.log", ".log")`, `"a"`, bounded(stdlib.TrimSuffixFunc)},
	{"Text", "upper", "upper(text)", "The text in upper case.", `upper("Web")`, `"WEB"`, bounded(stdlib.UpperFunc)},
}
