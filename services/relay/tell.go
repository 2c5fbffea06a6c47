package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/mymmrac/telego"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	backlogDelay = time.Minute      // of a group's queue that is worth a word in General
	backlogOver  = 20 * time.Second // when it has shrunk to this, it is over
	backlogLook  = time.Second      // between looks at the queue
)

// telling is a text of Hotline's own outside the topics: to the owner, or to the team in General. It is said once and not
// worth a claim: after a crash it may be said again.
type telling struct {
	text string
	edit int64 // the message that it replaces; 0: a new one
	then func(message int64)
}

func (o *owner) say(chat int64, priority tg.Priority, t telling) {
	o.push(&job{kind: jobTell, tell: &t, chat: chat, since: o.now()}, priority, 1)
}

func (o *owner) callTell(ctx context.Context, j *job) result {
	if j.tell.edit != 0 {
		params := telego.EditMessageTextParams{ChatID: chatID(j.chat), MessageID: int(j.tell.edit), Text: j.tell.text}
		return o.ask(ctx, "editMessageText", params, nil)
	}
	var id telego.MessageID
	r := o.ask(ctx, "sendMessage", telego.SendMessageParams{ChatID: chatID(j.chat), Text: j.tell.text}, &id)
	r.copies = []int64{int64(id.MessageID)}
	return r
}

// told takes the outcome. Who cannot be told – an owner who never wrote to the bot – reads it in the log and in /readyz.
func (o *owner) told(j *job, r result) {
	if r.class != tg.ClassOK {
		o.log.Warn("a word could not be said", zap.Int64("chat", j.chat), zap.Stringer("class", r.class))
		return
	}
	if j.tell.then != nil {
		j.tell.then(r.copies[0])
	}
}

// alarmOwner tells the owner, once, what keeps messages back and what to click.
func (o *owner) alarmOwner(why reason) {
	chat := o.record.Load().GetConfigured().GetOwner()
	if chat == 0 || o.ownerTold == string(why) || why == reasonUnreachable || !o.caught {
		return
	}
	o.tellOwner(chat, string(why), "⚠️ Messages wait: "+why.remedy()+". Nothing is lost; they are delivered as soon as that is done.")
}

// relieveOwner tells that it is over.
func (o *owner) relieveOwner() {
	chat := o.record.Load().GetConfigured().GetOwner()
	if chat == 0 || o.ownerTold == "" || o.trouble.active || o.making.active {
		return
	}
	o.tellOwner(chat, "", "✅ Messages are delivered again.")
}

func (o *owner) tellOwner(chat int64, why, text string) {
	o.ownerTold = why
	record := &eventv1.OwnerTold{Reason: why}
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_OwnerTold{OwnerTold: record}}, nil)
	o.say(chat, tg.PriorityNotice, telling{text: text})
}

// backlog is what the team was told of a queue that is longer than Telegram's limits let through in a minute.
type backlog struct {
	looked  time.Time
	since   time.Time // zero: nothing is told
	message int64     // in General; 0: not sent yet
}

// watchBacklog tells the team in General, once, when the group's queue exceeds a minute, and when that is over.
func (o *owner) watchBacklog() {
	now := o.now()
	if now.Sub(o.backlog.looked) < backlogLook || !o.caught || o.suspended || o.trouble.active {
		return
	}
	o.backlog.looked = now
	delay := max(o.sched.Delay(o.group, now), o.queueTime())
	switch {
	case o.backlog.since.IsZero() && delay > backlogDelay:
		o.backlog.since = now
		o.say(o.group, tg.PriorityNotice, telling{text: o.backlogText(delay, now), then: func(id int64) { o.backlog.message = id }})
	case !o.backlog.since.IsZero() && delay < backlogOver && o.backlog.message != 0:
		text := fmt.Sprintf("✅ The customers' messages that waited since %s UTC are all here.", o.backlog.since.UTC().Format("15:04"))
		o.say(o.group, tg.PriorityCosmetic, telling{text: text, edit: o.backlog.message})
		o.backlog = backlog{looked: now}
	}
}

// queue is what waits to go into topics: messages, and topics to be made for them. The scheduler knows only of those whose turn
// is next in their dialog.
func (o *owner) queue() (messages, units int) {
	for key, ln := range o.lanes {
		if key.side == eventv1.Lane_LANE_DESK {
			messages += int(ln.last - ln.done)
		}
	}
	return messages, messages + len(o.topics.queue)
}

// queueTime is how long that takes by the group's budget; 0 when nothing is paced.
func (o *owner) queueTime() time.Duration {
	limits := o.cfg.Limits
	if limits.GroupUnits <= 0 {
		return 0
	}
	_, units := o.queue()
	return time.Duration(units) * limits.GroupWindow / time.Duration(limits.GroupUnits)
}

func (o *owner) backlogText(delay time.Duration, now time.Time) string {
	waiting, _ := o.queue()
	why := "Telegram lets a bot write 20 messages a minute into a group"
	if until := o.sched.Parked(o.group); until.After(now) {
		why = fmt.Sprintf("Telegram asks the bot to leave the group alone until %s UTC", until.UTC().Format("15:04:05"))
	}
	return fmt.Sprintf("⏳ Messages of customers come late, by about %d min: %s, and %d messages wait for their turn. "+
		"Nothing is lost, and your answers are not held up.", int((delay+time.Minute-1)/time.Minute), why, waiting)
}
