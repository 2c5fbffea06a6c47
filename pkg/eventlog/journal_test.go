package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestJournal(t *testing.T) {
	l := newLog(t)
	j := l.Journal("c_1")
	if _, _, err := j.Last(t.Context()); !errors.Is(err, es.ErrNotFound) {
		t.Fatal(err)
	}
	var seqs []uint64
	var at uint64
	for epoch := uint64(1); epoch <= 5; epoch++ {
		seq, err := j.Append(t.Context(), at, &eventv1.JournalEntry{Epoch: epoch})
		if err != nil {
			t.Fatal(err)
		}
		at, seqs = seq, append(seqs, seq)
	}
	if _, err := l.Journal("c_2").Append(t.Context(), 0, &eventv1.JournalEntry{Epoch: 99}); err != nil {
		t.Fatal(err)
	}
	// Another owner expects what is no more.
	if _, err := l.Journal("c_1").Append(t.Context(), seqs[3], &eventv1.JournalEntry{Epoch: 6}); !errors.Is(err, es.ErrConflict) {
		t.Errorf("stale owner: %v", err)
	}
	seq, last, err := j.Last(t.Context())
	if err != nil || seq != at || last.GetEpoch() != 5 {
		t.Errorf("last %d %v %v", seq, last, err)
	}
	for from := range 6 {
		var got []uint64
		start := at + 1
		if from < 5 {
			start = seqs[from]
		}
		err := j.Replay(t.Context(), start, func(seq uint64, at time.Time, e *eventv1.JournalEntry) error {
			if at.IsZero() {
				t.Error("no time")
			}
			got = append(got, seq)
			return nil
		})
		if err != nil || !slices.Equal(got, seqs[from:]) {
			t.Errorf("from %d: %v %v", start, got, err)
		}
	}
	broken := errors.New("broken")
	err = j.Replay(t.Context(), 0, func(uint64, time.Time, *eventv1.JournalEntry) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("replay: %v", err)
	}
}

func appendDesk(t testing.TB, l *Log, key es.Key, expected uint64, c *eventv1.Commit) uint64 {
	t.Helper()
	seq, err := l.Store().Append(t.Context(), key, expected, c)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestReadDeskIsOrderedLiveAndForOneConnection(t *testing.T) {
	l := newLog(t)
	dialog, topic := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}, es.Key{Aggregate: "topic", Connection: "c_1", ID: "8"}
	other := es.Key{Aggregate: "dialog", Connection: "c_2", ID: "7"}
	var want []uint64
	first := appendDesk(t, l, dialog, 0, &eventv1.Commit{Id: "1"})
	want = append(want, first, appendDesk(t, l, topic, 0, &eventv1.Commit{Id: "2"}))
	appendDesk(t, l, other, 0, &eventv1.Commit{Id: "3"})

	got, caught := make(chan Committed, 100), make(chan int, 10)
	seen := 0
	running(t, func(ctx context.Context) error {
		return l.ReadDesk(ctx, "c_1", 0, func(c Committed) error {
			seen++
			got <- c
			return nil
		}, func() { caught <- seen })
	})
	if n := <-caught; n != 2 {
		t.Errorf("caught after %d", n)
	}
	want = append(want, appendDesk(t, l, dialog, first, &eventv1.Commit{Id: "4"}))
	for i, seq := range want {
		c := <-got
		if c.Seq != seq || c.Time.IsZero() || c.Key.Connection != "c_1" {
			t.Errorf("%d-th: %+v, want %d", i, c, seq)
		}
	}
	select {
	case <-caught:
		t.Error("caught twice")
	default:
	}

	// Nothing there for the filter: caught at once.
	idle := make(chan struct{})
	running(t, func(ctx context.Context) error {
		return l.ReadDesk(ctx, "c_3", 0, func(Committed) error { return errors.New("nothing to read") }, func() { close(idle) })
	})
	select {
	case <-idle:
	case <-time.After(5 * time.Second):
		t.Error("not caught on an empty filter")
	}
}

func TestReadOfIsForOneAggregate(t *testing.T) {
	l := newLog(t)
	key := es.Key{Aggregate: "group", Connection: "c_1", ID: "-1001"}
	first := appendDesk(t, l, key, 0, &eventv1.Commit{Id: "1"})
	for i, other := range []es.Key{{Aggregate: "group", Connection: "c_1", ID: "-1002"}, {Aggregate: "dialog", Connection: "c_1", ID: "-1001"},
		{Aggregate: "group", Connection: "c_2", ID: "-1001"}} {
		appendDesk(t, l, other, 0, &eventv1.Commit{Id: fmt.Sprintf("other %d", i)})
	}
	second := appendDesk(t, l, key, first, &eventv1.Commit{Id: "2"})
	got, caught := make(chan Committed, 100), make(chan struct{})
	running(t, func(ctx context.Context) error {
		return l.ReadOf(ctx, key, second, func(c Committed) error {
			got <- c
			return nil
		}, func() { close(caught) })
	})
	<-caught
	third := appendDesk(t, l, key, second, &eventv1.Commit{Id: "3"})
	for _, want := range []uint64{second, third} {
		if c := <-got; c.Seq != want || c.Key != key {
			t.Errorf("%+v, want %d", c, want)
		}
	}
	if err := l.ReadOf(t.Context(), es.Key{Aggregate: "group", Connection: "c_1", ID: "*"}, 0, nil, nil); err == nil {
		t.Error("a wildcard names an aggregate")
	}
}

