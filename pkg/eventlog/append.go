package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/telemetry"
)

// settleTimeout is how long an append or a publish may stay ambiguous before it is given up as es.ErrUnavailable.
const settleTimeout = 5 * time.Second

// errDuplicate: the stream has a message with this id already.
var errDuplicate = errors.New("duplicate id")

// append adds a message, which has an id, to its literal subject if the subject's newest message still has the sequence expected (0: none).
// After any answer that is not a plain yes, the leader is asked for the first message behind expected: if that is ours,
// an earlier attempt went through; if it is another's, the race is lost. What directly follows expected is all that
// counts: an id that is found elsewhere was decided on another state.
func (l *Log) append(ctx context.Context, stream string, expected uint64, msg *nats.Msg) (uint64, error) {
	start := time.Now()
	seq, err := l.settle(ctx, stream, expected, msg)
	l.metrics.appends.WithLabelValues(stream, outcome(err)).Observe(time.Since(start).Seconds())
	return seq, err
}

func (l *Log) settle(ctx context.Context, stream string, expected uint64, msg *nats.Msg) (uint64, error) {
	id := msg.Header.Get(jetstream.MsgIDHeader)
	msg.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(expected, 10)}
	deadline := time.Now().Add(settleTimeout)
	pause := backoff{low: 5 * time.Millisecond, high: 250 * time.Millisecond}
	for doubt := false; ; {
		seq, err := l.publish(ctx, msg)
		if err == nil {
			return seq, nil
		}
		if final(err) {
			return 0, err
		}
		if !rejected(err) && !errors.Is(err, errDuplicate) {
			doubt = true // this attempt may still go through, and make others fail
		}
		found, readErr := l.next(ctx, stream, msg.Subject, expected+1)
		switch {
		case readErr == nil && found.Header.Get(jetstream.MsgIDHeader) == id:
			return found.Sequence, nil
		case readErr == nil, errors.Is(readErr, es.ErrNotFound) && !doubt:
			return 0, es.ErrConflict
		}
		if time.Now().After(deadline) || l.nc.IsClosed() {
			return 0, fmt.Errorf("%w: %w", es.ErrUnavailable, err)
		}
		if err := pause.wait(ctx); err != nil {
			return 0, err
		}
	}
}

// publish sends a message once and waits for its acknowledgement. A duplicate is errDuplicate, for its sequence may be
// anywhere.
func (l *Log) publish(ctx context.Context, msg *nats.Msg) (uint64, error) {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := l.js.PublishMsg(attempt, msg)
	if err != nil {
		return 0, err
	}
	if ack.Duplicate {
		return ack.Sequence, errDuplicate
	}
	return ack.Sequence, nil
}

// message makes a message that carries the trace of ctx.
func message(ctx context.Context, subject, id string, data []byte) *nats.Msg {
	msg := &nats.Msg{Subject: subject, Data: data, Header: make(nats.Header, 4)}
	msg.Header[jetstream.MsgIDHeader] = []string{id}
	telemetry.Inject(ctx, telemetry.Carrier(msg.Header))
	return msg
}

// get reads a message from the leader of a stream; es.ErrNotFound, es.ErrUnavailable.
func (l *Log) get(ctx context.Context, stream string, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := l.streams[stream].GetMsg(attempt, seq, opts...)
	return msg, translated(ctx, err)
}

// last reads the newest message of a subject from the leader; es.ErrNotFound, es.ErrUnavailable.
func (l *Log) last(ctx context.Context, stream, subject string) (*jetstream.RawStreamMsg, error) {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := l.streams[stream].GetLastMsgForSubject(attempt, subject)
	return msg, translated(ctx, err)
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, es.ErrConflict):
		return "conflict"
	case errors.Is(err, es.ErrUnavailable):
		return "unavailable"
	default:
		return "error"
	}
}

// next reads the first message of a subject with a sequence of at least from; es.ErrNotFound, es.ErrUnavailable.
func (l *Log) next(ctx context.Context, stream, subject string, from uint64) (*jetstream.RawStreamMsg, error) {
	return l.get(ctx, stream, max(from, 1), jetstream.WithGetMsgSubject(subject))
}

// remove deletes a message, secure overwriting it on disk; one that is gone is no error. es.ErrUnavailable.
func (l *Log) remove(ctx context.Context, stream string, seq uint64, secure bool) error {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	del := l.streams[stream].DeleteMsg
	if secure {
		del = l.streams[stream].SecureDeleteMsg
	}
	err := del(attempt, seq)
	if err == nil {
		return nil
	}
	if _, gone := l.get(ctx, stream, seq); errors.Is(gone, es.ErrNotFound) {
		return nil
	}
	return translated(ctx, err)
}
