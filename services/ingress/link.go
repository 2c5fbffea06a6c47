package ingress

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const sourceWebhook = "webhook"

// errAgain ends a source that has to begin anew, with a token read anew.
var errAgain = errors.New("begin again")

// link runs the source of one connection, and begins it anew when the connection was configured differently.
type link struct {
	service *Service
	health  *health
	record  atomic.Pointer[eventv1.ConnectionRecord]
	moved   atomic.Pointer[eventv1.GroupMigration]
	changed chan struct{} // holds one note that the configuration differs
}

func newLink(s *Service, record *eventv1.ConnectionRecord) *link {
	l := &link{service: s, health: newHealth(record.GetConnection(), s.deps.Logger), changed: make(chan struct{}, 1)}
	l.record.Store(record)
	return l
}

// update takes a newer record. Parameters count from the next update on; anything else begins the source anew.
func (l *link) update(record *eventv1.ConnectionRecord) {
	old := l.record.Load()
	if record.GetSeq() < old.GetSeq() {
		return
	}
	l.record.Store(record)
	if !proto.Equal(old.GetConfigured(), record.GetConfigured()) {
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

// follow reads another group as the backend group, before the record names it. By webhook the old group may have more to tell
// than that: each chat has a queue of its own.
func (l *link) follow(m *eventv1.GroupMigration) {
	if old := l.moved.Swap(m); !proto.Equal(old, m) {
		l.service.deps.Logger.Warn("the backend group became a supergroup, which is read from now on: set HOTLINE_GROUP to its new id",
			zap.String("connection", l.health.connection), zap.Int64("group", m.GetTo()))
	}
}

// groups is the backend group of this moment, and what it was before.
func (l *link) groups(record *eventv1.ConnectionRecord) (group, former int64) {
	group = record.GetConfigured().GetGroup()
	if m := l.moved.Load(); m != nil && (group == m.GetFrom() || group == m.GetTo()) {
		return m.GetTo(), m.GetFrom()
	}
	return group, 0
}

// run returns when ctx has ended and the source has stopped.
func (l *link) run(ctx context.Context) {
	rest := pause{first: l.service.cfg.Retry}
	for ctx.Err() == nil {
		attempt, cancel := context.WithCancelCause(ctx)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			select {
			case <-l.changed:
				cancel(errAgain)
			case <-attempt.Done():
			}
		}()
		err := l.attempt(attempt, &rest)
		changed := errors.Is(context.Cause(attempt), errAgain)
		cancel(nil)
		<-stopped
		if changed || ctx.Err() != nil {
			continue
		}
		if !wait(ctx, rest.next(err)) {
			return
		}
	}
}

// attempt runs the source until ctx ends or the bot cannot be used; then its error has been told.
func (l *link) attempt(ctx context.Context, rest *pause) error {
	record := l.record.Load()
	token, err := l.service.deps.Secrets.Token(ctx, record.GetConnection())
	if err != nil {
		if ctx.Err() == nil {
			reason := "the token cannot be read: " + err.Error()
			if errors.Is(err, es.ErrNotFound) {
				reason = "the token is not stored yet"
			}
			l.health.trouble(reason, false)
		}
		return err
	}
	caller := l.service.deps.Dial(token)
	defer caller.Close()
	me, err := l.identify(ctx, caller, record.GetConfigured().GetBot())
	if err != nil {
		if ctx.Err() == nil {
			l.health.trouble(explainAny(err))
		}
		return err
	}
	s := source{link: l, caller: caller, bot: me.ID, username: me.Username, rest: rest}
	if record.GetConfigured().GetSource() == sourceWebhook {
		return (&hooked{source: s, token: token}).run(ctx)
	}
	return (&poller{source: s}).run(ctx)
}

// errOtherBot: the token is another bot's.
var errOtherBot = errors.New("the stored token belongs to another bot")

func explainAny(err error) (string, bool) {
	if errors.Is(err, errOtherBot) {
		return err.Error() + ": set HOTLINE_BOT_TOKEN to the token of this connection's bot", true
	}
	return explain(err)
}

type identity struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
}

func (l *link) identify(ctx context.Context, caller Caller, bot int64) (identity, error) {
	var me identity
	if err := caller.Call(ctx, "getMe", nil, &me); err != nil {
		return me, err
	}
	if bot != 0 && me.ID != bot {
		return me, fmt.Errorf("%w: %d instead of %d", errOtherBot, me.ID, bot)
	}
	return me, nil
}

// source is what polling and webhook have in common.
type source struct {
	link     *link
	caller   Caller
	bot      int64
	username string
	rest     *pause
}

// lens reads with the parameters of this moment.
func (s *source) lens() *lens {
	r := s.link.record.Load()
	group, former := s.link.groups(r)
	return &lens{
		connection: r.GetConnection(), bot: s.bot, username: s.username, group: group, former: former,
		parameters: r.GetParameters(), seq: r.GetParamsSeq(), commands: topicCommands(),
	}
}

// take returns nil when nothing of the update is left to be done. After an error the same update is to be taken again, and
// be read as it was.
func (s *source) take(ctx context.Context, r reading, received time.Time) error {
	if err := s.link.service.intake.take(ctx, r, received); err != nil {
		return err
	}
	if m := r.fact.GetGroupMigration(); m != nil {
		s.link.follow(m)
	}
	return nil
}

// failed tells of a failed call. It returns false when the source has to end: the bot cannot be used with this token, or ctx
// has ended while waiting for the next try.
func (s *source) failed(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	s.link.health.trouble(explain(err))
	return tg.Classify(err) != tg.ClassBotGone && wait(ctx, s.rest.next(err))
}

func (s *source) works() {
	s.rest.reset()
	s.link.health.ok()
}

// wanted are the types of updates that are handled.
func wanted() []string { return []string{typeMessage, typeEdit, typeMembership, typeReaction} }
