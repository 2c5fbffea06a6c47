package relay

import (
	"time"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// history is what the journal tells of the time before a take-over. Applying records twice changes nothing: everything in
// it only grows, or is replaced by what came later; only spendings would be counted too high, which costs a minute's pace.
type history struct {
	position uint64 // of the snapshot that the replay begins with
	begun    bool   // position is known
	lanes    map[laneKey]*laneHistory
	looks    map[string]uint64 // dialog → commit whose status is not shown
	claimed  map[string]bool   // dialogs with a creation under way
	topics   map[string]*eventv1.TopicCreated
	lost     map[string]*eventv1.TopicLost
	orphans  map[int64]struct{}
	marks    map[int64]*eventv1.Delivery // shown on operators' messages, by message
	wishes   map[int64]*eventv1.Reacted  // reactions not shown yet
	told     string                      // what the owner was told last

	home      int64 // the group
	spendings []tg.Spending
	spentKept int
	pauses    map[int64]time.Time // that Telegram asked for, by chat; 0: in all of them
}

type laneHistory struct {
	done    uint64
	last    uint64 // highest number known to be asked for
	spill   uint64 // commit sequence of the first request without a result, when that is not behind the position
	open    *eventv1.Started
	again   *eventv1.Delivery // to be sent once more
	attempt uint32
}

func newHistory(group int64) *history {
	return &history{
		lanes: map[laneKey]*laneHistory{}, looks: map[string]uint64{}, claimed: map[string]bool{},
		topics: map[string]*eventv1.TopicCreated{}, lost: map[string]*eventv1.TopicLost{}, orphans: map[int64]struct{}{},
		marks: map[int64]*eventv1.Delivery{}, wishes: map[int64]*eventv1.Reacted{},
		home: group, spentKept: spentMost, pauses: map[int64]time.Time{},
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
	h.spent(record)
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
		h.unmarked(body.Failed.GetDelivery())
	case *eventv1.JournalRecord_Unknown:
		d := body.Unknown.GetDelivery()
		if !body.Unknown.GetAgain() {
			h.settled(d)
			h.unmarked(d)
			return
		}
		l := h.lane(d.GetDialog(), d.GetLane())
		l.open, l.again, l.attempt = nil, d, l.attempt+1
	case *eventv1.JournalRecord_Snapshot:
		h.snapshot(body.Snapshot)
	case *eventv1.JournalRecord_Marked:
		h.marked(body.Marked)
	case *eventv1.JournalRecord_Reacted:
		if h.wishes[body.Reacted.GetMessage().GetMessage()].GetDeskSeq() <= body.Reacted.GetDeskSeq() {
			delete(h.wishes, body.Reacted.GetMessage().GetMessage())
		}
	case *eventv1.JournalRecord_OwnerTold:
		h.told = body.OwnerTold.GetReason()
	case *eventv1.JournalRecord_Limited:
		h.limited(body.Limited)
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
		h.budgets(s)
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
		l.spill, l.last = p.GetDeskSeq(), max(l.last, p.GetLastNo())
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
	for _, m := range s.GetMarks() {
		h.marked(m)
	}
	for _, wish := range s.GetReactions() {
		h.wishes[wish.GetMessage().GetMessage()] = wish
	}
	if s.GetTold() != "" {
		h.told = s.GetTold()
	}
}

// marked notes a mark on an operator's message; a failure's notice replaces it.
func (h *history) marked(m *eventv1.Marked) {
	if m.GetMark() == 0 {
		h.unmarked(m.GetDelivery())
		return
	}
	for _, source := range m.GetDelivery().GetSources() {
		h.marks[source.GetMessage()] = m.GetDelivery()
	}
}

func (h *history) unmarked(d *eventv1.Delivery) {
	if d.GetLane() != eventv1.Lane_LANE_CUSTOMER {
		return
	}
	for _, source := range d.GetSources() {
		delete(h.marks, source.GetMessage())
	}
}

// doubtful tells whether something may have happened that the journal does not know.
func (h *history) doubtful() bool {
	for _, l := range h.lanes {
		if l.open != nil || l.again != nil {
			return true
		}
	}
	return len(h.claimed) > 0
}
