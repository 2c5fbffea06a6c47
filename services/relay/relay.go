// Package relay executes every Telegram call of a connection, and records every outcome. It owns the journal OUTBOX, the
// lanes, the topics and the bucket that maps them, the pace of calls, and the links between originals and copies. It
// refuses to decide anything: what is to be delivered stands in DESK, and outcomes that need a decision go to INBOX.
// It never sees a message's text: messages travel by reference.
//
// The Bot API has no idempotency key. So a call is claimed in the journal before it is made, and its outcome is written
// behind it; a claim without an outcome may have happened. Per connection one owner holds the lease, reads the commits in
// order into lanes, and runs one state machine (owner) on one goroutine.
package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	"github.com/hotline-desk/hotline/pkg/tg"
	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Config tunes relay. Zero values mean the defaults.
type Config struct {
	// API is the root of the Bot API.
	API string
	// Limits are the budgets of each bot; the zero value paces nothing. A 429 is obeyed in any case.
	Limits tg.Limits
	// Concurrency is how many calls of one connection may be under way; 0 means 64.
	Concurrency int
	// LeaseTTL is after how long of silence another process takes a connection over; 0 means 6 s.
	LeaseTTL time.Duration
	// Margin is how much of the lease must be left when a call is claimed; 0 means a quarter of LeaseTTL.
	Margin time.Duration
	// CallTimeout bounds one call; 0 means 30 s.
	CallTimeout time.Duration
	// OrphanWait is how long, after a take-over, a creation whose answer was lost waits for news of the topic it may have
	// made, before another one is made; 0 means 10 s.
	OrphanWait time.Duration
	// MarkAfter is how long an operator's message may wait before it carries a mark that says so; 0 means 10 s.
	MarkAfter time.Duration
	// CrashAt, in tests, is called with the name of each step of an effect, and may end the process.
	CrashAt func(step string)
}

// Deps is what relay works with. WithLog fills in all that the event log provides.
type Deps struct {
	Desk        Desk
	Topics      Topics
	Facts       Facts
	Connections Connections
	Profiles    Profiles
	Secrets     Secrets
	Contents    Contents // nil: what has to move by content is copied anew
	Journal     func(connection string) Journal
	Lease       func(name string, ttl time.Duration) Lease
	Caller      func(token config.Secret) Caller // nil: a *tg.Client for Config.API
	Outbox      view.Source
	Views       *view.Store // nil: no view of links is kept or asked
	Instance    string
	Logger      *zap.Logger
	Metrics     prometheus.Registerer // nil: none
	Tracer      trace.Tracer          // nil: none
	Settled     <-chan struct{}       // the view is built from when it is closed; nil: at once
}

// Relay runs the connections of a deployment. Several processes may run it: each connection has one owner.
type Relay struct {
	cfg     Config
	deps    Deps
	logger  *zap.Logger
	metrics *metrics
	tracer  trace.Tracer
	recent  *recent
	links   *links
	now     func() time.Time
	started time.Time

	mu          sync.Mutex
	known       bool // the connections of the start have been told
	connections map[string]*connection
}

// New makes a Relay. It reads and writes nothing before Run.
func New(cfg Config, deps Deps) (*Relay, error) {
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 64
	}
	if cfg.LeaseTTL <= 0 {
		cfg.LeaseTTL = 6 * time.Second
	}
	if cfg.Margin <= 0 {
		cfg.Margin = cfg.LeaseTTL / 4
	}
	if cfg.CallTimeout <= 0 {
		cfg.CallTimeout = 30 * time.Second
	}
	if cfg.OrphanWait <= 0 {
		cfg.OrphanWait = 10 * time.Second
	}
	if cfg.MarkAfter <= 0 {
		cfg.MarkAfter = 10 * time.Second
	}
	if cfg.CrashAt == nil {
		cfg.CrashAt = crashPlan()
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	if deps.Caller == nil {
		deps.Caller = func(token config.Secret) Caller {
			return tg.NewClient(cfg.API, token, tg.WithTimeout(cfg.CallTimeout))
		}
	}
	r := &Relay{
		cfg: cfg, deps: deps, logger: deps.Logger.Named("relay"), metrics: newMetrics(deps.Metrics),
		tracer: telemetry.TracerOrNone(deps.Tracer), recent: newRecent(recentLinks), now: time.Now, connections: map[string]*connection{},
	}
	var err error
	if r.links, err = newLinks(deps.Views, deps.Outbox, deps.Settled); err != nil {
		return nil, fmt.Errorf("view of links: %w", err)
	}
	return r, nil
}

// Run serves all connections until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	r.mu.Lock()
	r.started = r.now()
	r.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.links.run(ctx) })
	g.Go(func() error {
		each := func(record *eventv1.ConnectionRecord) error {
			r.configure(ctx, g, record)
			return nil
		}
		return r.deps.Connections.WatchConnections(ctx, each, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.known = true
		})
	})
	err := g.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// configure starts a new connection, or tells a running one what has changed.
func (r *Relay) configure(ctx context.Context, g *errgroup.Group, record *eventv1.ConnectionRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.connections[record.GetConnection()]
	if c != nil {
		c.update(record)
		return
	}
	c = newConnection(r, record)
	r.connections[c.id] = c
	g.Go(func() error { return c.run(ctx) })
}

// Ready is nil while every connection is served by this process or by another one, and nothing keeps messages back here;
// else it says what does, and what to do about it.
func (r *Relay) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.known {
		return errors.New("the connections are not known yet")
	}
	for _, c := range r.connections {
		if err := c.ready(r.now().Sub(r.started)); err != nil {
			return fmt.Errorf("connection %s: %w", c.id, err)
		}
	}
	return nil
}
