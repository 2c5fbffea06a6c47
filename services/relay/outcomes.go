package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/telemetry"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	maxAttempts = 2 // of one delivery whose answers Telegram keeps losing
	maxClaims   = 8 // of one delivery whose claims are found open: a process that is killed again and again says little of the message
)

// result is what became of a call.
type result struct {
	method  string
	class   tg.Class
	err     error
	code    int32
	retry   time.Duration
	migrate int64
	copies  []int64
	thread  int64

	threaded bool          // the call named a message that it answers, other than the topic's root
	none     bool          // there was nothing on the other side to do it to
	pause    time.Duration // that Telegram wants of the group, told by a mark that went with the call
}

// resultOf reads an error of Call.
func resultOf(method string, err error) result {
	r := result{method: method, class: tg.Classify(err), err: err}
	if answered, ok := errors.AsType[*tg.Error](err); ok {
		r.code, r.retry, r.migrate = int32(answered.Code), answered.RetryAfter, answered.MigrateTo
	}
	return r
}

// delivered takes the outcome of a delivery.
func (o *owner) delivered(j *job, r result) {
	ln := j.lane
	switch r.class {
	case tg.ClassOK:
		o.done(j, r)
	case tg.ClassUnknown:
		if j.attempt < maxAttempts || j.attempt < maxClaims && j.items[0].repeatable() {
			o.doubtful(ln)
			return
		}
		o.failed(j, r)
	case tg.ClassTopicGone, tg.ClassReplyGone, tg.ClassUncopyable, tg.ClassRefused:
		if r.threaded && r.class != tg.ClassTopicGone {
			ln.plain = true // the reply is what is in the way, or may be
			o.again(j)
			return
		}
		gone := r.class == tg.ClassTopicGone || r.class == tg.ClassReplyGone
		if gone && ln.key.side == eventv1.Lane_LANE_DESK {
			o.topicLost(j.topic, j.thread)
			o.again(j)
			return
		}
		o.failed(j, r)
	default:
		o.failed(j, r)
	}
}

// done writes the copies down and frees the lane in the same append. What was sent a second time is said before, so that
// no crash can swallow it.
func (o *owner) done(j *job, r result) {
	d := &eventv1.Done{Delivery: j.lane.claim.GetDelivery(), Chat: j.chat, Thread: j.thread, Copies: r.copies}
	if r.none {
		// Nothing of the message is on the other side, so there is nothing to tell of it.
		d.Delivery = proto.CloneOf(d.GetDelivery())
		d.Delivery.Sources = nil
	}
	if j.attempt > 1 && len(r.copies) > 0 && j.items[0].source() != nil {
		o.repeated(d, j.attempt, j.origin, func() { o.finish(j, d) })
		return
	}
	o.finish(j, d)
}

func (o *owner) finish(j *job, d *eventv1.Done) {
	o.crash("before_done")
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Done{Done: d}}, func() { o.crash("after_done") })
	o.recent.learn(o.id, d)
	o.metrics.delivered(j.lane.key.side, len(j.items), o.now().Sub(j.items[0].came))
	o.settle(j, false)
}

// doubtful: the answer is lost, the delivery goes out once more.
func (o *owner) doubtful(ln *lane) {
	ln.again, ln.attempt = ln.claim.GetDelivery(), ln.claim.GetAttempt()+1
	unknown := &eventv1.Unknown{Delivery: ln.again, Again: true}
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Unknown{Unknown: unknown}}, nil)
	ln.claim, ln.phase = nil, phaseIdle
	o.follow(ln)
	o.advance(ln)
}

// repeatable tells that doing it twice does no harm.
func (r *request) repeatable() bool { return r.edit != nil || r.del != nil }

