package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// history is what the journal tells of the time before a take-over. Applying records twice changes nothing: everything in
// it only grows, or is replaced by what came later.
type history struct {
	position uint64 // of the snapshot that the replay begins with
	begun    bool   // position is known
	lanes    map[laneKey]*laneHistory
	looks    map[string]uint64 // dialog → commit whose status is not shown
	claimed  map[string]bool   // dialogs with a creation under way
	topics   map[string]*eventv1.TopicCreated
	lost     map[string]*eventv1.TopicLost
	orphans  map[int64]struct{}
}

type laneHistory struct {
	done    uint64
	spill   uint64 // commit sequence of the first request without a result, when that is not behind the position
	open    *eventv1.Started
	again   *eventv1.Delivery // to be sent once more
	attempt uint32
}

func newHistory() *history {
	return &history{
		lanes: map[laneKey]*laneHistory{}, looks: map[string]uint64{}, claimed: map[string]bool{},
		topics: map[string]*eventv1.TopicCreated{}, lost: map[string]*eventv1.TopicLost{}, orphans: map[int64]struct{}{},
	}
}

func (h *history) lane(dialog string, side eventv1.Lane) *laneHistory {
	key := laneKey{dialog, side}
	l := h.lanes[key]
	if l == nil {
		l = &laneHistory{attempt: 1}
		h.lanes[key] = l
	}
	return l
}

// apply takes the next record of the journal in.
func (h *history) apply(record *eventv1.JournalRecord) {
	switch body := record.GetBody().(type) {
	case *eventv1.JournalRecord_Started:
		h.started(body.Started)
	case *eventv1.JournalRecord_Released:
		d := body.Released.GetDelivery()
		h.lane(d.GetDialog(), d.GetLane()).open = nil
	case *eventv1.JournalRecord_Done:
		h.settled(body.Done.GetDelivery())
	case *eventv1.JournalRecord_Failed:
		h.settled(body.Failed.GetDelivery())
	case *eventv1.JournalRecord_Unknown:
		d := body.Unknown.GetDelivery()
		if !body.Unknown.GetAgain() {
			h.settled(d)
			return
		}
		l := h.lane(d.GetDialog(), d.GetLane())
		l.open, l.again, l.attempt = nil, d, l.attempt+1
	case *eventv1.JournalRecord_Snapshot:
		h.snapshot(body.Snapshot)
	default:
		h.topic(record)
	}
}

func (h *history) started(s *eventv1.Started) {
	l := h.lane(s.GetDelivery().GetDialog(), s.GetDelivery().GetLane())
	if s.GetDelivery().GetLastNo() <= l.done {
		return
	}
	l.open, l.attempt = s, s.GetAttempt()
	if s.GetAttempt() > 1 {
		l.again = s.GetDelivery()
	}
}

func (h *history) settled(d *eventv1.Delivery) {
	l := h.lane(d.GetDialog(), d.GetLane())
	if d.GetLastNo() > l.done {
		l.done = d.GetLastNo()
	}
	l.open, l.again, l.attempt = nil, nil, 1
}

func (h *history) topic(record *eventv1.JournalRecord) {
	switch body := record.GetBody().(type) {
	case *eventv1.JournalRecord_TopicClaimed:
		h.claimed[body.TopicClaimed.GetDialog()] = true
	case *eventv1.JournalRecord_TopicUnclaimed:
		delete(h.claimed, body.TopicUnclaimed.GetDialog())
	case *eventv1.JournalRecord_TopicCreated:
		made := body.TopicCreated
		delete(h.claimed, made.GetDialog())
		delete(h.orphans, made.GetThread())
		delete(h.lost, made.GetDialog())
		h.topics[made.GetDialog()] = made
	case *eventv1.JournalRecord_TopicLost:
		delete(h.topics, body.TopicLost.GetDialog())
		h.lost[body.TopicLost.GetDialog()] = body.TopicLost
	case *eventv1.JournalRecord_TopicShown:
		shown := body.TopicShown
		if h.looks[shown.GetDialog()] <= shown.GetDeskSeq() {
			delete(h.looks, shown.GetDialog())
		}
	}
}

// snapshot takes a snapshot in. The first one sets the position; later ones (parts of the same, or one that no entry
// names yet) only add what they know of lanes.
func (h *history) snapshot(s *eventv1.Snapshot) {
	if !h.begun {
		h.begun, h.position = true, s.GetPosition()
	}
	for _, p := range s.GetPending() {
		if p.GetLane() == eventv1.Lane_LANE_TOPIC {
			h.looks[p.GetDialog()] = max(h.looks[p.GetDialog()], p.GetDeskSeq())
			continue
		}
		l := h.lane(p.GetDialog(), p.GetLane())
		if p.GetLaneNo() > 0 {
			l.done = max(l.done, p.GetLaneNo()-1)
		}
		l.spill = p.GetDeskSeq()
	}
	for _, open := range s.GetOpen() {
		h.started(open)
	}
	for _, dialog := range s.GetOpenTopics() {
		h.claimed[dialog] = true
	}
	for _, thread := range s.GetOrphans() {
		h.orphans[thread] = struct{}{}
	}
}

// takeOver makes this owner the only one that can write the journal, and learns from it what former ones have left.
func (o *owner) takeOver(ctx context.Context) error {
	started := o.now()
	if err := o.become(ctx); err != nil {
		return err
	}
	h := newHistory()
	err := o.journal.Replay(ctx, o.pen.snapshot, func(_ uint64, _ time.Time, e *eventv1.JournalEntry) error {
		for _, record := range e.GetRecords() {
			h.apply(record)
			o.remember(record)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := o.mendTopics(ctx, h); err != nil {
		return err
	}
	o.position = h.position
	o.restoreLanes(h)
	o.restoreTopics(h)
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
	done := record.GetDone()
	for i, source := range done.GetDelivery().GetSources() {
		if i < len(done.GetCopies()) {
			o.recent.add(o.id, source, &eventv1.MessageRef{Chat: done.GetChat(), Message: done.GetCopies()[i]})
		}
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
		o.lanes[key] = ln
		switch {
		case past.open == nil:
			o.advance(ln)
		case past.open.GetAttempt() < maxAttempts:
			ln.claim = past.open
			o.doubtful(ln)
		default:
			o.abandon(ln, past.open)
		}
	}
}

// abandon reports a delivery that was in doubt more than once: it is not sent again.
func (o *owner) abandon(ln *lane, open *eventv1.Started) {
	ln.claim, ln.phase = open, phaseRecovering
	d := open.GetDelivery()
	conclude := func() {
		unknown := &eventv1.Unknown{Delivery: d}
		o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Unknown{Unknown: unknown}}, nil)
		ln.done = d.GetLastNo()
		ln.last = max(ln.last, ln.done)
		ln.claim, ln.again, ln.attempt, ln.phase = nil, nil, 1, phaseIdle
		o.advance(ln)
	}
	if len(d.GetSources()) == 0 {
		conclude()
		return
	}
	o.report(d, eventv1.FailureClass_FAILURE_CLASS_UNKNOWN, eventv1.Kind_KIND_UNSPECIFIED, conclude)
}

// restoreTopics takes up creations and looks that were not finished.
func (o *owner) restoreTopics(h *history) {
	for dialog := range h.claimed {
		t := &topic{dialog: dialog, claimed: true, state: topicQueued}
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
