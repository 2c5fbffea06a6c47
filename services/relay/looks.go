package relay

import (
	"context"

	"github.com/mymmrac/telego"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// lookTries is how often a change of looks is tried when answers are lost.
const lookTries = 3

// look is one change of a topic's looks.
type look struct {
	op     lookOp
	status eventv1.Status // the square, for renaming and creating
	plain  bool           // the id has to do for a title
}

type lookOp uint8

const (
	lookNone lookOp = iota
	lookRename
	lookClose
	lookReopen
)

// shows tells whether a topic looks as a status wants it.
func (t *topic) shows(status eventv1.Status) bool {
	return t.name == status && t.closed == (status == eventv1.Status_STATUS_CLOSED)
}

// next is the next change towards the wanted status.
func (t *topic) next() look {
	closed := t.wanted == eventv1.Status_STATUS_CLOSED
	switch {
	case t.state != topicReady || t.wanted == eventv1.Status_STATUS_UNSPECIFIED || t.shows(t.wanted):
		return look{}
	case t.closed && !closed:
		return look{op: lookReopen}
	case t.name != t.wanted:
		return look{op: lookRename, status: t.wanted}
	default:
		return look{op: lookClose}
	}
}

// wantStatus notes the status that a dialog has now. Only the last one counts.
func (o *owner) wantStatus(dialog string, status eventv1.Status, seq uint64) {
	t := o.topicFor(dialog)
	if seq < t.wantedSeq {
		return
	}
	t.wanted, t.wantedSeq, t.gaveUp, t.tries = status, seq, eventv1.Status_STATUS_UNSPECIFIED, 0
	o.look(t)
}

// look queues the next change, unless one is queued: that one will do what is wanted then.
func (o *owner) look(t *topic) {
	if t.looking || t.gaveUp == t.wanted || t.next().op == lookNone {
		return
	}
	t.looking = true
	o.push(&job{kind: jobLook, topic: t, dialog: t.dialog, chat: o.group, since: o.now()}, tg.PriorityCosmetic, 1)
}

// prepareLook decides what a look whose turn has come is to do; false: nothing any more.
func (o *owner) prepareLook(j *job) bool {
	t := j.topic
	j.look, j.thread = t.next(), t.thread
	j.look.plain = t.plain
	if j.look.op != lookNone {
		return true
	}
	t.looking = false
	return false
}

func (o *owner) callLook(ctx context.Context, j *job) result {
	chat, thread := chatID(j.chat), int(j.thread)
	var method string
	var params any
	switch j.look.op {
	case lookClose:
		method, params = "closeForumTopic", telego.CloseForumTopicParams{ChatID: chat, MessageThreadID: thread}
	case lookReopen:
		method, params = "reopenForumTopic", telego.ReopenForumTopicParams{ChatID: chat, MessageThreadID: thread}
	default:
		method, params = "editForumTopic", telego.EditForumTopicParams{
			ChatID: chat, MessageThreadID: thread, Name: o.topicName(ctx, j.dialog, j.look.status, j.look.plain),
		}
	}
	return resultOf(method, o.api.Call(ctx, method, params, nil))
}

// looked takes the outcome of a change. Looks are never worth more than a message: what cannot be shown is given up until
// the status changes again.
func (o *owner) looked(j *job, r result) {
	t := j.topic
	t.looking = false
	switch {
	case t.state != topicReady || t.thread != j.thread:
		return // another topic by now
	case r.class == tg.ClassOK || r.class == tg.ClassNotModified:
		o.lookDone(t, j.look)
	case r.class == tg.ClassTopicGone:
		o.topicLost(t, j.thread)
		return
	case r.class == tg.ClassUnknown && t.tries < lookTries:
		t.tries++
	default:
		o.log.Warn("topic could not be made to look right", zap.Int64("thread", j.thread), zap.String("method", r.method), zap.Stringer("class", r.class))
		t.gaveUp = t.wanted
	}
	o.look(t)
}

func (o *owner) lookDone(t *topic, done look) {
	t.tries = 0
	switch done.op {
	case lookRename:
		t.name = done.status
	case lookClose:
		t.closed = true
	default:
		t.closed = false
	}
	if !t.shows(t.wanted) {
		return
	}
	thread, status := t.thread, t.wanted
	shown := &eventv1.TopicShown{Dialog: t.dialog, Thread: thread, Status: status, DeskSeq: t.wantedSeq}
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicShown{TopicShown: shown}}, func() {
		if t.thread != thread {
			return
		}
		o.topicWrite(t, func(ctx context.Context) error {
			return o.deps.Topics.PutTopic(ctx, o.id, t.dialog, &eventv1.TopicRecord{Thread: thread, Status: status})
		}, nil)
	})
}
