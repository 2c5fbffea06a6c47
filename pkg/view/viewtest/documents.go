package viewtest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
)

func change(id string, seq uint64, sum int64) view.Change[Dialog] {
	return view.Change[Dialog]{ID: id, Seq: seq, Doc: &Dialog{ID: id, Sum: sum}}
}

func gone(id string, seq uint64) view.Change[Dialog] { return view.Change[Dialog]{ID: id, Seq: seq} }

// testGuard: what is not newer never takes effect, alone or in company, and a deletion counts as a state.
func testGuard(t *testing.T, s *view.Store) {
	ctx, c := t.Context(), collection(t, s, 1)
	p, err := view.NewProbe(ctx, c, "DESK", "i1")
	must(t, err)
	at := uint64(0)
	write := func(changes ...view.Change[Dialog]) {
		t.Helper()
		must(t, p.Write(ctx, at, at+1, changes...))
		at++
	}
	check := func(id string, want int64) {
		t.Helper()
		if got := sum(t, c, id); got != want {
			t.Fatalf("%s is %d, want %d", id, got, want)
		}
	}
	write(change("a", 10, 1), change("b", 10, 1))
	write(change("a", 10, 2), change("b", 11, 2), change("c", 1, 2))
	check("a", 1)
	check("b", 2)
	check("c", 2)
	write(change("a", 9, 3), change("b", 10, 3), change("c", 2, 3))
	check("a", 1)
	check("b", 2)
	check("c", 3)
	write(gone("a", 10), gone("b", 12))
	check("a", 1)
	_, err = c.Get(ctx, "b")
	wantErr(t, err, view.ErrNotFound)
	write(change("b", 11, 4), change("a", 11, 4))
	check("a", 4)
	_, err = c.Get(ctx, "b")
	wantErr(t, err, view.ErrNotFound)
	n, err := c.Count(ctx)
	must(t, err)
	if n != 2 {
		t.Fatalf("%d documents, want 2: a tombstone is counted", n)
	}
	write(change("b", 13, 5), gone("never", 1))
	check("b", 5)
	page, err := c.Find(ctx, view.Query{Sort: "sum"})
	must(t, err)
	if len(page.Docs) != 3 {
		t.Fatalf("found %d documents, want 3", len(page.Docs))
	}
}

// testCheckpoint: only who knows where the checkpoint is may move it, and it is never ahead of the documents.
func testCheckpoint(t *testing.T, s *view.Store) {
	ctx, c := t.Context(), collection(t, s, 1)
	p, err := view.NewProbe(ctx, c, "DESK", "i1")
	must(t, err)
	must(t, p.Write(ctx, 0, 5, change("a", 5, 1)))
	wantErr(t, p.Write(ctx, 4, 9, change("a", 9, 2)), view.ErrFenced)
	wantErr(t, p.Write(ctx, 0, 9, change("a", 9, 2)), view.ErrFenced)
	position := func() uint64 {
		t.Helper()
		pos, err := c.Position(ctx)
		must(t, err)
		return pos["DESK"]
	}
	if got := position(); got != 5 {
		t.Fatalf("position %d, want 5", got)
	}
	for i := range uint64(20) {
		at := position()
		cut, cancel := context.WithTimeout(ctx, time.Duration(i)*200*time.Microsecond)
		changes := make([]view.Change[Dialog], 20)
		for k := range changes {
			changes[k] = change(fmt.Sprintf("x%d", k), 100+i, int64(i))
		}
		err := p.Write(cut, at, at+1, changes...)
		cancel()
		now := position()
		if err == nil && now != at+1 {
			t.Fatalf("position %d after a write from %d", now, at)
		}
		if now == at {
			continue
		}
		for k := range changes {
			if got := sum(t, c, fmt.Sprintf("x%d", k)); got != int64(i) {
				t.Fatalf("checkpoint moved, but document x%d is of write %d, not %d", k, got, i)
			}
		}
	}
}

