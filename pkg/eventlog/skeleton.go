// Package eventlog is the event log on NATS JetStream.
package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/seal"
	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

var errSkeleton = errors.New("not there yet")

type Options struct {
	Replicas int
	Logger   *zap.Logger
	Metrics  prometheus.Registerer
}

type Log struct{}

func Open(ctx context.Context, nc *nats.Conn, opts Options) (*Log, error) { return nil, errSkeleton }
func (l *Log) Close()                                                     {}
func (l *Log) Ready() error                                               { return errSkeleton }

const Partitions = 64

func Partition(connection string) int { return 0 }

func (l *Log) Store() es.Store { return nil }

type Committed struct {
	Seq    uint64
	Key    es.Key
	Commit *eventv1.Commit
	Time   time.Time
}

func (l *Log) Commit(ctx context.Context, seq uint64) (Committed, error) {
	return Committed{}, errSkeleton
}
func (l *Log) ReadDesk(ctx context.Context, connection string, from uint64, each func(Committed) error, caught func()) error {
	return errSkeleton
}
func (l *Log) NextOf(ctx context.Context, key es.Key, from uint64) (Committed, error) {
	return Committed{}, errSkeleton
}
func (l *Log) ParametersAt(ctx context.Context, seq uint64) (*eventv1.Parameters, error) {
	return nil, errSkeleton
}
func (l *Log) DeskSource(filters ...string) view.Source { return nil }
func (l *Log) OutboxSource() view.Source                { return nil }

func (l *Log) PublishFact(ctx context.Context, fact *eventv1.Fact, place string) (seq uint64, err error) {
	return 0, errSkeleton
}

type Delivered struct {
	Fact    *eventv1.Fact
	Subject string
	Seq     uint64
	Time    time.Time
	Attempt int
}

type Consumer struct {
	Service string
	ParkKey func(*eventv1.Fact) string
	Handle  func(context.Context, Delivered) error
}

func (l *Log) Consume(ctx context.Context, c Consumer) error { return errSkeleton }
func Park(err error) error                                   { return err }

type ParkedFact struct {
	Seq     uint64 // of PARKED
	Service string
	Key     string
	Parked  *eventv1.Parked
}

func (l *Log) Parked(ctx context.Context, connection string) ([]ParkedFact, error) {
	return nil, errSkeleton
}
func (l *Log) Release(ctx context.Context, connection, key string) error { return errSkeleton }
func (l *Log) InboxLag(ctx context.Context) (uint64, error)              { return 0, errSkeleton }

type Journal struct{}

func (l *Log) Journal(connection string) *Journal { return nil }
func (j *Journal) Last(ctx context.Context) (seq uint64, entry *eventv1.JournalEntry, err error) {
	return 0, nil, errSkeleton
}
func (j *Journal) Replay(ctx context.Context, from uint64, each func(seq uint64, at time.Time, e *eventv1.JournalEntry) error) error {
	return errSkeleton
}
func (j *Journal) Append(ctx context.Context, expected uint64, e *eventv1.JournalEntry) (seq uint64, err error) {
	return 0, errSkeleton
}

type Bucket struct{}

func (l *Log) Bucket(name string) *Bucket { return nil }
func (b *Bucket) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	return nil, 0, errSkeleton
}
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	return 0, errSkeleton
}
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return 0, errSkeleton
}
func (b *Bucket) Delete(ctx context.Context, key string) error { return errSkeleton }
func (b *Bucket) Watch(ctx context.Context, each func(key string, value []byte, revision uint64) error, caught func()) error {
	return errSkeleton
}

func (l *Log) WatchConnections(ctx context.Context, each func(*eventv1.ConnectionRecord) error, caught func()) error {
	return errSkeleton
}
func (l *Log) PutConnection(ctx context.Context, record *eventv1.ConnectionRecord) error {
	return errSkeleton
}
func (l *Log) TopicOf(ctx context.Context, connection, dialog string) (*eventv1.TopicRecord, error) {
	return nil, errSkeleton
}
func (l *Log) DialogOf(ctx context.Context, connection string, thread int64) (string, error) {
	return "", errSkeleton
}
func (l *Log) PutTopic(ctx context.Context, connection, dialog string, rec *eventv1.TopicRecord) error {
	return errSkeleton
}
func (l *Log) DropTopic(ctx context.Context, connection, dialog string, thread int64) error {
	return errSkeleton
}

type Profiles struct{}

func (l *Log) Profiles(s *seal.Sealer) *Profiles { return nil }
func (p *Profiles) Put(ctx context.Context, connection string, user int64, profile *eventv1.Profile) error {
	return errSkeleton
}
func (p *Profiles) Get(ctx context.Context, connection string, user int64) (*eventv1.Profile, error) {
	return nil, errSkeleton
}
func (p *Profiles) Erase(ctx context.Context, connection string, user int64) error {
	return errSkeleton
}

type Secrets struct{}

func (l *Log) Secrets(s *seal.Sealer) *Secrets { return nil }
func (s *Secrets) PutToken(ctx context.Context, connection string, token config.Secret) error {
	return errSkeleton
}
func (s *Secrets) Token(ctx context.Context, connection string) (config.Secret, error) {
	return config.Secret{}, errSkeleton
}

type Lease struct{}

func (l *Log) Lease(name, instance string, ttl time.Duration) *Lease { return nil }
func (le *Lease) Run(ctx context.Context, held func(ctx context.Context) error) error {
	return errSkeleton
}
func (le *Lease) Margin() time.Duration { return 0 }

type Timers struct{}

func (l *Log) Timers() *Timers                                        { return nil }
func (t *Timers) Set(ctx context.Context, timer *eventv1.Timer) error { return errSkeleton }
func (t *Timers) Cancel(ctx context.Context, kind, connection, id string) error {
	return errSkeleton
}
func (t *Timers) Consume(ctx context.Context, service string, handle func(context.Context, *eventv1.Timer) error) error {
	return errSkeleton
}
