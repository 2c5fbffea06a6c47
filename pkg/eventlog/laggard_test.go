package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// many is how many readers or replays it takes for one to be served by a certain node of three, all but surely.
const many = 16

func (lag *laggard) commit(key es.Key, prev, version uint64) uint64 {
	lag.t.Helper()
	seq, err := lag.log.Store().Append(lag.t.Context(), key, prev, &eventv1.Commit{Id: fmt.Sprint(key, version), PrevSeq: prev, Version: version})
	if err != nil {
		lag.t.Fatal(err)
	}
	return seq
}

// A replica that fell behind beats and says that nothing waits. Readers that it serves get everything all the same; new
// ones are not told that they have caught up before they have; and journals and buckets are read to their end.
func TestReplicaFallsBehind(t *testing.T) {
	lag := startLaggard(t)
	t.Run("DeliveryLost", func(t *testing.T) { lostOnTheWay(t, lag, "c_2", false, "$JS.ACK.") })
	t.Run("RequestLost", func(t *testing.T) { lostOnTheWay(t, lag, "c_3", true, "$JS.API.CONSUMER.MSG.NEXT.DESK.") })
	lag.sieve.hold(nil)
	t.Run("Reading", func(t *testing.T) { readsFromLaggard(t, lag) })
	t.Run("Replaying", func(t *testing.T) { replaysFromLaggard(t, lag) })
	t.Run("Watching", func(t *testing.T) { watchesFromLaggard(t, lag) })
}

// versions is what readers of one connection saw.
type versions struct {
	mu   sync.Mutex
	seen [][]uint64 // by reader
	told []int      // how many had been seen when the reader was told that it had caught up, plus one
}

// start starts one more reader.
func (v *versions) start(t *testing.T, l *Log, connection string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := len(v.seen)
	v.seen, v.told = append(v.seen, nil), append(v.told, 0)
	running(t, func(ctx context.Context) error {
		return l.ReadDesk(ctx, connection, 0, func(c Committed) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.seen[i] = append(v.seen[i], c.Commit.GetVersion())
			return nil
		}, func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.told[i] = len(v.seen[i]) + 1
		})
	})
}

// behind counts the readers that have not seen n versions.
func (v *versions) behind(n int) (behind int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, seen := range v.seen {
		if len(seen) < n {
			behind++
		}
	}
	return behind
}

func (v *versions) check(t *testing.T, n int, atLeast int) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	want := make([]uint64, n)
	for i := range want {
		want[i] = uint64(i + 1)
	}
	for i := range v.seen {
		if !slices.Equal(v.seen[i], want) {
			t.Errorf("reader %d saw %v", i, v.seen[i])
		}
		if v.told[i]-1 < atLeast {
			t.Errorf("reader %d was told after %d", i, v.told[i]-1)
		}
	}
}

func readsFromLaggard(t *testing.T, lag *laggard) {
	const before, during = 3, 20
	key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}
	var early, late versions
	at := uint64(0)
	for version := range uint64(before) {
		at = lag.commit(key, at, version+1)
	}
	waitLong(t, "a reader that the laggard serves", func() bool {
		lag.settle()
		early.start(t, lag.log, key.Connection)
		eventually(t, "what was there", func() bool { return early.behind(before) == 0 })
		return lag.serves(streamDesk)
	})
	lag.stall(streamDesk)
	for version := uint64(before); version < before+during; version++ {
		at = lag.commit(key, at, version+1)
	}
	for range many {
		lag.settle()
		late.start(t, lag.log, key.Connection)
	}
	start := time.Now()
	waitLong(t, "new readers", func() bool { return late.behind(before+during) == 0 })
	t.Logf("new readers have everything after %s", time.Since(start))
	waitLong(t, "readers that were there", func() bool { return early.behind(before+during) == 0 })
	t.Logf("readers that were there have everything after %s", time.Since(start))
	early.check(t, before+during, before)
	late.check(t, before+during, before+during)
}

func replaysFromLaggard(t *testing.T, lag *laggard) {
	const entries = 20
	lag.stall(streamDesk, streamOutbox)
	j := lag.log.Journal("c_1")
	var tail uint64
	for epoch := range uint64(entries) {
		seq, err := j.Append(t.Context(), tail, &eventv1.JournalEntry{Epoch: epoch + 1})
		if err != nil {
			t.Fatal(err)
		}
		tail = seq
	}
	for range many {
		lag.settle()
		var epochs, last uint64
		err := j.Replay(t.Context(), 0, func(seq uint64, _ time.Time, e *eventv1.JournalEntry) error {
			if epochs++; e.GetEpoch() != epochs {
				return errors.New("out of order")
			}
			last = seq
			return nil
		})
		if err != nil || epochs != entries || last != tail {
			t.Errorf("replayed %d of %d: %v", epochs, entries, err)
		}
	}
}

func watchesFromLaggard(t *testing.T, lag *laggard) {
	const keys = 5
	lag.stall(kvStream(BucketTopics))
	b := lag.log.Bucket(BucketTopics)
	for i := range keys {
		if _, err := b.Put(t.Context(), fmt.Sprint("k", i), []byte("v")); err != nil {
			t.Fatal(err)
		}
	}
	for range many {
		lag.settle()
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		err := b.Watch(ctx, func(string, []byte, uint64) error { seen++; return nil }, cancel)
		if seen != keys || !errors.Is(err, context.Canceled) {
			t.Errorf("told after %d of %d: %v", seen, keys, err)
		}
	}
}

// What a node delivers, or what it is asked for, gets lost on the way from or to the reader's node, as when their route
// breaks. The consumer lives on; in the first case so do its heartbeats.
func lostOnTheWay(t *testing.T, lag *laggard, connection string, toLaggard bool, subject string) {
	key := es.Key{Aggregate: "dialog", Connection: connection, ID: "7"}
	at := lag.commit(key, 0, 1)
	var lost atomic.Int64
	lag.sieve.hold(func(toNode bool, fields [][]byte) bool {
		if toNode != toLaggard || !slices.ContainsFunc(fields, func(f []byte) bool { return bytes.HasPrefix(f, []byte(subject)) }) {
			return false
		}
		lost.Add(1)
		return true
	})
	var v versions
	waitLong(t, "a reader that the laggard serves", func() bool {
		lag.settle()
		v.start(t, lag.log, key.Connection)
		eventually(t, "a delivery", func() bool { return lost.Load() > 0 || v.behind(1) == 0 })
		return lost.Load() > 0
	})
	lag.commit(key, at, 2)
	waitLong(t, "what was lost", func() bool { return v.behind(2) == 0 })
	v.check(t, 2, 1)
}
