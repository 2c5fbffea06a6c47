package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
)

// A reader of a replicated stream is served by one replica, chosen at random, from what that replica holds. One that fell
// behind answers, beats and says that nothing waits. So nothing that a replica leaves unsaid is believed: the leader is asked.

var errBehind = errors.New("replica is behind the leader")

// newest asks the leader for the newest sequence a reading is meant to hand over; 0: there is none. On one node, which
// cannot be behind itself, it asks nobody.
func (l *Log) newest(ctx context.Context, r *reading) (uint64, error) {
	if !r.replicated {
		return 0, nil
	}
	filters := r.filters
	if len(filters) == 0 {
		filters = []string{">"}
	}
	newest := uint64(0)
	for _, filter := range filters {
		msg, err := l.last(ctx, r.stream, filter)
		if errors.Is(err, es.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		newest = max(newest, msg.Sequence)
	}
	return newest, nil
}

// await returns the next message of a replica. In silence the leader is asked now and then, more often until the tail was
// told, whether there is none; errBehind if there has been one for a while.
func (l *Log) await(ctx context.Context, r *reading, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	owed := false // the leader had one when it was asked, which may have come in just then
	for began := time.Now(); ; {
		look := silence
		if owed || !r.told {
			look = tailLook
		}
		bounded, cancel := context.WithTimeout(ctx, look)
		msg, err := messages.Next(jetstream.NextContext(bounded))
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return msg, err
		}
		newest, err := l.newest(ctx, r)
		switch {
		case err != nil: // an election; meanwhile nothing new can have come about
			l.log.Debug("leader cannot be asked", zap.String("stream", r.stream), zap.Error(err))
		case newest < r.next:
			owed = false
			r.tell() // what was to come first may have been deleted
		case owed && time.Since(began) > silence:
			return nil, errBehind
		default:
			owed = true
		}
	}
}
