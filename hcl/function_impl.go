package hcl

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// The guards: what a function must be kept from before it begins.

// atMost refuses a first argument of more elements.
func atMost(n int) func([]value) error {
	return func(args []value) error {
		if v := args[0]; v.CanIterateElements() && v.LengthInt() > n {
			return fmt.Errorf("the list has %d elements; at most %d can be compared with one another", v.LengthInt(), n)
		}
		return nil
	}
}

// narrow refuses a format that pads: %1000000d is a megabyte.
func narrow(args []value) error {
	if args[0].IsNull() {
		return nil
	}
	digits := 0
	for _, c := range args[0].AsString() {
		if c < '0' || c > '9' {
			digits = 0
		} else if digits++; digits > 3 {
			return function.NewArgErrorf(0, "a width has at most three digits")
		}
	}
	return nil
}

func fewSpaces(args []value) error {
	if n := args[0].AsBigFloat(); n.Cmp(big.NewFloat(100)) > 0 || n.Sign() < 0 {
		return function.NewArgErrorf(0, "the number of spaces is from 0 to 100")
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
	if separator*n > maxText {
		return fmt.Errorf("the result is longer than %d MiB", maxText>>20)
	}
	return nil
}

func shortNumber(args []value) error {
	if v := args[0]; !v.IsNull() && v.Type() == cty.String && len(v.AsString()) > maxNumber {
		return function.NewArgErrorf(0, "the number is too long")
	}
	return nil
}

// shallowJSON refuses JSON that nests too deeply for a recursive decoder.
func shallowJSON(args []value) error {
	depth, quoted, escaped := 0, false, false
	for _, c := range []byte(args[0].AsString()) {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = quoted
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return function.NewArgErrorf(0, "the JSON nests more than %d deep", maxDepth)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

func noReference(args []value) error {
	err := cty.Walk(args[0], func(_ cty.Path, v value) (bool, error) {
		if v.Type() == reference {
			return false, errors.New("it holds a reference to a resource, which has no JSON")
		}
		return true, nil
	})
	if err != nil {
		return function.NewArgError(0, err)
	}
	return nil
}

// The functions that the outer library has not, or not so.

func textParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.String}
}

// textFunc is a function of texts alone.
func textFunc(result cty.Type, impl func(texts []string) (value, error), names ...string) function.Function {
	var params []function.Parameter
	for _, name := range names {
		params = append(params, textParam(name))
	}
	return function.New(&function.Spec{Params: params, Type: function.StaticReturnType(result),
		Impl: func(args []value, _ cty.Type) (value, error) {
			texts := make([]string, len(args))
			for i := range args {
				texts[i] = args[i].AsString()
			}
			return impl(texts)
		}})
}

var (
	startsWith = textFunc(cty.Bool, func(s []string) (value, error) { return cty.BoolVal(strings.HasPrefix(s[0], s[1])), nil }, "text", "prefix")
	endsWith   = textFunc(cty.Bool, func(s []string) (value, error) { return cty.BoolVal(strings.HasSuffix(s[0], s[1])), nil }, "text", "suffix")

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
	sha256Hex = textFunc(cty.String, func(s []string) (value, error) {
		sum := sha256.Sum256([]byte(s[0]))
		return cty.StringVal(hex.EncodeToString(sum[:])), nil
	}, "text")
	replace = textFunc(cty.String, func(s []string) (value, error) {
		n := strings.Count(s[0], s[1])
		if len(s[0])+n*(len(s[2])-len(s[1])) > maxText {
			return none, fmt.Errorf("the result is longer than %d MiB", maxText>>20)
		}
		return cty.StringVal(strings.ReplaceAll(s[0], s[1], s[2])), nil
	}, "text", "old", "new")
	cidrNetmask = textFunc(cty.String, func(s []string) (value, error) {
		p, err := prefix(s[0])
		if err != nil {
			return none, err
		}
		if !p.Addr().Is4() {
			return none, function.NewArgErrorf(0, "%s is an IPv6 network, which has no netmask", p)
		}
		mask := ^uint32(0) << (32 - p.Bits())
		return cty.StringVal(netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}).String()), nil
	}, "prefix")
)

