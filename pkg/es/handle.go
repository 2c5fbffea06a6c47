package es

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	// FoldEvery is the distance of folded states in an aggregate's commits, and so the most commits a load reads.
	FoldEvery = 16
	// maxAttempts bounds how often one command is decided anew after losing a race.
	maxAttempts = 5
	lockStripes = 256
)

// namespace of commit ids; fixed for ever, because ids must come out the same in every version.
var namespace = uuid.MustParse("6f1c1f0e-5f39-5d1c-9a53-0a6f3f1f8d11")

// Handler runs commands of one kind of aggregate against a store. It is safe for concurrent use; commands of one
// aggregate are handled one after the other.
type Handler[S, C any] struct {
	name    string
	store   Store
	decider Decider[S, C]
	cache   *lru.Cache[Key, *loaded[S]]
	seed    maphash.Seed
	locks   [lockStripes]sync.Mutex
}

// loaded is an aggregate in memory. Its owner holds the key's lock.
type loaded[S any] struct {
	state   S
	seq     uint64
	version uint64
	causes  *causes
}

// NewHandler makes a Handler. The name is part of commit ids: changing it makes old causes look new to the log, not to
// the aggregates. cached is how many aggregates are kept in memory (at least one).
func NewHandler[S, C any](name string, store Store, decider Decider[S, C], cached int) *Handler[S, C] {
	cache, err := lru.New[Key, *loaded[S]](max(cached, 1))
	if err != nil {
		panic(err) // only a size below one is an error
	}
	return &Handler[S, C]{name: name, store: store, decider: decider, cache: cache, seed: maphash.MakeSeed()}
}

// Handle decides a command and appends the outcome as one commit. A cause handled before changes nothing and is
// reported as Duplicate. Errors: what Decide returned; ErrContended; ErrUnavailable; the context's.
func (h *Handler[S, C]) Handle(ctx context.Context, key Key, cmd Command[C]) (Result, error) {
	if !key.Valid() {
		return Result{}, fmt.Errorf("key %q: not made of single tokens", key)
	}
	lock := h.lock(key)
	lock.Lock()
	defer lock.Unlock()
	for attempt := 1; ; attempt++ {
		result, err := h.once(ctx, key, cmd)
		result.Attempts = attempt
		if !errors.Is(err, ErrConflict) {
			return result, err
		}
		if attempt == maxAttempts {
			return result, fmt.Errorf("%s: %w", key, ErrContended)
		}
		if err := pause(ctx, attempt); err != nil {
			return result, err
		}
	}
}

// State returns the folded state of an aggregate and its newest sequence, 0 when it has no commit.
func (h *Handler[S, C]) State(ctx context.Context, key Key) (S, uint64, error) {
	lock := h.lock(key)
	lock.Lock()
	defer lock.Unlock()
	agg, err := h.load(ctx, key)
	if err != nil {
		var zero S
		return zero, 0, err
	}
	return agg.state, agg.seq, nil
}

// Forget drops an aggregate from memory, for callers who know that somebody else wrote to it.
func (h *Handler[S, C]) Forget(key Key) { h.cache.Remove(key) }

func (h *Handler[S, C]) lock(key Key) *sync.Mutex {
	return &h.locks[maphash.String(h.seed, key.String())%lockStripes]
}

func (h *Handler[S, C]) once(ctx context.Context, key Key, cmd Command[C]) (Result, error) {
	agg, err := h.load(ctx, key)
	if err != nil {
		return Result{}, err
	}
	if agg.causes.handled(cmd.Cause) {
		return Result{Seq: agg.seq, Duplicate: true}, nil
	}
	events, err := h.decider.Decide(agg.state, cmd.Body)
	if err != nil || len(events) == 0 {
		if stale := h.stale(ctx, key, agg); stale != nil {
			return Result{}, stale
		}
		return Result{Seq: agg.seq}, err
	}
	next := h.evolve(agg, events)
	commit, err := h.commit(key, agg, next, cmd, events)
	if err != nil {
		return Result{}, err
	}
	seq, err := h.store.Append(ctx, key, agg.seq, commit)
	if err != nil {
		// Whatever went wrong, what is in memory may be behind the log now.
		h.cache.Remove(key)
		return Result{}, fmt.Errorf("append %s: %w", key, err)
	}
	agg.state, agg.seq, agg.version = next, seq, commit.Version
	agg.causes.add(commit.Cause)
	return Result{Seq: seq, Commit: commit}, nil
}

