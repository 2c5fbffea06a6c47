package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// takeOver makes this owner the only one that can write the journal, and learns from it what former ones have left.
func (o *owner) takeOver(ctx context.Context) error {
	started := o.now()
	if err := o.become(ctx); err != nil {
		return err
	}
	h, last := newHistory(o.group), uint64(0)
	err := o.journal.Replay(ctx, o.pen.snapshot, func(seq uint64, _ time.Time, e *eventv1.JournalEntry) error {
		last = seq
		for _, record := range e.GetRecords() {
			h.apply(record)
			o.remember(record)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if last < o.pen.tail {
		// What a former owner did would be done again.
		return fmt.Errorf("replay ended at %d, before this owner's own entry at %d", last, o.pen.tail)
	}
	if err := o.mendTopics(ctx, h); err != nil {
		return err
	}
	o.position = h.position
	o.restoreLanes(h)
	o.restoreTopics(h)
	o.restoreMarks(h)
	o.restoreWishes(h)
	o.restoreBudgets(h)
	o.ownerTold = h.told
	if h.doubtful() {
		o.suspended, o.dark = true, standstill{reasonUnreachable, o.now()} // nothing is sent again before getMe answers
	}
	o.log.Info("took the connection over", zap.Uint64("epoch", o.pen.epoch), zap.Uint64("position", h.position),
		zap.Int("lanes", len(o.lanes)), zap.Duration("took", o.now().Sub(started)))
	return nil
}

// become appends the Owner record. From then on nobody of a lower epoch can append.
func (o *owner) become(ctx context.Context) error {
	last, entry, err := o.journal.Last(ctx)
	if err != nil && !errors.Is(err, es.ErrNotFound) {
		return fmt.Errorf("read the journal's end: %w", err)
	}
	o.pen.epoch, o.pen.snapshot = entry.GetEpoch()+1, entry.GetSnapshotSeq()
	first := &eventv1.JournalEntry{Epoch: o.pen.epoch, SnapshotSeq: o.pen.snapshot}
	first.Records = append(first.Records, o.signature())
	if last == 0 {
		first.Records = append(first.Records, snapshotRecord(&eventv1.Snapshot{}))
	}
	if o.pen.tail, err = appendEntry(ctx, o.journal, last, first); err != nil {
		return err
	}
	if o.pen.snapshot == 0 {
		// The first entry holds the first snapshot, and names none.
		if o.pen.snapshot = last; last == 0 {
			o.pen.snapshot = o.pen.tail
		}
	}
	return nil
}

// signature is the record of this owner.
func (o *owner) signature() *eventv1.JournalRecord {
	return &eventv1.JournalRecord{Body: &eventv1.JournalRecord_Owner{Owner: &eventv1.Owner{Epoch: o.pen.epoch, Instance: o.deps.Instance}}}
}

// remember keeps the links of replayed deliveries.
func (o *owner) remember(record *eventv1.JournalRecord) {
	if done := record.GetDone(); done != nil {
		o.recent.learn(o.id, done)
	}
}

// mendTopics brings the bucket of topics up to the journal.
func (o *owner) mendTopics(ctx context.Context, h *history) error {
	for dialog, made := range h.topics {
		record, err := o.deps.Topics.TopicOf(ctx, o.id, dialog)
		if err != nil && !errors.Is(err, es.ErrNotFound) {
			return fmt.Errorf("topic of %s: %w", dialog, err)
		}
		if record.GetThread() != made.GetThread() {
			record = &eventv1.TopicRecord{Thread: made.GetThread()}
			if err := o.deps.Topics.PutTopic(ctx, o.id, dialog, record); err != nil {
				return fmt.Errorf("put topic of %s: %w", dialog, err)
			}
		}
		o.topics.owners[made.GetThread()] = dialog
	}
	for dialog, lost := range h.lost {
		o.topics.lost[lost.GetThread()] = struct{}{}
		if err := o.deps.Topics.DropTopic(ctx, o.id, dialog, lost.GetThread()); err != nil && !errors.Is(err, es.ErrNotFound) {
			return fmt.Errorf("drop topic of %s: %w", dialog, err)
		}
	}
	return nil
}

// restoreLanes puts the lanes back that have something left. Open claims are in doubt: their calls may have happened.
func (o *owner) restoreLanes(h *history) {
	for key, past := range h.lanes {
		o.settled[key] = past.done
		from := past.spill
		if past.open != nil {
			from = past.open.GetDelivery().GetDeskSeq()
		} else if past.again != nil {
			from = past.again.GetDeskSeq()
		}
		if from == 0 {
			continue
		}
		ln := newLane(key, past.done)
		ln.spill, ln.attempt, ln.again = from, past.attempt, past.again
		ln.last = max(ln.last, past.last)
		o.doubt += int(ln.last - ln.done)
		o.lanes[key] = ln
		switch {
		case past.open == nil:
			o.advance(ln)
		case past.open.GetAttempt() < maxClaims:
			ln.claim = past.open
			o.doubtful(ln)
		default:
			o.abandon(ln, past.open)
		}
	}
}

// abandon reports a delivery whose claim was found open again and again: it is not sent once more.
func (o *owner) abandon(ln *lane, open *eventv1.Started) {
	ln.claim, ln.phase = open, phaseRecovering
	d := open.GetDelivery()
	conclude := func() {
		unknown := &eventv1.Unknown{Delivery: d}
		o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Unknown{Unknown: unknown}}, nil)
		before := ln.last - ln.done
		ln.done = d.GetLastNo()
		ln.last = max(ln.last, ln.done)
		o.doubt += int(ln.last-ln.done) - int(before)
		ln.claim, ln.again, ln.attempt, ln.phase = nil, nil, 1, phaseIdle
		o.advance(ln)
	}
	if len(d.GetSources()) == 0 {
		conclude()
		return
	}
	o.report(d, eventv1.FailureClass_FAILURE_CLASS_UNKNOWN, eventv1.Kind_KIND_UNSPECIFIED, telemetry.Origin{}, conclude)
}

// restoreTopics takes up creations and looks that were not finished.
func (o *owner) restoreTopics(h *history) {
	for dialog := range h.claimed {
		t := &topic{dialog: dialog, claimed: true, inherited: true, state: topicQueued}
		o.topics.known[dialog] = t
		if o.topics.making != nil {
			o.topics.queue = append(o.topics.queue, t)
			continue
		}
		t.state = topicMaking
		o.topics.making, o.topics.doubt = t, true
	}
	for thread := range h.orphans {
		o.checkOrphan(thread)
	}
	for dialog, seq := range h.looks {
		o.aside(func(ctx context.Context) func() {
			commit, err := o.deps.Desk.Commit(ctx, seq)
			if err != nil {
				return nil
			}
			return func() {
				for _, event := range commit.Commit.GetEvents() {
					if changed := event.GetStatusChanged(); changed != nil {
						o.wantStatus(dialog, changed.GetTo(), seq)
					}
				}
			}
		})
	}
}

// restoreWishes takes up the reactions that were not shown.
func (o *owner) restoreWishes(h *history) {
	for _, w := range h.wishes {
		o.aside(func(ctx context.Context) func() {
			commit, err := o.deps.Desk.Commit(ctx, w.GetDeskSeq())
			if err != nil {
				return nil
			}
			return func() {
				for _, event := range commit.Commit.GetEvents() {
					if changed := event.GetReactionChanged(); changed != nil {
						o.wantReaction(changed, commit.Seq)
					}
				}
			}
		})
	}
}

// dialogOf is the dialog of a thread, empty when there is none.
func (o *owner) dialogOf(ctx context.Context, thread int64) (dialog string, err error) {
	err = persist(ctx, func(ctx context.Context) error {
		if dialog, err = o.deps.Topics.DialogOf(ctx, o.id, thread); errors.Is(err, es.ErrNotFound) {
			dialog, err = "", nil
		}
		return err
	})
	return dialog, err
}
