// Package es is the event-sourcing kernel: deciders, commits, the store they are appended to, and the one loop that
// loads, decides and appends. It owns optimistic concurrency and the memory of handled causes; it refuses to know any
// stream technology, any service and any clock.
package es

import (
	"context"
	"errors"
	"strings"
	"time"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

var (
	// ErrNotFound: the aggregate, or the sequence asked for, holds no commit.
	ErrNotFound = errors.New("no commit")
	// ErrConflict: somebody else appended to the aggregate since it was loaded. Load, decide and append again.
	ErrConflict = errors.New("aggregate changed")
	// ErrContended: a decision lost the race for its aggregate too often in a row. The caller may try again later.
	ErrContended = errors.New("aggregate contended")
	// ErrUnavailable: the store gave no answer, or one that leaves open what happened and could not be settled.
	// Nothing may be concluded; the same command may be handled again, for its cause makes it idempotent.
	ErrUnavailable = errors.New("event store unavailable")
)

// Key names an aggregate. All three parts are single tokens: letters, digits, '-', '_'.
type Key struct {
	Aggregate  string // kind: dialog, topic, connection
	Connection string
	ID         string
}

// String gives the key as aggregate/connection/id.
func (k Key) String() string { return k.Aggregate + "/" + k.Connection + "/" + k.ID }

// Valid tells whether every part can stand in a subject as one token.
func (k Key) Valid() bool {
	for _, part := range []string{k.Aggregate, k.Connection, k.ID} {
		if part == "" || strings.ContainsAny(part, ".*> \t\r\n") {
			return false
		}
	}
	return true
}

// Recorded is a commit with the stream sequence it has in the store.
type Recorded struct {
	Seq    uint64
	Commit *eventv1.Commit
}

// Store keeps commits. Implementations are safe for concurrent use and serve their own writes: what Append returned,
// Last and Get see.
type Store interface {
	// Last returns the newest commit of an aggregate, or ErrNotFound.
	Last(ctx context.Context, key Key) (Recorded, error)
	// Get returns the commit of an aggregate at a stream sequence, or ErrNotFound.
	Get(ctx context.Context, key Key, seq uint64) (Recorded, error)
	// Append adds a commit if the newest one of the aggregate still has the sequence expected (0: there is none), and
	// returns its sequence. If the commit that directly follows expected has the same id, it is the same decision, made
	// earlier, and its sequence is returned; found anywhere else, the id was decided on another state and is a conflict.
	// Errors: ErrConflict, ErrUnavailable.
	Append(ctx context.Context, key Key, expected uint64, commit *eventv1.Commit) (uint64, error)
}

// Decider is the rules of one kind of aggregate, as pure functions. States are values: Evolve returns a new one and
// never changes what its argument points to.
type Decider[S, C any] struct {
	// Schema numbers the encoding of states. Folds of another schema are ignored and the commits are folded anew.
	Schema uint32
	// Initial is the state before the first commit.
	Initial func(Key) S
	// Decide turns a command into events. No events and no error: it is already so, nothing is committed.
	Decide func(S, C) ([]*eventv1.Event, error)
	// Evolve applies an event. It accepts every stored event and cannot fail.
	Evolve func(S, *eventv1.Event) S
	// Encode and Decode turn a state into the bytes of a fold and back.
	Encode func(S) ([]byte, error)
	Decode func([]byte) (S, error)
}

// Command is a request to decide, with the cause that makes it idempotent.
type Command[C any] struct {
	Cause     *eventv1.Cause
	Actor     *eventv1.Actor
	At        time.Time // when the cause happened
	ParamsSeq uint64
	Body      C
}

// Result tells what became of a command.
type Result struct {
	// Seq is the aggregate's newest sequence known after handling; the position a reader may wait for.
	Seq uint64
	// Commit is what was appended; nil when nothing was.
	Commit *eventv1.Commit
	// Duplicate: the cause had been handled before.
	Duplicate bool
	// Attempts counts the rounds of load, decide, append.
	Attempts int
}
