package relay

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// orphanWait is how long a creation in doubt waits, at most, for Telegram's news of the topic it may have made, when
// updates flow. After a restart it is Config.OrphanWait, for ingress may have to begin anew as well.
const orphanWait = 3 * time.Second

// topicState is how far a dialog's topic is.
type topicState uint8

const (
	topicLoading topicState = iota // being looked up
	topicNone                      // there is none
	topicQueued                    // waits for its creation
	topicMaking                    // its creation is claimed, under way or in doubt
	topicWriting                   // made or lost, the bucket is told
	topicReady
)

// topic is what relay knows of the topic of one dialog.
type topic struct {
	dialog  string
	thread  int64
	state   topicState
	waiting []*lane
	claimed bool // the journal holds an open TopicClaimed
	plain   bool // its title was refused: the id has to do

	inherited bool // the claim is that of a former owner
	writes    []func(context.Context) error
	after     []func()

	name      eventv1.Status // the square in its name; unspecified: not known
	closed    bool
	wanted    eventv1.Status
	wantedSeq uint64
	gaveUp    eventv1.Status // a status that could not be shown
	looking   bool
	tries     int
}

// topicBook is all topics of a connection that matter now.
type topicBook struct {
	known     map[string]*topic
	owners    map[int64]string // threads of known topics
	lost      map[int64]struct{}
	making    *topic   // one creation at a time
	doubt     bool     // the answer of the creation under way was lost
	queue     []*topic // to be made
	seen      []int64  // own topics that Telegram told of during a creation
	orphans   []int64  // own topics of no dialog
	unsettled int      // changes in the journal that the bucket does not show yet
}

func newTopicBook() topicBook {
	return topicBook{known: map[string]*topic{}, owners: map[int64]string{}, lost: map[int64]struct{}{}}
}

// topicFor returns the topic of a dialog, looking it up when it is not in memory.
func (o *owner) topicFor(dialog string) *topic {
	t := o.topics.known[dialog]
	if t != nil {
		return t
	}
	t = &topic{dialog: dialog}
	o.topics.evict()
	o.topics.known[dialog] = t
	o.aside(func(ctx context.Context) func() {
		var record *eventv1.TopicRecord
		err := persist(ctx, func(ctx context.Context) error {
			var err error
			if record, err = o.deps.Topics.TopicOf(ctx, o.id, dialog); errors.Is(err, es.ErrNotFound) {
				return nil
			}
			return err
		})
		if err != nil {
			return nil
		}
		return func() { o.topicLoaded(t, record) }
	})
	return t
}

func (o *owner) topicLoaded(t *topic, record *eventv1.TopicRecord) {
	if t.state != topicLoading {
		return
	}
	t.state = topicNone
	if record.GetThread() != 0 {
		t.state, t.thread = topicReady, record.GetThread()
		t.name, t.closed = record.GetStatus(), record.GetStatus() == eventv1.Status_STATUS_CLOSED
		o.topics.owners[t.thread] = t.dialog
	}
	o.topicSettled(t)
}

// needTopic tells whether the topic of a lane is there. If not, the lane is called when it is.
func (o *owner) needTopic(ln *lane) bool {
	t := o.topicFor(ln.key.dialog)
	if t.state == topicReady {
		return true
	}
	t.waiting = append(t.waiting, ln)
	if t.state == topicNone {
		o.queueTopic(t)
	}
	return false
}

func (o *owner) topicReady(dialog string) bool {
	t := o.topics.known[dialog]
	return t != nil && t.state == topicReady
}

// topicSettled goes on with whatever waited for a topic's state.
func (o *owner) topicSettled(t *topic) {
	switch {
	case t.state == topicReady:
		lanes := t.waiting
		t.waiting = nil
		for _, ln := range lanes {
			ln.phase = phaseIdle
			o.advance(ln)
		}
		o.look(t)
	case t.state == topicNone && len(t.waiting) > 0:
		o.queueTopic(t)
	}
}

