// Package dialog owns the dialogs: it decides, for every fact of INBOX, what the desk does – open, reopen and close,
// the status, the greeting, what has to be delivered where and what the team has to be told – and commits it to DESK. It
// also keeps the view `dialogs` and answers lookups from it.
//
// It refuses to call Telegram, to know a message's text, and to hold state outside the log: a decision is a pure
// function of the aggregate, the fact, and the parameters under which the fact was read.
package dialog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// ServiceName names the service to INBOX; the positions of its consumers depend on it.
const ServiceName = "dialog"

const (
	defaultCached = 20_000 // dialogs in memory, some 500 bytes each
	cachedTopics  = 1_000
	cachedGroups  = 100
)

// errStarting is what an unready service waits for.
var errStarting = errors.New("starting")

// Config tunes the service; the zero value is good.
type Config struct {
	Cached int // dialogs kept in memory; 0 = 20,000
}

// Inbox is where facts come from.
type Inbox interface {
	Consume(ctx context.Context, c eventlog.Consumer) error
}

// Lookup is what a decision needs to know besides its fact.
type Lookup interface {
	ParametersAt(ctx context.Context, seq uint64) (*eventv1.Parameters, error)
	DialogOf(ctx context.Context, connection string, thread int64) (string, error)
}

// Deps are what the service works with; all but the tracer and Settled are required.
type Deps struct {
	Inbox   Inbox
	Lookup  Lookup
	Store   es.Store    // DESK
	Desk    view.Source // all of DESK, so that min_seq may be any commit's
	Outbox  view.Source // the journal, for the topics in the view
	Views   *view.Store
	Logger  *zap.Logger
	Metrics prometheus.Registerer
	Tracer  trace.Tracer    // nil: none
	Settled <-chan struct{} // the view is built from when it is closed; nil: at once
}

// Service decides and projects. Run it once.
type Service struct {
	deps      Deps
	dialogs   *es.Handler[State, Command]
	topics    *es.Handler[Topic, SeeTopic]
	groups    *es.Handler[Group, GroupCommand]
	view      *view.Collection[document]
	projector *view.Projector[document]
	metrics   *metrics
	tracer    trace.Tracer
	now       func() time.Time
	consuming atomic.Bool
}

// New makes the service.
func New(cfg Config, deps Deps) (*Service, error) {
	if deps.Inbox == nil || deps.Lookup == nil || deps.Store == nil || deps.Desk == nil || deps.Outbox == nil ||
		deps.Views == nil || deps.Logger == nil || deps.Metrics == nil {
		return nil, errors.New("dialog: a dependency is missing")
	}
	if cfg.Cached == 0 {
		cfg.Cached = defaultCached
	}
	s := &Service{
		deps:    deps,
		dialogs: es.NewHandler(ServiceName, deps.Store, Decider(), cfg.Cached),
		topics:  es.NewHandler(ServiceName, deps.Store, TopicDecider(), cachedTopics),
		groups:  es.NewHandler(ServiceName, deps.Store, GroupDecider(), cachedGroups),
		tracer:  telemetry.TracerOrNone(deps.Tracer),
		now:     time.Now,
	}
	var err error
	if s.metrics, err = newMetrics(deps.Metrics); err != nil {
		return nil, err
	}
	if s.view, err = view.NewCollection[document](deps.Views, schema); err != nil {
		return nil, err
	}
	s.projector, err = view.NewProjector(s.view, view.ProjectFunc[document](project), []view.Source{deps.Desk, deps.Outbox},
		view.Options{Observe: s.metrics.projected, Retry: s.retrying, After: deps.Settled})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Run decides facts and projects commits until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.projector.Run(ctx) })
	group.Go(func() error {
		s.consuming.Store(true)
		defer s.consuming.Store(false)
		err := s.deps.Inbox.Consume(ctx, eventlog.Consumer{Service: ServiceName, ParkKey: parkKey, Handle: s.handle})
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("consume facts: %w", err)
		}
		return nil
	})
	return group.Wait()
}

// Ready returns nil while facts are decided. The view does not count: messages flow without it, and its lookups say
// themselves when they cannot answer yet.
func (s *Service) Ready() error {
	if !s.consuming.Load() {
		return errStarting
	}
	return nil
}

func (s *Service) retrying(err error) {
	s.deps.Logger.Warn("view waits", zap.Error(err))
}
