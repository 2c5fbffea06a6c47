package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// param is one argument. A JSON string is stored unquoted, any other JSON value
// as its text, so that 5, "5", {"a":1} and "{\"a\":1}" are the same in every
// encoding.
type param struct {
	key  string
	val  []byte
	file string // name of an uploaded file
}

type params []param

const maxBody = 50 << 20

var errBadJSON = errors.New("can't parse JSON object")

func (p params) get(key string) ([]byte, bool) {
	for i := range p {
		if p[i].key == key {
			return p[i].val, true
		}
	}
	return nil, false
}

func (p params) str(key string) string { v, _ := p.get(key); return string(v) }

// int64 is 0 for what is absent or no number.
func (p params) int64(key string) int64 {
	v, _ := p.get(key)
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (p params) bool(key string) bool {
	switch v, _ := p.get(key); string(v) {
	case "true", "True", "TRUE", "1", "yes", "t", "on":
		return true
	}
	return false
}

// object is the argument as a JSON object.
func (p params) object(key string) params {
	v, _ := p.get(key)
	if len(v) == 0 || !json.Valid(v) {
		return nil
	}
	return parseObject(v)
}

// array is the argument as the raw elements of a JSON array.
func (p params) array(key string) [][]byte {
	v, _ := p.get(key)
	if len(v) == 0 || !json.Valid(v) {
		return nil
	}
	return parseArray(v)
}

// ints is the argument as a list of numbers, quoted or not.
func (p params) ints(key string) ([]int64, bool) {
	var out []int64
	for _, raw := range p.array(key) {
		n, err := strconv.ParseInt(string(scalar(raw)), 10, 64)
		if err != nil {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}

// readParams takes the arguments of r from the query and from a body in any of
// the encodings that clients use.
func readParams(r *http.Request) (params, error) {
	var p params
	if r.URL.RawQuery != "" {
		p = appendForm(p, r.URL.Query())
	}
	if r.Method != http.MethodPost {
		return p, nil
	}
	ct := r.Header.Get("Content-Type")
	if strings.HasPrefix(ct, "multipart/form-data") {
		return readMultipart(r, p)
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(ct, "application/json") {
		return appendJSON(p, body)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	return appendForm(p, form), nil
}

func readBody(r *http.Request) ([]byte, error) {
	if n := r.ContentLength; n >= 0 && n <= maxBody {
		body := make([]byte, n)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	return io.ReadAll(io.LimitReader(r.Body, maxBody))
}

func appendForm(p params, form url.Values) params {
	for k, v := range form {
		p = append(p, param{key: k, val: []byte(v[0])})
	}
	return p
}

func appendJSON(p params, body []byte) (params, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || string(body) == "null" {
		return p, nil
	}
	if body[0] != '{' || !json.Valid(body) {
		return nil, errBadJSON
	}
	return append(p, parseObject(body)...), nil
}

func readMultipart(r *http.Request, p params) (params, error) {
	_, attrs, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || attrs["boundary"] == "" {
		return nil, errors.New("can't find boundary")
	}
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		if name := part.FileName(); name != "" {
			n, err := io.Copy(io.Discard, io.LimitReader(part, maxBody))
			if err != nil {
				return nil, err
			}
			p = append(p, param{key: part.FormName(), file: name, val: strconv.AppendInt(nil, n, 10)})
			continue
		}
		val, err := io.ReadAll(io.LimitReader(part, maxBody))
		if err != nil {
			return nil, err
		}
		p = append(p, param{key: part.FormName(), val: val})
	}
}

// parseObject splits valid JSON text of an object. null values are absent.
func parseObject(b []byte) params {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '{' {
		return nil
	}
	p := make(params, 0, 8)
	i := skipSpace(b, 1)
	for i < len(b) && b[i] != '}' {
		end := skipValue(b, i)
		key := unquote(b[i:end])
		i = skipSpace(b, skipSpace(b, end)+1) // past the colon
		end = skipValue(b, i)
		if raw := b[i:end]; string(raw) != "null" {
			p = append(p, param{key: string(key), val: scalar(raw)})
		}
		if i = skipSpace(b, end); i < len(b) && b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return p
}

// parseArray splits valid JSON text of an array into its raw elements.
func parseArray(b []byte) [][]byte {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '[' {
		return nil
	}
	var out [][]byte
	i := skipSpace(b, 1)
	for i < len(b) && b[i] != ']' {
		end := skipValue(b, i)
		out = append(out, b[i:end])
		if i = skipSpace(b, end); i < len(b) && b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return out
}

func scalar(raw []byte) []byte {
	if len(raw) > 0 && raw[0] == '"' {
		return unquote(raw)
	}
	return raw
}

func unquote(raw []byte) []byte {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return []byte(s)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			depth--
		case depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			return i
		default:
			i++
			continue
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return i
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[start:i]...), `\ufffd`...)
			i++
			start = i
			continue
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
}

func appendField(b []byte, key, val string) []byte {
	b = append(append(b, ",\""...), key...)
	return appendString(append(b, '"', ':'), val)
}

func appendIntField(b []byte, key string, val int64) []byte {
	b = append(append(b, ",\""...), key...)
	return strconv.AppendInt(append(b, '"', ':'), val, 10)
}
