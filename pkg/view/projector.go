package view

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Limits and defaults of Options.
const (
	// MaxBatch is the largest number of documents in one commit, and the default.
	MaxBatch = 1000
	// recordsPerDocument bounds the records of a commit where many of them meet the same documents.
	recordsPerDocument = 10
	// DefaultFlush is how long a record may wait for others to share its commit.
	DefaultFlush = 100 * time.Millisecond
	// DefaultCache is the budget of a projector's document cache in bytes.
	DefaultCache = 32 << 20

	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
	fencePause = time.Second
)

// Options tune a Projector; the zero value is good.
type Options struct {
	// Batch is the number of changed documents that makes a commit full, at most MaxBatch; 0 means MaxBatch. Ten times
	// as many records do so too.
	Batch int
	// Flush bounds the time between a record and its commit when fewer arrive; 0 means DefaultFlush. When somebody
	// waits for the view in this process, nothing is held back.
	Flush time.Duration
	// CacheBytes bounds the document cache, by the JSON size of documents; 0 means DefaultCache.
	CacheBytes int
	// Observe, if set, is called after every commit, once per stream that advanced.
	Observe func(Progress)
	// Retry, if set, is told each error that the projector survives: outages of the log or the database.
	Retry func(error)
	// After, if set, holds Run back until it is closed, so that a view which has much to catch up with leaves processor
	// and disk to what is more urgent. Until then the view stands still, and WaitFor waits with it: close it in bounded
	// time. Rebuild does not wait.
	After <-chan struct{}
	// Verify, if set, may refuse a rebuilt collection before the switch.
	Verify func(Report) error
}

// Report describes a finished build.
type Report struct {
	View       string
	Collection string            // the new one
	Previous   string            // the one that was current; empty at the first build
	Positions  map[string]uint64 // of the new one, by stream
	Records    uint64
	Documents  int64 // in the new one
	Before     int64 // in the previous one, when it was last seen
	Took       time.Duration
}

// Projector keeps one view up to date from one or several streams. It is the only writer of its view; a second one
// elsewhere is fenced by the checkpoint and waits. At start, and whenever a stream turns out to be made anew, to be
// shorter than the view, or the schema to differ from what is stored, it rebuilds the view from the first record
// beside the current one and switches over.
type Projector[T any] struct {
	c       *Collection[T]
	proj    Projection[T]
	sources []Source
	opts    Options
	now     func() time.Time

	ready     chan struct{}
	readyOnce sync.Once

	mu  sync.Mutex
	pos map[string]uint64
}

// NewProjector checks its arguments; faults are ErrInvalid.
func NewProjector[T any](c *Collection[T], proj Projection[T], sources []Source, o Options) (*Projector[T], error) {
	if c == nil || proj == nil || len(sources) == 0 {
		return nil, fmt.Errorf("projector without collection, projection or sources: %w", ErrInvalid)
	}
	if o.Batch < 0 || o.Batch > MaxBatch || o.Flush < 0 || o.CacheBytes < 0 {
		return nil, fmt.Errorf("projector %s: options out of range: %w", c.Name(), ErrInvalid)
	}
	if o.Batch == 0 {
		o.Batch = MaxBatch
	}
	if o.Flush == 0 {
		o.Flush = DefaultFlush
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCache
	}
	return &Projector[T]{c: c, proj: proj, sources: sources, opts: o, now: time.Now, ready: make(chan struct{})}, nil
}

// Run projects until ctx ends, and then returns nil. Outages are waited out. It returns an error when going on is
// impossible: a record cannot be projected, a document is ErrTooBig or ErrInvalid, a newer version of the view is
// current (ErrSuperseded), a build is not verified (ErrVerify).
func (p *Projector[T]) Run(ctx context.Context) error {
	if p.opts.After != nil {
		select {
		case <-p.opts.After:
		case <-ctx.Done():
			return nil
		}
	}
	pause := firstPause
	prog := p.c.store.progressOf(p.c.Name())
	for {
		started, moved := p.now(), prog.movedC()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if p.now().Sub(started) > longPause {
			pause = firstPause
		}
		wait := pause
		switch {
		case errors.Is(err, errSwitched):
			continue
		case errors.Is(err, ErrFenced):
			// Another writer is at work, or a switch is; let it, and look again.
			wait = fencePause
		case errors.Is(err, ErrUnavailable), errors.Is(err, errSource), errors.Is(err, errGone),
			errors.Is(err, context.DeadlineExceeded):
			pause = min(2*pause, longPause)
		default:
			return fmt.Errorf("view %s: %w", p.c.Name(), err)
		}
		if p.opts.Retry != nil {
			p.opts.Retry(fmt.Errorf("view %s: %w", p.c.Name(), err))
		}
		if !sleep(ctx, wait+rand.N(wait/2), moved) {
			return nil
		}
	}
}

// sleep waits for d, or less if wake is closed, and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// once finds or builds the collection and follows the streams until something breaks.
func (p *Projector[T]) once(ctx context.Context) error {
	tails, err := p.tails(ctx)
	if err != nil {
		return err
	}
	p.c.store.forget(p.c.Name())
	start, err := p.prepare(ctx, tails)
	if err != nil {
		return err
	}
	if start.build {
		if _, err := p.build(ctx, tails); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		return errSwitched
	}
	return p.follow(ctx, tails, start)
}

// follow is the live pass.
func (p *Projector[T]) follow(ctx context.Context, tails []tail, start prepared) error {
	run, err := newPass(p, tails, start, false)
	if err != nil {
		return err
	}
	prog := p.c.store.progressOf(p.c.Name())
	prog.writer(1)
	defer prog.writer(-1)
	run.publish()
	return run.run(ctx)
}

// Ready reports whether the view has reached the tail that the streams had when Run began to read.
func (p *Projector[T]) Ready() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// WaitReady blocks until Ready, or returns the error of ctx.
func (p *Projector[T]) WaitReady(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for view %s: %w", p.c.Name(), ctx.Err())
	}
}

// WaitFor is Collection.WaitFor.
func (p *Projector[T]) WaitFor(ctx context.Context, stream string, seq uint64) error {
	return p.c.WaitFor(ctx, stream, seq)
}

// Lag returns by stream how many sequences the view is behind the tail, as this projector knows it.
func (p *Projector[T]) Lag(ctx context.Context) (map[string]uint64, error) {
	tails, err := p.tails(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]uint64, len(tails))
	for _, t := range tails {
		out[t.stream] = t.last - min(p.pos[t.stream], t.last)
	}
	return out, nil
}

// tail is what a source says of itself.
type tail struct {
	stream, incarnation string
	last                uint64
}

// errSource marks errors of the log: they are waited out.
var errSource = errors.New("view: source")

func (p *Projector[T]) tails(ctx context.Context) ([]tail, error) {
	out := make([]tail, len(p.sources))
	seen := map[string]bool{}
	for i, s := range p.sources {
		stream, incarnation, last, err := s.Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: info: %w", errSource, err)
		}
		if stream == "" || seen[stream] {
			return nil, fmt.Errorf("stream %q twice or without a name: %w", stream, ErrInvalid)
		}
		seen[stream] = true
		out[i] = tail{stream, incarnation, last}
	}
	return out, nil
}
