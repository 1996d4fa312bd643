package hcl

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

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

// longer reads the number of bits by which a network within p is longer, and returns its length.
func longer(p netip.Prefix, v value, index int) (int, error) {
	bits, err := whole(v, index)
	if err != nil {
		return 0, err
	}
	room := p.Addr().BitLen() - p.Bits()
	if bits.Sign() < 0 || bits.Cmp(big.NewInt(int64(room))) > 0 {
		return 0, function.NewArgErrorf(index, "%s can be longer by 0 to %d bits", p, room)
	}
	return p.Bits() + int(bits.Int64()), nil
}

// count is how many networks, or addresses, of so many bits there are.
func count(bits int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(bits)) }

var (
	prefixParam = textParam("prefix")
	numberParam = function.Parameter{Name: "number", Type: cty.Number}
	bitsParam   = function.Parameter{Name: "bits", Type: cty.Number}
)

var cidrNetmask = textFunc(cty.String, func(s []string) (value, error) {
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

var cidrContains = textFunc(cty.Bool, func(s []string) (value, error) {
	p, err := prefix(s[0])
	if err != nil {
		return none, err
	}
	other, err := netip.ParsePrefix(s[1])
	if err != nil {
		addr, err := netip.ParseAddr(s[1])
		if err != nil || addr.Zone() != "" {
			return none, function.NewArgErrorf(1, "%q is no address and no network", s[1])
		}
		other = netip.PrefixFrom(addr, addr.BitLen())
	}
	if other.Addr().Is4() != p.Addr().Is4() {
		return none, function.NewArgErrorf(1, "one is IPv4 and the other IPv6")
	}
	return cty.BoolVal(other.Bits() >= p.Bits() && p.Contains(other.Addr())), nil
}, "prefix", "other")

var cidrHost = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam, numberParam},
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
		size := count(p.Addr().BitLen() - p.Bits())
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
	Params: []function.Parameter{prefixParam, bitsParam, numberParam},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []value, _ cty.Type) (value, error) {
		p, err := prefix(args[0].AsString())
		if err != nil {
			return none, err
		}
		length, err := longer(p, args[1], 1)
		if err != nil {
			return none, err
		}
		n, err := whole(args[2], 2)
		if err != nil {
			return none, err
		}
		if most := count(length - p.Bits()); n.Sign() < 0 || n.Cmp(most) >= 0 {
			return none, function.NewArgErrorf(2, "there are %s such networks in %s", most, p)
		}
		addr, err := at(p, new(big.Int).Lsh(n, uint(p.Addr().BitLen()-length)))
		return cty.StringVal(netip.PrefixFrom(addr, length).String()), err
	},
})

// maxSubnets is how many networks one call makes.
const maxSubnets = 1024

var cidrSubnets = function.New(&function.Spec{
	Params:   []function.Parameter{prefixParam},
	VarParam: &bitsParam,
	Type:     function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []value, _ cty.Type) (value, error) {
		p, err := prefix(args[0].AsString())
		if err != nil {
			return none, err
		}
		if len(args)-1 > maxSubnets {
			return none, fmt.Errorf("at most %d networks are possible at once", maxSubnets)
		}
		total := p.Addr().BitLen()
		room, next := count(total-p.Bits()), new(big.Int)
		var list []value
		for i, v := range args[1:] {
			length, err := longer(p, v, i+1)
			if err != nil {
				return none, err
			}
			// The next address that such a network can begin at.
			size := count(total - length)
			next.Add(next, new(big.Int).Sub(size, big.NewInt(1)))
			next.Rsh(next, uint(total-length)).Lsh(next, uint(total-length))
			if new(big.Int).Add(next, size).Cmp(room) > 0 {
				return none, function.NewArgErrorf(i+1, "%s has no room left for a network longer by %d bits", p, length-p.Bits())
			}
			addr, err := at(p, next)
			if err != nil {
				return none, err
			}
			list = append(list, cty.StringVal(netip.PrefixFrom(addr, length).String()))
			next.Add(next, size)
		}
		return listOf(cty.List(cty.String), list), nil
	},
})
