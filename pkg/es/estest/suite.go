package estest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Run proves that a store behaves as es.Store promises. newStore gives a store that may hold commits already; the suite
// uses aggregates that no other call of Run uses within a test.
func Run(t *testing.T, newStore func(*testing.T) es.Store) {
	cases := map[string]func(*testing.T, es.Store, es.Key){
		"Empty":            empty,
		"AppendAndRead":    appendAndRead,
		"Expectation":      expectation,
		"SameIDAgain":      sameIDAgain,
		"SameIDElsewhere":  sameIDElsewhere,
		"Aggregates":       aggregates,
		"BadKey":           badKey,
		"Race":             race,
		"HandleLoadsFolds": handleLoadsFolds,
		"HandleRace":       handleRace,
		"HandleDuplicates": handleDuplicates,
	}
	for name, check := range cases {
		t.Run(name, func(t *testing.T) {
			key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: fmt.Sprintf("%s-%d", name, time.Now().UnixNano())}
			check(t, newStore(t), key)
		})
	}
}

func commit(id string, prev, version uint64) *eventv1.Commit {
	return &eventv1.Commit{
		Id: id, Cause: "7/0/0/0/" + id, PrevSeq: prev, Version: version, At: timestamppb.New(time.Unix(1700000000, 5)),
		Events: []*eventv1.Event{noted(version)},
	}
}

func must(t *testing.T, store es.Store, key es.Key, expected uint64, c *eventv1.Commit) uint64 {
	t.Helper()
	seq, err := store.Append(t.Context(), key, expected, c)
	if err != nil {
		t.Fatalf("append %s: %v", c.GetId(), err)
	}
	return seq
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func empty(t *testing.T, store es.Store, key es.Key) {
	_, err := store.Last(t.Context(), key)
	wantError(t, err, es.ErrNotFound)
	_, err = store.Get(t.Context(), key, 0)
	wantError(t, err, es.ErrNotFound)
	_, err = store.Get(t.Context(), key, 1<<40)
	wantError(t, err, es.ErrNotFound)
}

func appendAndRead(t *testing.T, store es.Store, key es.Key) {
	var seqs []uint64
	var prev uint64
	for i := range 20 {
		prev = must(t, store, key, prev, commit(fmt.Sprint(key.ID, i), prev, uint64(i+1)))
		seqs = append(seqs, prev)
		last, err := store.Last(t.Context(), key)
		if err != nil || last.Seq != prev || last.Commit.GetVersion() != uint64(i+1) {
			t.Fatalf("last after %d is %d %v", prev, last.Seq, err)
		}
	}
	if !slices.IsSorted(seqs) {
		t.Errorf("sequences %v", seqs)
	}
	for i, seq := range seqs {
		before := uint64(0)
		if i > 0 {
			before = seqs[i-1]
		}
		got, err := store.Get(t.Context(), key, seq)
		if err != nil || got.Seq != seq || !proto.Equal(got.Commit, commit(fmt.Sprint(key.ID, i), before, uint64(i+1))) {
			t.Errorf("at %d: %v %v", seq, got.Commit, err)
		}
	}
}

func expectation(t *testing.T, store es.Store, key es.Key) {
	_, err := store.Append(t.Context(), key, 1<<40, commit(key.ID+"x", 0, 1))
	wantError(t, err, es.ErrConflict)
	first := must(t, store, key, 0, commit(key.ID+"a", 0, 1))
	_, err = store.Append(t.Context(), key, 0, commit(key.ID+"b", 0, 1))
	wantError(t, err, es.ErrConflict)
	second := must(t, store, key, first, commit(key.ID+"c", first, 2))
	_, err = store.Append(t.Context(), key, first, commit(key.ID+"d", first, 2))
	wantError(t, err, es.ErrConflict)
	if last, err := store.Last(t.Context(), key); err != nil || last.Seq != second {
		t.Errorf("last is %d %v, want %d", last.Seq, err, second)
	}
}

func sameIDAgain(t *testing.T, store es.Store, key es.Key) {
	first := must(t, store, key, 0, commit(key.ID+"a", 0, 1))
	if again := must(t, store, key, 0, commit(key.ID+"a", 0, 1)); again != first {
		t.Errorf("the same commit lies at %d and at %d", first, again)
	}
	second := must(t, store, key, first, commit(key.ID+"b", first, 2))
	if again := must(t, store, key, 0, commit(key.ID+"a", 0, 1)); again != first {
		t.Errorf("the first commit, again: %d, want %d", again, first)
	}
	if again := must(t, store, key, first, commit(key.ID+"b", first, 2)); again != second {
		t.Errorf("the second commit, again: %d, want %d", again, second)
	}
}

// A commit that is there, but was decided on another state than the caller's, must not look like the caller's own.
func sameIDElsewhere(t *testing.T, store es.Store, key es.Key) {
	first := must(t, store, key, 0, commit(key.ID+"other", 0, 1))
	second := must(t, store, key, first, commit(key.ID+"mine", first, 2))
	_, err := store.Append(t.Context(), key, 0, commit(key.ID+"mine", 0, 1))
	wantError(t, err, es.ErrConflict)
	_, err = store.Append(t.Context(), key, second, commit(key.ID+"mine", second, 3))
	wantError(t, err, es.ErrConflict)
}

func aggregates(t *testing.T, store es.Store, key es.Key) {
	others := []es.Key{
		{Aggregate: "topic", Connection: key.Connection, ID: key.ID},
		{Aggregate: key.Aggregate, Connection: "c_2", ID: key.ID},
		{Aggregate: key.Aggregate, Connection: key.Connection, ID: key.ID + "-2"},
	}
	seq := must(t, store, key, 0, commit(key.ID+"a", 0, 1))
	for i, other := range others {
		_, err := store.Last(t.Context(), other)
		wantError(t, err, es.ErrNotFound)
		_, err = store.Get(t.Context(), other, seq)
		wantError(t, err, es.ErrNotFound)
		must(t, store, other, 0, commit(fmt.Sprint(key.ID, "other", i), 0, 1))
	}
	if last, err := store.Last(t.Context(), key); err != nil || last.Seq != seq {
		t.Errorf("last is %d %v, want %d", last.Seq, err, seq)
	}
}

func badKey(t *testing.T, store es.Store, key es.Key) {
	for _, id := range []string{"", "a.b", "*", ">", "a b"} {
		key.ID = id
		if _, err := store.Append(t.Context(), key, 0, commit("bad"+id, 0, 1)); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
}

// Of all who expect the same sequence, exactly one wins.
func race(t *testing.T, store es.Store, key es.Key) {
	const writers, rounds = 6, 15
	var prev uint64
	for round := range rounds {
		seqs, errs := make([]uint64, writers), make([]error, writers)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				seqs[w], errs[w] = store.Append(t.Context(), key, prev, commit(fmt.Sprint(key.ID, round, "-", w), prev, uint64(round+1)))
			})
		}
		all.Wait()
		winners := 0
		before := prev
		for w := range writers {
			if errs[w] == nil {
				winners++
				prev = seqs[w]
			} else if !errors.Is(errs[w], es.ErrConflict) {
				t.Fatalf("round %d: %v", round, errs[w])
			}
		}
		if winners != 1 {
			t.Fatalf("round %d behind %d: %d winners", round, before, winners)
		}
	}
}
