package view

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// FuzzDocument: what JSON says of a document survives the way through BSON.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"b":-9223372036854775808,"c":0.1,"d":1e300,"e":null,"f":true}`,
		`{"a":{"":[1,"x",{"b":[]}],"$x.y":"\u0000"}}`, `{"s":"日本 \ud83d\udfea <&>\u2028"}`, `{"n":18446744073709551615}`,
		`{"_id":"x"}`, `[1]`, `{"a":1.0,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var want map[string]any
		if !json.Valid(in) || json.Unmarshal(in, &want) != nil || want == nil {
			return
		}
		doc, err := toBSON(in)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%s: %v", in, err)
			}
			return
		}
		raw, err := bson.Marshal(doc)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		out, err := toJSON(raw)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		var got map[string]any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s became %s: %v", in, out, err)
		}
		for key := range want {
			if strings.HasPrefix(key, "_") {
				delete(want, key)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s became %s", in, out)
		}
	})
}

func TestBind(t *testing.T) {
	type plainDoc struct {
		ID   string    `json:"id"`
		N    *int      `json:"n"`
		Opt  string    `json:"opt,omitempty"`
		L    []string  `json:"l"`
		At   time.Time `json:"at"`
		Hide string    `json:"-"`
		Name string
		M    Millis `json:"m"`
		Id2  string `json:"ID"`
	}
	type reserved struct {
		ID string `json:"_id"`
	}
	of := func(ix ...string) Schema { return Schema{Name: "v", Version: 1, Indexes: []Index{ix}} }
	doc := reflect.TypeFor[plainDoc]()
	for i, x := range []struct {
		schema Schema
		typ    reflect.Type
		ok     bool
	}{
		{of("id", "m", "Name"), doc, true},
		{Schema{Name: "v", Version: 1}, doc, true},
		{Schema{Name: "v"}, doc, false},
		{Schema{Name: "V", Version: 1}, doc, false},
		{Schema{Name: "v;--", Version: 1}, doc, false},
		{of(), doc, false},
		{of("n"), doc, false},
		{of("opt"), doc, false},
		{of("l"), doc, false},
		{of("at"), doc, false},
		{of("Hide"), doc, false},
		{of("-"), doc, false},
		{of("nothing"), doc, false},
		{of("id", "ID"), doc, false},
		{Schema{Name: "v", Version: 1}, reflect.TypeFor[reserved](), false},
		{Schema{Name: "v", Version: 1}, reflect.TypeFor[time.Time](), false},
		{Schema{Name: "v", Version: 1}, reflect.TypeFor[string](), false},
	} {
		b, err := bind(x.schema, x.typ)
		if (err == nil) != x.ok || (err != nil && !errors.Is(err, ErrInvalid)) {
			t.Errorf("case %d: %v", i, err)
		}
		if err == nil && parseShape(b.shape.String()).String() != b.shape.String() {
			t.Errorf("case %d: shape %q does not survive", i, b.shape)
		}
	}
}

func TestMillis(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 5e6, time.FixedZone("x", 3600))
	if got := MillisOf(at).Time(); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("%v became %v", at, got)
	}
	if MillisOf(time.Time{}) != 0 || !Millis(0).Time().IsZero() {
		t.Error("the zero time is not zero")
	}
}

// TestPlans: declared queries are answered from their index, in its order.
func TestPlans(t *testing.T) {
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "v.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	type doc struct {
		Conn    string `json:"conn"`
		Status  string `json:"status"`
		Updated Millis `json:"updated"`
	}
	c, err := NewCollection[doc](s, Schema{Name: "v", Version: 1, Indexes: []Index{{"conn", "status", "updated"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.first(t.Context(), []tail{{stream: "DESK"}}); err != nil {
		t.Fatal(err)
	}
	p, err := page(c.binding.shape, Query{Where: []Cond{Eq("conn", "c_1"), Eq("status", "open")}, Sort: "updated", Desc: true})
	if err != nil {
		t.Fatal(err)
	}
	p.after = &mark{key: int64(5), id: "x"}
	db := s.backend.documents.(*sqliteDB)
	query, args := findSQL("v_v1", p)
	rows, err := db.r.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for rows.Next() {
		var a, b, c int
		var detail string
		if err := rows.Scan(&a, &b, &c, &detail); err != nil {
			t.Fatal(err)
		}
		text.WriteString(detail + "\n")
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "USING INDEX v_v1_ix0") || strings.Contains(text.String(), "TEMP B-TREE") {
		t.Fatalf("plan:\n%s", text.String())
	}
}
