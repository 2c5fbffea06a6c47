package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	consumersPerService = 8           // durables, each over Partitions/8 buckets; fixed for ever like Partitions
	inPlace             = time.Second // how long a fact is retried before it is parked
	factsAhead          = 16          // of a pull request; the server hands out one at a time
)

// Delivered is a fact as it is handed to a service.
type Delivered struct {
	Fact    *eventv1.Fact
	Subject string // of INBOX
	Seq     uint64 // of INBOX
	Time    time.Time
	Attempt int // 1, 2 …
}

// Consumer is how a service takes facts. Handle is called for facts of different buckets concurrently, and must recognise
// a fact that it has handled before.
type Consumer struct {
	// Service is part of the durables' names: replicas with the same name share the facts.
	Service string
	// ParkKey names what waits behind a fact that cannot be decided: a single token; nil or "" means the fact's place.
	ParkKey func(*eventv1.Fact) string
	// Handle: nil, done. es.ErrUnavailable: everything waits, for ever, and nothing is parked. Park(err): parked at once.
	// Any other error: retried in place for a second, then parked.
	Handle func(context.Context, Delivered) error
}

type parkError struct{ error }

func (e parkError) Unwrap() error { return e.error }

// Park wraps an error of Consumer.Handle so that the fact is parked without being retried in place. The error's text is
// stored with it: no content in it.
func Park(err error) error { return parkError{err} }

// Consume hands every fact of INBOX to a service until ctx ends: those of one connection in order, one at a time. A fact
// that cannot be decided is parked, and later ones with the same key behind it; parked facts are tried again after
// 1 s … 60 s and on Release.
func (l *Log) Consume(ctx context.Context, c Consumer) error {
	if err := tokens(c.Service); err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	keeper := newKeeper(l, c)
	group.Go(func() error { return keeper.run(ctx) })
	for k := range consumersPerService {
		intake := &intake{log: l, c: c, keeper: keeper, parked: map[string]struct{}{}}
		group.Go(func() error {
			return l.pull(ctx, streamInbox, factConsumer(c.Service, k), factsAhead, intake.take)
		})
	}
	return group.Wait()
}

func factConsumer(service string, k int) jetstream.ConsumerConfig {
	var filters []string
	for p := k; p < Partitions; p += consumersPerService {
		filters = append(filters, "in."+strconv.Itoa(p)+".>")
	}
	return jetstream.ConsumerConfig{
		Durable:        factDurable(service, k),
		FilterSubjects: filters,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  1,
		MaxDeliver:     -1,
	}
}

func factDurable(service string, k int) string { return service + "-" + strconv.Itoa(k) + "-v1" }

// intake is one durable's facts. One goroutine uses it.
type intake struct {
	log    *Log
	c      Consumer
	keeper *keeper

	parked map[string]struct{} // subjects that may hold parked facts
	last   uint64              // delivery number of the fact handled last
	streak int                 // facts in a row that no other replica came between
	known  bool                // parked holds every subject with parked facts
}

func (in *intake) take(ctx context.Context, msg jetstream.Msg) {
	defer in.log.working(msg)()
	meta, err := msg.Metadata()
	if err != nil {
		in.log.log.Error("delivery without metadata", zap.Error(err))
		return
	}
	fact := &eventv1.Fact{}
	if err := proto.Unmarshal(msg.Data(), fact); err != nil || !token(fact.GetConnection()) {
		in.log.log.Error("fact cannot be decoded", zap.Uint64("seq", meta.Sequence.Stream), zap.Error(err))
		in.log.ack(ctx, msg)
		return
	}
	in.log.metrics.lag.WithLabelValues(in.c.Service).Observe(time.Since(meta.Timestamp).Seconds())
	in.follow(meta)
	d := Delivered{Fact: fact, Subject: msg.Subject(), Seq: meta.Sequence.Stream, Time: meta.Timestamp}
	start := time.Now()
	result, err := in.settle(traced(ctx, msg), d)
	if err != nil { // only the context's: another replica may go on
		if err := msg.Nak(); err != nil {
			in.log.log.Debug("fact not given back", zap.Error(err))
		}
		return
	}
	in.log.metrics.handled.WithLabelValues(in.c.Service, result).Observe(time.Since(start).Seconds())
	in.log.ack(ctx, msg)
}

// settle handles a fact or parks it. It fails only when ctx ends.
func (in *intake) settle(ctx context.Context, d Delivered) (result string, err error) {
	subject := parkedSubject(d.Fact.GetConnection(), in.c.Service, in.c.key(d))
	waiting, err := in.waiting(ctx, subject)
	if err != nil {
		return "", err
	}
	reason := "waits behind an earlier fact"
	if !waiting {
		err := in.c.try(ctx, d)
		if err == nil {
			return "ok", nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		reason = err.Error()
		in.log.log.Warn("fact parked", zap.String("service", in.c.Service), zap.String("subject", subject),
			zap.Uint64("seq", d.Seq), zap.Error(err))
	}
	if err := in.park(ctx, subject, d, reason); err != nil {
		return "", err
	}
	return "parked", nil
}

func (c Consumer) key(d Delivered) string {
	if c.ParkKey != nil {
		if key := c.ParkKey(d.Fact); token(key) {
			return key
		}
	}
	return placeOf(d.Subject)
}

// try calls Handle until it succeeds or the fact has to be parked, or ctx ends.
func (c Consumer) try(ctx context.Context, d Delivered) error {
	deadline := time.Now().Add(inPlace)
	pause := backoff{low: 10 * time.Millisecond, high: 250 * time.Millisecond}
	outage := backoff{low: 50 * time.Millisecond, high: 2 * time.Second}
	for {
		d.Attempt++
		err := c.Handle(ctx, d)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, es.ErrUnavailable) {
			if err := outage.wait(ctx); err != nil {
				return err
			}
			deadline = time.Now().Add(inPlace)
			continue
		}
		outage.reset()
		var now parkError
		if errors.As(err, &now) || time.Now().After(deadline) {
			return err
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// InboxLag is how many deliveries of facts are still owed to services.
func (l *Log) InboxLag(ctx context.Context) (uint64, error) {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var lag uint64
	list := l.streams[streamInbox].ListConsumers(attempt)
	for info := range list.Info() {
		if info.Config.Durable != "" {
			lag += info.NumPending + uint64(info.NumAckPending)
		}
	}
	return lag, translated(ctx, list.Err())
}