// failed is final. Where somebody has to be told, the report is in the log before the journal says that the matter is
// settled: after a crash in between, the delivery is tried again and comes to the same report.
func (o *owner) failed(j *job, r result) {
	claim := j.lane.claim
	class := r.class.Failure()
	if r.none {
		class = eventv1.FailureClass_FAILURE_CLASS_NO_COPY
	}
	o.log.Info("delivery failed", zap.String("dialog", claim.GetDelivery().GetDialog()), zap.Stringer("lane", claim.GetDelivery().GetLane()),
		zap.Uint64("no", claim.GetDelivery().GetFirstNo()), zap.Stringer("class", r.class), zap.Int32("code", r.code))
	record := &eventv1.JournalRecord{Body: &eventv1.JournalRecord_Failed{
		Failed: &eventv1.Failed{Delivery: claim.GetDelivery(), Class: class, Code: r.code}}}
	if class == eventv1.FailureClass_FAILURE_CLASS_UNKNOWN {
		record = &eventv1.JournalRecord{Body: &eventv1.JournalRecord_Unknown{Unknown: &eventv1.Unknown{Delivery: claim.GetDelivery()}}}
	}
	kind := eventv1.Kind_KIND_UNSPECIFIED
	if len(j.items) > 0 {
		kind = j.items[0].copy.GetKind()
		if j.items[0].notice != nil {
			o.conclude(j, record) // a notice about a notice helps nobody
			return
		}
	}
	o.report(claim.GetDelivery(), class, kind, j.origin, func() { o.conclude(j, record) })
}

func (o *owner) conclude(j *job, record *eventv1.JournalRecord) {
	o.crash("before_done")
	o.write(record, func() { o.crash("after_done") })
	o.metrics.failed(j.lane.key.side, len(j.items))
	o.settle(j, true)
}

// settle gives the lane's claimed requests their result and goes on.
func (o *owner) settle(j *job, failed bool) {
	ln := j.lane
	before := len(ln.head)
	ln.settle(len(j.items))
	gone := before - len(ln.head)
	o.held[ln.key.side] -= gone
	o.doubt -= gone
	ln.phase = phaseIdle
	o.unmark(ln, failed)
	o.follow(ln)
	o.advance(ln)
}

// report publishes a failure, for dialog to decide on.
func (o *owner) report(d *eventv1.Delivery, class eventv1.FailureClass, kind eventv1.Kind, from telemetry.Origin, then func()) {
	body := &eventv1.DeliveryFailed{Dialog: d.GetDialog(), Lane: d.GetLane(), LaneNo: d.GetFirstNo(), Class: class, Kind: kind, Effect: d.GetEffect()}
	if len(d.GetSources()) > 0 {
		body.Source = d.GetSources()[0]
	}
	o.publish(d, strconv.Itoa(int(class)), &eventv1.Fact{Body: &eventv1.Fact_DeliveryFailed{DeliveryFailed: body}}, from, then)
}

// repeated publishes that something went out a second time, for dialog to mark.
func (o *owner) repeated(done *eventv1.Done, times uint32, from telemetry.Origin, then func()) {
	d := done.GetDelivery()
	body := &eventv1.DeliveryRepeated{
		Dialog: d.GetDialog(), Lane: d.GetLane(), LaneNo: d.GetFirstNo(), Source: d.GetSources()[0],
		Copy: &eventv1.MessageRef{Chat: done.GetChat(), Message: done.GetCopies()[0]}, Times: times,
	}
	o.publish(d, fmt.Sprintf("repeated/%d", times), &eventv1.Fact{Body: &eventv1.Fact_DeliveryRepeated{DeliveryRepeated: body}}, from, then)
}

// publish puts an outcome into INBOX, for as long as it takes. The cause makes another try after a crash the same fact.
func (o *owner) publish(d *eventv1.Delivery, what string, fact *eventv1.Fact, from telemetry.Origin, then func()) {
	fact.Connection, fact.At, fact.ParamsSeq = o.id, timestamppb.New(o.now()), o.record.Load().GetParamsSeq()
	fact.Cause = &eventv1.Cause{Kind: eventv1.Cause_KIND_DELIVERY,
		Key: fmt.Sprintf("%s/%d/%d/%s", d.GetDialog(), d.GetLane(), d.GetFirstNo(), what)}
	o.aside(func(ctx context.Context) func() {
		ctx, span := telemetry.Publish(from.In(ctx), o.tracer, fact)
		defer span.End()
		err := persist(ctx, func(ctx context.Context) error {
			_, err := o.deps.Facts.PublishFact(ctx, fact, "relay")
			return err
		})
		if err != nil {
			return nil // stopping: the claim stays open, and the report is made after the restart
		}
		return then
	})
}
