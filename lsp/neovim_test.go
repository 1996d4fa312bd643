package lsp_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// script has Neovim attach the server to a file, ask it what a person at the keyboard does, and write down what came of it.
const script = `
local out = {}
local id = vim.lsp.start_client({ name = 'hostctl', cmd = { vim.env.SERVER, 'lsp' }, root_dir = vim.env.DIR })
vim.lsp.buf_attach_client(0, id)
local function messages()
  local list = {}
  for _, d in ipairs(vim.diagnostic.get(0)) do table.insert(list, (d.lnum + 1) .. ':' .. d.message:match('^[^\n]*')) end
  return list
end
local function settle(n) return vim.wait(30000, function() return #messages() == n end, 5) end
local function ask(method, line, column, more)
  vim.api.nvim_win_set_cursor(0, { line, column })
  local p = vim.tbl_extend('force', vim.lsp.util.make_position_params(), more or {})
  p.position.character = column -- behind a line's end, where only a person who inserts can be
  local r = vim.lsp.buf_request_sync(0, method, p, 30000)
  return r and r[id] and r[id].result
end
out.broken = settle(2) and messages()
vim.api.nvim_buf_set_lines(0, 3, 4, false, { '  path = "/ü€😀"', '  owner = user.' })
local items = ask('textDocument/completion', 5, 15).items
out.completion = { items[1].label, #items }
vim.api.nvim_buf_set_text(0, 4, 15, 4, 15, { 'shop' })
out.fixed = settle(0) and messages()
out.hover = ask('textDocument/hover', 5, 16).contents.value
out.definition = ask('textDocument/definition', 5, 16)[1].uri:match('[^/]*$')
local edit = ask('textDocument/rename', 5, 16, { newName = 'store' })
vim.lsp.util.apply_workspace_edit(edit, 'utf-16')
out.renamed = vim.api.nvim_buf_get_lines(0, 4, 5, false)[1]
vim.lsp.buf.formatting_sync(nil, 30000)
out.formatted = vim.api.nvim_buf_get_lines(0, 0, -1, false)
local f = io.open(vim.env.DIR .. '/out.json', 'w')
f:write(vim.fn.json_encode(out))
f:close()
vim.lsp.stop_client(id)
vim.wait(30000, function() return vim.lsp.client_is_stopped(id) end, 5)
vim.cmd('qa!')
`

// TestNeovim: the real editor, with nobody at it.
func TestNeovim(t *testing.T) {
	nvim, err := exec.LookPath("nvim")
	if err != nil {
		lacks(t, "Neovim (the package neovim)")
	}
	dir := workspace(t, map[string]string{
		"main.hcl":   "hostctl { name = \"x\" }\n# ü€😀\nvolume \"v\" {\n  pat = \"/v\"\n}\n",
		"users.hcl":  "user \"shop\" {}\n",
		"script.lua": script,
	})
	server, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nvim, "--headless", "--clean", filepath.Join(dir, "main.hcl"), "-c", "luafile "+filepath.Join(dir, "script.lua"), "-c", "qa!")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DIR="+dir, "SERVER="+server, "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	} else if len(out) > 0 {
		t.Logf("Neovim says:\n%s", out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	var have any
	if err := json.Unmarshal(text, &have); err != nil {
		t.Fatal(err)
	}
	text, _ = json.MarshalIndent(have, "", "  ")
	golden := filepath.Join("testdata", "neovim.json.golden")
	if *update {
		if err := os.WriteFile(golden, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != string(text)+"\n" {
		t.Errorf("Neovim saw (%v)\n%s", err, text)
	}
}
