package viewtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
)

// testRebuild: a rebuild goes on beside writes and reads, yields the same documents, and the writer follows it.
func testRebuild(t *testing.T, s *view.Store) {
	c, log, totals := collection(t, s, 1), NewLog("DESK"), map[string]int64{"a": 1}
	reachSeq := send(t, log, event{Do: "add", ID: "a", N: 1})
	fill(t, log, 50, totals)
	r := start(t, c, view.Options{Flush: 5 * time.Millisecond}, log)
	reach(t, c, "DESK", reachSeq)
	stopReaders := watch(t, c, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			seq := send(t, log, event{Do: "add", ID: "a", N: 1})
			totals["a"]++
			if seq%10 == 0 {
				// A reader must see its own write, also around the switch.
				wait, done := context.WithTimeout(t.Context(), patience)
				if err := c.WaitFor(wait, "DESK", seq); err != nil {
					t.Errorf("wait: %v", err)
				}
				done()
				if d, err := c.Get(t.Context(), "a"); err != nil || d.Sum < totals["a"] {
					t.Errorf("after waiting for %d the reader sees %d, want %d (%v)", seq, d.Sum, totals["a"], err)
				}
			}
			<-tick.C
		}
	})
	for range 3 {
		report, err := r.Rebuild(t.Context())
		must(t, err)
		if report.Previous == "" || report.Previous == report.Collection || report.Documents != 8 || report.Before != 8 {
			t.Errorf("report %+v", report)
		}
	}
	cancel()
	wg.Wait()
	stopReaders()
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	totals["a"]++
	checkTotals(t, c, totals)
}

// testSwitch: what the writer adds between the end of a build and the switch is not taken back by the switch.
func testSwitch(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	add := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return c.WaitFor(ctx, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	}
	r := start(t, c, view.Options{Verify: func(view.Report) error { return add() }}, log)
	must(t, add())
	for i := range int64(3) {
		report, err := r.Rebuild(t.Context())
		must(t, err)
		if got := sum(t, c, "a"); got != i+2 {
			t.Fatalf("after the switch the reader sees %d, want %d", got, i+2)
		}
		if report.Positions["DESK"] != uint64(i+2) {
			t.Fatalf("switched at %v, want %d", report.Positions, i+2)
		}
	}
}

// testRollback: the collection before a rebuild can be made current again, catches up, and can be dropped.
func testRollback(t *testing.T, s *view.Store) {
	ctx, c, log := t.Context(), collection(t, s, 1), NewLog("DESK")
	wantErr(t, s.Rollback(ctx, "dialogs"), view.ErrNotFound)
	r := start(t, c, view.Options{}, log)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	_, err := r.Rebuild(ctx)
	must(t, err)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	must(t, s.Rollback(ctx, "dialogs"))
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	checkTotals(t, c, map[string]int64{"a": 3})
	must(t, s.DropOld(ctx, "dialogs"))
	wantErr(t, s.Rollback(ctx, "dialogs"), view.ErrNotFound)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	checkTotals(t, c, map[string]int64{"a": 4})
}

// doubled is the next version of the projection.
func doubled(ctx context.Context, b *view.Batch[Dialog], r view.Record) error {
	if err := project(ctx, b, r); err != nil {
		return err
	}
	return b.Update(ctx, "all", func(d *Dialog, _ bool) error {
		d.ID, d.Conn = "all", "c_1"
		d.Sum++
		return nil
	})
}

