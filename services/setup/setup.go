// Package setup owns connections: it takes the one of the configuration, asks Telegram whether it can work, explains
// what is in the way, and commits it – bot, group, owner, source and parameters to DESK, the token sealed to the bucket
// `secrets`, and the read model that the other services watch.
//
// A group that becomes a supergroup gets another id. Setup follows it, at the start and while it runs.
//
// It refuses what it does not understand: an unknown parameter or a bad value is an explained fault, never a guess. It
// never shows a token.
package setup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// ServiceName names the service in logs and commit ids.
const ServiceName = "setup"

const (
	firstPause = time.Second
	longPause  = 30 * time.Second
)

// Config is the connection to set up.
type Config struct {
	Token      config.Secret
	Group      int64
	Owner      int64
	Source     string
	Parameters map[string]string // by upper-case name
}

// Connections is the read model of connections.
type Connections interface {
	PutConnection(ctx context.Context, record *eventv1.ConnectionRecord) error
	ReadOf(ctx context.Context, key es.Key, from uint64, each func(eventlog.Committed) error, caught func()) error
}

// Tokens keeps the tokens of bots, sealed.
type Tokens interface {
	PutToken(ctx context.Context, connection string, token config.Secret) error
	Token(ctx context.Context, connection string) (config.Secret, error)
}

// Deps are what the service works with; all are required.
type Deps struct {
	Bot         Caller // with the token of Config
	Store       es.Store
	Connections Connections
	Tokens      Tokens
	Logger      *zap.Logger
}

// Service sets one connection up. Run it once.
type Service struct {
	cfg        Config
	deps       Deps
	connection string
	command    Configure
	handler    *es.Handler[State, Configure]
	groups     *es.Handler[movedTo, struct{}]
	left       []int64 // groups that moved, in the order in which they were followed
	now        func() time.Time
	waits      atomic.Pointer[error] // what Ready answers
}

// New makes the service. What is wrong with the parameters or the token's form is a config.Faults.
func New(cfg Config, deps Deps) (*Service, error) {
	if deps.Bot == nil || deps.Store == nil || deps.Connections == nil || deps.Tokens == nil || deps.Logger == nil {
		return nil, errors.New("setup: a dependency is missing")
	}
	bot, err := tg.ParseToken(cfg.Token)
	if err != nil {
		return nil, fault(settingToken, err.Error(), "copy it from @BotFather")
	}
	parameters, err := ParseParameters(cfg.Parameters)
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, deps: deps, connection: ConnectionID(bot), now: time.Now,
		handler: es.NewHandler(ServiceName, deps.Store, Decider(), 1),
		groups:  es.NewHandler(ServiceName, deps.Store, groupReader(), 1),
		command: Configure{
			Configured: &eventv1.ConnectionConfigured{Bot: bot, Group: cfg.Group, Owner: cfg.Owner, Source: cfg.Source},
			Parameters: parameters,
		},
	}
	s.wait(errors.New("starting"))
	return s, nil
}

// ConnectionID is the connection of the one bot that the configuration names.
func ConnectionID(bot int64) string { return "c_" + strconv.FormatInt(bot, 10) }

