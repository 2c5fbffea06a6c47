package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Fields of a MongoDB document that are this package's own. No field of a schema's struct may begin with _.
const (
	bsonID   = "_id"
	bsonSeq  = "_seq"
	bsonPos  = "_pos"
	bsonGone = "_gone"
)

// toBSON turns the JSON of a document into BSON fields. Going through JSON makes both adapters agree on names, on
// omitted fields, and on what custom marshallers do. Numbers without fraction or exponent become 64-bit integers.
func toBSON(doc []byte) (bson.D, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	v, err := jsonValue(d)
	if err != nil {
		return nil, err
	}
	out, ok := v.(bson.D)
	if !ok {
		return nil, fmt.Errorf("document is not an object: %w", ErrInvalid)
	}
	return out, nil
}

func jsonValue(d *json.Decoder) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("document: %w: %w", ErrInvalid, err)
	}
	switch x := tok.(type) {
	case json.Delim:
		if x == '{' {
			return jsonObject(d)
		}
		return jsonArray(d)
	case json.Number:
		return jsonNumber(x)
	default:
		return tok, nil
	}
}

func jsonObject(d *json.Decoder) (any, error) {
	out := bson.D{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("document: %w: %w", ErrInvalid, err)
		}
		key, _ := tok.(string)
		if strings.ContainsRune(key, 0) {
			return nil, fmt.Errorf("key with a zero byte: %w", ErrInvalid)
		}
		v, err := jsonValue(d)
		if err != nil {
			return nil, err
		}
		out = append(out, bson.E{Key: key, Value: v})
	}
	_, err := d.Token()
	return out, err
}

func jsonArray(d *json.Decoder) (any, error) {
	out := bson.A{}
	for d.More() {
		v, err := jsonValue(d)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := d.Token()
	return out, err
}

func jsonNumber(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || !strings.ContainsAny(n.String(), ".eE") {
		return nil, fmt.Errorf("number %s: %w", n, ErrInvalid)
	}
	return f, nil
}

// toJSON is the inverse of toBSON; top-level fields that begin with _ are left out.
func toJSON(raw bson.Raw) ([]byte, error) {
	var out bytes.Buffer
	if err := writeObject(&out, raw, true); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeObject(out *bytes.Buffer, raw bson.Raw, top bool) error {
	elements, err := raw.Elements()
	if err != nil {
		return fmt.Errorf("stored document: %w", err)
	}
	out.WriteByte('{')
	first := true
	for _, e := range elements {
		key := e.Key()
		if top && strings.HasPrefix(key, "_") {
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		if err := writeString(out, key); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeValue(out, e.Value()); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeValue(out *bytes.Buffer, v bson.RawValue) error {
	switch v.Type {
	case bson.TypeString:
		return writeString(out, v.StringValue())
	case bson.TypeInt64:
		out.WriteString(strconv.FormatInt(v.Int64(), 10))
	case bson.TypeInt32:
		out.WriteString(strconv.FormatInt(int64(v.Int32()), 10))
	case bson.TypeDouble:
		f := v.Double()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("stored number: %w", ErrInvalid)
		}
		out.WriteString(strconv.FormatFloat(f, 'g', -1, 64))
	case bson.TypeBoolean:
		out.WriteString(strconv.FormatBool(v.Boolean()))
	case bson.TypeNull:
		out.WriteString("null")
	case bson.TypeEmbeddedDocument:
		return writeObject(out, v.Document(), false)
	case bson.TypeArray:
		return writeArray(out, v.Array())
	default:
		return fmt.Errorf("stored value of type %s: %w", v.Type, ErrInvalid)
	}
	return nil
}

func writeArray(out *bytes.Buffer, raw bson.RawArray) error {
	values, err := raw.Values()
	if err != nil {
		return fmt.Errorf("stored array: %w", err)
	}
	out.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeValue(out, v); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return nil
}

func writeString(out io.Writer, s string) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("stored string: %w", err)
	}
	_, err = out.Write(raw)
	return err
}

// scalarOf reads a stored value of a declared field.
func scalarOf(v bson.RawValue, f field) (any, error) {
	var out any
	switch v.Type {
	case bson.TypeString:
		out = v.StringValue()
	case bson.TypeBoolean:
		out = v.Boolean()
	case bson.TypeInt32:
		out = int64(v.Int32())
	case bson.TypeInt64:
		out = v.Int64()
	case bson.TypeDouble:
		out = v.Double()
	default:
		return nil, fmt.Errorf("field %s is stored as %s: %w", f.name, v.Type, ErrInvalid)
	}
	if i, ok := out.(int64); ok && f.kind == kindFloat {
		out = float64(i)
	}
	return out, nil
}