// testRoundTrip: a document comes back as it was, whatever JSON can say.
func testRoundTrip(t *testing.T, s *view.Store) {
	ctx, c := t.Context(), collection(t, s, 1)
	p, err := view.NewProbe(ctx, c, "DESK", "i1")
	must(t, err)
	ref := int64(-1 << 62)
	docs := []Dialog{
		{},
		{ID: "full", Conn: "c_1", Status: "open", Topic: 1<<63 - 1, Updated: 1795000000123, Score: -1.5e300, Banned: true,
			Sum: -1 << 63, Title: "<b>&", Labels: []string{}, Counts: map[string]int{"": 1, "vip": 2}, Ref: &ref,
			At:    time.Date(2026, 11, 22, 9, 0, 0, 123456789, time.UTC),
			Ratio: []float64{0, 1, 0.1, 1e21, 5e-324}, Nested: map[string]Nested{"a": {N: 1<<32 - 1, On: true}, "b": {L: []string{"x"}}}},
	}
	for i := range docs {
		id := fmt.Sprintf("d%d", i)
		must(t, p.Write(ctx, uint64(i), uint64(i+1), view.Change[Dialog]{ID: id, Seq: 1, Doc: &docs[i]}))
		got, err := c.Get(ctx, id)
		must(t, err)
		if !reflect.DeepEqual(got, docs[i]) {
			t.Errorf("got  %+v\nwant %+v", got, docs[i])
		}
	}
	many, err := c.GetMany(ctx, []string{"d0", "d1", "d2"})
	must(t, err)
	if len(many) != 2 || !reflect.DeepEqual(many["d1"], docs[1]) {
		t.Fatalf("many: %+v", many)
	}
	if none, err := c.GetMany(ctx, nil); err != nil || len(none) != 0 {
		t.Fatalf("none: %v, %v", none, err)
	}
}

// testUnicode: ids and values of any script are kept, found and ordered by their bytes.
func testUnicode(t *testing.T, s *view.Store) {
	ctx, c := t.Context(), collection(t, s, 1)
	p, err := view.NewProbe(ctx, c, "DESK", "i1")
	must(t, err)
	words := []string{"", "a", "A", "z", "é", "e\u0301", "ß", "Ж", "日本", "🟪", "👩‍👩‍👧", "שלום", "a'b\"c`d", "%_\\", "$a.b",
		"'; DROP TABLE view_aliases; --", "\u2028", "tab\tnew\nline"}
	for i, w := range words {
		d := Dialog{ID: "id" + w, Conn: w, Labels: []string{w}}
		must(t, p.Write(ctx, uint64(i), uint64(i+1), view.Change[Dialog]{ID: d.ID, Seq: 1, Doc: &d}))
	}
	for _, w := range words {
		page, err := c.Find(ctx, view.Query{Where: []view.Cond{view.Eq("conn", w)}})
		must(t, err)
		if len(page.Docs) != 1 || page.Docs[0].ID != "id"+w {
			t.Fatalf("by %q: %+v", w, page.Docs)
		}
		got, err := c.Get(ctx, "id"+w)
		must(t, err)
		if got.Labels[0] != w {
			t.Fatalf("label %q came back as %q", w, got.Labels[0])
		}
	}
	var got []string
	for _, by := range []string{"", "conn"} {
		got = got[:0]
		must(t, c.Each(ctx, view.Query{Sort: by, Limit: 3}, func(d Dialog) error {
			got = append(got, d.Conn)
			return nil
		}))
		for i := 1; i < len(got); i++ {
			if strings.Compare(got[i-1], got[i]) >= 0 {
				t.Fatalf("sorted by %q, %q comes before %q", by, got[i-1], got[i])
			}
		}
		if len(got) != len(words) {
			t.Fatalf("%d documents, want %d", len(got), len(words))
		}
	}
}

// testBig: a document of megabytes is kept; one above the limit is refused by name, and what was before stays.
func testBig(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	send(t, log, event{Do: "add", ID: "n", N: 1})
	seq := send(t, log, event{Do: "put", ID: "big", Doc: Dialog{ID: "big", Title: strings.Repeat("я", 1<<20)}})
	r := start(t, c, view.Options{}, log)
	reach(t, c, "DESK", seq)
	d, err := c.Get(t.Context(), "big")
	must(t, err)
	if len(d.Title) != 2<<20 {
		t.Fatalf("title of %d bytes", len(d.Title))
	}
	must(t, r.stop())
	send(t, log, event{Do: "add", ID: "n", N: 1})
	grow := func(ctx context.Context, b *view.Batch[Dialog], _ view.Record) error {
		return b.Put(ctx, "big", Dialog{ID: "big", Title: strings.Repeat("x", view.MaxDocument)})
	}
	wantErr(t, runToEnd(t, c, grow, view.Options{}, log), view.ErrTooBig)
	d, err = c.Get(t.Context(), "big")
	must(t, err)
	if len(d.Title) != 2<<20 {
		t.Fatalf("title of %d bytes", len(d.Title))
	}
}
