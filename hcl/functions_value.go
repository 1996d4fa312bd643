package hcl

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// dateFunctions is sorted by name.
var dateFunctions = []Function{
	{"Dates", "formatdate", "formatdate(format, date)", "The date, such as \"2026-03-01T12:30:00Z\", written as the format says: YYYY, MM, DD, hh, mm, ss, MMM, EEE and the like.", `formatdate("DD.MM.YYYY", "2026-03-01T12:30:00Z")`, `"01.03.2026"`, bounded(stdlib.FormatDateFunc, shortTexts)},
	{"Dates", "timeadd", "timeadd(date, duration)", "The date that is the duration, such as \"-1h30m\", later.", `timeadd("2026-03-01T12:30:00Z", "36h")`, `"2026-03-03T00:30:00Z"`, bounded(stdlib.TimeAddFunc, shortTexts)},
	{"Dates", "timecmp", "timecmp(date, other)", "-1, 0 or 1: whether the date is before the other, the same or after it.", `timecmp("2026-03-01T12:30:00Z", "2026-03-01T13:30:00+01:00")`, `0`, bounded(timeCompare, shortTexts)},
}

// encodingFunctions is sorted by name.
var encodingFunctions = []Function{
	{"Encoding", "base64decode", "base64decode(text)", "The text that the base64 text stands for, which must be UTF-8.", `base64decode("aGk=")`, `"hi"`, bounded(base64Decode)},
	{"Encoding", "base64encode", "base64encode(text)", "The base64 text of the text's UTF-8 bytes.", `base64encode("hi")`, `"aGk="`, bounded(base64Encode)},
	{"Encoding", "csvdecode", "csvdecode(text)", "The rows of the CSV text as a list of maps; its first row names the columns.", `csvdecode("name,port\nweb,80")`, `[{ name = "web", port = "80" }]`, bounded(stdlib.CSVDecodeFunc, smallCSV)},
	{"Encoding", "jsondecode", "jsondecode(text)", "The value that the JSON text stands for.", `jsondecode("{\"a\": [1]}")`, `{ a = [1] }`, bounded(stdlib.JSONDecodeFunc, shallowJSON)},
	{"Encoding", "jsonencode", "jsonencode(value)", "The value as JSON.", `jsonencode({ a = [1] })`, `"{\"a\":[1]}"`, bounded(stdlib.JSONEncodeFunc, noReference)},
	{"Encoding", "urlencode", "urlencode(text)", "The text as it stands in the query of a URL.", `urlencode("a b&c")`, `"a+b%26c"`, bounded(urlEncode)},
}

// hashFunctions is sorted by name.
var hashFunctions = []Function{
	{"Hashes", "sha256", "sha256(text)", "The SHA-256 of the text's UTF-8 bytes in hexadecimal.", `substr(sha256("hi"), 0, 8)`, `"8f434346"`, bounded(sha256Hex)},
	{"Hashes", "sha512", "sha512(text)", "The SHA-512 of the text's UTF-8 bytes in hexadecimal.", `substr(sha512("hi"), 0, 8)`, `"150a14ed"`, bounded(sha512Hex)},
}

// networkFunctions is sorted by name.
var networkFunctions = []Function{
	{"Networks", "cidrcontains", "cidrcontains(prefix, other)", "Whether the address or network lies in the network.", `cidrcontains("10.20.0.0/16", "10.20.3.7")`, `true`, bounded(cidrContains)},
	{"Networks", "cidrhost", "cidrhost(prefix, number)", "The address with this number in the network; a negative one counts from its end.", `cidrhost("10.20.0.0/24", 5)`, `"10.20.0.5"`, bounded(cidrHost)},
	{"Networks", "cidrnetmask", "cidrnetmask(prefix)", "The netmask of an IPv4 network.", `cidrnetmask("10.20.0.0/20")`, `"255.255.240.0"`, bounded(cidrNetmask)},
	{"Networks", "cidrsubnet", "cidrsubnet(prefix, bits, number)", "The network with this number among those that are longer by so many bits.", `cidrsubnet("10.20.0.0/16", 8, 3)`, `"10.20.3.0/24"`, bounded(cidrSubnet)},
	{"Networks", "cidrsubnets", "cidrsubnets(prefix, bits...)", "One network after another within the network, each longer by so many bits.", `cidrsubnets("10.20.0.0/16", 8, 8, 4)`, `["10.20.0.0/24", "10.20.1.0/24", "10.20.16.0/20"]`, bounded(cidrSubnets)},
}

