package apply

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hostctl/plan"
	"hostctl/resource"
)

// GenerationVersion is the version of the format of a generation's file that this release writes and reads.
const GenerationVersion = 1

// Outcome is how a generation ended.
type Outcome string

// The outcomes.
const (
	OutcomeApplied     Outcome = "applied"
	OutcomeFailed      Outcome = "failed"      // some step failed, and what it left stays so
	OutcomeRolledBack  Outcome = "rolled back" // some step failed, and it is as it was before with all that depends on it; the rest was applied
	OutcomeInterrupted Outcome = "interrupted" // it was told to stop, or never ended: killed, or the power went
)

// Head says what a generation is; what it wants is its [Body].
type Head struct {
	FormatVersion int    `json:"format_version"`
	Configuration string `json:"configuration"`
	// Number counts the configuration's generations on this host, from 1.
	Number uint64 `json:"generation"`
	// Command is what made it: "apply", "destroy", "rollback", "undo", "adopt" or "forget"; BackTo is the generation that a rollback went back to, and
	// Undoes the one that an undo took back because nobody confirmed it.
	Command string    `json:"command"`
	BackTo  uint64    `json:"back_to,omitempty"`
	Undoes  uint64    `json:"undoes,omitempty"`
	Begun   time.Time `json:"begun"`
	By      Author    `json:"by"`
	// Dir is the configuration's directory by its real path, and Root the repository's where it was named.
	Dir  string `json:"dir"`
	Root string `json:"root,omitempty"`
	// Commit is what the repository's HEAD named then, in hexadecimal digits; "" where there was none that could be read. It does
	// not say that the files were as committed.
	Commit         string       `json:"commit,omitempty"`
	HostctlVersion string       `json:"hostctl_version"`
	Summary        plan.Summary `json:"summary"`
	Process        Process      `json:"process"`
	// BodySize is the length of the body's line in bytes, BodySum its sha256 in hexadecimal digits.
	BodySize int64  `json:"body_size"`
	BodySum  string `json:"body_sha256"`
	// Ending is nil while the generation is under way, and for good where it was cut off.
	*Ending

	end int64 // where in the file the ending stands
}

// Done reports whether all that it wanted was applied.
func (h *Head) Done() bool { return h.Ending != nil && h.Outcome == OutcomeApplied }

// Author is who ran the command.
type Author struct {
	// Name is the account that logged in, else the one behind sudo, else that of UID; "" where it has none.
	Name string `json:"name,omitempty"`
	UID  uint32 `json:"uid"`
	// LoginUID is the audit login uid, which sudo and su leave as it is (credentials(7)), and SudoUID what sudo says; nil where there is none.
	LoginUID *uint32 `json:"login_uid,omitempty"`
	SudoUID  *uint32 `json:"sudo_uid,omitempty"`
}

// Process names a process for ever, as long as the boot it runs in.
type Process struct {
	PID  int    `json:"pid"`
	Boot string `json:"boot_id"`
	// Start is its start time in clock ticks since the boot, proc_pid_stat(5).
	Start uint64 `json:"start_time"`
}

// Body is what a generation wants and what had to be done for it.
type Body struct {
	// Want is the declaration, evaluated and resolved, with its sensitive values: what stands here can be applied again without the repository.
	Want       resource.State
	Directives resource.Directives
	// Plan is the plan's JSON, of the format version that it says itself: see [plan.Decode].
	Plan json.RawMessage
}

// Ending is what became of a generation.
type Ending struct {
	Ended   time.Time `json:"ended"`
	Outcome Outcome   `json:"outcome"`
	// Failed are the errors of the steps, by resource.
	Failed map[resource.Addr]string `json:"failed,omitempty"`
}

// Generation is a generation as it was read.
type Generation struct {
	Head
	Body
}

// What a generation's file holds: the head, the body and the ending, a line of JSON each. The last one is added when the run
// is over, so that nothing that was written before is written again.
type bodyFile struct {
	Want       map[resource.Addr]json.RawMessage `json:"want"`
	Directives resource.Directives               `json:"directives,omitzero"`
	Plan       json.RawMessage                   `json:"plan"`
}

// encodeGeneration returns the file's first two lines, and completes the head.
func encodeGeneration(h *Head, want resource.State, d resource.Directives, p *plan.Plan) ([]byte, error) {
	f := bodyFile{Want: make(map[resource.Addr]json.RawMessage, len(want)), Directives: d}
	for addr, spec := range want {
		data, err := json.Marshal(spec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
		f.Want[addr] = data
	}
	var err error
	if f.Plan, err = json.Marshal(p); err != nil {
		return nil, err
	}
	body, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	h.FormatVersion, h.Summary, h.BodySize, h.BodySum = GenerationVersion, p.Summary, int64(len(body)), hex.EncodeToString(sum[:])
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	return append(append(append(head, '\n'), body...), '\n'), nil
}

// decodeHead reads the head's line.
func decodeHead(line []byte) (*Head, error) {
	var v struct {
		FormatVersion int `json:"format_version"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	if v.FormatVersion != GenerationVersion {
		return nil, fmt.Errorf("format %d; this hostctl reads %d: use the release that wrote it", v.FormatVersion, GenerationVersion)
	}
	h := new(Head)
	if err := json.Unmarshal(line, h); err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	if h.BodySize < 0 || h.BodySize > maxGeneration {
		return nil, errors.New("damaged: its body has no size")
	}
	return h, nil
}

// decodeEnding reads what follows the body; nil where that is no whole line.
func decodeEnding(line []byte) *Ending {
	e := new(Ending)
	if line, ok := bytes.CutSuffix(line, []byte("\n")); !ok || json.Unmarshal(line, e) != nil || e.Outcome == "" {
		return nil
	}
	return e
}

// decodeBody reads the body's line.
func decodeBody(h *Head, line []byte, kinds resource.Kinds) (Body, error) {
	if sum := sha256.Sum256(line); hex.EncodeToString(sum[:]) != h.BodySum {
		return Body{}, errors.New("damaged: its checksum does not match")
	}
	var f bodyFile
	if err := json.Unmarshal(line, &f); err != nil {
		return Body{}, fmt.Errorf("damaged: %w", err)
	}
	b := Body{Want: make(resource.State, len(f.Want)), Directives: f.Directives, Plan: f.Plan}
	for addr, raw := range f.Want {
		spec, err := kinds.DecodeSpec(addr.Kind, raw)
		if err != nil {
			return Body{}, fmt.Errorf("%s: %w", addr, err)
		}
		b.Want[addr] = spec
	}
	return b, nil
}

// Title is the generation in a line, for people.
func (h *Head) Title() string {
	return fmt.Sprintf("Generation %d of configuration %q, by %s of %s on %s", h.Number, h.Configuration, h.Command, h.By.Name, h.Begun.Local().Format("2006-01-02 15:04"))
}
