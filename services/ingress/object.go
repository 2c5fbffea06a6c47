package ingress

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// object is a JSON object read without a schema. What Telegram adds, renames or gets wrong in one field costs that field,
// never the message: a strict decoder refuses a whole update for one unknown variant deep inside it.
type object map[string]json.RawMessage

func parseObject(raw []byte) (object, bool) {
	var o object
	if json.Unmarshal(raw, &o) != nil || o == nil {
		return nil, false
	}
	return o, true
}

// has tells whether the field says anything: it is there, and neither null nor false nor empty.
func (o object) has(key string) bool {
	switch string(bytes.TrimSpace(o[key])) {
	case "", "null", "false", `""`:
		return false
	}
	return true
}

func (o object) object(key string) (object, bool) {
	if !o.has(key) {
		return nil, false
	}
	return parseObject(o[key])
}

// list reads a list, which may be empty.
func (o object) list(key string) ([]json.RawMessage, bool) {
	var list []json.RawMessage
	if json.Unmarshal(o[key], &list) != nil || list == nil {
		return nil, false
	}
	return list, true
}

// int reads an integer, 0 when there is none.
func (o object) int(key string) int64 {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(o[key])), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (o object) bool(key string) bool { return string(bytes.TrimSpace(o[key])) == "true" }

// text reads a string, "" when there is none.
func (o object) text(key string) string {
	var s string
	if json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return s
}

// clipped reads a string of which no more than limit bytes are wanted, cut between characters.
func (o object) clipped(key string, limit int) string {
	s := o.text(key)
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut]
}