// numberFunctions is sorted by name.
var numberFunctions = []Function{
	{"Numbers", "abs", "abs(number)", "The number without its sign.", `abs(-3)`, `3`, bounded(stdlib.AbsoluteFunc)},
	{"Numbers", "ceil", "ceil(number)", "The least whole number that is not below the number.", `ceil(1.2)`, `2`, bounded(stdlib.CeilFunc)},
	{"Numbers", "floor", "floor(number)", "The greatest whole number that is not above the number.", `floor(1.8)`, `1`, bounded(stdlib.FloorFunc)},
	{"Numbers", "log", "log(number, base)", "The logarithm of the number.", `log(1024, 2)`, `10`, bounded(logarithm)},
	{"Numbers", "max", "max(numbers...)", "The greatest of the numbers.", `max(1, 3, 2)`, `3`, bounded(stdlib.MaxFunc)},
	{"Numbers", "min", "min(numbers...)", "The least of the numbers.", `min(3, 1, 2)`, `1`, bounded(stdlib.MinFunc)},
	{"Numbers", "parseint", "parseint(text, base)", "The whole number that the text is in a base from 2 to 62.", `parseint("ff", 16)`, `255`, bounded(stdlib.ParseIntFunc, shortNumber)},
	{"Numbers", "pow", "pow(number, exponent)", "The number raised to the exponent.", `pow(2, 16)`, `65536`, bounded(power)},
	{"Numbers", "signum", "signum(number)", "-1, 0 or 1: the sign of the number.", `signum(-7)`, `-1`, bounded(signum)},
}

// typeFunctions is sorted by name.
var typeFunctions = []Function{
	{"Types", "can", "can(expression)", "Whether the expression has a value, which an error in it takes away.", `can(tonumber("x"))`, `false`, can},
	{"Types", "issensitive", "issensitive(value)", "Whether the value, or a part of it, is sensitive.", `issensitive("x")`, `false`, isSensitive},
	{"Types", "nonsensitive", "nonsensitive(value)", "The value, which may be printed from now on: you say that it tells no secret.", `nonsensitive(sensitive("x"))`, `"x"`, nonSensitive},
	{"Types", "sensitive", "sensitive(value)", "The value, which is never printed from now on.", `issensitive(sensitive("x"))`, `true`, makeSensitive},
	{"Types", "tobool", "tobool(value)", "The value as a bool.", `tobool("true")`, `true`, bounded(to(cty.Bool))},
	{"Types", "tolist", "tolist(value)", "The value as a list, all elements of one type.", `tolist(["a", 1])`, `["a", "1"]`, bounded(to(cty.List(cty.DynamicPseudoType)))},
	{"Types", "tomap", "tomap(value)", "The value as a map, all values of one type.", `tomap({ a = "x", b = 1 })`, `{ a = "x", b = "1" }`, bounded(to(cty.Map(cty.DynamicPseudoType)))},
	{"Types", "tonumber", "tonumber(value)", "The value as a number.", `tonumber("8080")`, `8080`, bounded(to(cty.Number), shortNumber)},
	{"Types", "toset", "toset(value)", "The value as a set: without order and repetitions.", `toset(["b", "a", "b"])`, `["a", "b"]`, bounded(to(cty.Set(cty.DynamicPseudoType)))},
	{"Types", "tostring", "tostring(value)", "The value as text.", `tostring(8080)`, `"8080"`, bounded(to(cty.String))},
	{"Types", "try", "try(expressions...)", "The value of the first expression without an error.", `try(tonumber("x"), 80)`, `80`, try},
}
