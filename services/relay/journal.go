package relay

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	appendBytes = 400 << 10 // of records in one append, well below what the log takes
	pendingPart = 4_000     // pending lanes in one snapshot record
	snapAppends = 1_000     // appends between snapshots
	snapRecords = 10_000    // records between snapshots
)

// pen writes the journal: whatever waits goes into one append, and while that is under way the next one gathers.
type pen struct {
	epoch    uint64
	tail     uint64 // sequence of the connection's last entry
	snapshot uint64 // sequence of the entry in which the last whole snapshot begins
	records  []pending
	busy     bool
	closed   closing
	appends  int // since the last snapshot
	written  int // records since then
}

// closing is how far the journal's last words are.
type closing uint8

const (
	closedNot closing = iota
	closedSnapshot
	closedAll
)

// pending is a record that is not yet durable, and what to do when it is.
type pending struct {
	record *eventv1.JournalRecord
	then   func(seq uint64)
}

// write puts a record into the next append. then, which may be nil, runs when it is durable.
func (o *owner) write(record *eventv1.JournalRecord, then func()) {
	p := pending{record: record}
	if then != nil {
		p.then = func(uint64) { then() }
	}
	o.pen.records = append(o.pen.records, p)
}

// flush starts an append of what waits, unless one is under way.
func (o *owner) flush(work context.Context) {
	if o.pen.busy || len(o.pen.records) == 0 {
		return
	}
	entry := &eventv1.JournalEntry{Epoch: o.pen.epoch, SnapshotSeq: o.pen.snapshot}
	at, n := timestamppb.Now(), 0
	for size := 0; n < len(o.pen.records) && size < appendBytes; n++ {
		record := o.pen.records[n].record
		record.At = at
		entry.Records = append(entry.Records, record)
		size += proto.Size(record) + 4
	}
	batch := o.pen.records[:n:n]
	o.pen.records = o.pen.records[n:]
	if len(o.pen.records) == 0 {
		o.pen.records = nil
	}
	o.pen.busy = true
	expected := o.pen.tail
	o.beside.Go(func() {
		seq, err := appendEntry(work, o.journal, expected, entry)
		o.post(func() { o.appended(seq, batch, err) })
	})
}

func (o *owner) appended(seq uint64, batch []pending, err error) {
	o.pen.busy = false
	if err != nil {
		o.fail(err)
		return
	}
	o.pen.tail = seq
	o.pen.appends++
	o.pen.written += len(batch)
	o.metrics.appended(len(batch))
	for _, p := range batch {
		if p.then != nil {
			p.then(seq)
		}
	}
}

// appendEntry appends until the log answers. Nobody else writes under the entry's epoch, so an entry of that epoch behind
// the expected one is this one, appended by an attempt whose answer was lost.
func appendEntry(ctx context.Context, journal Journal, expected uint64, entry *eventv1.JournalEntry) (uint64, error) {
	var seq uint64
	err := persist(ctx, func(ctx context.Context) error {
		var err error
		seq, err = journal.Append(ctx, expected, entry)
		if !errors.Is(err, es.ErrConflict) {
			return err
		}
		last, tail, lastErr := journal.Last(ctx)
		if lastErr != nil && !errors.Is(lastErr, es.ErrNotFound) {
			return lastErr
		}
		if last > expected && tail.GetEpoch() == entry.GetEpoch() && len(tail.GetRecords()) == len(entry.GetRecords()) {
			seq = last
			return nil
		}
		seq = 0
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("append to the journal: %w", err)
	}
	if seq == 0 {
		return 0, errFenced
	}
	return seq, nil
}

// snapshotWhenDue takes a snapshot now and then, so that a restart replays little. While the bucket of topics is behind
// the journal there is none, for a restart has to catch that up.
func (o *owner) snapshotWhenDue() {
	if (o.pen.appends >= snapAppends || o.pen.written >= snapRecords) && o.caught && o.topics.unsettled == 0 {
		o.snapshot()
	}
}

// snapshot writes down all that a restart cannot know from the commits behind the position. It may take several records
// and appends; it counts once all are durable.
func (o *owner) snapshot() {
	o.pen.appends, o.pen.written = 0, 0
	parts := o.portray()
	var first uint64
	for i, part := range parts {
		o.pen.records = append(o.pen.records, pending{record: snapshotRecord(part), then: func(seq uint64) {
			if i == 0 {
				first = seq
			}
			if i == len(parts)-1 {
				o.pen.snapshot = first
			}
		}})
	}
}

// portray is the state as snapshot records; the first holds everything but most of the pending lanes.
func (o *owner) portray() []*eventv1.Snapshot {
	part := &eventv1.Snapshot{Position: o.position}
	parts := []*eventv1.Snapshot{part}
	add := func(p *eventv1.Pending) {
		if len(part.Pending) == pendingPart {
			part = &eventv1.Snapshot{Position: o.position}
			parts = append(parts, part)
		}
		part.Pending = append(part.Pending, p)
	}
	for key, ln := range o.lanes {
		no, seq := ln.first()
		if !ln.empty() {
			add(&eventv1.Pending{Dialog: key.dialog, Lane: key.side, LaneNo: no, DeskSeq: seq, LastNo: ln.last})
		}
		switch {
		case ln.claim != nil:
			parts[0].Open = append(parts[0].Open, ln.claim)
		case ln.again != nil:
			// To be sent once more: as good as an open claim of the attempt before.
			parts[0].Open = append(parts[0].Open, &eventv1.Started{Delivery: ln.again, Attempt: ln.attempt - 1})
		}
	}
	o.topics.portray(parts[0], add)
	o.portrayReactions(parts[0])
	o.portrayBudgets(parts[0])
	return parts
}

func snapshotRecord(s *eventv1.Snapshot) *eventv1.JournalRecord {
	return &eventv1.JournalRecord{Body: &eventv1.JournalRecord_Snapshot{Snapshot: s}}
}
