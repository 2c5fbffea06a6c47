package view

import (
	"context"
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
		return p.first(ctx, tails)
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

// first makes the first collection of a view.
func (p *Projector[T]) first(ctx context.Context, tails []tail) (prepared, error) {
	store, name := p.c.store, p.c.Name()
	if err := p.sweep(ctx, func(generation) bool { return true }); err != nil {
		return prepared{}, err
	}
	gen := generation{collection: physical(name, p.c.schema.Version, 1), name: name, version: p.c.schema.Version,
		rev: 1, shape: p.c.binding.shape}
	if err := p.open(ctx, gen, tails); err != nil {
		return prepared{}, err
	}
	if err := store.backend.point(ctx, name, gen.collection); err != nil {
		return prepared{}, fmt.Errorf("point %s: %w", name, err)
	}
	store.forget(name)
	return prepared{gen: gen, at: map[string]uint64{}, fresh: true}, nil
}

// open creates a collection with its checkpoints at zero.
func (p *Projector[T]) open(ctx context.Context, gen generation, tails []tail) error {
	if err := p.c.store.backend.create(ctx, gen); err != nil {
		return fmt.Errorf("create %s: %w", gen.collection, err)
	}
	cps := make([]checkpoint, len(tails))
	for i, t := range tails {
		cps[i] = checkpoint{stream: t.stream, incarnation: t.incarnation}
	}
	if err := p.c.store.backend.begin(ctx, gen.collection, cps); err != nil {
		return fmt.Errorf("checkpoints of %s: %w", gen.collection, err)
	}
	return nil
}

// sweep drops the collections of this view that doomed names.
func (p *Projector[T]) sweep(ctx context.Context, doomed func(generation) bool) error {
	return p.c.store.sweep(ctx, p.c.Name(), doomed)
}

func (s *Store) sweep(ctx context.Context, name string, doomed func(generation) bool) error {
	gens, err := s.backend.list(ctx, name)
	if err != nil {
		return fmt.Errorf("collections of %s: %w", name, err)
	}
	for _, g := range gens {
		if !doomed(g) {
			continue
		}
		if err := s.backend.drop(ctx, g.collection); err != nil {
			return fmt.Errorf("drop %s: %w", g.collection, err)
		}
	}
	return nil
}

// Rebuild builds the view anew from the first record beside the current collection, which goes on being read and
// written, verifies it and switches over. The former collection is kept for Rollback; older ones are dropped. An
// interrupted rebuild leaves nothing that the next one does not clear away. It may run beside Run, in this process
// or another; of two rebuilds at once, one fails.
func (p *Projector[T]) Rebuild(ctx context.Context) (Report, error) {
	tails, err := p.tails(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("rebuild %s: %w", p.c.Name(), err)
	}
	r, err := p.build(ctx, tails)
	if err != nil {
		return Report{}, fmt.Errorf("rebuild %s: %w", p.c.Name(), err)
	}
	return r, nil
}

func (p *Projector[T]) build(ctx context.Context, tails []tail) (Report, error) {
	store, name := p.c.store, p.c.Name()
	began := p.now()
	if err := p.clear(ctx); err != nil {
		return Report{}, err
	}
	final, err := p.next(ctx)
	if err != nil {
		return Report{}, err
	}
	temp := final
	temp.collection, temp.building = final.collection+"_building", true
	if err := p.open(ctx, temp, tails); err != nil {
		return Report{}, err
	}
	run, err := newPass(p, tails, prepared{gen: temp, at: map[string]uint64{}, fresh: true}, true)
	if err != nil {
		return Report{}, err
	}
	if err := run.run(ctx); !errors.Is(err, errBuilt) {
		return Report{}, err
	}
	report := Report{View: name, Collection: final.collection, Positions: run.positions(), Records: run.records}
	if err := p.verify(ctx, temp, run, &report); err != nil {
		return Report{}, err
	}
	if err := store.backend.rename(ctx, temp.collection, final); err != nil {
		return Report{}, fmt.Errorf("rename %s: %w", temp.collection, err)
	}
	if err := store.switchTo(ctx, name, final.collection); err != nil {
		return Report{}, err
	}
	report.Took = p.now().Sub(began)
	return report, p.sweep(ctx, func(g generation) bool {
		return g.collection != report.Collection && g.collection != report.Previous
	})
}

// clear drops what an interrupted build left. A build that still makes progress is another writer's: errFenced.
func (p *Projector[T]) clear(ctx context.Context) error {
	gens, err := p.c.store.backend.list(ctx, p.c.Name())
	if err != nil {
		return fmt.Errorf("collections of %s: %w", p.c.Name(), err)
	}
	for _, g := range gens {
		if !g.building {
			continue
		}
		before, err := p.c.store.backend.checkpoints(ctx, g.collection)
		if err != nil {
			return err
		}
		if !sleep(ctx, buildLook) {
			return ctx.Err()
		}
		after, err := p.c.store.backend.checkpoints(ctx, g.collection)
		if err != nil {
			return err
		}
		if !sameCheckpoints(before, after) {
			return fmt.Errorf("%s is being built by another: %w", g.collection, errFenced)
		}
		if err := p.c.store.backend.drop(ctx, g.collection); err != nil {
			return fmt.Errorf("drop %s: %w", g.collection, err)
		}
	}
	return nil
}

// sameCheckpoints compares without regard to order.
func sameCheckpoints(a, b []checkpoint) bool {
	if len(a) != len(b) {
		return false
	}
	for _, cp := range a {
		if !slices.Contains(b, cp) {
			return false
		}
	}
	return true
}

// next names the collection to build.
func (p *Projector[T]) next(ctx context.Context) (generation, error) {
	gens, err := p.c.store.backend.list(ctx, p.c.Name())
	if err != nil {
		return generation{}, fmt.Errorf("collections of %s: %w", p.c.Name(), err)
	}
	g := generation{name: p.c.Name(), version: p.c.schema.Version, rev: 1, shape: p.c.binding.shape}
	for _, other := range gens {
		if other.version == g.version {
			g.rev = max(g.rev, other.rev+1)
		}
	}
	g.collection = physical(g.name, g.version, g.rev)
	return g, nil
}

// verify compares what the build believes to have written with what the database holds, and asks the caller.
func (p *Projector[T]) verify(ctx context.Context, gen generation, run *pass[T], r *Report) error {
	var err error
	if r.Documents, err = p.c.store.backend.count(ctx, gen.collection, plan{}); err != nil {
		return fmt.Errorf("count %s: %w", gen.collection, err)
	}
	if r.Documents != run.batch.tally {
		return fmt.Errorf("%s holds %d documents, %d were written: %w",
			gen.collection, r.Documents, run.batch.tally, ErrVerify)
	}
	a, err := p.c.store.backend.alias(ctx, p.c.Name())
	if err != nil {
		return fmt.Errorf("alias %s: %w", p.c.Name(), err)
	}
	if r.Previous = a.collection; r.Previous != "" {
		if r.Before, err = p.c.store.backend.count(ctx, r.Previous, plan{}); err != nil {
			return fmt.Errorf("count %s: %w", r.Previous, err)
		}
	}
	if p.opts.Verify != nil {
		if err := p.opts.Verify(*r); err != nil {
			return fmt.Errorf("%w: %w", ErrVerify, err)
		}
	}
	return nil
}

// switchTo points the alias and wakes the live writer of this process.
func (s *Store) switchTo(ctx context.Context, name, collection string) error {
	if err := s.backend.point(ctx, name, collection); err != nil {
		return fmt.Errorf("point %s: %w", name, err)
	}
	s.forget(name)
	s.progressOf(name).switched()
	return nil
}

// Rollback makes the collection current that was so before the last rebuild; its projector continues from where it
// stood. It returns ErrNotFound when there is none. A second Rollback goes forward again.
func (s *Store) Rollback(ctx context.Context, name string) error {
	a, err := s.backend.alias(ctx, name)
	if err != nil {
		return fmt.Errorf("alias %s: %w", name, err)
	}
	gens, err := s.backend.list(ctx, name)
	if err != nil {
		return fmt.Errorf("collections of %s: %w", name, err)
	}
	for _, g := range gens {
		if g.collection == a.previous {
			return s.switchTo(ctx, name, g.collection)
		}
	}
	return fmt.Errorf("former collection of %s: %w", name, ErrNotFound)
}

// DropOld drops every collection of the view that is neither current nor being built; Rollback is impossible then.
// Other processes may read the former collection for up to a second after a switch; drop it later than that.
func (s *Store) DropOld(ctx context.Context, name string) error {
	a, err := s.backend.alias(ctx, name)
	if err != nil {
		return fmt.Errorf("alias %s: %w", name, err)
	}
	return s.sweep(ctx, name, func(g generation) bool { return !g.building && g.collection != a.collection })
}
