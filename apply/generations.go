package apply

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// What is kept of each configuration: enough to look back over a day of many applies, and over a month of few. The newest
// one, and the newest that was applied, are kept whatever their age, for those are what a rollback starts from.
const (
	keepNewest = 20
	keepFor    = 30 * 24 * time.Hour
	keepMost   = 200
)

// maxGeneration bounds what is read into memory, as [maxLedger] does.
const maxGeneration = maxLedger

// Generations are one configuration's generations on this host: a directory beside the ledger that root alone can read,
// a file each. Only the holder of the host's lock writes.
type Generations struct {
	owner string
	dir   string
	kinds resource.Kinds
}

// Generations returns those of the configuration, of which there may be none.
func (m *Machine) Generations(owner string) Generations {
	return Generations{owner, filepath.Join(m.generations(), owner), m.Kinds}
}

func (m *Machine) generations() string {
	return filepath.Join(filepath.Dir(m.LedgerPath), "generations")
}

// Remembered returns the names of the configurations that have generations on this host, sorted.
func (m *Machine) Remembered() ([]string, error) {
	entries, err := os.ReadDir(m.generations())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("generations: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && resource.CheckName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Heads returns the heads of all that are there, the oldest first, and of those that cannot be read by their number why.
func (g Generations) Heads() (heads []*Head, unread map[uint64]error, err error) {
	numbers, err := g.numbers()
	unread = map[uint64]error{}
	for _, n := range numbers {
		h, err := g.head(n)
		if err != nil {
			unread[n] = err
			continue
		}
		heads = append(heads, h)
	}
	return heads, unread, err
}

// Newest returns the head of the newest generation; nil where there is none.
func (g Generations) Newest() (*Head, error) {
	numbers, err := g.numbers()
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	return g.head(numbers[len(numbers)-1])
}

// Read reads one generation. The error is [fs.ErrNotExist] where it is not there.
func (g Generations) Read(n uint64) (*Generation, error) {
	var out *Generation
	err := g.open(n, func(h *Head, r *bufio.Reader) error {
		line := make([]byte, h.BodySize)
		if _, err := io.ReadFull(r, line); err != nil {
			return fmt.Errorf("damaged: %w", err)
		}
		body, err := decodeBody(h, line, g.kinds)
		out = &Generation{*h, body}
		return err
	})
	return out, err
}

// Begin makes the next generation durable before its first step, so that one that is cut off is known. It returns the head
// with what follows from the rest.
func (g Generations) Begin(h Head, want resource.State, d resource.Directives, p *plan.Plan) (*Head, error) {
	numbers, err := g.numbers()
	if err != nil {
		return nil, err
	}
	h.Configuration, h.Number = g.owner, 1
	if len(numbers) > 0 {
		h.Number = numbers[len(numbers)-1] + 1
	}
	data, err := encodeGeneration(&h, want, d, p)
	if err == nil && len(data) > maxGeneration {
		err = fmt.Errorf("%d bytes; at most %d are read back", len(data), maxGeneration)
	}
	if err == nil {
		_, err = replaceFile(g.path(h.Number), data)
	}
	if err != nil {
		return nil, fmt.Errorf("generation %d: %w", h.Number, err)
	}
	h.end = int64(len(data))
	return &h, nil
}

// End adds to a generation that has none what became of it.
func (g Generations) End(h *Head, e Ending) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("generation %d: %w", h.Number, err)
	}
	f, err := os.OpenFile(g.path(h.Number), os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("generation %d: %w", h.Number, err)
	}
	_, err = f.WriteAt(append(line, '\n'), h.end)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("generation %d: %w", h.Number, err)
	}
	return nil
}

// Prune removes the generations that are not to be kept any more. Those that cannot be read stay: another release may read them.
func (g Generations) Prune(now time.Time) error {
	numbers, err := g.numbers()
	if err != nil || len(numbers) <= keepNewest {
		return err
	}
	heads, _, err := g.Heads()
	errs := []error{err}
	for _, n := range superfluous(heads, now) {
		errs = append(errs, os.Remove(g.path(n)))
	}
	return errors.Join(errs...)
}

// superfluous are the numbers of the generations, of which the oldest comes first, that are not kept.
func superfluous(heads []*Head, now time.Time) (numbers []uint64) {
	applied := false
	for i := range heads {
		h := heads[len(heads)-1-i]
		first := !applied && h.Done()
		applied = applied || first
		if i >= keepNewest && !first && (i >= keepMost || now.Sub(h.Begun) >= keepFor) {
			numbers = append(numbers, h.Number)
		}
	}
	return numbers
}

func (g Generations) path(n uint64) string {
	return filepath.Join(g.dir, strconv.FormatUint(n, 10)+".json")
}

// numbers are those of the files that are there, in order.
func (g Generations) numbers() ([]uint64, error) {
	entries, err := os.ReadDir(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("generations: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if n, err := strconv.ParseUint(name, 10, 63); ok && err == nil && n > 0 && g.path(n) == filepath.Join(g.dir, e.Name()) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// head reads what of a generation does not grow with the configuration.
func (g Generations) head(n uint64) (*Head, error) {
	var out *Head
	err := g.open(n, func(h *Head, _ *bufio.Reader) error { out = h; return nil })
	return out, err
}

// open reads a generation's head and ending, and gives them to read with what lies between.
func (g Generations) open(n uint64, read func(*Head, *bufio.Reader) error) error {
	// O_NONBLOCK has no effect on regular files, and waits for nobody on others.
	f, err := os.OpenFile(g.path(n), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("generation %d: %w", n, err)
	}
	defer f.Close()
	err = func() error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return errors.New("is no regular file")
		}
		r := bufio.NewReader(io.LimitReader(f, maxGeneration))
		line, err := r.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("damaged: its first line: %w", err)
		}
		h, err := decodeHead(line)
		if err != nil {
			return err
		}
		if h.Number != n || h.Configuration != g.owner {
			return fmt.Errorf("is generation %d of %q", h.Number, h.Configuration)
		}
		h.end = int64(len(line)) + h.BodySize + 1
		ending, err := io.ReadAll(io.NewSectionReader(f, h.end, maxGeneration))
		if err != nil {
			return err
		}
		h.Ending = decodeEnding(ending)
		return read(h, r)
	}()
	if err != nil {
		return fmt.Errorf("generation %d: %s: %w; it can be moved away", n, f.Name(), err)
	}
	return nil
}
