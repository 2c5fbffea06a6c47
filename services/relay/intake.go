package relay

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	aggregateDialog = "dialog"
	aggregateTopic  = "topic"
	fetchLimit      = 8      // lanes read again at a time
	takenLimit      = 10_000 // messages that were taken back and are kept in mind
)

// accept takes a commit in: requests go to the ends of their lanes, a status to the looks of the topic.
func (o *owner) accept(in incoming) {
	if in.Seq == 0 {
		o.catchUp()
		return
	}
	now := o.now()
	o.reads++
	for _, event := range in.Commit.GetEvents() {
		switch body := event.GetBody().(type) {
		case *eventv1.Event_DeliveryRequested:
			o.offer(in.Key.ID, requestOf(in.Committed, body.DeliveryRequested, now), body.DeliveryRequested.GetLane())
		case *eventv1.Event_StatusChanged:
			o.wantStatus(in.Key.ID, body.StatusChanged.GetTo(), in.Seq)
		case *eventv1.Event_TopicSeen:
			o.topicSeen(body.TopicSeen.GetThread())
		case *eventv1.Event_TopicToggled:
			o.topicToggled(in.Key.ID, body.TopicToggled)
		case *eventv1.Event_TopicNamed:
			o.topicNamed(in.Key.ID, body.TopicNamed.GetThread(), in.Seq)
		case *eventv1.Event_ReactionChanged:
			o.wantReaction(body.ReactionChanged, in.Seq)
		case *eventv1.Event_GroupMigrated:
			o.migrated(body.GroupMigrated.GetTo())
		}
	}
	o.position = in.Seq
}

// catchUp: everything from before the take-over has been read.
func (o *owner) catchUp() {
	o.caught, o.opened = true, o.now()
	o.pen.written += o.reads // as good a reason for a snapshot: the next start would read all of that again
	o.settled = map[laneKey]uint64{}
	o.leading()
	for _, ln := range o.lanes {
		o.advance(ln)
	}
	o.topicsResume()
	o.adopt()
}

// heed keeps what an operator took back by an edit that begins with a slash: the message itself now says what is not for the
// customer, so it must not be copied any more. A further edit that says something else lifts that.
func (o *owner) heed(dialog string, r *request) {
	switch {
	case r.notice.GetCode() == eventv1.Notice_CODE_EDIT_HELD:
		ref := r.notice.GetReplyTo()
		if len(o.taken) < takenLimit {
			o.taken[place{o.id, ref.GetChat(), ref.GetMessage()}] = struct{}{}
		}
		if ln := o.lanes[laneKey{dialog, eventv1.Lane_LANE_CUSTOMER}]; ln != nil {
			ln.takeBack(ref)
			o.advance(ln)
		}
	case r.edit != nil:
		delete(o.taken, place{o.id, r.edit.GetSource().GetChat(), r.edit.GetSource().GetMessage()})
	}
}

func (o *owner) takenBack(ref *eventv1.MessageRef) bool {
	_, is := o.taken[place{o.id, ref.GetChat(), ref.GetMessage()}]
	return is
}

func requestOf(c eventlog.Committed, d *eventv1.DeliveryRequested, now time.Time) request {
	return request{
		no: d.GetLaneNo(), seq: c.Seq, params: c.Commit.GetParamsSeq(),
		copy: d.GetCopy(), notice: d.GetNotice(), edit: d.GetEdit(), del: d.GetDelete(), came: now, origin: c.Origin,
	}
}

func (o *owner) offer(dialog string, r request, side eventv1.Lane) {
	if side != eventv1.Lane_LANE_DESK && side != eventv1.Lane_LANE_CUSTOMER {
		return
	}
	key := laneKey{dialog, side}
	ln := o.lanes[key]
	if ln == nil {
		if r.no <= o.settled[key] {
			return
		}
		ln = newLane(key, r.no-1)
		o.lanes[key] = ln
	}
	fresh, kept := ln.offer(r, o.held[side] < inMemory)
	if !fresh {
		return
	}
	o.doubt++
	if kept {
		o.held[side]++
	}
	o.watch(key, &r)
	o.heed(dialog, &r)
	o.advance(ln)
}

// advance takes a lane's next step, if it is idle.
func (o *owner) advance(ln *lane) {
	if ln.phase != phaseIdle || o.stopping {
		return
	}
	o.skip(ln)
	if ln.empty() {
		if !o.caught {
			o.settled[ln.key] = ln.done
		}
		delete(o.lanes, ln.key)
		return
	}
	opened := o.opened
	now := o.now()
	if !o.caught {
		opened = now.Add(time.Hour)
	}
	next := ln.next(opened, now)
	switch {
	case next.more:
		o.dryUp(ln)
	case next.size > 0:
		ln.size = next.size
		if ln.key.side == eventv1.Lane_LANE_DESK && !o.needTopic(ln) {
			ln.phase = phaseTopic
			return
		}
		if o.followed(ln) {
			return
		}
		o.enqueue(ln)
	case o.caught:
		o.albums = append(o.albums, albumDue{ln, next.due})
	}
}

