package relay

import (
	"time"

	"github.com/hotline-desk/hotline/pkg/telemetry"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// headSize is how many requests of one lane stay in memory; the others are read again when their time comes.
const headSize = 16

// laneKey names a lane.
type laneKey struct {
	dialog string
	side   eventv1.Lane
}

// request is one thing to be delivered. With none of the four it is the welcome.
type request struct {
	no, seq, params uint64 // seq: of the commit that asked for it
	copy            *eventv1.Copy
	notice          *eventv1.Notice
	edit            *eventv1.Edit
	del             *eventv1.Delete
	came            time.Time // when relay learned of it
	origin          telemetry.Origin
	absorbed        bool // nothing is left to do: an edit of what was not sent yet, or what was taken back before that
}

func (r *request) album() string { return r.copy.GetAlbum() }

// source is the message that the request is about; nil for texts of our own.
func (r *request) source() *eventv1.MessageRef {
	switch {
	case r.copy != nil:
		return r.copy.GetSource()
	case r.edit != nil:
		return r.edit.GetSource()
	}
	return r.del.GetSource()
}

func (r *request) effect() eventv1.Effect {
	switch {
	case r.edit != nil:
		return eventv1.Effect_EFFECT_EDIT
	case r.del != nil:
		return eventv1.Effect_EFFECT_DELETE
	case r.copy.GetVersion():
		return eventv1.Effect_EFFECT_VERSION
	}
	return eventv1.Effect_EFFECT_UNSPECIFIED
}

// edits tells whether the request brings the other side up to what the message says now.
func (r *request) edits() bool { return r.edit != nil || r.copy.GetVersion() }

func (r *request) about(source *eventv1.MessageRef) bool {
	own := r.source()
	return own.GetMessage() == source.GetMessage() && own.GetChat() == source.GetChat()
}

// phase is what a lane waits for.
type phase uint8

const (
	phaseIdle       phase = iota // nothing, or the rest of an album
	phaseFetching                // its requests are being read again
	phaseTopic                   // its topic
	phaseReply                   // the message that it answers, which is under way on the other lane
	phaseQueued                  // its turn
	phaseClaimed                 // the journal, the call or the report of an outcome
	phaseRecovering              // the result of a claim of former times being written down
)

// lane is the ordered queue of one destination of one dialog. It is a plain state machine: number n goes out only when
// n−1 has a result, and at most one claim is open.
type lane struct {
	key     laneKey
	done    uint64            // highest number with a result
	last    uint64            // highest number known to be asked for
	head    []request         // the next ones, in order
	spill   uint64            // commit sequence from which the rest is read again; 0: all of it is in head
	attempt uint32            // of the next claim, from 1
	again   *eventv1.Delivery // to be sent once more: the next claim carries exactly this; nil: free
	size    int               // how many the current turn or claim carries
	phase   phase
	dry     bool // stands in the queue of lanes to be read again
	claim   *eventv1.Started
	job     *job
	plain   bool    // the reply was refused: the next claim goes without it
	behind  []*lane // wait for what is claimed here
}

func newLane(key laneKey, done uint64) *lane {
	return &lane{key: key, done: done, last: done, attempt: 1}
}

// offer tells the lane of a request. It returns whether the request is new and whether it is now in memory; room says
// whether it may be.
func (l *lane) offer(r request, room bool) (fresh, kept bool) {
	if r.no <= l.last {
		return false, false
	}
	l.last = r.no
	if l.spill != 0 {
		return true, false
	}
	if len(l.head) >= headSize || !room {
		l.spill = r.seq
		return true, false
	}
	l.keep(r)
	return true, true
}

// keep puts a request into memory. A copy says what its message says at the moment of the call; so an edit of what waits
// for its call has nothing left to do.
func (l *lane) keep(r request) {
	if r.edits() {
		for i := range l.head {
			called := l.phase == phaseClaimed && i < l.size
			if h := &l.head[i]; !called && h.effect() == eventv1.Effect_EFFECT_UNSPECIFIED && h.about(r.source()) {
				r.absorbed = true
			}
		}
	}
	l.head = append(l.head, r)
}

// takeBack leaves out a message whose call has not begun.
func (l *lane) takeBack(ref *eventv1.MessageRef) {
	for i := range l.head {
		called := l.again != nil || l.phase == phaseClaimed
		if h := &l.head[i]; h.copy != nil && h.album() == "" && h.about(ref) && !(called && i < l.size) {
			h.absorbed = true
		}
	}
}

// spare tells that the first request has nothing left to do: it was absorbed, or a later one in memory does the same.
func (l *lane) spare() bool {
	if len(l.head) == 0 || l.again != nil {
		return false
	}
	first := &l.head[0]
	if first.absorbed || !first.edits() {
		return first.absorbed
	}
	for i := range l.head[1:] {
		if later := &l.head[1+i]; later.effect() == first.effect() && later.about(first.source()) {
			return true
		}
	}
	return false
}

// restock puts requests that were read again behind those in memory. next is the commit sequence to read on from; whole
// says that the lane ended there. It returns how many it kept.
func (l *lane) restock(requests []request, next uint64, whole bool) int {
	kept := 0
	for _, r := range requests {
		if r.no <= l.tail() {
			continue
		}
		l.keep(r)
		l.last = max(l.last, r.no)
		kept++
	}
	l.spill = next
	if whole && l.tail() >= l.last {
		l.spill = 0
	}
	return kept
}

// tail is the highest number in memory, or the one before the first that is not.
func (l *lane) tail() uint64 {
	if n := len(l.head); n > 0 {
		return l.head[n-1].no
	}
	return l.done
}

// settle gives the first n requests their result.
func (l *lane) settle(n int) {
	n = min(n, len(l.head))
	if n == 0 {
		return
	}
	l.done = l.head[n-1].no
	clear(l.head[:n])
	l.head = l.head[n:]
	if len(l.head) == 0 {
		l.head = nil
	}
	l.last = max(l.last, l.done)
	l.attempt, l.again, l.claim, l.plain = 1, nil, nil, false
}

// empty says that nothing is left to do.
func (l *lane) empty() bool { return len(l.head) == 0 && l.spill == 0 }

// first is where the first request without a result was made: its number and its commit's sequence.
func (l *lane) first() (no, seq uint64) {
	if len(l.head) > 0 {
		return l.head[0].no, l.head[0].seq
	}
	return l.done + 1, l.spill
}

// delivery names the requests of the current turn.
func (l *lane) delivery() *eventv1.Delivery {
	d := &eventv1.Delivery{
		Dialog: l.key.dialog, Lane: l.key.side,
		FirstNo: l.head[0].no, LastNo: l.head[l.size-1].no, DeskSeq: l.head[0].seq, Effect: l.head[0].effect(),
	}
	for _, r := range l.head[:l.size] {
		if source := r.source(); source != nil {
			d.Sources = append(d.Sources, source)
		}
	}
	return d
}
