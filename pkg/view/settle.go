package view

import (
	"context"
	"fmt"
	"time"
)

// settle follows a flush: a live pass that has caught up is ready; a build that has caught up with the tail and with
// the current collection is done, and otherwise looks again soon.
func (r *pass[T]) settle(ctx context.Context, timer *time.Timer) error {
	if r.behind > 0 {
		return nil
	}
	if !r.build {
		r.p.readyOnce.Do(func() { close(r.p.ready) })
		return nil
	}
	level, err := r.level(ctx)
	if err != nil {
		return err
	}
	if level {
		return errBuilt
	}
	timer.Reset(min(r.p.opts.Flush, buildFlush))
	return nil
}

// level reports whether the build is as far as the current collection, or as far as that one came at all.
func (r *pass[T]) level(ctx context.Context) (bool, error) {
	goal := r.target
	if goal == nil {
		a, err := r.p.c.store.backend.alias(ctx, r.p.c.Name())
		if err != nil || a.collection == "" {
			return err == nil, err
		}
		if goal, err = r.goal(ctx, a.collection); err != nil {
			return false, err
		}
	}
	for i, seq := range goal {
		if r.stored[i] < seq {
			return false, nil
		}
	}
	return true, nil
}

// goal returns by source how far a build must come to replace collection. A checkpoint of another incarnation, a
// retired one, and one beyond the end of its log do not bind it.
func (r *pass[T]) goal(ctx context.Context, collection string) ([]uint64, error) {
	cps, err := r.p.c.store.backend.checkpoints(ctx, collection)
	if err != nil {
		return nil, err
	}
	tails, err := r.p.tails(ctx)
	if err != nil {
		return nil, err
	}
	goal := make([]uint64, len(r.tails))
	for i, t := range r.tails {
		if tails[i].incarnation != t.incarnation {
			return nil, fmt.Errorf("stream %s was made anew: %w", t.stream, errSwitched)
		}
		for _, cp := range cps {
			if cp.stream == t.stream && cp.incarnation == t.incarnation && !cp.retired && cp.seq <= tails[i].last {
				goal[i] = cp.seq
			}
		}
	}
	return goal, nil
}
