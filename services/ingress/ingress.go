// Package ingress takes updates from Telegram and turns them into facts without bodies.
//
// It owns the sources of a connection – long polling or a webhook – and the rule that an update counts as taken only when
// its fact is in the log: a polling offset moves, and a webhook is answered, after that. It alone sees what people write: it
// parses comments and commands, and forgets the rest. It refuses to skip what is pending, and to decide anything.
package ingress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/hotline-desk/hotline/pkg/config"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// ServiceName is the service in logs, metrics and readiness.
const ServiceName = "ingress"

// StopTime bounds how long Run takes to return after its context ended.
const StopTime = publishGrace + confirmGrace + time.Second

// Log is the event log as ingress needs it. DialogOf returns es.ErrNotFound for a topic that is no dialog's.
type Log interface {
	WatchConnections(ctx context.Context, each func(*eventv1.ConnectionRecord) error, caught func()) error
	PublishFact(ctx context.Context, fact *eventv1.Fact, place string) (seq uint64, err error)
	DialogOf(ctx context.Context, connection string, thread int64) (string, error)
	Ready() error
}

// Profiles keeps who the customers are.
type Profiles interface {
	Get(ctx context.Context, connection string, user int64) (*eventv1.Profile, error)
	Put(ctx context.Context, connection string, user int64, profile *eventv1.Profile) error
}

// Secrets knows the tokens of connections.
type Secrets interface {
	Token(ctx context.Context, connection string) (config.Secret, error)
}

// Caller is the Bot API of one bot.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
	Close()
}

// Config of the service.
type Config struct {
	// WebhookURL is the public base URL under which Handler is reached; needed by connections whose source is webhook.
	WebhookURL string
	// Retry is the first pause after a failure, 250 ms when 0; it doubles up to a hundredfold.
	Retry time.Duration
}

// Deps are what the service works with; all but the tracer and the clock are required.
type Deps struct {
	Log      Log
	Profiles Profiles
	Secrets  Secrets
	Dial     func(token config.Secret) Caller
	Logger   *zap.Logger
	Metrics  prometheus.Registerer
	Tracer   trace.Tracer     // nil: none
	Now      func() time.Time // by which content grows old; nil: time.Now
}

// Service is ingress for all connections.
type Service struct {
	cfg    Config
	deps   Deps
	intake *intake
	hooks  *hooks

	mu      sync.Mutex
	links   map[string]*link
	watched bool // all connections known at the start are attached
}

// New makes a Service. Run is to be called once.
func New(cfg Config, deps Deps) (*Service, error) {
	if deps.Log == nil || deps.Profiles == nil || deps.Secrets == nil || deps.Dial == nil || deps.Logger == nil || deps.Metrics == nil {
		return nil, errors.New("ingress: a dependency is missing")
	}
	if cfg.Retry <= 0 {
		cfg.Retry = 250 * time.Millisecond
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	held := newContentStore(deps.Now)
	m, err := newMetrics(deps.Metrics, held.held)
	if err != nil {
		return nil, err
	}
	in, err := newIntake(deps, m, held)
	if err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, deps: deps, intake: in, hooks: newHooks(in), links: map[string]*link{}}, nil
}

// Run takes updates of every connection until ctx ends, and returns when what it had in hand is in the log.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := s.deps.Log.WatchConnections(ctx, func(r *eventv1.ConnectionRecord) error {
			s.attach(ctx, group, r)
			return nil
		}, s.caught)
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("watch connections: %w", err)
	})
	return group.Wait()
}

// attach hands a record to its link, which is made when the connection is new.
func (s *Service) attach(ctx context.Context, group *errgroup.Group, record *eventv1.ConnectionRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.links[record.GetConnection()]
	if l != nil {
		l.update(record)
		return
	}
	l = newLink(s, record)
	s.links[record.GetConnection()] = l
	group.Go(func() error { l.run(ctx); return nil })
}

func (s *Service) caught() {
	s.mu.Lock()
	s.watched = true
	s.mu.Unlock()
}

// Ready returns nil when the updates of every connection flow and the log takes facts, else what stands in the way.
func (s *Service) Ready() error {
	s.mu.Lock()
	watched, links := s.watched, make([]*link, 0, len(s.links))
	for _, l := range s.links {
		links = append(links, l)
	}
	s.mu.Unlock()
	switch {
	case !watched:
		return errors.New("reading the connections")
	case len(links) == 0:
		return errors.New("no connection is set up yet")
	}
	errs := []error{s.deps.Log.Ready()}
	for _, l := range links {
		errs = append(errs, l.health.ready())
	}
	return errors.Join(errs...)
}

// Handler takes webhook calls. It is to be mounted under HookPattern.
func (s *Service) Handler() http.Handler { return s.hooks }
