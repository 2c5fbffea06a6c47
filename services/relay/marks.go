package relay

import (
	"time"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	markWaits = "👀"
	markFails = "💔"
	watched   = 10_000 // messages whose waiting is noticed at a time
)

// watch is an operator's message that has not been delivered yet.
type watch struct {
	key    laneKey
	no     uint64
	seq    uint64
	source *eventv1.MessageRef
	due    time.Time
}

// mark is the sign on an operator's message that it still waits. Silence means delivered, so it goes when the message has
// gone out; when that fails, the notice puts another one in its place.
type mark struct {
	delivery *eventv1.Delivery
	show     *reaction
}

func (m *mark) no() uint64 { return m.delivery.GetFirstNo() }

// visible tells that the mark is, or may be, on the message.
func (m *mark) visible() bool { return m.show.shown != 0 || m.show.calling != 0 }

// watch looks at a request again when it has waited for long.
func (o *owner) watch(key laneKey, r *request) {
	if key.side != eventv1.Lane_LANE_CUSTOMER || r.copy == nil || r.copy.GetVersion() || len(o.watches) >= watched {
		return
	}
	o.watches = append(o.watches, watch{key, r.no, r.seq, r.copy.GetSource(), r.came.Add(o.cfg.MarkAfter)})
}

// markWaiting marks what has waited for too long. All are given the same time, so the queue is in the order of the deadlines.
func (o *owner) markWaiting() {
	now, n := o.now(), 0
	for n < len(o.watches) && !o.watches[n].due.After(now) {
		w := o.watches[n]
		n++
		if ln := o.lanes[w.key]; ln != nil && ln.done < w.no {
			d := &eventv1.Delivery{
				Dialog: w.key.dialog, Lane: w.key.side, FirstNo: w.no, LastNo: w.no, DeskSeq: w.seq,
				Sources: []*eventv1.MessageRef{w.source},
			}
			m := o.newMark(d, 0)
			m.show.wanted = tg.ReactionNumber(markWaits)
			o.react(m.show)
		}
	}
	if o.watches = o.watches[n:]; len(o.watches) == 0 {
		o.watches = nil
	}
}

// newMark keeps a mark until its delivery has a result. That it may be shown is in the journal before the call, so that a
// restart takes it off.
func (o *owner) newMark(d *eventv1.Delivery, shown uint32) *mark {
	source := d.GetSources()[0]
	m := &mark{delivery: d, show: &reaction{chat: source.GetChat(), message: source.GetMessage(), wanted: shown, shown: shown}}
	record := func(number uint32, then func()) {
		marked := &eventv1.Marked{Delivery: d, Mark: number}
		o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Marked{Marked: marked}}, then)
	}
	m.show.before = func(number uint32, then func()) {
		if number == 0 {
			then()
			return
		}
		record(number, then)
	}
	m.show.after = func(number uint32) {
		if number == 0 {
			delete(o.fading, m)
			record(0, nil)
		}
	}
	key := laneKey{d.GetDialog(), d.GetLane()}
	o.marks[key] = append(o.marks[key], m)
	return m
}

// unmark takes the marks off that a result has made untrue; after a failure they stay until the notice replaces them.
func (o *owner) unmark(ln *lane, failed bool) {
	marks := o.marks[ln.key]
	n := 0
	for ; n < len(marks) && marks[n].no() <= ln.done; n++ {
		if failed {
			marks[n].show.wanted = marks[n].show.shown
			continue
		}
		o.fade(marks[n])
	}
	if marks = marks[n:]; len(marks) == 0 {
		delete(o.marks, ln.key)
		return
	}
	o.marks[ln.key] = marks
}

// fade takes a mark off. It is kept in mind until it is gone.
func (o *owner) fade(m *mark) {
	if m.visible() {
		o.fading[m] = struct{}{}
	}
	m.show.wanted = 0
	o.react(m.show)
}

// restoreMarks takes up the marks that a former owner has left.
func (o *owner) restoreMarks(h *history) {
	for _, d := range h.marks {
		m := o.newMark(d, tg.ReactionNumber(markWaits))
		key := laneKey{d.GetDialog(), d.GetLane()}
		past, ln := h.lanes[key], o.lanes[key]
		waits := ln != nil && ln.done < m.no() || ln == nil && d.GetDeskSeq() > h.position && (past == nil || past.done < m.no())
		if !waits {
			o.fade(m)
			o.unlist(key, m)
		}
	}
}

func (o *owner) unlist(key laneKey, m *mark) {
	for i, other := range o.marks[key] {
		if other == m {
			o.marks[key] = append(o.marks[key][:i:i], o.marks[key][i+1:]...)
			break
		}
	}
	if len(o.marks[key]) == 0 {
		delete(o.marks, key)
	}
}
