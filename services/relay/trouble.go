package relay

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/tg"
)

const (
	probeFirst   = 200 * time.Millisecond
	probeLast    = 15 * time.Second
	troubleFirst = 5 * time.Second
	troubleLast  = time.Minute
	// hiccup is how long Telegram may be silent before that is worth a word: a lost answer is mended sooner.
	hiccup = 3 * time.Second
)

// reason is why messages do not flow, as a metric's label.
type reason string

const (
	reasonToken       reason = "token"
	reasonUnreachable reason = "unreachable"
	reasonGroupGone   reason = "group_gone"
	reasonNoForum     reason = "no_forum"
	reasonRights      reason = "rights"
	reasonRefused     reason = "refused"
)

// reasons is all of them.
func reasons() []reason {
	return []reason{reasonToken, reasonUnreachable, reasonGroupGone, reasonNoForum, reasonRights, reasonRefused}
}

// reasonOf reads the outcome of a call: what stands in the way when it is one of those that say so.
func reasonOf(class tg.Class) reason {
	switch class {
	case tg.ClassBotGone:
		return reasonToken
	case tg.ClassGroupGone:
		return reasonGroupGone
	case tg.ClassNoForum:
		return reasonNoForum
	case tg.ClassRights, tg.ClassTopicClosed:
		return reasonRights
	case tg.ClassRefused:
		return reasonRefused
	default:
		return reasonUnreachable
	}
}

// remedy says what is wrong and what to do about it.
func (r reason) remedy() string {
	switch r {
	case reasonToken:
		return "Telegram refuses the bot token: take the current one from @BotFather, set HOTLINE_BOT_TOKEN and restart"
	case reasonGroupGone:
		return "the bot is not in the group: add it again, and make it an administrator who may manage topics"
	case reasonNoForum:
		return "the group has no topics: switch on Topics in the group's settings"
	case reasonRights:
		return "the bot may not write in the group: make it an administrator there, with the right to manage topics"
	case reasonRefused:
		return "Telegram refuses to make topics in the group: check the group's settings, and the bot's rights there"
	default:
		return "Telegram gives no answer: check the network and HOTLINE_TELEGRAM_API"
	}
}

// standstill is what keeps messages from flowing, and since when.
type standstill struct {
	reason reason
	since  time.Time
}

// suspend stops all claims until getMe answers: nothing is sent again into the dark.
func (o *owner) suspend(why reason, err error) {
	if o.suspended {
		return
	}
	o.suspended = true
	o.dark = standstill{why, o.now()}
	o.log.Warn("sending pauses: "+why.remedy(), zap.Error(err))
}

// startProbe asks getMe until it answers, while sending is suspended.
func (o *owner) startProbe(work context.Context) {
	if !o.suspended || o.probing {
		return
	}
	o.probing = true
	o.beside.Go(func() {
		err := retry(work, probeFirst, probeLast, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, o.cfg.CallTimeout)
			defer cancel()
			err := o.api.Call(ctx, "getMe", nil, nil)
			if err != nil && ctx.Err() == nil {
				o.post(func() { o.blame(err) })
			}
			return err
		})
		if err == nil {
			o.post(o.resume)
		}
	})
}

// blame notes what the probe has met: silence may turn out to be a refusal, and the other way round.
func (o *owner) blame(err error) {
	why := reasonUnreachable
	if tg.Classify(err) == tg.ClassBotGone {
		why = reasonToken
	}
	if o.suspended && o.dark.reason != why {
		o.dark.reason = why
		o.log.Warn("sending pauses: "+why.remedy(), zap.Error(err))
	}
}

func (o *owner) resume() {
	o.suspended, o.probing = false, false
	o.log.Info("sending resumes", zap.Duration("paused", o.now().Sub(o.dark.since)))
	o.topicsResume()
}

// trouble is a group in which the bot cannot write, or which it cannot even read, for now. Messages wait; one call at a
// time tries whether it can again.
type trouble struct {
	standstill
	active bool
	flying int // calls of the kind that the trouble is about
	pause  time.Duration
}

// concerns tells that the group has to let the bot in for a job: to write there, or, when the bot is out, to copy from it.
func (o *owner) concerns(j *job) bool {
	return j.chat == o.group && j.kind != jobReact || o.trouble.active && o.trouble.reason == reasonGroupGone && j.source() == o.group
}

