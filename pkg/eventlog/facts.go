package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// factNamespace of message ids in INBOX; fixed for ever.
var factNamespace = uuid.MustParse("0e2a6a55-7b0c-5c63-8a55-2f2a0c0f6b7e")

// PublishFact puts a fact into INBOX and returns its sequence once it is durable. place is the chat id in decimal, or
// "relay", "timer", "api"; chats share a few subjects. The same cause published again soon is recognised; later, its reader recognises it. Facts of
// one chat keep their order if they are published one after the other. Ambiguous answers are retried for some five
// seconds; then es.ErrUnavailable, and the fact may or may not be there.
func (l *Log) PublishFact(ctx context.Context, fact *eventv1.Fact, place string) (seq uint64, err error) {
	start := time.Now()
	defer func() {
		l.metrics.appends.WithLabelValues(streamInbox, outcome(err)).Observe(time.Since(start).Seconds())
	}()
	if err := tokens(fact.GetConnection(), place); err != nil {
		return 0, fmt.Errorf("publish fact: %w", err)
	}
	data, err := proto.Marshal(fact)
	if err != nil {
		return 0, fmt.Errorf("publish fact: %w", err)
	}
	msg := message(ctx, inboxSubject(fact.GetConnection(), place), factID(fact), data)
	seq, err = l.publishSurely(ctx, msg)
	if err != nil {
		return 0, fmt.Errorf("publish fact: %w", err)
	}
	return seq, nil
}

// publishSurely publishes a message, which has an id, until it is acknowledged; for some five seconds, then
// es.ErrUnavailable.
func (l *Log) publishSurely(ctx context.Context, msg *nats.Msg) (uint64, error) {
	deadline := time.Now().Add(settleTimeout)
	pause := backoff{low: 20 * time.Millisecond, high: 500 * time.Millisecond}
	for {
		seq, err := l.publish(ctx, msg)
		switch {
		case err == nil, errors.Is(err, errDuplicate):
			return seq, nil
		case final(err):
			return 0, err
		case time.Now().After(deadline), l.nc.IsClosed():
			return 0, fmt.Errorf("%w: %w", es.ErrUnavailable, err)
		}
		if err := pause.wait(ctx); err != nil {
			return 0, err
		}
	}
}

func factID(fact *eventv1.Fact) string {
	return uuid.NewSHA1(factNamespace, []byte(fact.GetConnection()+"\x00"+es.CauseText(fact.GetCause()))).String()
}
