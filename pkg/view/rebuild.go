package view

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// sweep drops the collections of a view that doomed chooses.
func (s *Store) sweep(ctx context.Context, name string, doomed func(generation) bool) error {
	gens, err := s.backend.list(ctx, name)
	if err != nil {
		return fmt.Errorf("collections of %s: %w", name, err)
	}
	for _, g := range gens {
		if !doomed(g) {
			continue
		}
		if err := s.backend.drop(ctx, g); err != nil {
			return fmt.Errorf("drop %s: %w", g.collection, err)
		}
	}
	return nil
}

// Rebuild builds the view anew from the first record beside the current collection, which goes on being read and
// written, verifies it and switches over. The former collection is kept for Rollback; older ones are dropped. An
// interrupted rebuild leaves nothing that the next one does not clear away. It may run beside Run, in this process
// or another; of two rebuilds at once, one
// fails with ErrFenced.
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
	if err := store.clear(ctx, name, func(g generation) bool { return g.building }); err != nil {
		return Report{}, err
	}
	final, err := p.next(ctx)
	if err != nil {
		return Report{}, err
	}
	temp := final
	temp.collection, temp.building = final.collection+"_building", true
	if err := p.c.open(ctx, temp, tails); err != nil {
		return Report{}, err
	}
	run, err := newPass(p, tails, prepared{gen: temp, at: map[string]uint64{}, fresh: true}, true)
	if err != nil {
		return Report{}, err
	}
	report := Report{View: name, Collection: final.collection}
	if err := run.run(ctx); !errors.Is(err, errBuilt) {
		return Report{}, p.abandon(ctx, temp, err)
	}
	if err := p.verify(ctx, temp, run, &report); err != nil {
		return Report{}, p.abandon(ctx, temp, err)
	}
	if err := p.takeOver(ctx, run, final, report.Previous); err != nil {
		return Report{}, p.abandon(ctx, temp, err)
	}
	report.Positions, report.Records, report.Took = run.positions(), run.records, p.now().Sub(began)
	return report, store.sweep(ctx, name, func(g generation) bool {
		return g.collection != report.Collection && g.collection != report.Previous
	})
}

// takeOver fences the writer of the current collection, brings the build to where that one stopped, so that no reader
// is turned back, and switches. The writer follows; interrupted here, it rebuilds.
func (p *Projector[T]) takeOver(ctx context.Context, run *pass[T], final generation, previous string) error {
	store := p.c.store
	if previous != "" {
		target, err := p.fence(ctx, run, previous)
		if err != nil {
			return err
		}
		run.target = target
		if err := run.run(ctx); !errors.Is(err, errBuilt) {
			return err
		}
	}
	if err := store.backend.rename(ctx, run.gen.collection, final); err != nil {
		return fmt.Errorf("rename %s: %w", run.gen.collection, err)
	}
	return store.switchTo(ctx, p.c.Name(), final.collection)
}

// fence retires the current collection and returns, by source, where it stopped.
func (p *Projector[T]) fence(ctx context.Context, run *pass[T], current string) ([]uint64, error) {
	prog := p.c.store.progressOf(p.c.Name())
	prog.writing.Lock()
	defer prog.writing.Unlock()
	// Retired checkpoints no longer tell a stopped writer from one that never counted, so look first – and again:
	// a writer in another process may have moved in between.
	goal, err := run.goal(ctx, current)
	if err != nil {
		return nil, err
	}
	if err := p.c.store.backend.retire(ctx, current); err != nil {
		return nil, fmt.Errorf("retire %s: %w", current, err)
	}
	cps, err := p.c.store.backend.checkpoints(ctx, current)
	if err != nil {
		return nil, err
	}
	for i, t := range run.tails {
		for _, cp := range cps {
			if goal[i] > 0 && cp.stream == t.stream && cp.incarnation == t.incarnation {
				goal[i] = cp.seq
			}
		}
	}
	return goal, nil
}

// abandon drops what a failed build made. If that fails too, the next build does it.
func (p *Projector[T]) abandon(ctx context.Context, temp generation, cause error) error {
	if ctx.Err() != nil || errors.Is(cause, ErrFenced) {
		return cause
	}
	if err := p.c.store.backend.drop(ctx, temp); err != nil {
		return fmt.Errorf("%w; drop %s: %w", cause, temp.collection, err)
	}
	return cause
}

// next names the collection to build.
func (p *Projector[T]) next(ctx context.Context) (generation, error) {
	gens, err := p.c.store.backend.list(ctx, p.c.Name())
	if err != nil {
		return generation{}, fmt.Errorf("collections of %s: %w", p.c.Name(), err)
	}
	g := generation{name: p.c.Name(), version: p.c.schema.Version, rev: 1, claim: rand.Text(), shape: p.c.binding.shape}
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
