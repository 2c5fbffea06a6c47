package eventlog

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestTrailKnowsTheLatest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const covered = (trailWords - 1) * 64
	for range 20 {
		tr, added, top := &trail{}, map[uint64]bool{}, uint64(0)
		for range 2000 {
			step := random.Uint64N(200)
			if random.IntN(50) == 0 {
				step = random.Uint64N(3 * covered)
			}
			top += step + 1
			tr.add(top)
			added[top] = true
			for range 20 {
				seq := top - min(top, random.Uint64N(2*covered)) + random.Uint64N(3)
				if tr.forgot(seq) != (seq/64+trailWords <= top/64) {
					t.Fatalf("%d of %d is forgotten: %v", seq, top, tr.forgot(seq))
				}
				if !tr.forgot(seq) && tr.has(seq) != added[seq] {
					t.Fatalf("%d of %d: %v", seq, top, tr.has(seq))
				}
			}
		}
	}
}

// A replica has lost a record, as a damaged disk makes it: its next one on the subject is not handed over before it, and
// what was handed over meanwhile is not handed over again. A record that the leader does not have either has expired.
func TestReplicaLeavesRecordOut(t *testing.T) {
	l := newNode(t).open()
	var tails [3]uint64
	for i := range uint64(9) { // three journals in turn
		j := i % 3
		seq, err := l.Journal("c_"+strconv.FormatUint(j, 10)).Append(t.Context(), tails[j], &eventv1.JournalEntry{Epoch: i + 1})
		if err != nil || seq != i+1 {
			t.Fatal(seq, err)
		}
		tails[j] = seq
	}
	if err := l.remove(t.Context(), streamOutbox, 3, false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var seen []uint64
	r := reading{stream: streamOutbox, filters: []string{"out.>"}, from: 1, replicated: true, trail: &trail{}, caught: cancel,
		each: func(rec record) error { seen = append(seen, rec.seq); return nil }}
	r.next = 2 // the first record is the one that is passed over
	if err := l.readOnce(ctx, &r); !errors.Is(err, errHole) || r.next != 1 || !slices.Equal(seen, []uint64{2}) {
		t.Fatalf("%v: goes on at %d after %v", err, r.next, seen)
	}
	if err := l.readOnce(ctx, &r); !errors.Is(err, context.Canceled) || !slices.Equal(seen, []uint64{2, 1, 4, 5, 6, 7, 8, 9}) {
		t.Fatalf("%v: %v", err, seen)
	}
}

// What the reader of a replica verifies is in what is stored.
func TestPredecessorIsStored(t *testing.T) {
	l := newLog(t)
	key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}
	var at uint64
	for version := range uint64(3) {
		seq, err := l.Store().Append(t.Context(), key, at, &eventv1.Commit{Id: strconv.FormatUint(version, 10), PrevSeq: at})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := l.get(t.Context(), streamDesk, seq)
		if err != nil || predecessor(msg.Header) != at {
			t.Errorf("%d follows %d, not %d: %v", seq, predecessor(msg.Header), at, err)
		}
		at = seq
	}
	for _, none := range []nats.Header{nil, {}, {jetstream.ExpectedLastSubjSeqHeader: {"x"}}} {
		if predecessor(none) != 0 {
			t.Errorf("%v: %d", none, predecessor(none))
		}
	}
}
