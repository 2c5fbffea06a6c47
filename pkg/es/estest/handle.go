package estest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// AddCommand is the suite's command with a cause of its own.
func AddCommand(cause string, number uint64) es.Command[Note] {
	return es.Command[Note]{
		Cause: &eventv1.Cause{Kind: eventv1.Cause_KIND_API, Key: cause},
		At:    time.Unix(1700000000, 0),
		Body:  Note{Number: number},
	}
}

// A state is the same, whether it stayed in memory, was loaded from folds, or was folded anew under another schema.
func handleLoadsFolds(t *testing.T, store es.Store, key es.Key) {
	const notes = 3*es.FoldEvery + 5
	writer := es.NewHandler("suite", store, Counter(1), 10)
	var want Count
	for i := uint64(1); i <= notes; i++ {
		if _, err := writer.Handle(t.Context(), key, AddCommand(fmt.Sprint(i), i)); err != nil {
			t.Fatal(err)
		}
		want = Count{Notes: i, Sum: want.Sum + i}
	}
	for _, schema := range []uint32{1, 2} {
		fresh := es.NewHandler("suite", store, Counter(schema), 10)
		got, seq, err := fresh.State(t.Context(), key)
		if err != nil || got != want {
			t.Errorf("schema %d: %+v %v, want %+v", schema, got, err, want)
		}
		last, err := store.Last(t.Context(), key)
		if err != nil || last.Seq != seq || last.Commit.GetVersion() != notes {
			t.Errorf("schema %d at %d, last %d (%d) %v", schema, seq, last.Seq, last.Commit.GetVersion(), err)
		}
		// The first cause lies before the newest fold.
		result, err := fresh.Handle(t.Context(), key, AddCommand("1", 1))
		if err != nil || !result.Duplicate || result.Seq != seq {
			t.Errorf("schema %d: an old cause: %+v %v", schema, result, err)
		}
	}
}

// Handlers that know nothing of each other lose no update.
func handleRace(t *testing.T, store es.Store, key es.Key) {
	const handlers, each = 4, 12
	var all sync.WaitGroup
	for h := range handlers {
		handler := es.NewHandler("suite", store, Counter(1), 10)
		all.Go(func() {
			for i := range each {
				for {
					_, err := handler.Handle(t.Context(), key, AddCommand(fmt.Sprint(h, "/", i), 1))
					if err == nil {
						break
					}
					if !errors.Is(err, es.ErrContended) {
						t.Errorf("handler %d: %v", h, err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	got, _, err := es.NewHandler("suite", store, Counter(1), 10).State(t.Context(), key)
	if err != nil || got != (Count{Notes: handlers * each, Sum: handlers * each}) {
		t.Errorf("%+v %v, want %d", got, err, handlers*each)
	}
}

// The same causes, handled by several handlers at once, count once.
func handleDuplicates(t *testing.T, store es.Store, key es.Key) {
	const handlers, each = 3, 12
	var all sync.WaitGroup
	for range handlers {
		handler := es.NewHandler("suite", store, Counter(1), 10)
		all.Go(func() {
			for i := range each {
				for {
					_, err := handler.Handle(t.Context(), key, AddCommand(fmt.Sprint(i), 1))
					if err == nil {
						break
					}
					if !errors.Is(err, es.ErrContended) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	got, _, err := es.NewHandler("suite", store, Counter(1), 10).State(t.Context(), key)
	if err != nil || got != (Count{Notes: each, Sum: each}) {
		t.Errorf("%+v %v, want %d", got, err, each)
	}
}
