package ingress

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

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
	changed chan struct{} // holds one note that the configuration differs
	moved   atomic.Pointer[move]
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
	group := r.GetConfigured().GetGroup()
	if m := s.link.moved.Load(); m != nil && m.from == group {
		group = m.to
	}
	return &lens{
		connection: r.GetConnection(), bot: s.bot, username: s.username, group: group,
		parameters: r.GetParameters(), seq: r.GetParamsSeq(), commands: topicCommands(),
	}
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

// read reads an update. When the group has moved, what follows is read in the new one.
func (s *source) read(l *lens, raw []byte, now time.Time) reading {
	r := l.read(raw, now)
	if r.migrate != 0 {
		s.link.moved.Store(&move{from: s.link.record.Load().GetConfigured().GetGroup(), to: r.migrate})
		l.group = r.migrate
	}
	return r
}

func (s *source) works() {
	s.rest.reset()
	s.link.health.ok()
}

// move is the news that the group has another id, from the update that tells it until the connection says so itself.
type move struct{ from, to int64 }

// wanted are the types of updates that are handled.
func wanted() []string { return []string{typeMessage, typeEdit, typeMembership, typeReaction} }
