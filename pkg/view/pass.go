package view

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// queued is how many records may lie between the readers and the writer of a pass.
	queued = 2048
	// buildFlush is how long a build that has caught up lingers: a switch waits for it.
	buildFlush = 20 * time.Millisecond
)

var (
	// errSwitched: the alias points elsewhere, or a stream was made anew; begin again at once.
	errSwitched = errors.New("view: switched")
	// errBuilt ends the pass of a build that has caught up.
	errBuilt = errors.New("view: built")
)

// pass applies the streams to one collection: a reader per source, one writer.
type pass[T any] struct {
	p       *Projector[T]
	gen     generation
	tails   []tail
	batch   *Batch[T]
	build   bool
	queue   chan item
	applied []uint64 // per source
	stored  []uint64 // per source, the checkpoint
	times   []time.Time
	caught  []bool
	behind  int // sources that have not reached their tail
	pending int // records since the last commit
	records uint64
	target  []uint64 // of a build: where the fenced current collection stopped; nil while it goes on
}

// item is a record, or the news that a source has delivered its tail.
type item struct {
	source int
	caught bool
	rec    Record
}

func newPass[T any](p *Projector[T], tails []tail, start prepared, build bool) (*pass[T], error) {
	streams := make([]string, len(tails))
	r := &pass[T]{p: p, gen: start.gen, tails: tails, build: build,
		applied: make([]uint64, len(tails)), stored: make([]uint64, len(tails)),
		times: make([]time.Time, len(tails)), caught: make([]bool, len(tails)), behind: len(tails)}
	for i, t := range tails {
		streams[i] = t.stream
		r.applied[i], r.stored[i] = start.at[t.stream], start.at[t.stream]
	}
	var err error
	r.batch, err = newBatch(p.c, start.gen, streams, p.opts.CacheBytes, start.fresh)
	return r, err
}

// run ends with an error always; errBuilt is the good end of a build, after which it may be run again to go on.
func (r *pass[T]) run(ctx context.Context) error {
	r.queue = make(chan item, queued)
	g, ctx := errgroup.WithContext(ctx)
	for i, at := range r.applied {
		g.Go(func() error { return r.read(ctx, i, at+1) })
	}
	g.Go(func() error { return r.write(ctx) })
	return g.Wait()
}

// read feeds one source into the queue.
func (r *pass[T]) read(ctx context.Context, source int, from uint64) error {
	t := r.tails[source]
	push := func(it item) error {
		select {
		case r.queue <- it:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var stop error
	err := r.p.sources[source].Read(ctx, from, func(rec Record) error {
		if rec.Incarnation != t.incarnation {
			stop = fmt.Errorf("stream %s was made anew: %w", t.stream, errSwitched)
			return stop
		}
		return push(item{source: source, rec: rec})
	}, func() {
		// Only the end of ctx can refuse it, and then nobody listens.
		_ = push(item{source: source, caught: true})
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case stop != nil:
		return stop
	case err == nil:
		return fmt.Errorf("%w: stream %s ended", errSource, t.stream)
	}
	return fmt.Errorf("%w: read %s: %w", errSource, t.stream, err)
}

// write applies records and commits them: when the batch is full, when its oldest record has waited long enough, or
// at once when nothing more is queued and somebody waits for the view.
func (r *pass[T]) write(ctx context.Context) error {
	prog := r.p.c.store.progressOf(r.p.c.Name())
	moved, poke := prog.movedC(), (<-chan struct{})(prog.poke)
	if r.build {
		moved, poke = nil, nil // nobody waits for a build, and it is not what a switch takes away
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	timer.Stop()
	if r.build {
		if err := r.settle(ctx, timer); err != nil {
			return err
		}
	}
	for {
		flush := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
			return errSwitched
		case <-timer.C:
			flush = true
		case <-poke:
			flush = len(r.queue) == 0
		case it := <-r.queue:
			if err := r.take(ctx, it, timer); err != nil {
				return err
			}
			flush = it.caught || r.full() || (!r.build && len(r.queue) == 0 && prog.wanted())
		}
		if !flush {
			continue
		}
		if err := r.flush(ctx); err != nil {
			return err
		}
		timer.Stop()
		if err := r.settle(ctx, timer); err != nil {
			return err
		}
	}
}

// full reports whether the batch should wait for no more records.
func (r *pass[T]) full() bool {
	return len(r.batch.order) >= r.p.opts.Batch || r.pending >= recordsPerDocument*r.p.opts.Batch
}

// take applies one item.
func (r *pass[T]) take(ctx context.Context, it item, timer *time.Timer) error {
	if it.caught {
		if !r.caught[it.source] {
			r.caught[it.source] = true
			r.behind--
		}
		return nil
	}
	rec := it.rec
	if rec.Seq <= r.applied[it.source] {
		return nil
	}
	r.batch.now = recordID{it.source, rec.Seq}
	if err := r.p.proj.Project(ctx, r.batch, rec); err != nil {
		return fmt.Errorf("project %s %d: %w", rec.Stream, rec.Seq, err)
	}
	r.applied[it.source], r.times[it.source] = rec.Seq, rec.Time
	if r.pending == 0 {
		timer.Reset(r.p.opts.Flush)
	}
	r.pending++
	r.records++
	return nil
}

// flush commits what is pending, documents and checkpoints together.
func (r *pass[T]) flush(ctx context.Context) error {
	if r.pending == 0 {
		return nil
	}
	ws, err := r.batch.writes()
	if err != nil {
		return err
	}
	var as []advance
	for i, t := range r.tails {
		if r.applied[i] > r.stored[i] {
			as = append(as, advance{t.stream, t.incarnation, r.stored[i], r.applied[i]})
		}
	}
	began := r.p.now()
	if err := r.commit(ctx, ws, as); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	took := r.p.now().Sub(began)
	r.batch.flushed(ws)
	records := r.pending
	r.pending = 0
	copy(r.stored, r.applied)
	r.publish()
	r.observe(as, records, len(ws), took)
	return nil
}

// commit excludes a switch in this process, so that none falls between documents and checkpoint where the adapter
// writes them one after the other.
func (r *pass[T]) commit(ctx context.Context, ws []write, as []advance) error {
	if !r.build {
		prog := r.p.c.store.progressOf(r.p.c.Name())
		prog.writing.Lock()
		defer prog.writing.Unlock()
	}
	return r.p.c.store.backend.commit(ctx, r.gen, ws, as)
}

// publish tells waiters and Lag where the live collection is.
func (r *pass[T]) publish() {
	if r.build {
		return
	}
	pos := r.positions()
	r.p.mu.Lock()
	r.p.pos = pos
	r.p.mu.Unlock()
	r.p.c.store.progressOf(r.p.c.Name()).reached(pos)
}

func (r *pass[T]) positions() map[string]uint64 {
	pos := make(map[string]uint64, len(r.tails))
	for i, t := range r.tails {
		pos[t.stream] = r.stored[i]
	}
	return pos
}

func (r *pass[T]) observe(as []advance, records, changed int, took time.Duration) {
	if r.p.opts.Observe == nil {
		return
	}
	for i, t := range r.tails {
		for _, a := range as {
			if a.stream == t.stream {
				r.p.opts.Observe(Progress{View: r.p.c.Name(), Stream: t.stream, Seq: a.to, Records: records,
					Changed: changed, Age: r.p.now().Sub(r.times[i]), Took: took, Rebuild: r.build})
			}
		}
	}
}
