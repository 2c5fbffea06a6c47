package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	readAhead      = 256             // messages on their way to a reader
	readHeartbeat  = 3 * time.Second // silence of twice this is an interruption
	readExpiry     = 30 * time.Second
	readerLifetime = 5 * time.Minute // of a consumer whose reader vanished
	tailLook       = time.Second     // between two looks whether a reader has reached the tail
	silence        = 4 * time.Second // after this the leader is asked whether a replica is silent for a reason
	slowHandler    = 2 * time.Second // after this a reader's buffer may have overflown
)

var (
	errGap  = errors.New("deliveries are missing")
	errSlow = errors.New("handler was slow")
)

// record is one message as a reader gets it. data must not be kept after the handler returns.
type record struct {
	subject string
	seq     uint64
	time    time.Time
	header  nats.Header
	data    []byte
}

// reading is one ordered read of a stream.
type reading struct {
	stream  string
	filters []string // empty: everything
	from    uint64
	each    func(record) error
	caught  func() // may be nil

	next       uint64 // first sequence not handed over yet
	delivered  uint64
	waiting    uint64 // deliveries until caught, of one node; known after the first consumer was made
	goal       uint64 // sequence until caught, of replicas; known likewise
	known      bool
	told       bool
	replicated bool   // the consumer's node may lack what the leader has
	trail      *trail // of replicas, where records are appended under a condition and stay; else nil
}

// handlerError marks errors of the handler, which end a read.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

// read hands over records in order, each once, until ctx ends or the handler fails. It lets a throwaway consumer deliver
// and begins a new one behind the last record handed over whenever the deliveries are interrupted or not contiguous, or
// the leader has what was not delivered. A record that a replica left out, which shows when the next one of its subject
// comes, is handed over before that one, though behind later ones of other subjects.
func (l *Log) read(ctx context.Context, r reading) error {
	r.from = max(r.from, 1)
	r.next = r.from
	r.replicated = l.replicas > 1
	if r.replicated && (r.stream == streamDesk || r.stream == streamOutbox) {
		r.trail = &trail{}
	}
	pause := backoff{low: 20 * time.Millisecond, high: 2 * time.Second}
	for {
		before := r.next
		err := l.readOnce(ctx, &r)
		var failed handlerError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &failed):
			return failed.error
		case final(err):
			return fmt.Errorf("read %s: %w", r.stream, err)
		case l.nc.IsClosed():
			return fmt.Errorf("read %s: %w", r.stream, err)
		}
		l.metrics.resumed.WithLabelValues(r.stream).Inc()
		l.log.Debug("reader begins anew", zap.String("stream", r.stream), zap.Uint64("next", r.next), zap.Error(err))
		if r.next != before {
			pause.reset()
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// replay hands over the records from a sequence up to the newest one at the time of the call.
func (l *Log) replay(ctx context.Context, stream, filter string, from uint64, each func(record) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := false
	err := l.read(ctx, reading{stream: stream, filters: []string{filter}, from: from,
		each: func(r record) error {
			if done {
				return nil // came in after the tail was reached
			}
			return each(r)
		},
		caught: func() { done = true; cancel() }})
	if done {
		return nil
	}
	return err
}

func (l *Log) readOnce(parent context.Context, r *reading) error {
	ctx, done := l.connected(parent)
	defer done()
	newest, err := l.newest(ctx, r)
	if err != nil {
		return err
	}
	consumer, err := l.ephemeral(ctx, r)
	if err != nil {
		return err
	}
	defer l.drop(r.stream, consumer.CachedInfo().Name)
	pending := consumer.CachedInfo().NumPending
	if pending == 0 && newest >= r.next {
		return errBehind
	}
	if !r.known {
		r.waiting, r.goal, r.known = pending, newest, true
	}
	r.reached(pending == 0)
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullExpiry(readExpiry),
		jetstream.PullHeartbeat(readHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for contiguous := uint64(1); ; contiguous++ {
		var msg jetstream.Msg
		if !r.replicated {
			msg, err = r.await(ctx, consumer, messages, contiguous)
		} else {
			msg, err = l.await(ctx, r, messages)
		}
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if err := l.take(ctx, r, msg, contiguous); err != nil {
			return err
		}
	}
}

// await returns the next message of the only node. Until the tail was told it looks now and then whether any is left: what
// waited at the start may have been deleted before it was delivered. The client misses heartbeats only within one call of
// Next, so these short ones need a limit of their own.
func (r *reading) await(ctx context.Context, consumer jetstream.Consumer, messages jetstream.MessagesContext, contiguous uint64) (jetstream.Msg, error) {
	for began := time.Now(); !r.told; {
		bounded, cancel := context.WithTimeout(ctx, tailLook)
		msg, err := messages.Next(jetstream.NextContext(bounded))
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return msg, err
		}
		info, err := consumer.Info(ctx)
		if err != nil {
			return nil, err
		}
		r.reached(info.NumPending == 0 && info.Delivered.Consumer == contiguous-1)
		if !r.told && time.Since(began) > 2*readHeartbeat {
			return nil, errGap
		}
	}
	return messages.Next(jetstream.NextContext(ctx))
}

// take hands one message over.
func (l *Log) take(ctx context.Context, r *reading, msg jetstream.Msg, contiguous uint64) error {
	meta, err := msg.Metadata()
	if err != nil {
		return err
	}
	rec := record{subject: msg.Subject(), seq: meta.Sequence.Stream, time: meta.Timestamp, header: msg.Headers(), data: msg.Data()}
	if meta.Sequence.Consumer != contiguous || rec.seq < r.next {
		return errGap
	}
	if r.trail.has(rec.seq) { // again, on the way back from a hole
		r.next = rec.seq + 1
		return nil
	}
	if err := l.vouch(ctx, r, rec); err != nil {
		return err
	}
	start := time.Now()
	if err := r.each(rec); err != nil {
		return handlerError{err}
	}
	r.next = rec.seq + 1
	r.delivered++
	r.trail.add(rec.seq)
	r.reached(meta.NumPending == 0)
	if time.Since(start) > slowHandler {
		return errSlow
	}
	return nil
}

// reached tells the tail if everything that was there at the start has been handed over. drained means that the
// consumer has nothing left, which proves something on one node only.
func (r *reading) reached(drained bool) {
	if r.replicated && r.next > r.goal || !r.replicated && (drained || r.delivered >= r.waiting) {
		r.tell()
	}
}

// tell calls caught, once.
func (r *reading) tell() {
	if r.told {
		return
	}
	r.told = true
	if r.caught != nil {
		r.caught()
	}
}

func (l *Log) ephemeral(ctx context.Context, r *reading) (jetstream.Consumer, error) {
	attempt, cancel := context.WithTimeout(ctx, 2*requestTimeout)
	defer cancel()
	return l.streams[r.stream].CreateConsumer(attempt, jetstream.ConsumerConfig{
		FilterSubjects:    r.filters,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.next,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		InactiveThreshold: readerLifetime,
		MemoryStorage:     true,
		Replicas:          1,
	})
}

// drop removes a throwaway consumer. If it does not get through, the server does it readerLifetime later.
func (l *Log) drop(stream, consumer string) {
	if l.nc.Status() != nats.CONNECTED {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if err := l.streams[stream].DeleteConsumer(ctx, consumer); err != nil {
		l.log.Debug("reader's consumer left behind", zap.String("stream", stream), zap.Error(err))
	}
}
