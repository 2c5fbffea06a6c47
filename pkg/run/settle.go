package run

import (
	"context"
	"time"

	"go.uber.org/zap"
)

const (
	// SettleTime is how long after Group.Run began a group counts as settled at the latest.
	SettleTime = 10 * time.Second
	// HeadStart is how long all units have to have been ready: what has piled up before the process goes first.
	HeadStart = time.Second

	// settlePoll is the pause between two looks at the units; a look may cost a request to the log.
	settlePoll = 50 * time.Millisecond
)

// Settled returns a channel that is closed once: when all units have been ready for HeadStart, or SettleTime after Run
// began if that is not so by then. What nobody waits for yet – catching up, above all – begins only then, so that it
// takes neither processor nor disk from what the process is there for. The bound keeps two units from waiting for each
// other, and a unit that never becomes ready from keeping the work undone. If Run ends before, the channel stays open. It
// may be called at any time from any goroutine.
func (g *Group) Settled() <-chan struct{} { return g.settled }

// settling watches the units until they have settled or ctx ends, beside the caller; stop ends that and waits for it.
func (g *Group) settling(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.settle(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// settle polls, since readiness is a question and not an event.
func (g *Group) settle(ctx context.Context) {
	began := time.Now()
	since := began // the last look at which a unit was not ready
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	for {
		late, now := g.unready(), time.Now()
		if late != nil {
			since = now
		}
		switch {
		case ctx.Err() != nil:
			return
		case now.Sub(since) >= HeadStart:
			g.log.Info("settled: everything is ready", zap.Duration("took", since.Sub(began)))
			close(g.settled)
			return
		case now.Sub(began) >= SettleTime:
			if late == nil {
				late = &State{}
			}
			g.log.Info("settled: what has waited does so no longer", zap.String("unready", late.Name), zap.String("why", late.Why))
			close(g.settled)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// unready returns the state of a unit that is not ready, nil when each is. What starts last is asked first: it is what
// the others are there for, and the question may cost them something.
func (g *Group) unready() *State {
	for i := len(g.units) - 1; i >= 0; i-- {
		if s := g.state(g.units[i]); !s.Ready {
			return &s
		}
	}
	return nil
}
