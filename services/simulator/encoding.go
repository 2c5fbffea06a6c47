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
