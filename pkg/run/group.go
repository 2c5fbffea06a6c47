package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

var (
	// ErrDone is returned by a component that has done what the process was started for:
	// everything stops, and Group.Run returns nil.
	ErrDone = errors.New("done")
	// ErrEnded: a component returned nil though nobody stopped it. It is a bug of the
	// component, and the process ends as for any other error.
	ErrEnded = errors.New("ended by itself")
	// ErrStopTimeout: a component did not return in time after it was told to stop; what
	// it was doing is cut off by the end of the process.
	ErrStopTimeout = errors.New("did not stop in time")
)

// The bounds of a stop: of one unit unless it says otherwise, and of all together.
const (
	DefaultStop = 5 * time.Second
	TotalStop   = 13 * time.Second
)

// Unit is one component of a process.
type Unit struct {
	Name string
	// Run works until ctx ends and then returns nil or ctx's error. Any other error, or
	// an earlier return, stops the whole process.
	Run func(ctx context.Context) error
	// Ready returns nil when the component does its work, else what it waits for (without
	// secrets). It is called from other goroutines. Nil means: ready when running.
	Ready func() error
	// Gate: units added later start only when this one is ready.
	Gate bool
	// Stop bounds the time between the end of ctx and the return of Run; 0 = DefaultStop.
	Stop time.Duration
}

// State is a unit's readiness at one moment.
type State struct {
	Name  string
	Ready bool
	Why   string // what an unready unit waits for
}

// Group runs units together: they start in the order in which they were added, and stop
// in the reverse order, one after the other. Add everything before Run; Run is called
// once. Ready may be called at any time from any goroutine.
type Group struct {
	log     *zap.Logger
	total   time.Duration
	units   []*member
	settled chan struct{}

	mu       sync.Mutex
	stopping bool
}

type member struct {
	Unit
	cancel  context.CancelFunc
	done    chan struct{} // closed when Run has returned
	err     error         // of Run; read after done
	started bool          // guarded by Group.mu, as is ended
	ended   bool
}

// NewGroup returns an empty group.
func NewGroup(log *zap.Logger) *Group {
	return &Group{log: log, total: TotalStop, settled: make(chan struct{})}
}

// Add adds units. A unit without a name or without Run is a programmer's error: panic.
func (g *Group) Add(units ...Unit) {
	for _, u := range units {
		if u.Name == "" || u.Run == nil {
			panic("run: a unit needs a name and Run")
		}
		if u.Stop == 0 {
			u.Stop = DefaultStop
		}
		g.units = append(g.units, &member{Unit: u, done: make(chan struct{})})
	}
}

// Run starts the units, waits until ctx ends or a unit returns, and stops all that have
// started. It returns nil after a stop by ctx or ErrDone without trouble; else the first
// error, named by its unit and joined with what went wrong while stopping.
func (g *Group) Run(ctx context.Context) error {
	defer g.settling(ctx)()
	first := make(chan *member, len(g.units))
	cause := g.start(ctx, first)
	if cause == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case m := <-first:
			cause = m
		}
	}
	var errs []error
	if cause != nil {
		errs = append(errs, g.verdict(cause))
	}
	return errors.Join(append(errs, g.stop(cause)...)...)
}

// start returns the unit that ended already, if one did.
func (g *Group) start(ctx context.Context, first chan *member) *member {
	base := context.WithoutCancel(ctx) // each unit is stopped in its turn, not by ctx
	for _, m := range g.units {
		if ctx.Err() != nil {
			return nil
		}
		own, cancel := context.WithCancel(base)
		m.cancel = cancel
		g.set(&m.started)
		go func() {
			m.err = m.Unit.Run(own)
			g.set(&m.ended)
			close(m.done)
			first <- m
		}()
		if !m.Gate {
			continue
		}
		if early := waitReady(ctx, m, first); early != nil {
			return early
		}
	}
	return nil
}

// waitReady polls, since readiness is a question and not an event, until m is ready, ctx
// ends or some unit returns.
func waitReady(ctx context.Context, m *member, first chan *member) *member {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for m.Ready != nil && m.Ready() != nil {
		select {
		case <-ctx.Done():
			return nil
		case early := <-first:
			return early
		case <-tick.C:
		}
	}
	return nil
}

// verdict judges a unit that returned before it was told to.
func (g *Group) verdict(m *member) error {
	switch {
	case errors.Is(m.err, ErrDone):
		g.log.Info("done", zap.String("unit", m.Name))
		return nil
	case m.err == nil:
		return fmt.Errorf("%s: %w", m.Name, ErrEnded)
	}
	return fmt.Errorf("%s: %w", m.Name, m.err)
}

// stop ends the units that run, from the last to the first; cause has been judged already.
func (g *Group) stop(cause *member) []error {
	g.set(&g.stopping)
	deadline := time.NewTimer(g.total)
	defer deadline.Stop()
	var errs []error
	late := false
	for i := len(g.units) - 1; i >= 0; i-- {
		m := g.units[i]
		if m.cancel == nil {
			continue // it has not been started
		}
		m.cancel()
		if m == cause {
			continue
		}
		var err error
		if late, err = m.await(deadline.C, late); err != nil {
			g.log.Warn("stop", zap.String("unit", m.Name), zap.Error(err))
			errs = append(errs, fmt.Errorf("stop %s: %w", m.Name, err))
		}
	}
	return errs
}

// await waits for the end of Run, not at all when the time of all units is over (late),
// and judges how it ended.
func (m *member) await(total <-chan time.Time, late bool) (bool, error) {
	own := time.NewTimer(m.Stop)
	defer own.Stop()
	if late {
		own.Reset(0)
	}
	select {
	case <-m.done:
	case <-own.C:
	case <-total:
		late = true
	}
	select {
	case <-m.done:
	default:
		return late, ErrStopTimeout
	}
	if errors.Is(m.err, context.Canceled) || errors.Is(m.err, ErrDone) {
		return late, nil
	}
	return late, m.err
}

// Ready returns the state of every unit, in the order in which they start. While the
// group starts or stops, the units that do not run say so.
func (g *Group) Ready() []State {
	states := make([]State, len(g.units))
	for i, m := range g.units {
		states[i] = g.state(m)
	}
	return states
}

func (g *Group) state(m *member) State {
	g.mu.Lock()
	stopping, started, ended := g.stopping, m.started, m.ended
	g.mu.Unlock()
	switch {
	case ended:
		return State{Name: m.Name, Why: "stopped"}
	case stopping:
		return State{Name: m.Name, Why: "stopping"}
	case !started:
		return State{Name: m.Name, Why: "not started"}
	case m.Ready == nil:
		return State{Name: m.Name, Ready: true}
	}
	if err := m.Ready(); err != nil {
		return State{Name: m.Name, Why: err.Error()}
	}
	return State{Name: m.Name, Ready: true}
}

func (g *Group) set(flag *bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	*flag = true
}
