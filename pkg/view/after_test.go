package view_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hotline-desk/hotline/pkg/view"
	"github.com/hotline-desk/hotline/pkg/view/viewtest"
)

// asked counts the questions to a source that never answers.
type asked struct{ times atomic.Int64 }

func (a *asked) Info(context.Context) (stream, incarnation string, last uint64, err error) {
	a.times.Add(1)
	return "", "", 0, errors.New("away")
}

func (a *asked) Read(context.Context, uint64, func(view.Record) error, func()) error {
	a.times.Add(1)
	return errors.New("away")
}

func TestAProjectorHeldBackReadsNothing(t *testing.T) {
	s := open(t)
	defer closed(t, s)
	synctest.Test(t, func(t *testing.T) {
		c, err := view.NewCollection[counter](s, view.Schema{Name: "counters", Version: 1, Indexes: []view.Index{{"n"}}})
		if err != nil {
			t.Fatal(err)
		}
		source, after := &asked{}, make(chan struct{})
		idle := func(context.Context, *view.Batch[counter], view.Record) error { return nil }
		p, err := view.NewProjector(c, view.ProjectFunc[counter](idle), []view.Source{source}, view.Options{After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, released := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			synctest.Wait()
			if n := source.times.Load(); n > 0 {
				t.Errorf("held back it asked %d times", n)
			}
			if released {
				close(after)
				synctest.Wait()
				if source.times.Load() == 0 {
					t.Error("released it asks nothing")
				}
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestARebuildIsNotHeldBack(t *testing.T) {
	s := open(t)
	defer closed(t, s)
	c, err := view.NewCollection[counter](s, view.Schema{Name: "counters", Version: 1, Indexes: []view.Index{{"n"}}})
	if err != nil {
		t.Fatal(err)
	}
	log := viewtest.NewLog("DESK")
	last := log.Append("d1", nil)
	count := func(ctx context.Context, b *view.Batch[counter], r view.Record) error {
		return b.Update(ctx, r.Subject, func(d *counter, _ bool) error { d.N++; return nil })
	}
	p, err := view.NewProjector(c, view.ProjectFunc[counter](count), []view.Source{log}, view.Options{After: make(chan struct{})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	if report, err := p.Rebuild(t.Context()); err != nil || report.Positions["DESK"] != last {
		t.Errorf("rebuilt to %v: %v", report.Positions, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
