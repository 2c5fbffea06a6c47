package eventlog

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Committed is a commit of DESK where it lies.
type Committed struct {
	Seq    uint64
	Key    es.Key
	Commit *eventv1.Commit
	Time   time.Time // when the log took it
	Origin telemetry.Origin
}

// Store is DESK as the kernel sees it.
func (l *Log) Store() es.Store { return deskStore{l} }

type deskStore struct{ log *Log }

// Last implements es.Store.
func (s deskStore) Last(ctx context.Context, key es.Key) (es.Recorded, error) {
	msg, err := s.log.last(ctx, streamDesk, deskSubject(key))
	if err != nil {
		return es.Recorded{}, err
	}
	return recorded(msg)
}

// Get implements es.Store.
func (s deskStore) Get(ctx context.Context, key es.Key, seq uint64) (es.Recorded, error) {
	if seq == 0 {
		return es.Recorded{}, es.ErrNotFound
	}
	msg, err := s.log.get(ctx, streamDesk, seq)
	if err != nil {
		return es.Recorded{}, err
	}
	if msg.Subject != deskSubject(key) {
		return es.Recorded{}, es.ErrNotFound
	}
	return recorded(msg)
}

// Append implements es.Store.
func (s deskStore) Append(ctx context.Context, key es.Key, expected uint64, commit *eventv1.Commit) (uint64, error) {
	if !key.Valid() {
		return 0, fmt.Errorf("key %q: not made of single tokens", key)
	}
	data, err := proto.Marshal(commit)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return s.log.append(ctx, streamDesk, expected, message(ctx, deskSubject(key), commit.GetId(), data))
}

func recorded(msg *jetstream.RawStreamMsg) (es.Recorded, error) {
	commit := &eventv1.Commit{}
	if err := proto.Unmarshal(msg.Data, commit); err != nil {
		return es.Recorded{}, fmt.Errorf("commit at %d: %w", msg.Sequence, err)
	}
	return es.Recorded{Seq: msg.Sequence, Commit: commit}, nil
}

func committed(subject string, seq uint64, at time.Time, header nats.Header, data []byte) (Committed, error) {
	key, err := deskKey(subject)
	if err != nil {
		return Committed{}, err
	}
	commit := &eventv1.Commit{}
	if err := proto.Unmarshal(data, commit); err != nil {
		return Committed{}, fmt.Errorf("commit at %d: %w", seq, err)
	}
	return Committed{Seq: seq, Key: key, Commit: commit, Time: at, Origin: telemetry.OriginOf(telemetry.Carrier(header))}, nil
}

// Commit returns the commit at a sequence of DESK, whosever it is; es.ErrNotFound, es.ErrUnavailable.
func (l *Log) Commit(ctx context.Context, seq uint64) (Committed, error) {
	if seq == 0 {
		return Committed{}, es.ErrNotFound
	}
	msg, err := l.get(ctx, streamDesk, seq)
	if err != nil {
		return Committed{}, err
	}
	return committed(msg.Subject, msg.Sequence, msg.Time, msg.Header, msg.Data)
}

// NextOf returns the first commit of an aggregate with a sequence of at least from; es.ErrNotFound, es.ErrUnavailable.
func (l *Log) NextOf(ctx context.Context, key es.Key, from uint64) (Committed, error) {
	msg, err := l.next(ctx, streamDesk, deskSubject(key), from)
	if err != nil {
		return Committed{}, err
	}
	return committed(msg.Subject, msg.Sequence, msg.Time, msg.Header, msg.Data)
}

// ReadDesk hands over all commits of one connection, of every aggregate, with a sequence of at least from: in order, each
// once, and live until ctx ends or each fails, whose error it returns. caught (may be nil) is called once, when everything
// that was there at the start has been handed over. Interruptions are mended inside.
func (l *Log) ReadDesk(ctx context.Context, connection string, from uint64, each func(Committed) error, caught func()) error {
	if err := tokens(connection); err != nil {
		return err
	}
	return l.readDesk(ctx, "desk.*."+bucketOf(connection)+"."+connection+".>", from, each, caught)
}

// ReadOf hands over the commits of one aggregate, otherwise as ReadDesk does.
func (l *Log) ReadOf(ctx context.Context, key es.Key, from uint64, each func(Committed) error, caught func()) error {
	if !key.Valid() {
		return fmt.Errorf("key %q: not made of single tokens", key)
	}
	return l.readDesk(ctx, deskSubject(key), from, each, caught)
}

func (l *Log) readDesk(ctx context.Context, filter string, from uint64, each func(Committed) error, caught func()) error {
	return l.read(ctx, reading{stream: streamDesk, filters: []string{filter}, from: from, caught: caught,
		each: func(r record) error {
			c, err := committed(r.subject, r.seq, r.time, r.header, r.data)
			if err != nil {
				return err
			}
			return each(c)
		}})
}

// ParametersAt returns the parameters that the commit at a sequence set; es.ErrNotFound when it set none. The result is
// shared: do not change it.
func (l *Log) ParametersAt(ctx context.Context, seq uint64) (*eventv1.Parameters, error) {
	if known, ok := l.params.Get(seq); ok {
		return known, nil
	}
	c, err := l.Commit(ctx, seq)
	if err != nil {
		return nil, fmt.Errorf("parameters at %d: %w", seq, err)
	}
	for _, event := range c.Commit.GetEvents() {
		if set := event.GetParametersSet(); set != nil {
			params := set.GetParameters()
			if params == nil {
				params = &eventv1.Parameters{}
			}
			l.params.Add(seq, params)
			return params, nil
		}
	}
	return nil, fmt.Errorf("parameters at %d: %w", seq, es.ErrNotFound)
}