// length is the outer library's, for texts and objects too.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []value, _ cty.Type) (value, error) {
		v := args[0]
		switch {
		case v.Type() == cty.String:
			return stdlib.Strlen(v)
		case v.CanIterateElements():
			return cty.NumberIntVal(int64(v.LengthInt())), nil
		}
		return none, function.NewArgErrorf(0, "a list, a set, a map or text is wanted")
	},
})

var one = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []value) (cty.Type, error) {
		ty := args[0].Type()
		switch {
		case ty.IsListType() || ty.IsSetType():
			return ty.ElementType(), nil
		case ty.IsTupleType() && len(ty.TupleElementTypes()) == 1:
			return ty.TupleElementType(0), nil
		case ty.IsTupleType():
			return cty.DynamicPseudoType, nil
		}
		return cty.DynamicPseudoType, function.NewArgErrorf(0, "a list or a set is wanted")
	},
	Impl: func(args []value, result cty.Type) (value, error) {
		switch n := args[0].LengthInt(); n {
		case 0:
			return cty.NullVal(result), nil
		case 1:
			it := args[0].ElementIterator()
			it.Next()
			_, v := it.Element()
			return v, nil
		default:
			return none, function.NewArgErrorf(0, "it has %d elements; one or none is wanted", n)
		}
	},
})

// to converts to a type.
func to(want cty.Type) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true}},
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

// prefix reads a network such as 10.20.0.0/24; bits of the host are ignored.
func prefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, function.NewArgErrorf(0, "%q is no network; write one such as \"10.20.0.0/24\"", s)
	}
	return p.Masked(), nil
}

// at returns the address that is n above the network's.
func at(p netip.Prefix, n *big.Int) (netip.Addr, error) {
	sum := new(big.Int).SetBytes(p.Addr().AsSlice())
	raw := make([]byte, p.Addr().BitLen()/8)
	sum.Add(sum, n)
	if sum.Sign() < 0 || sum.BitLen() > p.Addr().BitLen() {
		return netip.Addr{}, errors.New("there is no such address")
	}
	addr, _ := netip.AddrFromSlice(sum.FillBytes(raw))
	return addr, nil
}

func whole(v value, index int) (*big.Int, error) {
	f := v.AsBigFloat()
	if !f.IsInt() {
		return nil, function.NewArgErrorf(index, "a whole number is wanted")
	}
	n, _ := f.Int(nil)
	return n, nil
}

var cidrHost = function.New(&function.Spec{
	Params: []function.Parameter{textParam("prefix"), {Name: "number", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []value, _ cty.Type) (value, error) {
		p, err := prefix(args[0].AsString())
		if err != nil {
			return none, err
		}
		n, err := whole(args[1], 1)
		if err != nil {
			return none, err
		}
		size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
		if n.Sign() < 0 {
			n = new(big.Int).Add(n, size)
		}
		if n.Sign() < 0 || n.Cmp(size) >= 0 {
			return none, function.NewArgErrorf(1, "%s has %s addresses", p, size)
		}
		addr, err := at(p, n)
		return cty.StringVal(addr.String()), err
	},
})

var cidrSubnet = function.New(&function.Spec{
	Params: []function.Parameter{textParam("prefix"), {Name: "bits", Type: cty.Number}, {Name: "number", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []value, _ cty.Type) (value, error) {
		p, err := prefix(args[0].AsString())
		if err != nil {
			return none, err
		}
		bits, err := whole(args[1], 1)
		if err != nil {
			return none, err
		}
		room := p.Addr().BitLen() - p.Bits()
		if bits.Sign() < 0 || bits.Cmp(big.NewInt(int64(room))) > 0 {
			return none, function.NewArgErrorf(1, "%s can be longer by 0 to %d bits", p, room)
		}
		n, err := whole(args[2], 2)
		if err != nil {
			return none, err
		}
		count := new(big.Int).Lsh(big.NewInt(1), uint(bits.Int64()))
		if n.Sign() < 0 || n.Cmp(count) >= 0 {
			return none, function.NewArgErrorf(2, "there are %s such networks in %s", count, p)
		}
		length := p.Bits() + int(bits.Int64())
		addr, err := at(p, new(big.Int).Lsh(n, uint(p.Addr().BitLen()-length)))
		return cty.StringVal(netip.PrefixFrom(addr, length).String()), err
	},
})