// Every connection has a reader of its own, and there may be more of them than the server's default allows.
func TestThousandReaders(t *testing.T) {
	c := startCluster(t, 1)
	l := openOn(t, c.conn(0), 1)
	const readers = 1010
	caught := make(chan struct{}, readers)
	running(t, func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for i := range readers {
			group.Go(func() error {
				return l.ReadDesk(ctx, fmt.Sprintf("c_%d", i), 1, func(Committed) error { return nil }, func() { caught <- struct{}{} })
			})
		}
		return group.Wait()
	})
	eventually(t, "all readers", func() bool { return len(caught) == readers })
}

func TestCommitNextOfAndParametersAt(t *testing.T) {
	l := newLog(t)
	key := es.Key{Aggregate: "connection", Connection: "c_1", ID: "c_1"}
	params := &eventv1.Commit{Id: "p", Events: []*eventv1.Event{
		{Body: &eventv1.Event_ConnectionConfigured{ConnectionConfigured: &eventv1.ConnectionConfigured{Bot: 1}}},
		{Body: &eventv1.Event_ParametersSet{ParametersSet: &eventv1.ParametersSet{Parameters: &eventv1.Parameters{Welcome: "hello"}}}},
	}}
	other := appendDesk(t, l, es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}, 0, &eventv1.Commit{Id: "d"})
	seq := appendDesk(t, l, key, 0, params)
	for range 2 { // from the log, then from memory
		p, err := l.ParametersAt(t.Context(), seq)
		if err != nil || p.GetWelcome() != "hello" {
			t.Error(p, err)
		}
	}
	for _, none := range []uint64{0, other, 1 << 40} {
		if _, err := l.ParametersAt(t.Context(), none); !errors.Is(err, es.ErrNotFound) {
			t.Errorf("parameters at %d: %v", none, err)
		}
	}
	if c, err := l.Commit(t.Context(), other); err != nil || c.Key.Aggregate != "dialog" || c.Seq != other {
		t.Error(c, err)
	}
	if c, err := l.NextOf(t.Context(), key, 0); err != nil || c.Seq != seq {
		t.Error(c, err)
	}
	if _, err := l.NextOf(t.Context(), key, seq+1); !errors.Is(err, es.ErrNotFound) {
		t.Error(err)
	}
}

// A reader outlives its connection and the server: it neither skips nor repeats.
func TestReaderSurvivesRestarts(t *testing.T) {
	cluster := startCluster(t, 1)
	l, writer := openOn(t, cluster.conn(0), 1), openOn(t, cluster.conn(0), 1)
	key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}
	seqs := make(chan uint64, 1000)
	running(t, func(ctx context.Context) error {
		return l.DeskSource("dialog").Read(ctx, 1, func(r view.Record) error { seqs <- r.Seq; return nil }, nil)
	})
	var want []uint64
	var at uint64
	for i := range 60 {
		if i%20 == 10 {
			cluster.restart(0)
		}
		eventually(t, "append", func() bool {
			seq, err := writer.Store().Append(t.Context(), key, at, &eventv1.Commit{Id: string(rune('a' + i))})
			if err == nil {
				at = seq
			}
			return err == nil
		})
		want = append(want, at)
	}
	for _, seq := range want {
		select {
		case got := <-seqs:
			if got != seq {
				t.Fatalf("got %d, want %d", got, seq)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%d never comes", seq)
		}
	}
}

func TestSourcesTellWhatTheyAre(t *testing.T) {
	l := newLog(t)
	appendDesk(t, l, es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}, 0, &eventv1.Commit{Id: "1"})
	last := appendDesk(t, l, es.Key{Aggregate: "topic", Connection: "c_1", ID: "7"}, 0, &eventv1.Commit{Id: "2"})
	stream, incarnation, tail, err := l.DeskSource("dialog").Info(t.Context())
	if err != nil || stream != "DESK" || incarnation == "" || tail != last {
		t.Error(stream, incarnation, tail, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var got []view.Record
	err = l.DeskSource("topic").Read(ctx, 1, func(r view.Record) error { got = append(got, r); return nil }, cancel)
	if !errors.Is(err, context.Canceled) || len(got) != 1 || got[0].Seq != last || got[0].Incarnation != incarnation || got[0].Stream != "DESK" {
		t.Error(got, err)
	}
	if stream, _, tail, err := l.OutboxSource().Info(t.Context()); err != nil || stream != "OUTBOX" || tail != 0 {
		t.Error(stream, tail, err)
	}
}