// stale checks a decision that appends nothing, which no lost race would ever reveal: what is in memory may be behind
// the log when another process handles the same aggregate. It returns ErrConflict then.
func (h *Handler[S, C]) stale(ctx context.Context, key Key, agg *loaded[S]) error {
	last, err := h.store.Last(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("check %s: %w", key, err)
	case last.Seq != agg.seq:
		h.cache.Remove(key)
		return fmt.Errorf("%s: %w", key, ErrConflict)
	}
	return nil
}

func (h *Handler[S, C]) evolve(agg *loaded[S], events []*eventv1.Event) S {
	state := agg.state
	for _, event := range events {
		state = h.decider.Evolve(state, event)
	}
	return state
}

func (h *Handler[S, C]) commit(key Key, agg *loaded[S], next S, cmd Command[C], events []*eventv1.Event) (*eventv1.Commit, error) {
	text := CauseText(cmd.Cause)
	commit := &eventv1.Commit{
		Id:        CommitID(h.name, key, text),
		Cause:     text,
		Actor:     cmd.Actor,
		PrevSeq:   agg.seq,
		Version:   agg.version + 1,
		At:        timestamppb.New(cmd.At),
		ParamsSeq: cmd.ParamsSeq,
		Events:    events,
	}
	if commit.Version%FoldEvery != 0 {
		return commit, nil
	}
	state, err := h.decider.Encode(next)
	if err != nil {
		return nil, fmt.Errorf("fold %s: %w", key, err)
	}
	remembered := newCauses(agg.causes.proto())
	remembered.add(text)
	commit.Fold = &eventv1.Fold{Schema: h.decider.Schema, State: state, Causes: remembered.proto()}
	return commit, nil
}

// CommitID is the id of the commit that a handler makes of a cause: the same decision has the same id, however often
// and wherever it is made.
func CommitID(handler string, key Key, cause string) string {
	return uuid.NewSHA1(namespace, []byte(handler+"\x00"+key.String()+"\x00"+cause)).String()
}

// load returns the aggregate from memory or from the store: its last commit, and those before it up to the newest fold.
func (h *Handler[S, C]) load(ctx context.Context, key Key) (*loaded[S], error) {
	if agg, ok := h.cache.Get(key); ok {
		return agg, nil
	}
	agg := &loaded[S]{state: h.decider.Initial(key), causes: newCauses(nil)}
	last, err := h.store.Last(ctx, key)
	if errors.Is(err, ErrNotFound) {
		h.cache.Add(key, agg)
		return agg, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", key, err)
	}
	tail, err := h.tail(ctx, key, last)
	if err != nil {
		return nil, err
	}
	if err := h.fold(key, agg, tail); err != nil {
		return nil, err
	}
	agg.seq, agg.version = last.Seq, last.Commit.GetVersion()
	h.cache.Add(key, agg)
	return agg, nil
}

// tail walks back from the last commit to the newest usable fold; newest first.
func (h *Handler[S, C]) tail(ctx context.Context, key Key, last Recorded) ([]Recorded, error) {
	tail := []Recorded{last}
	for at := last; !h.foldable(at.Commit) && at.Commit.GetPrevSeq() != 0; {
		before, err := h.store.Get(ctx, key, at.Commit.GetPrevSeq())
		if err != nil {
			return nil, fmt.Errorf("load %s at %d: %w", key, at.Commit.GetPrevSeq(), err)
		}
		tail, at = append(tail, before), before
	}
	return tail, nil
}

func (h *Handler[S, C]) foldable(commit *eventv1.Commit) bool {
	return commit.GetFold() != nil && commit.GetFold().GetSchema() == h.decider.Schema
}

func (h *Handler[S, C]) fold(key Key, agg *loaded[S], tail []Recorded) error {
	for i := len(tail) - 1; i >= 0; i-- {
		commit := tail[i].Commit
		if i == len(tail)-1 && h.foldable(commit) {
			state, err := h.decider.Decode(commit.GetFold().GetState())
			if err != nil {
				return fmt.Errorf("fold of %s at %d: %w", key, tail[i].Seq, err)
			}
			agg.state, agg.causes = state, newCauses(commit.GetFold().GetCauses())
			continue
		}
		agg.state = h.evolve(agg, commit.GetEvents())
		agg.causes.add(commit.GetCause())
	}
	return nil
}

// pause waits a little, longer with each attempt, so that racing writers drift apart.
func pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(time.Duration(attempt) * (time.Millisecond + rand.N(2*time.Millisecond)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
