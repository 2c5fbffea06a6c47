package view

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
)

const (
	// DefaultLimit is the size of a page when Query.Limit is 0.
	DefaultLimit = 100
	// MaxLimit is the largest page.
	MaxLimit = 1000
	// maxIn bounds the values of one In.
	maxIn = 5000
)

// Cond is one condition on a declared field. Several conditions are joined by "and".
type Cond struct {
	field  string
	op     op
	values []any
}

type op string

const (
	opEq  op = "="
	opLt  op = "<"
	opLte op = "<="
	opGt  op = ">"
	opGte op = ">="
	opIn  op = "in"
)

// Eq holds where the field equals v. Values are strings, booleans, numbers, Millis or time.Time, of the field's kind.
func Eq(field string, v any) Cond { return Cond{field, opEq, []any{v}} }

// Lt holds where the field is less than v; strings are compared by bytes.
func Lt(field string, v any) Cond { return Cond{field, opLt, []any{v}} }

// Lte holds where the field is at most v.
func Lte(field string, v any) Cond { return Cond{field, opLte, []any{v}} }

// Gt holds where the field is greater than v.
func Gt(field string, v any) Cond { return Cond{field, opGt, []any{v}} }

// Gte holds where the field is at least v.
func Gte(field string, v any) Cond { return Cond{field, opGte, []any{v}} }

// In holds where the field equals one of vs, at most 5000; with none it holds nowhere.
func In[V any](field string, vs ...V) Cond {
	c := Cond{field: field, op: opIn}
	for _, v := range vs {
		c.values = append(c.values, v)
	}
	return c
}

// Cursor marks the end of a page. It is opaque, printable, and bound to the sort order it came from; it stays valid
// while documents come and go, and over a rebuild.
type Cursor string

// Query selects documents.
type Query struct {
	Where []Cond
	// Sort is a declared field; empty sorts by id. Ties are ordered by id.
	Sort string
	// Desc reverses the order, ids included.
	Desc bool
	// Limit of the page, at most MaxLimit; 0 means DefaultLimit.
	Limit int
	// After continues behind an earlier page.
	After Cursor
}

// Page is one page of a query; Next is empty on the last.
type Page[T any] struct {
	Docs []T
	Next Cursor
}

// Group is one value of a field – string, int64, float64 or bool – and the number of documents that have it.
type Group struct {
	Value any
	Count int64
}

// plan is a checked query.
type plan struct {
	conds []pcond
	sort  *field
	desc  bool
	limit int
	after *mark
	none  bool
}

type pcond struct {
	field  field
	op     op
	values []any
}

// mark is the decoded cursor: the last document of the page before.
type mark struct {
	key any
	id  string
}

// compile checks conditions against the declared fields.
func compile(s shape, where []Cond) (plan, error) {
	var p plan
	for _, c := range where {
		f, err := s.field(c.field)
		if err != nil {
			return plan{}, err
		}
		if len(c.values) > maxIn {
			return plan{}, fmt.Errorf("%d values for field %q: %w", len(c.values), c.field, ErrInvalid)
		}
		pc := pcond{field: f, op: c.op}
		for _, v := range c.values {
			x, err := scalar(reflect.ValueOf(v), f)
			if err != nil {
				return plan{}, err
			}
			pc.values = append(pc.values, x)
		}
		if len(pc.values) == 0 {
			p.none = true
		}
		p.conds = append(p.conds, pc)
	}
	return p, nil
}

// page checks a query against the declared fields.
func page(s shape, q Query) (plan, error) {
	p, err := compile(s, q.Where)
	if err != nil {
		return plan{}, err
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		return plan{}, fmt.Errorf("limit %d: %w", q.Limit, ErrInvalid)
	}
	if p.limit = q.Limit; p.limit == 0 {
		p.limit = DefaultLimit
	}
	p.desc = q.Desc
	if q.Sort != "" {
		f, err := s.field(q.Sort)
		if err != nil {
			return plan{}, err
		}
		p.sort = &f
	}
	if q.After != "" {
		if p.after, err = openCursor(q.After, p); err != nil {
			return plan{}, err
		}
	}
	return p, nil
}

// cursorJSON is what a Cursor holds: the order it belongs to, and the place in it.
type cursorJSON struct {
	Sort string `json:"s,omitempty"`
	Desc bool   `json:"d,omitempty"`
	Key  any    `json:"k,omitempty"`
	ID   string `json:"i"`
}

func sealCursor(p plan, last stored) (Cursor, error) {
	c := cursorJSON{Desc: p.desc, ID: last.id}
	if p.sort != nil {
		c.Sort, c.Key = p.sort.name, &last.key
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("cursor: %w", err)
	}
	return Cursor(base64.RawURLEncoding.EncodeToString(raw)), nil
}

func openCursor(text Cursor, p plan) (*mark, error) {
	raw, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil {
		return nil, fmt.Errorf("cursor: %w", ErrInvalid)
	}
	var c cursorJSON
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&c); err != nil || checkID(c.ID) != nil {
		return nil, fmt.Errorf("cursor: %w", ErrInvalid)
	}
	sort := ""
	if p.sort != nil {
		sort = p.sort.name
	}
	if c.Sort != sort || c.Desc != p.desc {
		return nil, fmt.Errorf("cursor of another order: %w", ErrInvalid)
	}
	m := &mark{id: c.ID}
	if p.sort == nil {
		return m, nil
	}
	if m.key, err = cursorKey(c.Key, *p.sort); err != nil {
		return nil, err
	}
	return m, nil
}

// cursorKey restores the exact kind of a key; JSON numbers would lose 64-bit integers as floats.
func cursorKey(key any, f field) (any, error) {
	if n, ok := key.(json.Number); ok {
		if f.kind == kindFloat {
			x, err := n.Float64()
			if err != nil {
				return nil, fmt.Errorf("cursor: %w", ErrInvalid)
			}
			return x, nil
		}
		x, err := n.Int64()
		if err != nil {
			return nil, fmt.Errorf("cursor: %w", ErrInvalid)
		}
		key = x
	}
	return scalar(reflect.ValueOf(key), f)
}
