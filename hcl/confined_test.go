package hcl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"hostctl/hcl"
	"hostctl/host"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == hcl.ChildArg {
		os.Exit(hcl.ServeChild(os.Stdin, os.Stdout, hcl.TestKinds, host.ConfineSelf))
	}
	os.Exit(m.Run())
}

// child is this test binary as the confined child.
func child(ctx context.Context, request []byte) ([]byte, error) {
	return host.Confined{Args: []string{"hcl.test", hcl.ChildArg}, Stdin: request, MaxOutput: hcl.MaxAnswer}.Run(ctx)
}

func request(text string) hcl.Request {
	return hcl.Request{Sources: hcl.Sources{Files: []hcl.File{{Name: "main.hcl", Text: []byte(text)}}}}
}

// TestBombs gives the confined child what kills or stalls the outer library.
// Each must end in a diagnostic, with its place where the text alone is the
// reason, and without a word of Go.
func TestBombs(t *testing.T) {
	n := strings.Repeat
	doubling := "locals {\n  l0 = \"0123456789abcdef\"\n"
	list := "locals {\n  l0 = [1, 2]\n"
	square := "locals {\n  l0 = 1e300\n"
	for i := range 40 {
		doubling += fmt.Sprintf("  l%d = \"${local.l%d}${local.l%d}\"\n", i+1, i, i)
		list += fmt.Sprintf("  l%d = [local.l%d, local.l%d]\n", i+1, i, i)
		square += fmt.Sprintf("  l%d = local.l%d * local.l%d\n", i+1, i, i)
	}
	chain := "locals {\n"
	for i := range 20_000 {
		chain += fmt.Sprintf("  l%d = local.l%d\n", i, i+1)
	}
	deep := "Configuration nests too deeply"
	for _, bomb := range []struct{ name, text, want string }{
		{"parentheses", "locals {\n x = " + n("(", 70_000), deep},
		{"brackets", "locals {\n x = " + n("[", 100_000), deep},
		{"objects", "locals {\n x = " + n("{b=", 100_000), deep},
		{"templates", "locals {\n x = " + n(`"${`, 100_000), deep},
		{"calls", "locals {\n x = " + n("f(", 100_000), deep},
		{"blocks", n("a {\n", 100_000), deep},
		{"heredocs", "locals {\n x = " + n("<<A\n${", 100_000), deep},
		{"not", "locals {\n x = " + n("!", 1_000_000), "Expression is too long"},
		{"minus", "locals {\n x = " + n("-", 1_000_000), "Expression is too long"},
		{"minus within for", "locals {\n x = {for k, v in {}: k =>" + n("\n-", 1_000_000), "Expression is too long"},
		{"conditions", "locals {\n x = " + n("a?b:", 500_000), "Expression is too long"},
		{"sums", "locals {\n x = 1" + n("+1", 1_000_000), "Expression is too long"},
		{"splats", "locals {\n x = a" + n("[*]", 500_000), "Expression is too long"},
		{"indexes", "locals {\n x = a" + n("[b]", 500_000), "Expression is too long"},
		{"directives", "locals {\n x = \"" + n("%{if a}", 500_000), "Expression is too long"},
		{"commas", "locals {\n x = [" + n("1,", 4_000_000-100) + "]\n}\n", "Block is too long"},
		{"many arms", "locals {\n x = [" + n("-(-(-", 30) + "1" + n("))", 30) + "]\n}\n", ""},
		{"exponent", "locals {\n x = \"${1e10000000} x\"\n}\n", "Number is too long"},
		{"exponent with points", "locals {\n x = \"${1.e10000000} x\"\n}\n", "Number is too long"},
		{"exponent in text", "locals {\n x = \"${\"1e10000000\" * 1} x\"\n}\n", "Configuration takes too much time to evaluate"},
		{"digits", "locals {\n x = " + n("9", 1_000_000) + "\n}\n", "Number is too long"},
		{"for loops", "locals {\n x = [for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]\n}\n", "Expression takes too long"},
		{"for loops by condition", "locals {\n x = [for a in range(1000) : 1 if length([for b in range(1000) : 1 if length([for c in range(1000) : c]) == 3]) == 3]\n}\n", "Expression takes too long"},
		{"template loops", "locals {\n x = \"%{for a in range(1000)}%{for b in range(1000)}%{for c in range(1000)}x%{endfor}%{endfor}%{endfor}\"\n}\n", "Expression takes too long"},
		{"doubled text", doubling + "}\n", "Value is too big"},
		{"doubled lists", list + "}\n", "Value is too big"},
		{"squared numbers", square + "}\n", "Value is too big"},
		{"chained locals", chain + "  l20000 = 1\n}\n", "Names refer to one another too deeply"},
		{"replaced text", "locals {\n a = join(\"\", [for i in range(1000) : \"aaaaaaaaaa\"])\n b = replace(replace(replace(local.a, \"a\", local.a), \"a\", local.a), \"a\", local.a)\n}\n", "Error in function call"},
		{"joined text", "locals {\n a = join(\"\", [for i in range(1000) : \"aaaaaaaaaa\"])\n b = [for i in range(1000) : [for j in range(90) : \"${local.a}${local.a}${local.a}${local.a}${i}${j}\"]]\n}\n", "Value is too big"},
		{"wide template", "locals {\n  a = join(\"\", [for i in range(1000) : \"0123456789012345678901234567890123456789\"])\n  b = \"" + n("${local.a}", 40_000) + "\"\n}\n", "memory"},
		{"wide format", "locals {\n x = format(\"%1000000000d\", 1)\n}\n", "Invalid function argument"},
		{"long range", "locals {\n x = range(1000000000)\n}\n", "Error in function call"},
		{"deep JSON", "locals {\n x = jsondecode(join(\"\", [for i in range(1000) : join(\"\", [for i in range(90) : \"[[[[[[[[[[[[[[[[[[[[\"])]))\n}\n", "Invalid function argument"},
		{"for_each", "container \"x\" {\n  for_each = { for p in flatten([for a in range(1000) : [for b in range(1000) : \"k${a}-${b}\"]]) : p => p }\n  rootfs = \"/\"\n}\n", "Expression takes too long"},
		{"names", n("a b c d e f g\n", 10_000), "Invalid block definition"},
	} {
		t.Run(bomb.name, func(t *testing.T) {
			t.Parallel()
			c := hcl.Load(t.Context(), child, request("hostctl {\n  name = \"x\"\n}\n"+bomb.text), hcl.TestKinds)
			got := c.Diagnostics.Error()
			if bomb.want == "" {
				if c.Diagnostics.HasErrors() {
					t.Fatal(got)
				}
				return
			}
			if !strings.Contains(got, bomb.want) {
				t.Fatalf("want %q, got %.300s", bomb.want, got)
			}
			if strings.Contains(got, "goroutine") || strings.Contains(got, "runtime") || strings.Contains(got, "bug") {
				t.Fatalf("Go shows through: %.300s", got)
			}
			if d := c.Diagnostics[len(c.Diagnostics)-1]; d.File != "main.hcl" {
				t.Errorf("no place: %+v", d)
			}
		})
	}
}