// topicWrite changes the bucket; changes of one topic keep their order.
func (o *owner) topicWrite(t *topic, f func(context.Context) error, then func()) {
	t.writes, t.after = append(t.writes, f), append(t.after, then)
	if len(t.writes) == 1 {
		o.topicWriteNext(t)
	}
}

func (o *owner) topicWriteNext(t *topic) {
	f, then := t.writes[0], t.after[0]
	o.aside(func(ctx context.Context) func() {
		if err := persist(ctx, f); err != nil {
			return nil // stopping: the journal has it, the next owner catches up
		}
		return func() {
			t.writes, t.after = t.writes[1:], t.after[1:]
			if then != nil {
				then()
			}
			if len(t.writes) > 0 {
				o.topicWriteNext(t)
			}
		}
	})
}

// topicLost: a call found the topic gone. Messages will have a new one.
func (o *owner) topicLost(t *topic, thread int64) {
	if t == nil || t.state != topicReady || t.thread != thread {
		return // known already
	}
	o.log.Info("topic is gone", zap.String("dialog", t.dialog), zap.Int64("thread", thread))
	if t.wanted == eventv1.Status_STATUS_UNSPECIFIED {
		t.wanted = t.name
	}
	t.state, t.thread, t.closed, t.name = topicWriting, 0, false, eventv1.Status_STATUS_UNSPECIFIED
	o.topics.lost[thread] = struct{}{}
	delete(o.topics.owners, thread)
	o.topics.unsettled++
	lost := &eventv1.TopicLost{Dialog: t.dialog, Thread: thread}
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicLost{TopicLost: lost}}, func() {
		o.topicWrite(t, func(ctx context.Context) error {
			return o.deps.Topics.DropTopic(ctx, o.id, t.dialog, thread)
		}, func() {
			o.topics.unsettled--
			t.state = topicNone
			o.topicSettled(t)
		})
	})
}

// portray puts the topics' part into a snapshot.
func (b *topicBook) portray(s *eventv1.Snapshot, add func(*eventv1.Pending)) {
	for _, t := range b.known {
		if t.claimed {
			s.OpenTopics = append(s.OpenTopics, t.dialog)
		}
		if t.wantedSeq != 0 && t.state != topicNone && !t.shows(t.wanted) && t.gaveUp != t.wanted {
			add(&eventv1.Pending{Dialog: t.dialog, Lane: eventv1.Lane_LANE_TOPIC, DeskSeq: t.wantedSeq})
		}
	}
	s.Orphans = append(append(s.Orphans, b.orphans...), b.seen...)
}

// evict makes room in memory: some topics that nothing waits for are looked up again when they matter.
func (b *topicBook) evict() {
	if len(b.known) < cachedTopic {
		return
	}
	tried := 0
	for dialog, t := range b.known {
		if tried++; tried > 64 {
			return
		}
		idle := len(t.waiting) == 0 && !t.looking && len(t.writes) == 0
		settled := t.state == topicNone || t.state == topicReady && (t.wantedSeq == 0 || t.shows(t.wanted) || t.gaveUp == t.wanted)
		if idle && settled {
			delete(b.owners, t.thread)
			delete(b.known, dialog)
		}
	}
}

// topicToggled: somebody closed or reopened the topic by hand, which is respected: what is wanted follows in the same commit.
func (o *owner) topicToggled(dialog string, by *eventv1.TopicToggled) {
	t := o.topicFor(dialog)
	if t.state == topicReady && t.thread == by.GetThread() {
		t.closed = by.GetClosed()
		o.look(t)
	}
}

// topicNamed: the team gave the topic a name, which is its title from now on. The square is put before it.
func (o *owner) topicNamed(dialog string, thread int64, seq uint64) {
	t := o.topicFor(dialog)
	if t.state != topicReady || t.thread != thread {
		return // the next change of looks takes it along
	}
	if t.wanted == eventv1.Status_STATUS_UNSPECIFIED {
		t.wanted = t.name
	}
	if t.name, t.plain = eventv1.Status_STATUS_UNSPECIFIED, false; t.wantedSeq == 0 {
		t.wantedSeq = seq
	}
	o.look(t)
}
