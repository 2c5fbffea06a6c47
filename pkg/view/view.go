// Package view keeps projections: documents computed from the event log, which services look up.
//
// It owns a small port – guarded bulk writes, declared queries, versioned collections behind an alias,
// checkpoints – with two adapters that behave the same: MongoDB when a URI is configured, SQLite in the data
// directory when none is; and the Projector, which runs a projection, rebuilds it beside the live one and tells
// readers how far it has come. A document is its encoding/json form in both adapters: the json tags of its struct
// are the one source of field names.
//
// It refuses to be a truth: everything here can be dropped and rebuilt from the log, which is why SQLite may run
// with synchronous=NORMAL (a power cut can take the last transactions, never the consistency between documents and
// checkpoint). It refuses queries over fields that no index declares, joins, and aggregates beyond counting: what
// is fancier is computed when it is written. It knows neither NATS nor any service.
package view

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// aliasTTL bounds how long a process may read the former version after another process has switched.
	aliasTTL = time.Second
	// DefaultBulk is how many documents one write request to the database carries at most.
	DefaultBulk = 1000
)

// Config says where the views live.
type Config struct {
	// URI is a MongoDB connection string. Empty selects SQLite. It may hold a password and is never part of an error.
	URI string
	// Database is the MongoDB database; empty means "hotline".
	Database string
	// Path is the SQLite file (its directory must exist); required when URI is empty, ignored otherwise.
	Path string
	// MaxBulk is the number of documents in one write request, 1…DefaultBulk; 0 means DefaultBulk.
	MaxBulk int
}

// Store is an open database of views. It is safe for concurrent use.
type Store struct {
	backend *backend
	kind    string
	now     func() time.Time

	mu       sync.Mutex
	current  map[string]resolved
	progress map[string]*progress
}

// resolved is the cached answer to "which collection is current".
type resolved struct {
	gen generation
	at  time.Time
}

// Open connects to the database that c names, waits until it answers and prepares the catalogue.
// It returns ErrInvalid for an impossible configuration and ErrUnavailable when the database cannot be reached.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.MaxBulk < 0 || c.MaxBulk > DefaultBulk {
		return nil, fmt.Errorf("bulk of %d documents: %w", c.MaxBulk, ErrInvalid)
	}
	if c.MaxBulk == 0 {
		c.MaxBulk = DefaultBulk
	}
	s := &Store{now: time.Now, current: map[string]resolved{}, progress: map[string]*progress{}}
	var err error
	if c.URI == "" {
		s.kind = "sqlite"
		s.backend, err = openSQLite(ctx, c)
	} else {
		s.kind = "mongodb"
		s.backend, err = openMongo(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("open views in %s: %w", s.kind, err)
	}
	return s, nil
}

// Kind names the adapter: "sqlite" or "mongodb".
func (s *Store) Kind() string { return s.kind }

// Ping reports whether the database answers; its error is ErrUnavailable.
func (s *Store) Ping(ctx context.Context) error { return s.backend.ping(ctx) }

// Close releases the connections. Projectors and readers must have ended.
func (s *Store) Close(ctx context.Context) error { return s.backend.close(ctx) }

// resolve returns the current collection of name, from a cache not older than aliasTTL.
// It returns ErrNotReady when there is none.
func (s *Store) resolve(ctx context.Context, name string) (generation, error) {
	s.mu.Lock()
	r, ok := s.current[name]
	s.mu.Unlock()
	if ok && s.now().Sub(r.at) < aliasTTL {
		return r.gen, nil
	}
	gen, err := s.lookup(ctx, name)
	if err != nil {
		return generation{}, err
	}
	s.mu.Lock()
	s.current[name] = resolved{gen: gen, at: s.now()}
	s.mu.Unlock()
	return gen, nil
}

// lookup reads the alias of name from the database.
func (s *Store) lookup(ctx context.Context, name string) (generation, error) {
	a, err := s.backend.alias(ctx, name)
	if err != nil {
		return generation{}, fmt.Errorf("alias %s: %w", name, err)
	}
	gens, err := s.backend.list(ctx, name)
	if err != nil {
		return generation{}, fmt.Errorf("collections of %s: %w", name, err)
	}
	for _, g := range gens {
		if g.collection == a.collection {
			return g, nil
		}
	}
	return generation{}, fmt.Errorf("view %s: %w", name, ErrNotReady)
}

// forget drops the cached alias of name.
func (s *Store) forget(name string) {
	s.mu.Lock()
	delete(s.current, name)
	s.mu.Unlock()
}