// testVersion: a higher version builds itself beside the former one and takes over; the former program is told.
func testVersion(t *testing.T, s *view.Store) {
	ctx, log := t.Context(), NewLog("DESK")
	old, fresh := collection(t, s, 1), collection(t, s, 2)
	first := start(t, old, view.Options{}, log)
	reach(t, old, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	must(t, first.stop())
	_, err := fresh.Get(ctx, "a")
	wantErr(t, err, view.ErrNotReady)
	seq := send(t, log, event{Do: "add", ID: "a", N: 1})
	second := startWith(t, fresh, doubled, view.Options{}, log)
	reach(t, fresh, "DESK", seq)
	checkTotals(t, fresh, map[string]int64{"a": 2, "all": 2})
	_, err = old.Get(ctx, "a")
	wantErr(t, err, view.ErrNotReady)
	wantErr(t, runToEnd(t, old, project, view.Options{}, log), view.ErrSuperseded)
	must(t, second.stop())
	must(t, s.Rollback(ctx, "dialogs"))
	start(t, old, view.Options{}, log)
	reach(t, old, "DESK", seq)
	checkTotals(t, old, map[string]int64{"a": 2})
}

// testIndexChange: other indexes are another shape; the view is rebuilt without a new version.
func testIndexChange(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	r := start(t, c, view.Options{}, log)
	seq := send(t, log, event{Do: "add", ID: "a", N: 1})
	reach(t, c, "DESK", seq)
	must(t, r.stop())
	changed := schema(1)
	changed.Indexes = append(changed.Indexes[1:], view.Index{"conn"})
	c2, err := view.NewCollection[Dialog](s, changed)
	must(t, err)
	start(t, c2, view.Options{}, log)
	reach(t, c2, "DESK", seq)
	n, err := c2.Count(t.Context(), view.Eq("conn", "c_1"))
	must(t, err)
	if n != 1 {
		t.Fatalf("count %d, want 1", n)
	}
}

// testIncarnation: when the stream is made anew, positions of the old one mean nothing, running or at start.
func testIncarnation(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	r := start(t, c, view.Options{}, log)
	for range 5 {
		send(t, log, event{Do: "add", ID: "old", N: 1})
	}
	reach(t, c, "DESK", 5)
	log.Recreate()
	send(t, log, event{Do: "add", ID: "a", N: 1})
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	eventually(t, "the view of the new stream", func() bool {
		_, err := c.Get(t.Context(), "old")
		return errors.Is(err, view.ErrNotFound)
	})
	checkTotals(t, c, map[string]int64{"a": 2})
	must(t, r.stop())
	log.Recreate()
	seq := send(t, log, event{Do: "add", ID: "b", N: 1})
	start(t, c, view.Options{}, log)
	eventually(t, "the view of the third stream", func() bool {
		_, err := c.Get(t.Context(), "a")
		return errors.Is(err, view.ErrNotFound)
	})
	reach(t, c, "DESK", seq)
	checkTotals(t, c, map[string]int64{"b": 1})
}

// testTruncated: a view ahead of its log was made from records that no longer exist.
func testTruncated(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	r := start(t, c, view.Options{}, log)
	for range 5 {
		send(t, log, event{Do: "add", ID: "a", N: 1})
	}
	reach(t, c, "DESK", 5)
	must(t, r.stop())
	log.Truncate(3)
	start(t, c, view.Options{}, log)
	eventually(t, "the view of what is left", func() bool { return sum(t, c, "a") == 3 })
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	checkTotals(t, c, map[string]int64{"a": 4})
}

// testVerify: a rebuild that the caller refuses changes nothing.
func testVerify(t *testing.T, s *view.Store) {
	c, log := collection(t, s, 1), NewLog("DESK")
	refuse := errors.New("too few")
	r := start(t, c, view.Options{Verify: func(rep view.Report) error {
		if rep.Documents < 2 {
			return refuse
		}
		return nil
	}}, log)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "a", N: 1}))
	_, err := r.Rebuild(t.Context())
	wantErr(t, err, view.ErrVerify)
	wantErr(t, err, refuse)
	reach(t, c, "DESK", send(t, log, event{Do: "add", ID: "b", N: 1}))
	checkTotals(t, c, map[string]int64{"a": 1, "b": 1})
	_, err = r.Rebuild(t.Context())
	must(t, err)
	checkTotals(t, c, map[string]int64{"a": 1, "b": 1})
}