// TestOtherFiles: what ends the evaluation of one file hides nothing of the others, and is said of that file.
func TestOtherFiles(t *testing.T) {
	n := strings.Repeat
	good := "hostctl {\n  name = \"x\"\n}\nvariable \"v\" {\n  type = string\n}\n"
	slow := "locals {\n  x = \"${\"1e10000000\" * 1} x\"\n}\n"
	for _, c := range []struct {
		name    string
		sources hcl.Sources
		want    []string // in the order of the files
	}{
		{"nests too deeply", files("a.hcl", "locals {\n  a = \n}\n", "b.hcl", n("[", 1000), "c.hcl", good), []string{
			"a.hcl:2: Invalid expression", "b.hcl:1: Configuration nests too deeply"}},
		{"takes too long", files("a.hcl", "locals {\n  a = \n}\n", "b.hcl", slow, "c.hcl", good), []string{
			"a.hcl:2: Invalid expression", "b.hcl:2: Configuration takes too much time to evaluate"}},
		{"takes too long beside others that are long", files("a.hcl", good+n("locals {\n}\n", 10), "b.hcl", "container \"x\" {\n  rootfs = \"${\"1e10000000\" * 1} x\"\n}\n",
			"c.hcl", many(2000)+"container \"y\" {\n  rotfs = 1\n}\n"), []string{
			"b.hcl:2: Configuration takes too much time to evaluate", "c.hcl:6001: Missing attribute", `c.hcl:6002: Unknown attribute "rotfs"`}},
		{"no UTF-8", files("a.hcl", "x {\n}\n", "b.hcl", "\xff", "c.hcl", good), []string{"a.hcl:1: Unknown block type \"x\"", "b.hcl:1: Text is not UTF-8"}},
		{"JSON", files("a.hcl", "x {\n}\n", "b.hcl.json", n("[", 1000), "c.hcl", good), []string{"a.hcl:1: Unknown block type \"x\"", "b.hcl.json:1: Configuration nests too deeply"}},
		{"names are missing and not missed", files("a.hcl", "locals {\n  a = local.b + var.c\n}\n", "b.hcl", n("[", 1000)), []string{"b.hcl:1: Configuration nests too deeply"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := hcl.Load(t.Context(), child, hcl.Request{Sources: c.sources}, hcl.TestKinds).Diagnostics
			if len(got) != len(c.want) {
				t.Errorf("%d diagnostics, %d wanted:\n%.2000s", len(got), len(c.want), got.Error())
			}
			for i, want := range c.want {
				if i < len(got) && !strings.HasPrefix(got[i].Error(), want) {
					t.Errorf("want %s\n got %.300s", want, got[i].Error())
				}
			}
		})
	}
}

