package relay

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/hotline-desk/hotline/pkg/telemetry"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// jobKind says what a job does to Telegram.
type jobKind uint8

const (
	jobDeliver jobKind = iota // the next requests of a lane
	jobCreate                 // a topic
	jobLook                   // the next change of a topic's looks
	jobReact                  // a reaction, or the mark of a delivery
	jobTell                   // a text to the owner, or to the team in General
)

// job is a call on its way: queued, granted, claimed, called. Its fields are set before the call starts; the call reads
// them and nothing else.
type job struct {
	kind    jobKind
	lane    *lane
	items   []request
	dialog  string
	topic   *topic
	look    look
	react   *reaction
	tell    *telling
	chat    int64
	thread  int64
	home    int64 // the backend group when the call started
	probes  bool  // the call shows whether the group lets the bot work
	attempt uint32
	plain   bool   // without the reply
	tail    uint64 // of the journal when the call started
	pending string // what a trace says of a request in memory
	taken   bool   // the message is not for the customer any more
	since   time.Time
	grant   tg.Grant[*job]
	span    trace.Span // while the call is under way
	origin  telemetry.Origin
}

// enqueue puts a lane's turn into the scheduler.
func (o *owner) enqueue(ln *lane) {
	ln.phase = phaseQueued
	j := &job{kind: jobDeliver, lane: ln, dialog: ln.key.dialog, since: o.now()}
	ln.job = j
	first := &ln.head[0]
	priority := tg.PriorityAnswer
	j.chat = o.group
	switch {
	case ln.key.side == eventv1.Lane_LANE_CUSTOMER:
		j.chat = chatOfDialog(ln.key.dialog)
	case first.notice != nil:
		priority = tg.PriorityNotice
	default:
		priority = tg.PriorityDesk
	}
	units := ln.size
	if first.notice != nil {
		units = 1 // merged
	}
	o.push(j, priority, units)
}

func (o *owner) push(j *job, priority tg.Priority, units int) {
	o.sched.Push(tg.Job[*job]{Priority: priority, Chat: j.chat, Units: units, Value: j})
}

// pump grants jobs their turn, as long as calls may be claimed at all.
func (o *owner) pump() {
	o.wake = time.Time{}
	for o.flying < o.cfg.Concurrency && !o.suspended && !o.stopping && o.caught {
		now := o.now()
		if o.lease.Margin() < o.cfg.Margin {
			o.wake = now.Add(marginWait)
			return
		}
		grant, ok, at := o.sched.Next(now)
		if !ok {
			o.wake = at
			return
		}
		j := grant.Value
		j.grant = grant
		moved := j.chat <= 0 && j.chat != o.group
		if moved || !o.admits(j, now) {
			o.sched.Cancel(grant)
			if moved {
				j.chat = o.group
			}
			o.push(j, grant.Priority, grant.Units)
			continue
		}
		o.flying++
		o.metrics.waited(grant.Priority, now.Sub(j.since))
		o.granted(j)
	}
}

func (o *owner) granted(j *job) {
	switch j.kind {
	case jobDeliver:
		o.claim(j)
	case jobCreate:
		o.claimTopic(j)
	case jobLook:
		if !o.prepareLook(j) {
			o.flying--
			o.sched.Cancel(j.grant)
			return
		}
		o.callouts = append(o.callouts, j) // may be repeated: no claim
	case jobReact:
		if !o.prepareReact(j) {
			o.flying--
			o.sched.Cancel(j.grant)
		}
	case jobTell:
		o.callouts = append(o.callouts, j)
	}
}

