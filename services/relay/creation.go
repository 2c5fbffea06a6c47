package relay

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/mymmrac/telego"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const maxTitle = 128 // runes of a topic's name

// queueTopic has a topic made when its turn comes: one creation at a time, so that an orphan can be told.
func (o *owner) queueTopic(t *topic) {
	t.state = topicQueued
	o.topics.queue = append(o.topics.queue, t)
	o.makeNext()
}

func (o *owner) makeNext() {
	if o.topics.making != nil || len(o.topics.queue) == 0 {
		return
	}
	t := o.topics.queue[0]
	o.topics.queue = o.topics.queue[1:]
	t.state = topicMaking
	o.topics.making = t
	o.pushCreate(t)
}

func (o *owner) pushCreate(t *topic) {
	j := &job{kind: jobCreate, topic: t, dialog: t.dialog, chat: o.group, since: o.now()}
	o.push(j, tg.PriorityDesk, 1)
}

// claimTopic starts a creation: an orphan is adopted, otherwise the claim is written down first.
func (o *owner) claimTopic(j *job) {
	t := j.topic
	j.look = look{status: t.wanted, plain: t.plain}
	if t.wanted == eventv1.Status_STATUS_UNSPECIFIED || t.wanted == eventv1.Status_STATUS_CLOSED {
		j.look.status = eventv1.Status_STATUS_USER_ANSWERED
	}
	j.thread = 0
	if len(o.topics.orphans) > 0 {
		j.thread = o.topics.orphans[0]
		o.callouts = append(o.callouts, j)
		return
	}
	o.crash("topic_before_claim")
	t.claimed = true
	claimed := &eventv1.TopicClaimed{Dialog: t.dialog}
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicClaimed{TopicClaimed: claimed}}, func() {
		o.crash("topic_after_claim")
		o.callouts = append(o.callouts, j)
	})
}

// callCreate makes a topic, or gives an orphan its name.
func (o *owner) callCreate(ctx context.Context, j *job) result {
	name := o.topicName(ctx, j.dialog, j.look.status, j.look.plain)
	o.crash("topic_before_call")
	defer o.crash("topic_after_call")
	if j.thread != 0 {
		params := telego.EditForumTopicParams{ChatID: chatID(j.chat), MessageThreadID: int(j.thread), Name: name}
		return o.ask(ctx, "editForumTopic", params, nil)
	}
	var made telego.ForumTopic
	params := telego.CreateForumTopicParams{ChatID: chatID(j.chat), Name: name, IconColor: int(o.color())}
	r := o.ask(ctx, "createForumTopic", params, &made)
	r.thread = int64(made.MessageThreadID)
	return r
}

// uncreate: nothing was made. The topic goes first again.
func (o *owner) uncreate(j *job) {
	o.unclaim(j.topic)
	o.pushCreate(j.topic)
}

func (o *owner) unclaim(t *topic) {
	if t.claimed {
		t.claimed = false
		unclaimed := &eventv1.TopicUnclaimed{Dialog: t.dialog}
		o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicUnclaimed{TopicUnclaimed: unclaimed}}, nil)
	}
	o.checkSeen()
}

// created takes the outcome of a creation or adoption.
func (o *owner) created(j *job, r result) {
	t := j.topic
	switch {
	case r.class == tg.ClassOK && j.thread == 0:
		o.topicMade(t, r.thread, j.look.status, false)
	case (r.class == tg.ClassOK || r.class == tg.ClassNotModified) && j.thread != 0:
		o.topicMade(t, j.thread, j.look.status, true)
	case r.class == tg.ClassRights:
		o.barred(j, r)
	case r.class == tg.ClassUnknown && j.thread == 0:
		o.topics.doubt = true
		o.checkSeen()
	case r.class == tg.ClassUnknown:
		o.uncreate(j) // a name can be given twice
	case j.thread != 0:
		o.log.Info("orphaned topic cannot be adopted", zap.Int64("thread", j.thread), zap.Stringer("class", r.class))
		o.topics.lost[j.thread] = struct{}{}
		o.topics.forget(j.thread)
		o.uncreate(j)
	case !t.plain:
		t.plain = true
		o.uncreate(j)
	default:
		o.barred(j, r)
	}
}