// Run checks the connection, commits it, and follows its group until ctx ends. It waits for a Telegram or a log that does not answer.
// What only the owner can mend is an error that wraps host.ErrSetting and has one line for each fault.
func (s *Service) Run(ctx context.Context) error {
	steps := []func(context.Context) error{s.check, s.configure}
	for {
		for _, step := range steps {
			if err := s.persist(ctx, step); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		s.waits.Store(nil)
		s.deps.Logger.Info("connection is set up", zap.String("connection", s.connection), zap.String("source", s.cfg.Source))
		// The others work in the new group already: it is committed first, and what Telegram says of it can wait.
		steps = []func(context.Context) error{s.follow, s.configure}
	}
}

// Ready returns nil when the connection is checked and committed.
func (s *Service) Ready() error {
	if why := s.waits.Load(); why != nil {
		return *why
	}
	return nil
}

func (s *Service) wait(why error) { s.waits.Store(&why) }

// persist repeats a step until it works, or until it ends with something that repeating does not mend.
func (s *Service) persist(ctx context.Context, step func(context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		err := step(ctx)
		if err == nil || !errors.Is(err, ErrUnreachable) && !errors.Is(err, es.ErrUnavailable) && !errors.Is(err, es.ErrContended) {
			return err
		}
		wait := pause
		if answer, ok := errors.AsType[*tg.Error](err); ok {
			wait = max(wait, answer.RetryAfter)
		}
		s.wait(err)
		s.deps.Logger.Warn("waiting", zap.Error(err), zap.Duration("again_in", wait))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// check asks Telegram about the group where it is now.
func (s *Service) check(ctx context.Context) error {
	for {
		if err := s.recall(ctx); err != nil {
			return err
		}
		faults, err := Check(ctx, s.deps.Bot, s.group())
		if moved, ok := errors.AsType[*Moved](err); ok {
			if s.move(moved.To) {
				continue
			}
			faults, err = fault(settingGroup, moved.Error(), fmt.Sprintf("set it to %d", moved.To)), nil
		}
		if err != nil {
			return err
		}
		if err := faults.Err(); err != nil {
			return settingFault{err}
		}
		return nil
	}
}

// settingFault is a fault of the settings that only Telegram could know of. Its text is the faults' alone, a line each.
type settingFault struct{ faults error }

func (e settingFault) Error() string   { return e.faults.Error() }
func (e settingFault) Unwrap() []error { return []error{e.faults, host.ErrSetting} }

// configure makes log, secrets and read model say what the configuration says. It may be repeated at any point. The
// token goes first: whoever sees the connection finds it.
func (s *Service) configure(ctx context.Context) error {
	if err := s.keepToken(ctx); err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	key := es.Key{Aggregate: Aggregate, Connection: s.connection, ID: s.connection}
	s.handler.Forget(key)
	_, seq, err := s.handler.State(ctx, key)
	if err != nil {
		return err
	}
	cause, err := s.cause(seq)
	if err != nil {
		return err
	}
	_, err = s.handler.Handle(ctx, key, es.Command[Configure]{
		Cause: cause, Actor: &eventv1.Actor{Type: eventv1.Actor_TYPE_SYSTEM}, At: s.now(), Body: s.command,
	})
	if err != nil {
		return err
	}
	return s.publish(ctx, key)
}

// cause names this configuration on top of that state: going back to a former configuration is a new cause.
func (s *Service) cause(seq uint64) (*eventv1.Cause, error) {
	hash := sha256.New()
	for _, m := range []proto.Message{s.command.Configured, s.command.Parameters} {
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("encode the configuration: %w", err)
		}
		hash.Write(append(raw, 0))
	}
	key := hex.EncodeToString(hash.Sum(nil)[:16]) + "/" + strconv.FormatUint(seq, 10)
	return &eventv1.Cause{Kind: eventv1.Cause_KIND_CONFIGURATION, Key: key}, nil
}

func (s *Service) keepToken(ctx context.Context) error {
	kept, err := s.deps.Tokens.Token(ctx, s.connection)
	if errors.Is(err, es.ErrUnavailable) {
		return err
	}
	if err == nil && kept.Reveal() == s.cfg.Token.Reveal() {
		return nil
	}
	// Missing, another one, or sealed under a key that is gone: all mended by writing it.
	return s.deps.Tokens.PutToken(ctx, s.connection, s.cfg.Token)
}

// publish writes the read model from the connection's commits, so that a lost one comes back the same. It follows them
// back from the last one, to the newest of each part. Forward there is no end but a search without a find, for which the
// log reads everything behind the last commit, and lets every other request of this process wait.
func (s *Service) publish(ctx context.Context, key es.Key) error {
	record := &eventv1.ConnectionRecord{Connection: s.connection}
	c, err := s.deps.Store.Last(ctx, key)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	record.Seq = c.Seq
	for complete(record, c); !whole(record) && c.Commit.GetPrevSeq() != 0; complete(record, c) {
		if c, err = s.deps.Store.Get(ctx, key, c.Commit.GetPrevSeq()); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
	}
	if err := s.deps.Connections.PutConnection(ctx, record); err != nil {
		return fmt.Errorf("put connection %s: %w", s.connection, err)
	}
	return nil
}

func whole(record *eventv1.ConnectionRecord) bool {
	return record.GetConfigured() != nil && record.GetParamsSeq() != 0
}

// complete takes from a commit what no later one has told.
func complete(record *eventv1.ConnectionRecord, c es.Recorded) {
	for _, event := range slices.Backward(c.Commit.GetEvents()) {
		configured, set := event.GetConnectionConfigured(), event.GetParametersSet()
		switch {
		case configured != nil && record.GetConfigured() == nil:
			record.Configured = configured
		case set != nil && record.GetParamsSeq() == 0:
			record.Parameters, record.ParamsSeq = set.GetParameters(), c.Seq
		}
	}
}
