package lsp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Limits on what a client may send.
const (
	maxHeader  = 4 << 10  // bytes of one header line
	maxHeaders = 16       // lines
	maxMessage = 64 << 20 // bytes: a file of the greatest size, escaped
)

// readFrame reads one message: headers, an empty line, and as many bytes as
// they say. io.EOF comes only between messages. Memory is taken as bytes
// arrive, not as a header announces them.
func readFrame(r *bufio.Reader) ([]byte, error) {
	length := -1
	for n := 0; ; n++ {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && n == 0 && len(line) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case errors.Is(err, bufio.ErrBufferFull), n == maxHeaders:
			return nil, errors.New("the header of a message is too long")
		case err != nil:
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, fmt.Errorf("%q is no header of a message", text)
		}
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			length, err = strconv.Atoi(strings.TrimSpace(value))
			if err != nil || length < 0 {
				return nil, fmt.Errorf("%q is no length of a message", text)
			}
		}
	}
	if length < 0 {
		return nil, errors.New("a message has no Content-Length")
	}
	if length > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes is too long: at most %d MiB", length, maxMessage>>20)
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(length)); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return body.Bytes(), nil
}

// frame is a message as it is sent.
func frame(body []byte) []byte {
	return append(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(body)), body...)
}

// message is a request, a notification or a response of JSON-RPC 2.0.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"` // a number or a string; none for a notification
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *failure        `json:"error,omitempty"`
}

// failure is the error of a response.
type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Message }

// The error codes of JSON-RPC and of the protocol.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeUnknownMethod  = -32601
	codeInvalidParams  = -32602
	codeNotInitialized = -32002
	codeCancelled      = -32800
	codeFailed         = -32803
)

// parse reads a message. What is no message is a failure to answer with, and
// the id to answer to where there is one.
func parse(body []byte) (m message, bad *failure) {
	if err := json.Unmarshal(body, &m); err != nil {
		code := codeInvalidRequest
		if !json.Valid(body) {
			code = codeParse
		}
		return message{ID: json.RawMessage("null")}, &failure{code, "This is no message of JSON-RPC 2.0."}
	}
	if id := string(m.ID); id != "" && id[0] != '"' && id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		return message{ID: json.RawMessage("null")}, &failure{codeInvalidRequest, "The id of a request is a number or a string."}
	}
	if m.Method == "" && m.Result == nil && m.Error == nil && m.ID == nil {
		return message{ID: json.RawMessage("null")}, &failure{codeInvalidRequest, "The message has no method."}
	}
	return m, nil
}
