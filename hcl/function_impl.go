package hcl

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// The guards: what a function must be kept from before it begins. Each refuses
// work or a result that is out of all proportion to the arguments; bounded has
// measured these already.

// fewSpaces keeps indent from a result of many more bytes than its text.
func fewSpaces(args []value) error {
	n, _ := args[0].AsBigFloat().Int64()
	if f := args[0].AsBigFloat(); f.Cmp(big.NewFloat(100)) > 0 || f.Sign() < 0 || !f.IsInt() {
		return function.NewArgErrorf(0, "the number of spaces is a whole one from 0 to 100")
	}
	text := args[1].AsString()
	return fits(len(text) + int(n)*strings.Count(text, "\n"))
}

// fits refuses a result of more bytes than a value may have.
func fits(size int) error {
	if size > maxText {
		return fmt.Errorf("the result is longer than %d MiB", maxText>>20)
	}
	return nil
}

func shortJoin(args []value) error {
	separator, n := len(args[0].AsString()), 0
	for _, list := range args[1:] {
		if list.CanIterateElements() {
			n += list.LengthInt()
		}
	}
	return fits(separator * n)
}

// fewPieces keeps split from a list that is too long.
func fewPieces(args []value) error {
	if n := strings.Count(args[1].AsString(), args[0].AsString()); n >= maxNodes {
		return function.NewArgErrorf(1, "it has %d pieces; a value has at most %d parts", n+1, maxNodes)
	}
	return nil
}

// fewCharacters keeps trim from looking for each character in a long text.
func fewCharacters(args []value) error {
	if len(args[1].AsString()) > 256 {
		return function.NewArgErrorf(1, "at most 256 bytes of characters to take away are possible")
	}
	return nil
}

func shortNumber(args []value) error {
	if v := args[0]; !v.IsNull() && v.Type() == cty.String && len(v.AsString()) > maxNumber {
		return function.NewArgErrorf(0, "the number is too long")
	}
	return nil
}

// shortTexts keeps dates and durations to what is one.
func shortTexts(args []value) error {
	for i, v := range args {
		if len(v.AsString()) > 1000 {
			return function.NewArgErrorf(i, "the text is longer than 1000 bytes")
		}
	}
	return nil
}

// smallCSV refuses CSV of more fields than a value has parts.
func smallCSV(args []value) error {
	text := args[0].AsString()
	if n := strings.Count(text, ",") + strings.Count(text, "\n"); n >= maxNodes {
		return function.NewArgErrorf(0, "it has more than %d fields", maxNodes)
	}
	return nil
}

// shallowJSON refuses JSON that nests too deeply for a recursive decoder, has
// more values than a value has parts or a number that is too long, and what is
// none: the decoder takes text behind the value.
func shallowJSON(args []value) error {
	depth, parts, digits, quoted, escaped := 0, 0, 0, false, false
	for _, c := range []byte(args[0].AsString()) {
		if '0' <= c && c <= '9' || c == '.' {
			if digits++; digits > maxNumber && !quoted {
				return function.NewArgErrorf(0, "a number in it has more than %d digits", maxNumber)
			}
		} else {
			digits = 0
		}
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = quoted
		case c == '"':
			quoted = !quoted
			digits = 0
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return function.NewArgErrorf(0, "the JSON nests more than %d deep", maxDepth)
			}
			parts++
		case c == ']' || c == '}':
			depth--
		case c == ',':
			parts++
		}
		if parts > maxNodes {
			return function.NewArgErrorf(0, "it has more than %d values", maxNodes)
		}
	}
	if !json.Valid([]byte(args[0].AsString())) {
		return function.NewArgErrorf(0, "it is no JSON")
	}
	return nil
}

// fewCombinations keeps setproduct from a result that is too great.
func fewCombinations(args []value) error {
	product := 1
	for _, v := range args {
		if !v.CanIterateElements() || v.LengthInt() == 0 {
			return nil
		}
	}
	for _, v := range args {
		if product *= v.LengthInt(); product*len(args) > maxNodes {
			return fmt.Errorf("there are more than %d combinations", maxNodes/len(args))
		}
	}
	return nil
}

// noReference refuses references where text is made of the value.
func noReference(args []value) error {
	for i, arg := range args {
		err := cty.Walk(arg, func(_ cty.Path, v value) (bool, error) {
			if v.Type() == reference || v.Type() == dependency {
				return false, errors.New("it holds a reference to a resource, which has no text; write the name itself")
			}
			return true, nil
		})
		if err != nil {
			return function.NewArgError(i, err)
		}
	}
	return nil
}

// formats refuses a format whose text may be too long: each verb takes its
// value's text and its width, and may name the same value again and again.
func formats(args []value) error {
	if err := noReference(args); err != nil {
		return err
	}
	rounds := 1
	for _, v := range args[1:] {
		if rows(v) {
			rounds = max(rounds, v.LengthInt())
		}
	}
	verbs, err := formatVerbs(args[0].AsString())
	if err != nil {
		return err
	}
	size := rounds * len(args[0].AsString())
	sizes := map[int]int{} // of each argument, in all rounds
	for _, verb := range verbs {
		n, seen := sizes[verb.arg]
		if !seen && verb.arg < len(args)-1 {
			v := args[verb.arg+1]
			n = textSize(v)
			if !rows(v) {
				n *= rounds
			}
			sizes[verb.arg] = n
		}
		if size += rounds*verb.pad + n; size > maxText {
			return fits(size)
		}
	}
	return nil
}

func rows(v value) bool {
	ty := v.Type()
	return !v.IsNull() && (ty.IsListType() || ty.IsSetType() || ty.IsTupleType())
}

// formatVerb is one verb of a format: the index of its value, and the bytes that its width and precision may add.
type formatVerb struct{ arg, pad int }

func formatVerbs(format string) (verbs []formatVerb, err error) {
	next := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		verb := formatVerb{arg: -1}
		number, digits, index := 0, 0, false
		for i++; i < len(format); i++ {
			c := format[i]
			if '0' <= c && c <= '9' {
				if digits++; digits > 3 {
					return nil, function.NewArgErrorf(0, "a width has at most three digits")
				}
				number = number*10 + int(c-'0')
				continue
			}
			if index {
				verb.arg = number - 1
			} else {
				verb.pad += number
			}
			number, digits, index = 0, 0, c == '['
			if !strings.ContainsRune("+-# '.[]", rune(c)) {
				break
			}
		}
		if i < len(format) && format[i] == '%' {
			continue
		}
		if verb.arg < 0 {
			verb.arg = next
		}
		next = verb.arg + 1
		verbs = append(verbs, verb)
	}
	return verbs, nil
}

// textSize is at least the bytes of a value's text: a string may be quoted.
func textSize(v value) int {
	switch ty := v.Type(); {
	case v.IsNull() || ty == cty.Bool:
		return 5
	case ty == cty.String:
		n := 2
		for _, c := range []byte(v.AsString()) {
			if n++; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x7f {
				n += 5
			}
		}
		return n
	case ty == cty.Number:
		exp := v.AsBigFloat().MantExp(nil)
		return 200 + max(exp, -exp)
	case v.CanIterateElements():
		n := 2
		for it := v.ElementIterator(); it.Next(); {
			k, element := it.Element()
			n += textSize(element) + 2
			if k.Type() == cty.String {
				n += textSize(k)
			}
		}
		return n
	}
	return 0
}
