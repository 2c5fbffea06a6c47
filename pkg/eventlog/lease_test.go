package eventlog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLeaseHasOneHolder(t *testing.T) {
	l := newLog(t)
	const ttl = 600 * time.Millisecond
	var holders, most atomic.Int32
	var order sync.Map
	for _, instance := range []string{"a", "b", "c"} {
		lease := l.Lease("relay.c_1", instance, ttl)
		running(t, func(ctx context.Context) error {
			return lease.Run(ctx, func(ctx context.Context) error {
				now := holders.Add(1)
				defer holders.Add(-1)
				most.Store(max(most.Load(), now))
				if lease.Margin() <= 0 {
					t.Error("holds without a margin")
				}
				order.Store(instance, true)
				<-ctx.Done()
				return ctx.Err()
			})
		})
	}
	eventually(t, "a holder", func() bool { return holders.Load() == 1 })
	end := time.Now().Add(3 * ttl) // long enough for a contender to take what is not renewed
	eventually(t, "time", func() bool { return time.Now().After(end) })
	if most.Load() != 1 {
		t.Errorf("%d holders at once", most.Load())
	}
	n := 0
	order.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d instances held it, though the first one renewed", n)
	}
}

func TestLeasePassesOnWhenReleased(t *testing.T) {
	l := newLog(t)
	const ttl = time.Minute
	a, b := l.Lease("x", "a", ttl), l.Lease("x", "b", ttl)
	held := make(chan struct{})
	stop := running(t, func(ctx context.Context) error {
		return a.Run(ctx, func(ctx context.Context) error { close(held); <-ctx.Done(); return ctx.Err() })
	})
	<-held
	stop()
	if a.Margin() > 0 {
		t.Error("a margin after the release")
	}
	if err := b.Run(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	boom := errors.New("boom")
	if err := b.Run(t.Context(), func(context.Context) error { return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
}

// The same instance, started again, takes over from its former self at once; another one waits.
func TestLeaseOfAVanishedHolder(t *testing.T) {
	l := newLog(t)
	const ttl = 800 * time.Millisecond
	abandoned := l.Lease("x", "a", ttl)
	if _, _, err := abandoned.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, _, err := l.Lease("x", "a", time.Hour).acquire(t.Context()); err != nil || time.Since(start) > ttl/2 {
		t.Errorf("the same instance waited %s: %v", time.Since(start), err)
	}
	start = time.Now()
	if _, _, err := l.Lease("x", "b", ttl).acquire(t.Context()); err != nil || time.Since(start) < ttl {
		t.Errorf("another instance waited only %s: %v", time.Since(start), err)
	}
}

// A holder that is replaced learns it by its next renewal, and its work's context ends.
func TestLeaseLost(t *testing.T) {
	l := newLog(t)
	const ttl = 600 * time.Millisecond
	old := l.Lease("x", "a", ttl)
	cause := make(chan error, 8)
	running(t, func(ctx context.Context) error {
		return old.Run(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return ctx.Err()
		})
	})
	eventually(t, "held", func() bool { return old.Margin() > 0 })
	thief := l.Lease("x", "a", ttl)
	if _, _, err := thief.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-cause; !errors.Is(err, ErrLeaseLost) {
		t.Error(err)
	}
}
