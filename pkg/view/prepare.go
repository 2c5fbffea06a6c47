package view

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"
)

// buildLook is how long a collection under construction must stand still to be taken for abandoned.
const buildLook = 2 * time.Second

// prepared is where a pass begins.
type prepared struct {
	gen   generation
	at    map[string]uint64
	fresh bool // the collection was made empty just now
	build bool // what is there cannot be continued
}

// physical names a collection: dialogs_v3, and dialogs_v3_r2 when version 3 is built for the second time.
func physical(name string, version, rev int) string {
	if rev == 1 {
		return fmt.Sprintf("%s_v%d", name, version)
	}
	return fmt.Sprintf("%s_v%d_r%d", name, version, rev)
}

// prepare decides whether the current collection can be continued. The first collection of a view becomes current
// while it is still empty, since there is nothing older to serve.
func (p *Projector[T]) prepare(ctx context.Context, tails []tail) (prepared, error) {
	store, name, schema := p.c.store, p.c.Name(), p.c.schema
	gen, err := store.lookup(ctx, name)
	if errors.Is(err, ErrNotReady) {
		return p.c.first(ctx, tails)
	}
	if err != nil {
		return prepared{}, err
	}
	if gen.version > schema.Version {
		return prepared{}, fmt.Errorf("version %d is current, this is %d: %w", gen.version, schema.Version, ErrSuperseded)
	}
	if !p.c.matches(gen) {
		return prepared{build: true}, nil
	}
	cps, err := store.backend.checkpoints(ctx, gen.collection)
	if err != nil {
		return prepared{}, err
	}
	at, ok := continues(cps, tails)
	if !ok {
		// What it says of its position no longer means anything: nobody may wait on it.
		if err := store.backend.retire(ctx, gen.collection); err != nil {
			return prepared{}, err
		}
	}
	return prepared{gen: gen, at: at, build: !ok}, nil
}

// continues matches checkpoints with streams. A stream made anew, one that lost its tail, and one the view has never
// read make it impossible to continue; so does a checkpoint retired by a switch that was not finished.
func continues(cps []checkpoint, tails []tail) (map[string]uint64, bool) {
	at := map[string]uint64{}
	for _, t := range tails {
		found := false
		for _, cp := range cps {
			if cp.stream != t.stream || cp.incarnation != t.incarnation {
				continue
			}
			if cp.retired || cp.seq > t.last {
				return nil, false
			}
			found, at[t.stream] = true, cp.seq
		}
		if !found {
			return nil, false
		}
	}
	return at, true
}

// first makes the first collection of a view. Of several who try, one succeeds; the others get ErrFenced.
func (c *Collection[T]) first(ctx context.Context, tails []tail) (prepared, error) {
	store, name := c.store, c.Name()
	if err := store.clear(ctx, name, func(generation) bool { return true }); err != nil {
		return prepared{}, err
	}
	gen := generation{collection: physical(name, c.schema.Version, 1), name: name, version: c.schema.Version,
		rev: 1, claim: rand.Text(), shape: c.binding.shape}
	if err := c.open(ctx, gen, tails); err != nil {
		return prepared{}, err
	}
	if err := store.backend.point(ctx, name, gen.collection); err != nil {
		return prepared{}, fmt.Errorf("point %s: %w", name, err)
	}
	store.forget(name)
	return prepared{gen: gen, at: map[string]uint64{}, fresh: true}, nil
}

// open creates a collection with its checkpoints at zero.
func (c *Collection[T]) open(ctx context.Context, gen generation, tails []tail) error {
	if err := c.store.backend.create(ctx, gen); err != nil {
		return fmt.Errorf("create %s: %w", gen.collection, err)
	}
	cps := make([]checkpoint, len(tails))
	for i, t := range tails {
		cps[i] = checkpoint{stream: t.stream, incarnation: t.incarnation}
	}
	if err := c.store.backend.begin(ctx, gen.collection, cps); err != nil {
		return fmt.Errorf("checkpoints of %s: %w", gen.collection, err)
	}
	return nil
}

// clear drops the collections that doomed chooses, which an interrupted attempt left. One that makes progress, or comes
// to its end, is another writer's: ErrFenced.
func (s *Store) clear(ctx context.Context, name string, doomed func(generation) bool) error {
	gens, err := s.backend.list(ctx, name)
	if err != nil {
		return fmt.Errorf("collections of %s: %w", name, err)
	}
	for _, g := range gens {
		if !doomed(g) {
			continue
		}
		before, err := s.look(ctx, g)
		if err != nil {
			return err
		}
		if !sleep(ctx, buildLook, nil) {
			return ctx.Err()
		}
		after, err := s.look(ctx, g)
		if err != nil {
			return err
		}
		if !slices.Equal(before, after) {
			return fmt.Errorf("%s is another's: %w", g.collection, ErrFenced)
		}
		if err := s.backend.drop(ctx, g); err != nil {
			return fmt.Errorf("drop %s: %w", g.collection, err)
		}
	}
	return nil
}

// look describes how far the maker of g is.
func (s *Store) look(ctx context.Context, g generation) ([]checkpoint, error) {
	a, err := s.backend.alias(ctx, g.name)
	if err != nil {
		return nil, fmt.Errorf("alias %s: %w", g.name, err)
	}
	cps, err := s.backend.checkpoints(ctx, g.collection)
	if err != nil {
		return nil, fmt.Errorf("checkpoints of %s: %w", g.collection, err)
	}
	slices.SortFunc(cps, func(a, b checkpoint) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.incarnation, b.incarnation))
	})
	return append(cps, checkpoint{stream: a.collection}), nil
}
