package viewtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
)

// fill appends n additions over few documents and returns the last sequence and the totals.
func fill(t *testing.T, l *Log, n int, totals map[string]int64) uint64 {
	t.Helper()
	var seq uint64
	for i := range n {
		e := event{Do: "add", ID: fmt.Sprintf("d%d", i%7), N: int64(i%5 + 1)}
		totals[e.ID] += e.N
		seq = send(t, l, e)
	}
	return seq
}

func checkTotals(t *testing.T, c *view.Collection[Dialog], totals map[string]int64) {
	t.Helper()
	for id, want := range totals {
		if got := sum(t, c, id); got != want {
			t.Fatalf("%s adds up to %d, want %d", id, got, want)
		}
	}
	n, err := c.Count(t.Context())
	must(t, err)
	if n != int64(len(totals)) {
		t.Fatalf("%d documents, want %d", n, len(totals))
	}
}

// testReplay: a projector that starts again continues, and applies nothing twice.
func testReplay(t *testing.T, s *view.Store) {
	c, log, totals := collection(t, s, 1), NewLog("DESK"), map[string]int64{}
	for range 3 {
		seq := fill(t, log, 60, totals)
		r := start(t, c, view.Options{Batch: 17}, log)
		reach(t, c, "DESK", seq)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		must(t, r.WaitReady(ctx))
		cancel()
		if !r.Ready() {
			t.Fatal("not ready")
		}
		lag, err := r.Lag(t.Context())
		must(t, err)
		if lag["DESK"] != 0 {
			t.Fatalf("lag %v", lag)
		}
		checkTotals(t, c, totals)
		must(t, r.stop())
	}
}

// testAhead: documents that a crash left ahead of their checkpoint are not added to twice.
func testAhead(t *testing.T, s *view.Store) {
	ctx, c, log := t.Context(), collection(t, s, 1), NewLog("DESK")
	_, incarnation, _, err := log.Info(ctx)
	must(t, err)
	p, err := view.NewProbe(ctx, c, "DESK", incarnation)
	must(t, err)
	for range 6 {
		send(t, log, event{Do: "add", ID: "a", N: 1})
	}
	del := send(t, log, event{Do: "del", ID: "b"})
	must(t, p.Write(ctx, 0, 2, change("a", 2, 2)))
	must(t, p.Write(ctx, 2, 2, change("a", 5, 5), gone("b", del)))
	send(t, log, event{Do: "add", ID: "b", N: 3})
	seq := send(t, log, event{Do: "add", ID: "a", N: 1})
	start(t, c, view.Options{}, log)
	reach(t, c, "DESK", seq)
	checkTotals(t, c, map[string]int64{"a": 7, "b": 3})
}

// testCrashes: a projector killed again and again at any moment has added every event exactly once in the end.
func testCrashes(t *testing.T, s *view.Store) {
	c, log, totals := collection(t, s, 1), NewLog("DESK"), map[string]int64{}
	seq := fill(t, log, 300, totals)
	for i := range 12 {
		var seen atomic.Int64
		f := func(ctx context.Context, b *view.Batch[Dialog], r view.Record) error {
			seen.Add(1)
			return project(ctx, b, r)
		}
		r := startWith(t, c, f, view.Options{Batch: 10, Flush: time.Millisecond}, log)
		eventually(t, "a moment to crash", func() bool { return seen.Load() >= int64(5+11*i) || r.Ready() })
		must(t, r.stop())
	}
	start(t, c, view.Options{}, log)
	reach(t, c, "DESK", seq)
	checkTotals(t, c, totals)
}

// testTwoStreams: each stream has its own checkpoint, and a document fed by both counts both exactly once.
func testTwoStreams(t *testing.T, s *view.Store) {
	c, desk, out, totals := collection(t, s, 1), NewLog("DESK"), NewLog("OUTBOX"), map[string]int64{}
	for round := range 4 {
		a := fill(t, desk, 30, totals)
		b := fill(t, out, 20+round, totals)
		r := start(t, c, view.Options{Batch: 7}, desk, out)
		reach(t, c, "OUTBOX", b)
		reach(t, c, "DESK", a)
		checkTotals(t, c, totals)
		pos, err := c.Position(t.Context())
		must(t, err)
		if pos["DESK"] != a || pos["OUTBOX"] != b {
			t.Fatalf("positions %v, want DESK %d, OUTBOX %d", pos, a, b)
		}
		must(t, r.stop())
	}
}

// testDelete: a deleted document is gone for queries and for the projection, and may come back.
func testDelete(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	send(t, log, event{Do: "add", ID: "a", N: 5})
	send(t, log, event{Do: "add", ID: "b", N: 5})
	seq := send(t, log, event{Do: "del", ID: "a"})
	r := start(t, c, view.Options{}, log)
	reach(t, c, "DESK", seq)
	checkTotals(t, c, map[string]int64{"b": 5})
	must(t, r.stop())
	seq = send(t, log, event{Do: "add", ID: "a", N: 1})
	start(t, c, view.Options{}, log)
	reach(t, c, "DESK", seq)
	checkTotals(t, c, map[string]int64{"a": 1, "b": 5})
}