// topicMade writes the topic down, then into the bucket; only then do messages go there, so that nothing can come from it
// that nobody knows where to put.
func (o *owner) topicMade(t *topic, thread int64, shown eventv1.Status, adopted bool) {
	o.crash("topic_before_done")
	t.thread, t.state, t.claimed, t.inherited, t.closed, t.name = thread, topicWriting, false, false, false, shown
	o.topics.owners[thread] = t.dialog
	o.topics.forget(thread)
	o.topics.making, o.topics.doubt = nil, false
	o.topics.unsettled++
	created := &eventv1.TopicCreated{Dialog: t.dialog, Thread: thread, Adopted: adopted}
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicCreated{TopicCreated: created}}, func() {
		o.crash("topic_after_done")
		record := &eventv1.TopicRecord{Thread: thread, Status: shown}
		o.topicWrite(t, func(ctx context.Context) error {
			return o.deps.Topics.PutTopic(ctx, o.id, t.dialog, record)
		}, func() {
			o.crash("topic_after_put")
			o.topics.unsettled--
			t.state = topicReady
			o.topicSettled(t)
		})
	})
	o.metrics.topics.WithLabelValues(label(adopted, "adopted", "created")).Inc()
	o.checkSeen()
	o.makeNext()
}

// topicSeen: Telegram tells of a topic that the bot made. Usually it is the one of a creation that is known or under way.
func (o *owner) topicSeen(thread int64) {
	if o.topics.accounted(thread) {
		return
	}
	if o.topics.making != nil && !o.topics.doubt {
		o.topics.seen = append(o.topics.seen, thread)
		return
	}
	o.checkOrphan(thread)
}

// checkSeen looks at the topics that were told of while a creation was under way.
func (o *owner) checkSeen() {
	seen := o.topics.seen
	o.topics.seen = nil
	for _, thread := range seen {
		o.checkOrphan(thread)
	}
}

func (o *owner) checkOrphan(thread int64) {
	o.aside(func(ctx context.Context) func() {
		dialog, err := o.dialogOf(ctx, thread)
		if err != nil {
			return nil
		}
		return func() {
			if dialog != "" || o.topics.accounted(thread) || slices.Contains(o.topics.orphans, thread) {
				return
			}
			o.log.Info("topic without a dialog, kept for the next one", zap.Int64("thread", thread))
			o.topics.orphans = append(o.topics.orphans, thread)
			o.adopt()
		}
	})
}

// adopt settles a creation in doubt by an orphan.
func (o *owner) adopt() {
	if o.topics.doubt && len(o.topics.orphans) > 0 {
		o.topics.doubt = false
		o.pushCreate(o.topics.making)
	}
}

// topicsResume: Telegram answers again. A creation in doubt waits a little for news of the topic it may have made.
func (o *owner) topicsResume() {
	t := o.topics.making
	if !o.topics.doubt || !o.caught {
		return
	}
	wait := orphanWait
	if t.inherited {
		wait = o.cfg.OrphanWait
	}
	o.later(wait, func() {
		if o.topics.doubt && o.topics.making == t {
			o.topics.doubt = false
			o.pushCreate(t)
		}
	})
}

// accounted tells that a thread is no orphan.
func (b *topicBook) accounted(thread int64) bool {
	_, lost := b.lost[thread]
	_, owned := b.owners[thread]
	return lost || owned
}

// forget takes a thread off the lists of topics without a dialog.
func (b *topicBook) forget(thread int64) {
	is := func(other int64) bool { return other == thread }
	b.seen = slices.DeleteFunc(b.seen, is)
	b.orphans = slices.DeleteFunc(b.orphans, is)
}

// topicName is the square of a status and the customer's name, or the id while the name is not known.
func (o *owner) topicName(ctx context.Context, dialog string, status eventv1.Status, plain bool) string {
	title := dialog
	if !plain {
		title = o.title(ctx, dialog)
	}
	name := square(status) + " " + title
	if utf8.RuneCountInString(name) > maxTitle {
		name = string([]rune(name)[:maxTitle])
	}
	return name
}

// color is the connection's own, or one of Telegram's six by the connection's id.
func (o *owner) color() int32 {
	if set := o.record.Load().GetParameters().GetIconColor(); set != 0 {
		return set
	}
	palette := [...]int32{7322096, 16766590, 13338331, 9367192, 16749490, 16478047}
	return palette[eventlog.Partition(o.id)%len(palette)]
}
