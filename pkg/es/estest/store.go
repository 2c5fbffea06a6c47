// Package estest owns what tests of event-sourced code need: a store in memory, and the suite that every store has to
// pass. It refuses to be used outside tests.
package estest

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Store keeps commits in memory, in one sequence over all aggregates as the event log does. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	commits []entry // index + 1 is the sequence
	last    map[es.Key]uint64
}

type entry struct {
	key    es.Key
	commit *eventv1.Commit
}

// NewStore makes an empty store.
func NewStore() *Store { return &Store{last: map[es.Key]uint64{}} }

// Last implements es.Store.
func (s *Store) Last(ctx context.Context, key es.Key) (es.Recorded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return es.Recorded{}, err
	}
	return s.at(key, s.last[key])
}

// Get implements es.Store.
func (s *Store) Get(ctx context.Context, key es.Key, seq uint64) (es.Recorded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return es.Recorded{}, err
	}
	return s.at(key, seq)
}

func (s *Store) at(key es.Key, seq uint64) (es.Recorded, error) {
	if seq == 0 || seq > uint64(len(s.commits)) || s.commits[seq-1].key != key {
		return es.Recorded{}, es.ErrNotFound
	}
	return es.Recorded{Seq: seq, Commit: proto.CloneOf(s.commits[seq-1].commit)}, nil
}

// Append implements es.Store.
func (s *Store) Append(ctx context.Context, key es.Key, expected uint64, commit *eventv1.Commit) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if !key.Valid() {
		return 0, fmt.Errorf("key %q: not made of single tokens", key)
	}
	if expected == s.last[key] && !s.has(key, commit.GetId()) {
		s.commits = append(s.commits, entry{key, proto.CloneOf(commit)})
		s.last[key] = uint64(len(s.commits))
		return s.last[key], nil
	}
	for seq := expected + 1; seq <= uint64(len(s.commits)); seq++ {
		if e := s.commits[seq-1]; e.key == key {
			if e.commit.GetId() == commit.GetId() {
				return seq, nil
			}
			break
		}
	}
	return 0, es.ErrConflict
}

func (s *Store) has(key es.Key, id string) bool {
	for _, e := range s.commits {
		if e.key == key && e.commit.GetId() == id {
			return true
		}
	}
	return false
}

// All returns every commit with its key, in order; the sequence of the i-th is i + 1.
func (s *Store) All() ([]es.Key, []*eventv1.Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, commits := make([]es.Key, len(s.commits)), make([]*eventv1.Commit, len(s.commits))
	for i, e := range s.commits {
		keys[i], commits[i] = e.key, proto.CloneOf(e.commit)
	}
	return keys, commits
}
