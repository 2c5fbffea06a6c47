package eventlog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	timerKeep  = "168h" // how long a due timer waits for its service
	timerRetry = time.Second
)

// Timers are durable: set once, due once, whatever restarts in between. A timer may come late, and in rare cases twice;
// never early. It is safe for concurrent use.
type Timers struct{ log *Log }

// Timers returns the timers of the log.
func (l *Log) Timers() *Timers { return &Timers{log: l} }

// Set arms a timer; one of the same kind, connection and id is replaced. A time that has passed is due at once.
// es.ErrUnavailable.
func (t *Timers) Set(ctx context.Context, timer *eventv1.Timer) error {
	if err := tokens(timer.GetKind(), timer.GetConnection(), timer.GetId()); err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	data, err := proto.Marshal(timer)
	if err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	msg := message(ctx, timerSubject("set", timer.GetKind(), timer.GetConnection(), timer.GetId()), uuid.NewString(), data)
	// The client library's own option cuts the time to whole seconds, and so makes timers early.
	msg.Header.Set(jetstream.ScheduleHeader, "@at "+timer.GetDue().AsTime().UTC().Format(time.RFC3339Nano))
	msg.Header.Set(jetstream.ScheduleTargetHeader, timerSubject("due", timer.GetKind(), timer.GetConnection(), timer.GetId()))
	msg.Header.Set(jetstream.ScheduleTTLHeader, timerKeep)
	if _, err := t.log.publishSurely(ctx, msg); err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	return nil
}

// Cancel disarms a timer; one that is not there is no error. A timer that is due at the same moment may still come.
// es.ErrUnavailable.
func (t *Timers) Cancel(ctx context.Context, kind, connection, id string) error {
	if err := tokens(kind, connection, id); err != nil {
		return fmt.Errorf("cancel timer: %w", err)
	}
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := t.log.streams[streamTimers].Purge(attempt, jetstream.WithPurgeSubject(timerSubject("set", kind, connection, id)))
	if err != nil {
		return fmt.Errorf("cancel timer: %w", translated(ctx, err))
	}
	return nil
}

// Consume hands over due timers of all kinds until ctx ends. Replicas of a service share them. An error of handle means
// that the timer comes again, a second later and then less and less often.
func (t *Timers) Consume(ctx context.Context, service string, handle func(context.Context, *eventv1.Timer) error) error {
	if err := tokens(service); err != nil {
		return fmt.Errorf("consume timers: %w", err)
	}
	cfg := jetstream.ConsumerConfig{
		Durable:        service + "-timers-v1",
		FilterSubjects: []string{"timer.due.>"},
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  timersAhead,
		MaxDeliver:     -1,
	}
	return t.log.pull(ctx, streamTimers, cfg, 1, func(ctx context.Context, msg jetstream.Msg) {
		t.take(ctx, msg, service, handle)
	})
}

const timersAhead = 64

func (t *Timers) take(ctx context.Context, msg jetstream.Msg, service string, handle func(context.Context, *eventv1.Timer) error) {
	defer t.log.working(msg)()
	meta, err := msg.Metadata()
	if err != nil {
		return
	}
	timer := &eventv1.Timer{}
	if err := proto.Unmarshal(msg.Data(), timer); err != nil {
		t.log.log.Error("timer cannot be decoded", zap.Uint64("seq", meta.Sequence.Stream), zap.Error(err))
		t.log.ack(ctx, msg)
		return
	}
	if err := handle(traced(ctx, msg), timer); err != nil {
		again := min(timerRetry<<min(meta.NumDelivered, 6), time.Minute)
		t.log.log.Warn("timer comes again", zap.String("service", service), zap.String("kind", timer.GetKind()),
			zap.Duration("after", again), zap.Error(err))
		if err := msg.NakWithDelay(again); err != nil {
			t.log.log.Debug("timer not given back", zap.Error(err)) // the acknowledgement's time-out does it
		}
		return
	}
	t.log.ack(ctx, msg)
}