// claim writes down that the call may happen from here on.
func (o *owner) claim(j *job) {
	ln := j.lane
	if ln.key.side == eventv1.Lane_LANE_DESK && !o.topicReady(ln.key.dialog) {
		// The topic was lost, or forgotten, while the lane stood in the queue.
		o.flying--
		o.sched.Cancel(j.grant)
		ln.phase = phaseIdle
		o.advance(ln)
		return
	}
	if ln.spare() {
		// It was taken back while it stood in the queue.
		o.flying--
		o.sched.Cancel(j.grant)
		ln.phase = phaseIdle
		o.advance(ln)
		return
	}
	o.crash("before_claim")
	ln.phase = phaseClaimed
	if ln.again == nil && ln.head[0].notice != nil {
		ln.size = ln.notices(o.now()) // more may have come meanwhile
	}
	j.items = append([]request(nil), ln.head[:ln.size]...)
	j.pending, j.taken = o.pendingOf(j.items[0].notice), o.takenBack(j.items[0].source())
	j.attempt, j.plain = ln.attempt, ln.plain
	if ln.key.side == eventv1.Lane_LANE_DESK {
		j.topic = o.topics.known[ln.key.dialog]
		j.thread = j.topic.thread
	}
	ln.claim = &eventv1.Started{Delivery: ln.delivery(), Attempt: ln.attempt}
	started := &eventv1.JournalRecord{Body: &eventv1.JournalRecord_Started{Started: ln.claim}}
	o.write(started, func() {
		o.crash("after_claim")
		o.callouts = append(o.callouts, j)
	})
}

// startCalls calls what is claimed, unless something has happened since that forbids it; it tells whether that was so.
func (o *owner) startCalls(work context.Context) (withdrawn bool) {
	for _, j := range o.callouts {
		if until := o.sched.Parked(j.chat); o.suspended || o.stopping || until.After(o.now()) || o.lease.Margin() <= 0 {
			o.withdraw(j)
			withdrawn = true
			continue
		}
		j.home, j.tail, j.probes = o.group, o.pen.tail, o.concerns(j)
		if j.probes {
			o.trouble.flying++
		}
		ctx := o.begin(work, j)
		o.beside.Go(func() {
			result := o.perform(ctx, j)
			o.post(func() { o.landed(j, result) })
		})
	}
	clear(o.callouts)
	o.callouts = o.callouts[:0]
	return withdrawn
}

// withdraw takes a claim back whose call was not made.
func (o *owner) withdraw(j *job) {
	o.flying--
	o.sched.Cancel(j.grant)
	o.again(j)
}

// again puts a job back that certainly had no effect. The journal says so, lest a restart takes it for doubtful.
func (o *owner) again(j *job) {
	switch j.kind {
	case jobDeliver:
		ln := j.lane
		released := &eventv1.Released{Delivery: ln.claim.GetDelivery()}
		o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Released{Released: released}}, nil)
		ln.claim, ln.phase = nil, phaseIdle
		o.follow(ln)
		o.advance(ln)
	case jobCreate:
		o.uncreate(j)
	case jobLook:
		j.chat, j.since = o.group, o.now()
		o.push(j, j.grant.Priority, 1)
	case jobReact, jobTell:
		j.since = o.now()
		o.push(j, j.grant.Priority, 1)
	}
}

// landed takes the outcome of a call.
func (o *owner) landed(j *job, r result) {
	now := o.now()
	j.end(r)
	o.flying--
	if r.class == tg.ClassNotSent {
		o.sched.Cancel(j.grant)
	} else {
		o.sched.Finish(j.grant, now)
		o.sched.SetTravel(o.api.Travel())
	}
	if j.probes {
		o.trouble.flying--
	}
	o.metrics.called(r.method, r.class)
	if r.pause > 0 {
		o.limited(o.group, now.Add(r.pause), now)
	}
	if r.class == tg.ClassOK || r.class == tg.ClassNotModified {
		o.proved(j)
	}
	if o.waits(j, r, now) {
		o.again(j)
		return
	}
	if r.class == tg.ClassUnknown {
		o.suspend(reasonUnreachable, r.err)
	}
	switch j.kind {
	case jobDeliver:
		o.delivered(j, r)
	case jobCreate:
		o.created(j, r)
	case jobLook:
		o.looked(j, r)
	case jobReact:
		o.reacted(j, r)
	case jobTell:
		o.told(j, r)
	}
}
