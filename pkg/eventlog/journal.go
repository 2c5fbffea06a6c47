package eventlog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Journal is a connection's journal in OUTBOX. It is safe for concurrent use, but appends belong to one owner: the
// condition on the sequence tells a second one that it is late.
type Journal struct {
	log     *Log
	subject string
}

// Journal returns the journal of a connection, whose id must be a single token.
func (l *Log) Journal(connection string) *Journal {
	return &Journal{log: l, subject: outboxSubject(connection)}
}

// Last returns the newest entry, read from the leader; es.ErrNotFound when there is none, es.ErrUnavailable.
func (j *Journal) Last(ctx context.Context) (seq uint64, entry *eventv1.JournalEntry, err error) {
	msg, err := j.log.last(ctx, streamOutbox, j.subject)
	if err != nil {
		return 0, nil, err
	}
	entry, err = journalEntry(msg.Sequence, msg.Data)
	return msg.Sequence, entry, err
}

// Replay hands over the entries from sequence from up to the newest one at the time of the call, in order. It returns the
// error of each, or the context's.
func (j *Journal) Replay(ctx context.Context, from uint64, each func(seq uint64, at time.Time, e *eventv1.JournalEntry) error) error {
	return j.log.replay(ctx, streamOutbox, j.subject, from, func(r record) error {
		entry, err := journalEntry(r.seq, r.data)
		if err != nil {
			return err
		}
		return each(r.seq, r.time, entry)
	})
}

// Append adds an entry if the newest one still has the sequence expected (0: there is none), and returns its sequence.
// Errors: es.ErrConflict, somebody else owns the journal now; es.ErrUnavailable, the entry may be there or may come to be
// there later, which the next Last or Append under the same expectation shows.
func (j *Journal) Append(ctx context.Context, expected uint64, e *eventv1.JournalEntry) (seq uint64, err error) {
	data, err := proto.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("journal entry: %w", err)
	}
	return j.log.append(ctx, streamOutbox, expected, message(ctx, j.subject, uuid.NewString(), data))
}

func journalEntry(seq uint64, data []byte) (*eventv1.JournalEntry, error) {
	entry := &eventv1.JournalEntry{}
	if err := proto.Unmarshal(data, entry); err != nil {
		return nil, fmt.Errorf("journal entry at %d: %w", seq, err)
	}
	return entry, nil
}
