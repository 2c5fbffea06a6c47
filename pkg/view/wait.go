package view

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pollEvery is how often a waiter looks at the stored checkpoint when the projector runs in another process.
const pollEvery = 25 * time.Millisecond

// progress tells the waiters of this process how far the writer of a view is. It belongs to a view's name.
type progress struct {
	writing sync.Mutex // held by the live writer in a commit, and by a switch

	mu      sync.Mutex
	writers int
	pos     map[string]uint64
	changed chan struct{}
	moved   chan struct{}
	waiters int
	poke    chan struct{}
}

// progress returns the one of name.
func (s *Store) progressOf(name string) *progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.progress[name]
	if p == nil {
		p = &progress{changed: make(chan struct{}), moved: make(chan struct{}), poke: make(chan struct{}, 1)}
		s.progress[name] = p
	}
	return p
}

// reached publishes the positions of the live collection.
func (p *progress) reached(pos map[string]uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pos = pos
	close(p.changed)
	p.changed = make(chan struct{})
}

// switched tells the live writer that the alias points elsewhere now. Positions are unknown until it has followed:
// the new collection may be a moment behind the old one.
func (p *progress) switched() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pos = nil
	close(p.moved)
	p.moved = make(chan struct{})
}

// movedC is closed at the next switch.
func (p *progress) movedC() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moved
}

// writer counts the live writers of this process, so that waiters know whether they will be told.
func (p *progress) writer(delta int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writers += delta
	if p.writers == 0 {
		p.pos = nil
	}
}

// wanted reports whether somebody waits, so that the writer does not linger.
func (p *progress) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiters > 0
}

// at returns what the local writer published, if there is one, and a channel closed at the next change.
func (p *progress) at(stream string) (seq uint64, local bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pos[stream], p.writers > 0, p.changed
}

func (p *progress) wait(delta int) {
	p.mu.Lock()
	p.waiters += delta
	p.mu.Unlock()
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// WaitFor blocks until the current collection has applied stream up to seq, so that a reader sees its own write.
// At the deadline of ctx it returns ErrBehind; when ctx is cancelled, its error. It works whether the projector runs
// in this process or in another one.
func (c *Collection[T]) WaitFor(ctx context.Context, stream string, seq uint64) error {
	if seq == 0 {
		return nil
	}
	p := c.store.progressOf(c.schema.Name)
	if at, _, _ := p.at(stream); at >= seq {
		return nil
	}
	p.wait(1)
	defer p.wait(-1)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		at, local, changed := p.at(stream)
		if !local {
			pos, err := c.Position(ctx)
			if err != nil && !errors.Is(err, ErrNotReady) {
				return c.behind(ctx, stream, seq, at, err)
			}
			at = pos[stream]
		}
		if at >= seq {
			return nil
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return c.behind(ctx, stream, seq, at, nil)
		}
	}
}

// behind chooses the error of a wait that ended without success.
func (c *Collection[T]) behind(ctx context.Context, stream string, seq, at uint64, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("view %s at %s %d, asked for %d: %w", c.schema.Name, stream, at, seq, ErrBehind)
	case ctx.Err() != nil:
		return fmt.Errorf("wait for view %s: %w", c.schema.Name, ctx.Err())
	}
	return err
}

// Position returns the checkpoints of the current collection by stream. A stream whose incarnation is gone, or of a
// collection about to be replaced, is not in it.
func (c *Collection[T]) Position(ctx context.Context) (map[string]uint64, error) {
	pos := map[string]uint64{}
	err := c.read(ctx, func(collection string) error {
		cps, err := c.store.backend.checkpoints(ctx, collection)
		if err != nil {
			return err
		}
		clear(pos)
		for _, cp := range cps {
			if !cp.retired {
				pos[cp.stream] = cp.seq
			}
		}
		return nil
	})
	return pos, err
}