// testTinyCache: the cache is a matter of speed only.
func testTinyCache(t *testing.T, s *view.Store) {
	c, log, totals := collection(t, s, 1), NewLog("DESK"), map[string]int64{}
	seq := fill(t, log, 60, totals)
	start(t, c, view.Options{Batch: 3, CacheBytes: 1}, log)
	reach(t, c, "DESK", seq)
	checkTotals(t, c, totals)
}

// testWait: a reader that waits for a sequence sees it; one that waits for more is told that the view is behind.
func testWait(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	start(t, c, view.Options{Flush: time.Minute}, log) // only waiters make it commit
	must(t, c.WaitFor(t.Context(), "DESK", 0))
	for i := range int64(5) {
		seq := send(t, log, event{Do: "add", ID: "a", N: 1})
		reach(t, c, "DESK", seq)
		if got := sum(t, c, "a"); got != i+1 {
			t.Fatalf("after write %d the reader sees %d", i+1, got)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	wantErr(t, c.WaitFor(short, "DESK", 6), view.ErrBehind)
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.WaitFor(cut, "DESK", 6)
	wantErr(t, err, context.Canceled)
	if errors.Is(err, view.ErrBehind) {
		t.Fatal("cancelled, but said to be behind")
	}
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			errs <- c.WaitFor(ctx, "DESK", 6)
		})
	}
	send(t, log, event{Do: "add", ID: "a", N: 1})
	wg.Wait()
	for range 8 {
		must(t, <-errs)
	}
}

// testWaitRemote: waiting works on the stored checkpoint when the writer is in another process.
func testWaitRemote(t *testing.T, s *view.Store) {
	ctx, c := t.Context(), collection(t, s, 1)
	p, err := view.NewProbe(ctx, c, "DESK", "i1")
	must(t, err)
	waited := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		waited <- c.WaitFor(ctx, "DESK", 2)
	}()
	must(t, p.Write(ctx, 0, 1, change("a", 1, 1)))
	must(t, p.Write(ctx, 1, 2, change("a", 2, 2)))
	must(t, <-waited)
	short, cancel := context.WithTimeout(ctx, 80*time.Millisecond)
	defer cancel()
	wantErr(t, c.WaitFor(short, "DESK", 3), view.ErrBehind)
}

// testPoison: a record that cannot be projected ends the projector, and nothing of its batch passes the checkpoint.
func testPoison(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	send(t, log, event{Do: "add", ID: "a", N: 1})
	send(t, log, event{Do: "fail", ID: "a"})
	wantErr(t, runToEnd(t, c, project, view.Options{}, log), errPoison)
	pos, err := c.Position(t.Context())
	must(t, err)
	if pos["DESK"] >= 2 {
		t.Fatalf("position %d is past the poison", pos["DESK"])
	}
}

// testOutage: while the log does not answer the projector waits, tells so, and then continues.
func testOutage(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	down := errors.New("down")
	var told atomic.Int64
	log.Fail(down)
	start(t, c, view.Options{Retry: func(err error) {
		if errors.Is(err, down) {
			told.Add(1)
		}
	}}, log)
	eventually(t, "told of the outage", func() bool { return told.Load() > 0 })
	log.Fail(nil)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	before := told.Load()
	log.Fail(down)
	eventually(t, "told of the second outage", func() bool { return told.Load() > before })
	log.Fail(nil)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	checkTotals(t, c, map[string]int64{"a": 2})
}

// testFence: a second writer of the same view does no harm.
func testFence(t *testing.T, s *view.Store) {
	c, log, totals := collection(t, s, 1), NewLog("DESK"), map[string]int64{}
	start(t, c, view.Options{Batch: 5}, log)
	start(t, c, view.Options{Batch: 3}, log)
	for range 3 {
		reach(t, c, "DESK", fill(t, log, 40, totals))
		checkTotals(t, c, totals)
	}
}

// testReaders: readers run beside the writer, and what they see only grows.
func testReaders(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	start(t, c, view.Options{Flush: time.Millisecond}, log)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	stop := watch(t, c, 4)
	for range 60 {
		seq := send(t, log, event{Do: "add", ID: "a", N: 1})
		if seq%20 == 0 {
			reach(t, c, "DESK", seq)
		}
	}
	reach(t, c, "DESK", 61)
	stop()
	checkTotals(t, c, map[string]int64{"a": 61})
}

// watch reads document a from n goroutines until the returned function is called; the total must never go down.
func watch(t *testing.T, c *view.Collection[Dialog], n int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			var last int64
			for ctx.Err() == nil {
				d, err := c.Get(ctx, "a")
				if ctx.Err() != nil {
					return
				}
				if err != nil || d.Sum < last {
					t.Errorf("read %d after %d, error %v", d.Sum, last, err)
					return
				}
				last = d.Sum
				if _, err := c.Count(ctx, view.Eq("conn", "c_1")); err != nil && ctx.Err() == nil {
					t.Errorf("count: %v", err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}