// admits tells whether a job may be tried; if not, it is put off.
func (o *owner) admits(j *job, now time.Time) bool {
	if !o.trouble.active || !o.concerns(j) {
		return true
	}
	until := o.sched.Parked(o.group)
	if o.trouble.flying == 0 && !until.After(now) {
		return true
	}
	if next := now.Add(marginWait); until.Before(next) {
		until = next
	}
	o.sched.Park(j.chat, until)
	return false
}

// source is the chat that a job copies from; 0 if it copies nothing.
func (j *job) source() int64 {
	if j.kind != jobDeliver || len(j.lane.head) == 0 {
		return 0
	}
	return j.lane.head[0].copy.GetSource().GetChat()
}

// troubled: the group refuses the bot. Nothing is lost by waiting, so it waits, longer each time.
func (o *owner) troubled(r result) {
	now, why := o.now(), reasonOf(r.class)
	switch {
	case !o.trouble.active:
		o.trouble = trouble{active: true, flying: o.trouble.flying, pause: troubleFirst, standstill: standstill{since: now}}
	case o.sched.Parked(o.group).Before(now):
		o.trouble.pause = min(2*o.trouble.pause, troubleLast)
	}
	if o.trouble.reason != why {
		o.trouble.reason = why
		o.log.Warn("messages wait: "+why.remedy(), zap.Stringer("class", r.class), zap.Error(r.err))
	}
	o.sched.Park(o.group, now.Add(o.trouble.pause))
}

// barred: the bot may write, but make no topics. Dialogs that have one go on; the others wait, longer each time.
func (o *owner) barred(j *job, r result) {
	now, why := o.now(), reasonOf(r.class)
	o.making.pause = min(max(2*o.making.pause, troubleFirst), troubleLast)
	if !o.making.active {
		o.making.active, o.making.since = true, now
	}
	if o.making.reason != why {
		o.making.reason = why
		o.log.Warn("new topics wait: "+why.remedy(), zap.Stringer("class", r.class), zap.Error(r.err))
	}
	o.unclaim(j.topic)
	o.later(o.making.pause, func() { o.pushCreate(j.topic) })
}

// proved takes a call that went well for a sign that the trouble is over, if it shows that. A copy out of the group only
// shows that the bot is in.
func (o *owner) proved(j *job) {
	if j.kind == jobCreate && o.making.active {
		o.log.Info("the group lets the bot make topics again")
		o.making = trouble{}
		o.relieveOwner()
	}
	if o.trouble.active && o.concerns(j) {
		o.log.Info("the group lets the bot work again")
		o.trouble.active = false
		o.relieveOwner()
	}
}

// declare tells the world whether messages flow. Trouble that nothing waits for any more is forgotten: nobody would ever
// notice its end.
func (o *owner) declare() {
	if o.trouble.active && o.idle() {
		o.trouble.active = false
	}
	still := &o.trouble.standstill
	if !o.trouble.active {
		still = &o.making.standstill
	}
	switch {
	case o.suspended && (o.dark.reason == reasonToken || !o.trouble.active && !o.making.active):
		o.halted(&o.dark)
	case o.trouble.active || o.making.active:
		o.halted(still)
		o.alarmOwner(still.reason)
	default:
		o.halted(nil)
	}
}

func (o *owner) idle() bool {
	queued := 0
	for p := range o.gauges.queue {
		queued += o.sched.Queued(tg.Priority(p))
	}
	return queued == 0 && o.topics.making == nil && o.flying == 0 && o.doubt <= 0 && len(o.asides) == 0 && o.running == 0
}

// halted is told what keeps messages from flowing; nil: nothing.
func (c *connection) halted(now *standstill) {
	was := c.still.Load()
	if was == now || was != nil && now != nil && *was == *now {
		return
	}
	if was != nil {
		c.metrics.paused.WithLabelValues(string(was.reason)).Dec()
	}
	if now == nil {
		c.still.Store(nil)
		return
	}
	said := *now
	c.still.Store(&said)
	c.metrics.paused.WithLabelValues(string(said.reason)).Inc()
}