// many are n containers.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "container \"c%d\" {\n  rootfs = \"/\"\n}\n", i)
	}
	return b.String()
}

func files(texts ...string) (s hcl.Sources) {
	for i := 0; i < len(texts); i += 2 {
		s.Files = append(s.Files, hcl.File{Name: texts[i], Text: []byte(texts[i+1])})
	}
	return s
}

// TestDeathsFile: a child that dies without a word is asked where, once, and the other files are looked at.
func TestDeathsFile(t *testing.T) {
	killer := []byte("locals {\n  b = \"killer\"\n}\n")
	asked := 0
	deadly := func(ctx context.Context, request []byte) ([]byte, error) {
		asked++
		out, err := child(ctx, request)
		if err != nil || !bytes.Contains(request, killer) {
			return out, err
		}
		// As one that dies in b.hcl.
		died := []byte("\"b.hcl\"\n")
		if at := bytes.Index(out, died); at >= 0 {
			return out[:at+len(died)], errors.New("it was ended by the signal SIGILL")
		}
		return nil, errors.New("it was ended by the signal SIGILL")
	}
	sources := files("a.hcl", "x {\n}\n", "b.hcl", string(killer), "c.hcl", "hostctl {\n  name = \"x\"\n}\n")
	got := hcl.Load(t.Context(), deadly, hcl.Request{Sources: sources}, hcl.TestKinds).Diagnostics
	if len(got) != 2 || got[0].Summary != `Unknown block type "x"` || got[1].File != "b.hcl" || !strings.Contains(got[1].Detail, "SIGILL") || asked != 3 {
		t.Errorf("asked %d times: %v", asked, got)
	}
	// Formatting goes the same way.
	asked = 0
	if _, got := hcl.FormatFiles(t.Context(), deadly, sources.Files); len(got) != 1 || got[0].File != "b.hcl" || asked != 2 {
		t.Errorf("asked %d times: %v", asked, got)
	}
	// A caller that has had enough is not asked again.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked = 0
	if got := hcl.Load(ctx, deadly, hcl.Request{Sources: sources}, hcl.TestKinds).Diagnostics; len(got) != 1 || asked != 1 {
		t.Errorf("asked %d times: %v", asked, got)
	}
}

// TestFormatBesideTheDeep: a file that is not even parsed is left as it is, and the others are formatted.
func TestFormatBesideTheDeep(t *testing.T) {
	deep := strings.Repeat("[", 1000)
	got, diags := hcl.FormatFiles(t.Context(), child, files("a.hcl", "a=1", "b.hcl", deep, "c.hcl", "c =").Files)
	if string(got[0].Text) != "a = 1\n" || string(got[1].Text) != deep || string(got[2].Text) != "c =" {
		t.Errorf("%.200q", got)
	}
	if len(diags) != 2 || diags[0].File != "b.hcl" || diags[1].File != "c.hcl" {
		t.Errorf("%v", diags)
	}
}
