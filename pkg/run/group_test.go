package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// journal notes what units did, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) unit(name string) Unit {
	return Unit{Name: name, Run: func(ctx context.Context) error {
		j.note("start " + name)
		<-ctx.Done()
		j.note("stop " + name)
		return ctx.Err()
	}}
}

func (j *journal) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(j.lines, lines) {
		t.Errorf("happened %q, want %q", j.lines, lines)
	}
}

func group(units ...Unit) *Group {
	g := NewGroup(zap.NewNop())
	g.Add(units...)
	return g
}

// gated makes each unit start only when the one before it is running.
func gated(j *journal, names ...string) []Unit {
	var units []Unit
	for _, name := range names {
		var up atomic.Bool
		units = append(units, Unit{
			Name: name,
			Gate: true,
			Run: func(ctx context.Context) error {
				j.note("start " + name)
				up.Store(true)
				<-ctx.Done()
				j.note("stop " + name)
				return nil
			},
			Ready: func() error {
				if !up.Load() {
					return errors.New("starting")
				}
				return nil
			},
		})
	}
	return units
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestGroupStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		g := group(gated(&j, "log", "dialog", "relay")...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		pass(time.Second)
		for _, s := range g.Ready() {
			if !s.Ready {
				t.Errorf("%s is not ready: %s", s.Name, s.Why)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("a stop by signal is an error: %v", err)
		}
		j.want(t, "start log", "start dialog", "start relay", "stop relay", "stop dialog", "stop log")
	})
}

func TestGroupGateWaitsForReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var ready atomic.Bool
		slow := j.unit("slow")
		slow.Gate = true
		slow.Ready = func() error {
			if !ready.Load() {
				return errors.New("catching up")
			}
			return nil
		}
		g := group(slow, j.unit("next"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		pass(time.Minute)
		if s := g.Ready(); s[0].Why != "catching up" || s[1].Why != "not started" {
			t.Errorf("states %+v", s)
		}
		ready.Store(true)
		pass(time.Second)
		if s := g.Ready(); !s[0].Ready || !s[1].Ready {
			t.Errorf("states %+v", s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestGroupFirstErrorStopsAll(t *testing.T) {
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		ret  error
		want error
		text string
	}{
		"error":      {boom, boom, "bad: boom"},
		"early nil":  {nil, ErrEnded, "bad: ended by itself"},
		"done":       {ErrDone, nil, ""},
		"own cancel": {context.Canceled, context.Canceled, "bad: context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				g := group(j.unit("good"), Unit{Name: "bad", Run: func(context.Context) error { pass(time.Second); return tc.ret }})
				err := g.Run(t.Context())
				if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) || err != nil && err.Error() != tc.text {
					t.Errorf("returned %v", err)
				}
				j.want(t, "start good", "stop good")
			})
		})
	}
}

func TestGroupErrorsWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flush := errors.New("flush")
		g := group(Unit{Name: "db", Run: func(ctx context.Context) error { <-ctx.Done(); return flush }})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := g.Run(ctx); !errors.Is(err, flush) {
			t.Errorf("returned %v", err)
		}
	})
}

// However many units hang, the whole stop is bounded, and every other unit has its turn.
func TestGroupStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		hang := func(name string) Unit {
			return Unit{Name: name, Run: func(context.Context) error { <-release; return nil }}
		}
		g := group(j.unit("first"), hang("a"), hang("b"), hang("c"), hang("d"), j.unit("last"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		from := time.Now()
		err := g.Run(ctx)
		if took := time.Since(from) - time.Second; took > TotalStop+DefaultStop || !errors.Is(err, ErrStopTimeout) || took < TotalStop {
			t.Errorf("took %v: %v", took, err)
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			if !strings.Contains(err.Error(), "stop "+name+": ") {
				t.Errorf("%s is not named: %v", name, err)
			}
		}
		close(release)
		synctest.Wait()
		if !slices.Contains(j.lines, "stop first") || !slices.Contains(j.lines, "stop last") {
			t.Errorf("not told to stop: %q", j.lines)
		}
	})
}

func TestGroupStoppedBeforeItStarts(t *testing.T) {
	var j journal
	g := group(j.unit("a"))
	if err := g.Run(canceled(t)); err != nil {
		t.Error(err)
	}
	j.want(t)
}

// A unit that ends while an earlier one is waited for keeps the later ones from starting.
func TestGroupFailsWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		never := j.unit("never ready")
		never.Gate, never.Ready = true, func() error { return errors.New("no") }
		bad := Unit{Name: "bad", Run: func(context.Context) error { return errors.New("boom") }}
		if err := group(bad, never, j.unit("later")).Run(t.Context()); err == nil || err.Error() != "bad: boom" {
			t.Errorf("returned %v", err)
		}
		j.want(t, "start never ready", "stop never ready")
	})
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
