package eventlog

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hotline-desk/hotline/pkg/es"
)

// ErrLeaseLost is the cause of the context given to a lease's holder when the lease was lost.
var ErrLeaseLost = errors.New("lease lost")

const releaseTimeout = 2 * time.Second

// Lease makes one of several instances the owner of something, for as long as it renews. It trusts no clock but the local
// monotonic one: a holder counts from before it renewed, a contender from after it saw the last renewal. It cannot fence
// a call already under way; whoever owns something also makes its writes conditional.
type Lease struct {
	bucket *Bucket
	name   string
	value  string // instance, and a nonce that tells this holder from an earlier one of the same instance
	ttl    time.Duration

	mu    sync.Mutex
	until time.Time
}

// Lease returns the lease of a name (tokens joined by dots). ttl is how long a vanished holder blocks other instances; a
// holder with the same instance id as the former one takes over at once.
func (l *Log) Lease(name, instance string, ttl time.Duration) *Lease {
	return &Lease{bucket: l.Bucket(BucketLeases), name: name, value: instance + "\n" + uuid.NewString(), ttl: ttl}
}

// Margin is how much longer the lease is surely held; zero or less when it is not.
func (le *Lease) Margin() time.Duration {
	le.mu.Lock()
	defer le.mu.Unlock()
	if le.until.IsZero() {
		return 0
	}
	return time.Until(le.until)
}

func (le *Lease) set(until time.Time) {
	le.mu.Lock()
	defer le.mu.Unlock()
	le.until = until
}

// Run waits for the lease and calls held with a context that ends when the lease is lost (cause ErrLeaseLost) or ctx
// ends. After a loss it waits for held to return and begins anew. When held returns while it holds the lease, Run releases
// the lease and returns held's error; when ctx ends, it returns the context's.
func (le *Lease) Run(ctx context.Context, held func(ctx context.Context) error) error {
	for {
		revision, until, err := le.acquire(ctx)
		if err != nil {
			return err
		}
		lost, err := le.hold(ctx, revision, until, held)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !lost {
			return err
		}
	}
}

// acquire waits until the lease is ours; it fails only with ctx.
func (le *Lease) acquire(ctx context.Context) (revision uint64, until time.Time, err error) {
	var seen uint64
	var since time.Time
	poll := min(max(le.ttl/8, 20*time.Millisecond), time.Second)
	for {
		value, current, err := le.bucket.Get(ctx, le.name)
		free := errors.Is(err, es.ErrNotFound) || err == nil && le.sameInstance(string(value))
		if err == nil && current != seen {
			seen, since = current, time.Now()
		}
		expired := err == nil && time.Since(since) >= le.ttl
		if free || expired {
			start := time.Now()
			revision, err := le.bucket.Update(ctx, le.name, []byte(le.value), current)
			if err == nil {
				return revision, start.Add(le.ttl), nil
			}
		}
		if err := wait(ctx, poll); err != nil {
			return 0, time.Time{}, err
		}
	}
}

func (le *Lease) sameInstance(value string) bool {
	theirs, _, _ := strings.Cut(value, "\n")
	ours, _, _ := strings.Cut(le.value, "\n")
	return theirs == ours
}

// hold runs held and renews until held returns or the lease is lost.
func (le *Lease) hold(parent context.Context, revision uint64, until time.Time, held func(context.Context) error) (lost bool, err error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	le.set(until)
	defer le.set(time.Time{})
	done := make(chan error, 1)
	go func() { done <- held(ctx) }()
	timer := time.NewTimer(le.ttl / 3)
	defer timer.Stop()
	for {
		select {
		case err := <-done:
			le.release(parent, revision)
			return false, err
		case <-timer.C:
		}
		revision, until, err = le.renew(ctx, revision, until)
		if errors.Is(err, ErrLeaseLost) && parent.Err() == nil {
			le.set(time.Time{})
			cancel(ErrLeaseLost)
			return true, <-done
		}
		le.set(until)
		timer.Reset(le.pace(err))
	}
}

func (le *Lease) pace(err error) time.Duration {
	if err != nil {
		return le.ttl / 20
	}
	return le.ttl / 3
}

// renew renews once. ErrLeaseLost means that another holder is there or that time is up; other errors leave time.
func (le *Lease) renew(ctx context.Context, revision uint64, until time.Time) (uint64, time.Time, error) {
	attempt, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	start := time.Now()
	next, err := le.bucket.Update(attempt, le.name, []byte(le.value), revision)
	if err == nil {
		return next, start.Add(le.ttl), nil
	}
	if errors.Is(err, es.ErrConflict) {
		// An earlier renewal may have gone through without our hearing of it; then the nonce is ours.
		value, current, readErr := le.bucket.Get(attempt, le.name)
		if readErr == nil && string(value) != le.value || errors.Is(readErr, es.ErrNotFound) {
			return revision, until, ErrLeaseLost
		}
		if readErr == nil {
			revision = current
		}
	}
	if !time.Now().Before(until) {
		return revision, until, ErrLeaseLost
	}
	return revision, until, err
}

// release gives the lease free, so that nobody has to wait for it; if that fails, they wait.
func (le *Lease) release(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if _, err := le.bucket.swap(ctx, le.bucket.marker(ctx, le.name), revision); err != nil {
		le.bucket.log.log.Debug("lease not released")
	}
}
