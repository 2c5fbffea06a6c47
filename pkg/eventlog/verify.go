package eventlog

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
)

// A reader of a replicated stream is served by one replica, chosen at random, from what that replica holds. One that fell
// behind answers, beats and says that nothing waits, and one that lost a record passes it over. So nothing that a
// replica leaves unsaid is believed: the leader is asked.

var (
	errBehind = errors.New("replica is behind the leader")
	errHole   = errors.New("replica left a record out")
)

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
// told, whether there is none; errBehind if there has been one for a while. Calls of Next this short do not notice that
// heartbeats are missing: a reader whose request got lost, so that nobody serves it, is found out in the same way.
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

// vouch returns errHole if the leader has a record that ought to have been handed over before this one: the one that this
// one's writer saw last under the same subject.
func (l *Log) vouch(ctx context.Context, r *reading, rec record) error {
	if r.trail == nil {
		return nil
	}
	before := predecessor(rec.header)
	if before < r.from || r.trail.forgot(before) || r.trail.has(before) {
		return nil
	}
	_, err := l.get(ctx, r.stream, before)
	if errors.Is(err, es.ErrNotFound) {
		return nil // expired
	}
	if err != nil {
		return err
	}
	l.log.Error("replica left a record out, reading it again", zap.String("stream", r.stream),
		zap.Uint64("seq", before), zap.Uint64("successor", rec.seq))
	r.next = before
	return errHole
}

// predecessor is the sequence that was the newest of a record's subject when it was appended, 0 when it was the first or
// was not appended under that condition.
func predecessor(header nats.Header) uint64 {
	if values := header[jetstream.ExpectedLastSubjSeqHeader]; len(values) == 1 {
		if seq, err := strconv.ParseUint(values[0], 10, 64); err == nil {
			return seq
		}
	}
	return 0
}

// trailWords of 64 sequences are what a trail covers; it takes 8 KiB.
const trailWords = 1 << 10

// trail remembers which of the latest sequences of a stream were handed over.
type trail struct {
	bits [trailWords]uint64
	top  uint64 // highest sequence added
}

// add notes a sequence; the nil trail forgets everything.
func (t *trail) add(seq uint64) {
	if t == nil {
		return
	}
	if seq > t.top {
		for word := max(t.top/64+1, seq/64+1-min(trailWords, seq/64+1)); word <= seq/64; word++ {
			t.bits[word%trailWords] = 0
		}
		t.top = seq
	}
	t.bits[seq/64%trailWords] |= 1 << (seq % 64)
}

// forgot tells whether a sequence is too old for the trail to know.
func (t *trail) forgot(seq uint64) bool { return seq/64+trailWords <= t.top/64 }

func (t *trail) has(seq uint64) bool {
	return t != nil && seq <= t.top && !t.forgot(seq) && t.bits[seq/64%trailWords]&(1<<(seq%64)) != 0
}
