package relay

import (
	"context"
	"time"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/seal"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Desk reads what was decided.
type Desk interface {
	ReadDesk(ctx context.Context, connection string, from uint64, each func(eventlog.Committed) error, caught func()) error
	NextOf(ctx context.Context, key es.Key, from uint64) (eventlog.Committed, error)
	Commit(ctx context.Context, seq uint64) (eventlog.Committed, error)
	ParametersAt(ctx context.Context, seq uint64) (*eventv1.Parameters, error)
}

// Topics is the bucket that tells which topic belongs to which dialog. Only relay writes to it.
type Topics interface {
	TopicOf(ctx context.Context, connection, dialog string) (*eventv1.TopicRecord, error)
	DialogOf(ctx context.Context, connection string, thread int64) (string, error)
	PutTopic(ctx context.Context, connection, dialog string, record *eventv1.TopicRecord) error
	DropTopic(ctx context.Context, connection, dialog string, thread int64) error
}

// Journal is the log of effects of one connection.
type Journal interface {
	Last(ctx context.Context) (seq uint64, entry *eventv1.JournalEntry, err error)
	Replay(ctx context.Context, from uint64, each func(seq uint64, at time.Time, e *eventv1.JournalEntry) error) error
	Append(ctx context.Context, expected uint64, e *eventv1.JournalEntry) (seq uint64, err error)
}

// Lease says who owns a connection.
type Lease interface {
	Run(ctx context.Context, held func(ctx context.Context) error) error
	Margin() time.Duration
}

// Facts takes reports of outcomes that somebody has to decide on.
type Facts interface {
	PublishFact(ctx context.Context, fact *eventv1.Fact, place string) (seq uint64, err error)
}

// Connections tells which connections there are.
type Connections interface {
	WatchConnections(ctx context.Context, each func(*eventv1.ConnectionRecord) error, caught func()) error
}

// Profiles knows how customers are called.
type Profiles interface {
	Get(ctx context.Context, connection string, user int64) (*eventv1.Profile, error)
}

// Secrets holds the bots' tokens.
type Secrets interface {
	Token(ctx context.Context, connection string) (config.Secret, error)
}

// Caller calls the Bot API for one bot, as *tg.Client does.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
	Travel() time.Duration
}

// WithLog fills in everything that the event log provides. instance is this process's identity: a restarted process with
// the same one takes its leases over at once.
func (d Deps) WithLog(log *eventlog.Log, sealer *seal.Sealer, instance string) Deps {
	d.Desk, d.Topics, d.Facts, d.Connections = log, log, log, log
	d.Profiles, d.Secrets = log.Profiles(sealer), log.Secrets(sealer)
	d.Journal = func(connection string) Journal { return log.Journal(connection) }
	d.Lease = func(name string, ttl time.Duration) Lease { return log.Lease(name, instance, ttl) }
	d.Outbox = log.OutboxSource()
	d.Instance = instance
	return d
}