// skip settles what has nothing left to do, without a call.
func (o *owner) skip(ln *lane) {
	for ln.spare() {
		ln.size = 1
		d := &eventv1.Done{Delivery: ln.delivery()}
		d.Delivery.Sources = nil // nothing of it is on the other side
		o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Done{Done: d}}, nil)
		ln.settle(1)
		o.held[ln.key.side]--
		o.doubt--
	}
}

// followed holds a lane back while the message that it answers may be under way on the dialog's other lane: a moment later
// its copy is known, and the reply can be threaded.
func (o *owner) followed(ln *lane) bool {
	reply := ln.head[0].copy.GetReplyTo()
	if reply == nil || ln.size > 1 || ln.plain {
		return false
	}
	other := o.lanes[laneKey{ln.key.dialog, otherSide(ln.key.side)}]
	if other == nil || other.phase != phaseClaimed || o.recent.knows(o.id, reply) {
		return false
	}
	ln.phase = phaseReply
	other.behind = append(other.behind, ln)
	return true
}

// follow lets the lanes go on that waited for a claim.
func (o *owner) follow(ln *lane) {
	waiting := ln.behind
	ln.behind = nil
	for _, w := range waiting {
		w.phase = phaseIdle
		o.advance(w)
	}
}

func otherSide(side eventv1.Lane) eventv1.Lane {
	if side == eventv1.Lane_LANE_DESK {
		return eventv1.Lane_LANE_CUSTOMER
	}
	return eventv1.Lane_LANE_DESK
}

// ripen looks at albums that may be complete. All wait equally long, so the queue is in the order of the deadlines.
func (o *owner) ripen() {
	now := o.now()
	n := 0
	for n < len(o.albums) && !o.albums[n].due.After(now) {
		ln := o.albums[n].lane
		n++
		if o.lanes[ln.key] == ln {
			o.advance(ln)
		}
	}
	if o.albums = o.albums[n:]; len(o.albums) == 0 {
		o.albums = nil
	}
}

// dryUp queues a lane for being read again: behind the others of its side, or at once when it is in the middle of an
// album.
func (o *owner) dryUp(ln *lane) {
	if ln.dry {
		return
	}
	ln.dry = true
	side := ln.key.side
	if len(ln.head) > 0 {
		side = eventv1.Lane_LANE_UNSPECIFIED
	}
	o.dry[side] = append(o.dry[side], ln)
}

// refill reads lanes again, as long as there is room for their requests.
func (o *owner) refill() {
	for _, side := range []eventv1.Lane{eventv1.Lane_LANE_UNSPECIFIED, eventv1.Lane_LANE_CUSTOMER, eventv1.Lane_LANE_DESK} {
		for len(o.dry[side]) > 0 && o.fetching < fetchLimit && o.held[side] < inMemory && !o.stopping {
			ln := o.dry[side][0]
			o.dry[side] = o.dry[side][1:]
			o.restock(ln)
		}
		if len(o.dry[side]) == 0 {
			delete(o.dry, side)
		}
	}
}

func (o *owner) restock(ln *lane) {
	ln.dry, ln.phase = false, phaseFetching
	o.fetching++
	key, from, tail, room := ln.key, ln.spill, ln.tail(), headSize-len(ln.head)
	o.aside(func(ctx context.Context) func() {
		requests, next, whole, err := o.fetch(ctx, key, from, tail, room)
		return func() {
			o.fetching--
			ln.phase = phaseIdle
			if err != nil {
				o.log.Warn("requests could not be read again, for now", zap.Error(err))
				o.later(time.Second, func() { o.advance(ln) })
				return
			}
			for i := range requests {
				if r := &requests[i]; r.copy != nil && o.takenBack(r.copy.GetSource()) {
					r.absorbed = true
				}
			}
			known := ln.last
			o.held[key.side] += ln.restock(requests, next, whole)
			o.doubt += int(ln.last - known)
			o.advance(ln)
		}
	})
}

// fetch reads the requests of a lane with numbers above tail, from a commit sequence on, room of them at most.
func (o *owner) fetch(ctx context.Context, lane laneKey, from, tail uint64, room int) (found []request, next uint64, whole bool, err error) {
	key := es.Key{Aggregate: aggregateDialog, Connection: o.id, ID: lane.dialog}
	next = from
	for at := from; ; {
		commit, err := o.deps.Desk.NextOf(ctx, key, at)
		if errors.Is(err, es.ErrNotFound) {
			return found, next, true, nil
		}
		if err != nil {
			return nil, from, false, err
		}
		for _, event := range commit.Commit.GetEvents() {
			d := event.GetDeliveryRequested()
			if d == nil || d.GetLane() != lane.side || d.GetLaneNo() <= tail {
				continue
			}
			if len(found) == room {
				return found, commit.Seq, false, nil
			}
			found = append(found, requestOf(commit, d, o.now()))
			tail = d.GetLaneNo()
		}
		next, at = commit.Seq, commit.Seq+1
	}
}
