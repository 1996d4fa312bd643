package hcl

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"math"
	"math/big"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// The functions of numbers, types, encodings, hashes and dates that the outer
// library has not, or not so.

var (
	base64Encode = textFunc(cty.String, func(s []string) (value, error) {
		return cty.StringVal(base64.StdEncoding.EncodeToString([]byte(s[0]))), nil
	}, "text")
	base64Decode = textFunc(cty.String, func(s []string) (value, error) {
		b, err := base64.StdEncoding.DecodeString(s[0])
		if err != nil {
			return none, function.NewArgErrorf(0, "it is no base64 text")
		}
		if !utf8.Valid(b) {
			return none, function.NewArgErrorf(0, "what it stands for is not UTF-8")
		}
		return cty.StringVal(string(b)), nil
	}, "text")
	urlEncode = textFunc(cty.String, func(s []string) (value, error) { return cty.StringVal(url.QueryEscape(s[0])), nil }, "text")
	sha256Hex = textFunc(cty.String, func(s []string) (value, error) {
		sum := sha256.Sum256([]byte(s[0]))
		return cty.StringVal(hex.EncodeToString(sum[:])), nil
	}, "text")
	sha512Hex = textFunc(cty.String, func(s []string) (value, error) {
		sum := sha512.Sum512([]byte(s[0]))
		return cty.StringVal(hex.EncodeToString(sum[:])), nil
	}, "text")
	timeCompare = textFunc(cty.Number, func(s []string) (value, error) {
		var dates [2]time.Time
		for i := range dates {
			var err error
			if dates[i], err = time.Parse(time.RFC3339, s[i]); err != nil {
				return none, function.NewArgErrorf(i, "%q is no date such as \"2026-03-01T12:30:00Z\"", s[i])
			}
		}
		return cty.NumberIntVal(int64(dates[0].Compare(dates[1]))), nil
	}, "date", "other")
)

// numberFunc is a function of numbers alone.
func numberFunc(impl func(numbers []*big.Float) (value, error), names ...string) function.Function {
	var params []function.Parameter
	for _, name := range names {
		params = append(params, function.Parameter{Name: name, Type: cty.Number})
	}
	return function.New(&function.Spec{Params: params, Type: function.StaticReturnType(cty.Number),
		Impl: func(args []value, _ cty.Type) (value, error) {
			numbers := make([]*big.Float, len(args))
			for i := range args {
				numbers[i] = args[i].AsBigFloat()
			}
			return impl(numbers)
		}})
}

var (
	signum = numberFunc(func(n []*big.Float) (value, error) { return cty.NumberIntVal(int64(n[0].Sign())), nil }, "number")

	logarithm = numberFunc(func(n []*big.Float) (value, error) {
		number, _ := n[0].Float64()
		base, _ := n[1].Float64()
		switch {
		case number <= 0:
			return none, function.NewArgErrorf(0, "only a number above 0 has a logarithm")
		case base <= 0 || base == 1:
			return none, function.NewArgErrorf(1, "a base is above 0, and not 1")
		case base == 2:
			return finite(math.Log2(number))
		case base == 10:
			return finite(math.Log10(number))
		}
		return finite(math.Log(number) / math.Log(base))
	}, "number", "base")

	// power is exact for whole numbers.
	power = numberFunc(func(n []*big.Float) (value, error) {
		exponent, _ := n[1].Int64()
		if n[0].IsInt() && n[1].IsInt() && exponent >= 0 && exponent <= maxBits {
			base, _ := n[0].Int(nil)
			if int64(max(base.BitLen(), 1))*exponent <= maxBits {
				return cty.NumberVal(new(big.Float).SetInt(base.Exp(base, big.NewInt(exponent), nil))), nil
			}
		}
		number, _ := n[0].Float64()
		raised, _ := n[1].Float64()
		return finite(math.Pow(number, raised))
	}, "number", "exponent")
)

// finite makes a value of a result that is a number.
func finite(f float64) (value, error) {
	switch {
	case math.IsNaN(f):
		return none, function.NewArgErrorf(0, "the result is no real number")
	case math.IsInf(f, 0):
		return none, function.NewArgErrorf(0, "the result is too great a number")
	}
	return cty.NumberFloatVal(f), nil
}

// to converts to a type.
func to(want cty.Type) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowMarked: true, AllowDynamicType: true}},
		Type: func(args []value) (cty.Type, error) {
			v, err := convert.Convert(args[0], want)
			if err != nil {
				return cty.DynamicPseudoType, function.NewArgErrorf(0, "it cannot be made a %s: %v", want.FriendlyNameForConstraint(), err)
			}
			return v.Type(), nil
		},
		Impl: func(args []value, result cty.Type) (value, error) { return convert.Convert(args[0], result) },
	})
}
