package view

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxDocument is the largest document in bytes of its JSON form; below MongoDB's 16 MiB with room to spare.
	MaxDocument = 12 << 20
	// maxID is the longest document id in bytes.
	maxID = 512
)

// Millis is a time as Unix milliseconds: the form in which a time is indexed, equal and ordered alike in every
// adapter (the text of a time.Time does not sort). The zero value means "never".
type Millis int64

// MillisOf converts t; the zero time becomes 0.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time converts back, in UTC; 0 becomes the zero time.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// Index lists the json names of top-level fields, in index order. The document id is always its last member.
type Index []string

// Schema declares a view. A field that occurs in any index is declared and may be queried, sorted and grouped by.
// Declared fields are strings, booleans, integers or floats (Millis for times), never pointers, never omitempty:
// so they are in every document.
type Schema struct {
	// Name of the view: lower-case letters, digits and _, at most 40, beginning with a letter.
	Name string
	// Version is raised when what a projection computes changes; the view is then rebuilt. At least 1.
	Version int
	// Indexes; changing them also causes a rebuild, without a new version.
	Indexes []Index
}

var (
	viewName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,59}$`)
)

// kind is the type of a declared field: its letter in a shape.
type kind string

const (
	kindString kind = "s"
	kindInt    kind = "i"
	kindFloat  kind = "f"
	kindBool   kind = "b"
)

// field is a declared field.
type field struct {
	name string
	kind kind
}

// shape is what the database has to know of a schema. Its text form is kept in the catalogue.
type shape struct {
	fields  []field
	indexes []Index
}

// field finds a declared field.
func (s shape) field(name string) (field, error) {
	for _, f := range s.fields {
		if f.name == name {
			return f, nil
		}
	}
	return field{}, fmt.Errorf("field %q: %w", name, ErrUndeclared)
}

// String is the inverse of parseShape: `conn:s,at:i|conn,at|at`.
func (s shape) String() string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name + ":" + string(f.kind)
	}
	parts := []string{strings.Join(names, ",")}
	for _, ix := range s.indexes {
		parts = append(parts, strings.Join(ix, ","))
	}
	return strings.Join(parts, "|")
}

func parseShape(text string) shape {
	var s shape
	parts := strings.Split(text, "|")
	for _, part := range strings.Split(parts[0], ",") {
		if name, k, ok := strings.Cut(part, ":"); ok {
			s.fields = append(s.fields, field{name: name, kind: kind(k)})
		}
	}
	for _, ix := range parts[1:] {
		s.indexes = append(s.indexes, strings.Split(ix, ","))
	}
	return s
}

// binding ties a schema to a Go struct: how to find the declared fields in it.
type binding struct {
	shape shape
	paths [][]int
}

// bind checks schema against t and derives its shape.
func bind(schema Schema, t reflect.Type) (binding, error) {
	if !viewName.MatchString(schema.Name) || schema.Version < 1 {
		return binding{}, fmt.Errorf("view %q version %d: %w", schema.Name, schema.Version, ErrInvalid)
	}
	if t.Kind() != reflect.Struct {
		return binding{}, fmt.Errorf("view %s: document is a %s, not a struct: %w", schema.Name, t, ErrInvalid)
	}
	if err := plain(t); err != nil {
		return binding{}, fmt.Errorf("view %s: %w", schema.Name, err)
	}
	var b binding
	for _, ix := range schema.Indexes {
		if len(ix) == 0 {
			return binding{}, fmt.Errorf("view %s: empty index: %w", schema.Name, ErrInvalid)
		}
		for _, name := range ix {
			if slices.ContainsFunc(b.shape.fields, func(f field) bool { return f.name == name }) {
				continue
			}
			f, path, err := declare(t, name)
			if err != nil {
				return binding{}, fmt.Errorf("view %s: %w", schema.Name, err)
			}
			if slices.ContainsFunc(b.shape.fields, func(f field) bool { return strings.EqualFold(f.name, name) }) {
				return binding{}, fmt.Errorf("view %s: fields differ only in case: %q: %w", schema.Name, name, ErrInvalid)
			}
			b.shape.fields = append(b.shape.fields, f)
			b.paths = append(b.paths, path)
		}
		b.shape.indexes = append(b.shape.indexes, slices.Clone(ix))
	}
	return b, nil
}

// plain refuses structs whose JSON form is not made of their own fields, and names that the adapters need.
func plain(t reflect.Type) error {
	p := reflect.PointerTo(t)
	if p.Implements(jsonMarshaler) || p.Implements(textMarshaler) {
		return fmt.Errorf("%s marshals itself: %w", t, ErrInvalid)
	}
	for _, sf := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if sf.IsExported() && strings.HasPrefix(name, "_") {
			return fmt.Errorf("field name %q is reserved: %w", name, ErrInvalid)
		}
	}
	return nil
}

// declare finds the field with the json name and checks that it can be indexed.
func declare(t reflect.Type, name string) (field, []int, error) {
	for _, sf := range reflect.VisibleFields(t) {
		tag, opts, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if tag == "" {
			tag = sf.Name
		}
		if tag != name || !sf.IsExported() || sf.Tag.Get("json") == "-" || (sf.Anonymous && sf.Tag.Get("json") == "") {
			continue
		}
		if opts != "" {
			return field{}, nil, fmt.Errorf("field %q has the json option %q: %w", name, opts, ErrInvalid)
		}
		k, err := kindOf(sf.Type)
		if err != nil || !fieldName.MatchString(name) {
			return field{}, nil, fmt.Errorf("field %q of type %s cannot be indexed: %w", name, sf.Type, ErrInvalid)
		}
		if _, err := reflect.New(t).Elem().FieldByIndexErr(sf.Index); err != nil {
			return field{}, nil, fmt.Errorf("field %q is behind a pointer: %w", name, ErrInvalid)
		}
		return field{name: name, kind: k}, sf.Index, nil
	}
	return field{}, nil, fmt.Errorf("%s has no field %q: %w", t, name, ErrInvalid)
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

func kindOf(t reflect.Type) (kind, error) {
	if t.Implements(jsonMarshaler) || t.Implements(textMarshaler) {
		return "", ErrInvalid
	}
	switch t.Kind() {
	case reflect.String:
		return kindString, nil
	case reflect.Bool:
		return kindBool, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return kindInt, nil
	case reflect.Float32, reflect.Float64:
		return kindFloat, nil
	}
	return "", ErrInvalid
}

// values reads the declared fields of v, a struct of the bound type.
func (b binding) values(v reflect.Value) ([]any, error) {
	out := make([]any, len(b.paths))
	for i, path := range b.paths {
		x, err := scalar(v.FieldByIndex(path), b.shape.fields[i])
		if err != nil {
			return nil, err
		}
		out[i] = x
	}
	return out, nil
}

// scalar normalises a value for f: to string, bool, int64 or float64.
func scalar(v reflect.Value, f field) (any, error) {
	var (
		out any
		k   kind
	)
	switch {
	case v.IsValid() && v.Type() == reflect.TypeFor[time.Time]():
		out, k = int64(MillisOf(v.Interface().(time.Time))), kindInt
	case v.Kind() == reflect.String && utf8.ValidString(v.String()):
		out, k = v.String(), kindString
	case v.Kind() == reflect.Bool:
		out, k = v.Bool(), kindBool
	case v.CanInt():
		out, k = v.Int(), kindInt
	case v.CanUint() && v.Uint() <= 1<<63-1:
		out, k = int64(v.Uint()), kindInt
	case v.CanFloat() && v.Float() == v.Float():
		out, k = v.Float(), kindFloat
	}
	if i, ok := out.(int64); ok && f.kind == kindFloat {
		return float64(i), nil
	}
	if k != f.kind {
		return nil, fmt.Errorf("value of field %q: %w", f.name, ErrInvalid)
	}
	return out, nil
}

// checkID refuses ids that not every adapter can hold.
func checkID(id string) error {
	if id == "" || len(id) > maxID || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return fmt.Errorf("document id of %d bytes: %w", len(id), ErrInvalid)
	}
	return nil
}
