package viewtest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
)

// sample fills a view with documents that have many equal values, and returns them ordered by id.
func sample(t *testing.T, s *view.Store, n int) (*view.Collection[Dialog], *view.Probe[Dialog], []Dialog) {
	t.Helper()
	c := collection(t, s, 1)
	p, err := view.NewProbe(t.Context(), c, "DESK", "i1")
	must(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	docs := make([]Dialog, n)
	changes := make([]view.Change[Dialog], n)
	for i := range docs {
		docs[i] = Dialog{ID: fmt.Sprintf("d%03d", i), Conn: fmt.Sprintf("c_%d", r.IntN(3)),
			Status: []string{"open", "waiting", "closed"}[r.IntN(3)], Topic: int64(i), Updated: view.Millis(r.IntN(10)),
			Score: float64(r.IntN(7)) / 2, Banned: r.IntN(4) == 0, Sum: int64(r.IntN(5)) - 2, Labels: []string{}}
		changes[i] = view.Change[Dialog]{ID: docs[i].ID, Seq: uint64(i + 1), Doc: &docs[i]}
	}
	must(t, p.Write(t.Context(), 0, uint64(n), changes...))
	return c, p, docs
}

// question is a condition and what it means.
type question struct {
	where []view.Cond
	holds func(Dialog) bool
}

func questions() []question {
	at := view.Millis(5).Time()
	return []question{
		{nil, func(Dialog) bool { return true }},
		{[]view.Cond{view.Eq("conn", "c_1")}, func(d Dialog) bool { return d.Conn == "c_1" }},
		{[]view.Cond{view.Eq("conn", "c_1"), view.Eq("status", "open"), view.Gte("updated", at)},
			func(d Dialog) bool { return d.Conn == "c_1" && d.Status == "open" && d.Updated >= 5 }},
		{[]view.Cond{view.In("status", "open", "closed"), view.Lt("updated", view.Millis(4))},
			func(d Dialog) bool { return d.Status != "waiting" && d.Updated < 4 }},
		{[]view.Cond{view.Gt("score", 0.5), view.Lte("score", 2)}, func(d Dialog) bool { return d.Score > 0.5 && d.Score <= 2 }},
		{[]view.Cond{view.Eq("banned", true)}, func(d Dialog) bool { return d.Banned }},
		{[]view.Cond{view.Eq("banned", false), view.In("sum", -2, 0, 2)}, func(d Dialog) bool { return !d.Banned && d.Sum%2 == 0 }},
		{[]view.Cond{view.In[string]("conn")}, func(Dialog) bool { return false }},
		{[]view.Cond{view.Eq("conn", "nobody")}, func(Dialog) bool { return false }},
		{[]view.Cond{view.Eq("topic", uint8(7))}, func(d Dialog) bool { return d.Topic == 7 }},
		{[]view.Cond{view.Gt("conn", "c_0"), view.Lt("conn", "c_2")}, func(d Dialog) bool { return d.Conn == "c_1" }},
	}
}

// testQueries compares every question with its answer in Go.
func testQueries(t *testing.T, s *view.Store) {
	ctx := t.Context()
	c, p, docs := sample(t, s, 80)
	must(t, p.Write(ctx, 80, 81, gone("d003", 100), gone("d004", 100)))
	docs = slices.Delete(slices.Clone(docs), 3, 5)
	for i, q := range questions() {
		var want []Dialog
		groups := map[string]int64{}
		for _, d := range docs {
			if q.holds(d) {
				want = append(want, d)
				groups[d.Status]++
			}
		}
		page, err := c.Find(ctx, view.Query{Where: q.where})
		must(t, err)
		if page.Next != "" || len(page.Docs) != len(want) || (len(want) > 0 && !reflect.DeepEqual(page.Docs, want)) {
			t.Errorf("question %d: got %v, want %v", i, page.Docs, want)
		}
		n, err := c.Count(ctx, q.where...)
		must(t, err)
		if n != int64(len(want)) {
			t.Errorf("question %d: count %d, want %d", i, n, len(want))
		}
		found, err := c.GroupCount(ctx, "status", q.where...)
		must(t, err)
		got := map[string]int64{}
		for _, g := range found {
			got[g.Value.(string)] = g.Count
		}
		if !reflect.DeepEqual(got, groups) {
			t.Errorf("question %d: groups %v, want %v", i, got, groups)
		}
	}
	testGroupKinds(t, c, docs)
}

// testGroupKinds: groups come as the Go type of their field, in order.
func testGroupKinds(t *testing.T, c *view.Collection[Dialog], docs []Dialog) {
	t.Helper()
	keys := map[string]func(Dialog) any{
		"sum": func(d Dialog) any { return d.Sum }, "score": func(d Dialog) any { return d.Score },
		"banned": func(d Dialog) any { return d.Banned }, "conn": func(d Dialog) any { return d.Conn },
		"updated": func(d Dialog) any { return int64(d.Updated) },
	}
	for name, key := range keys {
		want := map[any]int64{}
		for _, d := range docs {
			want[key(d)]++
		}
		found, err := c.GroupCount(t.Context(), name)
		must(t, err)
		got := map[any]int64{}
		for i, g := range found {
			got[g.Value] = g.Count
			if i > 0 && fmt.Sprintf("%T", g.Value) == "int64" && found[i-1].Value.(int64) >= g.Value.(int64) {
				t.Errorf("groups of %s are not in order: %v", name, found)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("groups of %s: %v, want %v", name, got, want)
		}
	}
}

// testPaging: pages in any order, put together, are the whole in that order, with ties by id.
func testPaging(t *testing.T, s *view.Store) {
	c, _, docs := sample(t, s, 50)
	orders := map[string]func(a, b Dialog) int{
		"":        func(a, b Dialog) int { return 0 },
		"updated": func(a, b Dialog) int { return cmp.Compare(a.Updated, b.Updated) },
		"score":   func(a, b Dialog) int { return cmp.Compare(a.Score, b.Score) },
		"status":  func(a, b Dialog) int { return cmp.Compare(a.Status, b.Status) },
		"sum":     func(a, b Dialog) int { return cmp.Compare(a.Sum, b.Sum) },
		"banned": func(a, b Dialog) int {
			return cmp.Compare(map[bool]int{true: 1}[a.Banned], map[bool]int{true: 1}[b.Banned])
		},
	}
	for field, order := range orders {
		for _, desc := range []bool{false, true} {
			want := slices.Clone(docs)
			slices.SortFunc(want, func(a, b Dialog) int {
				n := cmp.Or(order(a, b), cmp.Compare(a.ID, b.ID))
				if desc {
					n = -n
				}
				return n
			})
			var got []Dialog
			must(t, c.Each(t.Context(), view.Query{Sort: field, Desc: desc, Limit: 9}, func(d Dialog) error {
				got = append(got, d)
				return nil
			}))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("by %q, descending %v: wrong order or wrong documents (%d of %d)", field, desc, len(got), len(want))
			}
		}
	}
	page, err := c.Find(t.Context(), view.Query{Limit: 50})
	must(t, err)
	if page.Next != "" {
		t.Error("a full last page has a cursor")
	}
}

// testPagingChanges: documents that stay where they are come exactly once, whatever happens around them.
func testPagingChanges(t *testing.T, s *view.Store) {
	ctx := t.Context()
	c, p, docs := sample(t, s, 40)
	seen := map[string]int{}
	q := view.Query{Sort: "updated", Limit: 5}
	at := uint64(40)
	for round := 0; ; round++ {
		page, err := c.Find(ctx, q)
		must(t, err)
		for _, d := range page.Docs {
			seen[d.ID]++
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
		fresh := Dialog{ID: fmt.Sprintf("e%d", round), Updated: view.Millis(round)}
		must(t, p.Write(ctx, at, at+1, gone(page.Docs[len(page.Docs)-1].ID, 1000+at),
			view.Change[Dialog]{ID: fresh.ID, Seq: 1, Doc: &fresh}))
		at++
	}
	for _, d := range docs {
		if seen[d.ID] != 1 {
			t.Errorf("%s came %d times", d.ID, seen[d.ID])
		}
	}
}

// testRefusals: what a schema does not declare cannot be asked, and wrong values are named.
func testRefusals(t *testing.T, s *view.Store) {
	ctx := t.Context()
	c, _, _ := sample(t, s, 12)
	find := func(q view.Query) error {
		_, err := c.Find(ctx, q)
		return err
	}
	where := func(w view.Cond) error { return find(view.Query{Where: []view.Cond{w}}) }
	_, group := c.GroupCount(ctx, "title")
	_, count := c.Count(ctx, view.Eq("labels", "x"))
	page, err := c.Find(ctx, view.Query{Sort: "sum", Limit: 2})
	must(t, err)
	_, noID := c.Get(ctx, "")
	for i, x := range []struct{ got, want error }{
		{find(view.Query{Sort: "title"}), view.ErrUndeclared},
		{where(view.Eq("title", "x")), view.ErrUndeclared},
		{where(view.Eq("_id", "x")), view.ErrUndeclared},
		{where(view.In("counts.vip", 1)), view.ErrUndeclared},
		{group, view.ErrUndeclared},
		{count, view.ErrUndeclared},
		{where(view.Eq("conn", 1)), view.ErrInvalid},
		{where(view.Eq("topic", "1")), view.ErrInvalid},
		{where(view.Eq("topic", 1.5)), view.ErrInvalid},
		{where(view.Eq("banned", 1)), view.ErrInvalid},
		{where(view.Eq("conn", nil)), view.ErrInvalid},
		{where(view.Eq("conn", "\xff")), view.ErrInvalid},
		{where(view.Eq("conn", map[string]any{"$gt": ""})), view.ErrInvalid},
		{find(view.Query{Limit: view.MaxLimit + 1}), view.ErrInvalid},
		{find(view.Query{Limit: -1}), view.ErrInvalid},
		{find(view.Query{After: "not a cursor"}), view.ErrInvalid},
		{find(view.Query{Sort: "topic", After: page.Next}), view.ErrInvalid},
		{find(view.Query{Sort: "sum", Desc: true, After: page.Next}), view.ErrInvalid},
		{noID, view.ErrInvalid},
		{where(view.Eq("updated", time.Now())), nil},
		{find(view.Query{Sort: "sum", After: page.Next}), nil},
	} {
		if x.want == nil && x.got != nil {
			t.Errorf("case %d: %v", i, x.got)
		} else if x.want != nil {
			wantErr(t, x.got, x.want)
		}
	}
	other, err := view.NewCollection[Dialog](s, view.Schema{Name: "unbuilt", Version: 1})
	must(t, err)
	_, err = other.Get(ctx, "x")
	wantErr(t, err, view.ErrNotReady)
}
