package run

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// settled tells whether the channel is closed by now.
func settled(g *Group) bool {
	select {
	case <-g.Settled():
		return true
	default:
		return false
	}
}

// moody is a unit that is ready when told so.
func moody(j *journal, name string, ready *atomic.Bool) Unit {
	u := j.unit(name)
	u.Ready = func() error {
		if !ready.Load() {
			return errors.New("catching up")
		}
		return nil
	}
	return u
}

func TestGroupSettlesOnceEverythingIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var first, last atomic.Bool
		g := group(moody(&j, "first", &first), j.unit("middle"), moody(&j, "last", &last))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		pass(time.Second)
		last.Store(true)
		pass(time.Second)
		if settled(g) {
			t.Error("settled while a unit is not ready")
		}
		first.Store(true)
		pass(HeadStart / 2)
		last.Store(false)
		pass(2 * settlePoll) // looks and test may wake in the same instant: one look at least falls in between
		last.Store(true)
		pass(HeadStart / 2)
		if settled(g) {
			t.Error("settled though a unit was not ready a moment ago")
		}
		pass(HeadStart)
		if !settled(g) {
			t.Error("not settled though everything is ready")
		}
		last.Store(false)
		pass(SettleTime)
		if !settled(g) {
			t.Error("what is settled is settled")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestGroupSettlesInBoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var never atomic.Bool
		stuck := moody(&j, "stuck", &never)
		stuck.Gate = true
		g := group(stuck, j.unit("next"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		pass(SettleTime - time.Second)
		if settled(g) {
			t.Error("settled though a unit may still become ready")
		}
		pass(2 * time.Second)
		if !settled(g) {
			t.Error("a unit that is never ready keeps the group from settling")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestGroupThatEndsBeforeDoesNotSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var never atomic.Bool
		failure := errors.New("failure")
		g := group(moody(&j, "stuck", &never), Unit{Name: "short", Run: func(context.Context) error {
			pass(time.Second)
			return failure
		}})
		if err := g.Run(t.Context()); !errors.Is(err, failure) {
			t.Errorf("it ended with %v", err)
		}
		pass(2 * SettleTime)
		if settled(g) {
			t.Error("a group that has ended settled")
		}
	})
}
