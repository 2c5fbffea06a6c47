package relay

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hotline-desk/hotline/pkg/telemetry"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// begin opens the span of a job whose call starts now; it began when the request was read. What waits for its turn has no
// span yet, only its origin. A topic belongs to the message that it is made for; looks belong to none.
func (o *owner) begin(ctx context.Context, j *job) context.Context {
	var first *request
	switch {
	case j.kind == jobDeliver:
		first = &j.items[0]
	case j.kind == jobCreate && len(j.topic.waiting) > 0 && len(j.topic.waiting[0].head) > 0:
		first = &j.topic.waiting[0].head[0]
	default:
		return ctx
	}
	began := []trace.SpanStartOption{trace.WithTimestamp(j.since)}
	if j.kind == jobDeliver {
		began[0] = trace.WithTimestamp(first.came)
	}
	for i := 1; i < len(j.items); i++ {
		if origin := j.items[i].origin; origin != first.origin {
			began = append(began, trace.WithLinks(origin.Link()))
		}
	}
	ctx, j.span = telemetry.Deliver(first.origin.In(ctx), o.tracer, began...)
	if j.span.IsRecording() {
		lane := eventv1.Lane_LANE_TOPIC
		if j.kind == jobDeliver {
			lane = j.lane.key.side
			j.span.SetAttributes(telemetry.Kind(first.copy.GetKind()))
		}
		j.span.SetAttributes(telemetry.KeyConnection.String(o.id), telemetry.KeyDialog.String(j.dialog), telemetry.Lane(lane))
	}
	return ctx
}

// end closes the span of a job with the outcome of its call, and keeps where it came from, for what is still to be
// said of it.
func (j *job) end(r result) {
	if j.span == nil {
		return
	}
	if j.span.IsRecording() {
		j.span.SetAttributes(telemetry.KeyOutcome.String(r.class.String()))
		markSpan(j.span, r)
	}
	j.span.End()
	j.origin = telemetry.OriginIn(trace.ContextWithSpan(context.Background(), j.span))
	j.span = nil
}

// ask calls Telegram, in a span when it is done for something that has one.
func (o *owner) ask(ctx context.Context, method string, params, into any) result {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return resultOf(method, o.api.Call(ctx, method, params, into))
	}
	ctx, span := o.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	r := resultOf(method, o.api.Call(ctx, method, params, into))
	span.SetAttributes(telemetry.KeyMethod.String(method), telemetry.KeyClass.String(r.class.String()))
	markSpan(span, r)
	return r
}

// markSpan says what went wrong by its class: an error's own words may quote what nobody else is to read.
func markSpan(span trace.Span, r result) {
	if r.class != tg.ClassOK && r.class != tg.ClassNotModified {
		span.SetStatus(codes.Error, r.class.String())
	}
}
