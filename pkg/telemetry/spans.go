package telemetry

import (
	"context"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Keys of span attributes, besides those of the semantic conventions. No value is a text, a
// name or a secret.
const (
	KeyConnection attribute.Key = "hotline.connection"
	KeyDialog     attribute.Key = "hotline.dialog"
	KeyLane       attribute.Key = "hotline.lane"
	KeyFact       attribute.Key = "hotline.fact" // what kind of fact
	KeyKind       attribute.Key = "hotline.kind" // what kind of message
	KeyOutcome    attribute.Key = "hotline.outcome"
	KeyMethod     attribute.Key = "hotline.telegram.method"
	KeyClass      attribute.Key = "hotline.telegram.class"
)

// TracerOrNone returns t, or for nil a tracer that does nothing.
func TracerOrNone(t trace.Tracer) trace.Tracer {
	if t == nil {
		return noop.NewTracerProvider().Tracer("")
	}
	return t
}

// Publish begins the span of putting a fact into INBOX, as a child of the span of ctx. The
// span is to be ended.
func Publish(ctx context.Context, t trace.Tracer, f *eventv1.Fact) (context.Context, trace.Span) {
	ctx, span := t.Start(ctx, "publish INBOX", trace.WithSpanKind(trace.SpanKindProducer))
	if span.IsRecording() {
		span.SetAttributes(messaging("publish", "send", "INBOX")...)
		span.SetAttributes(describe(f)...)
	}
	return ctx, span
}

// Decide begins the span of handling a fact of INBOX; ctx carries the trace of its message.
// The span is to be ended.
func Decide(ctx context.Context, t trace.Tracer, f *eventv1.Fact) (context.Context, trace.Span) {
	ctx, span := t.Start(ctx, "process INBOX", trace.WithSpanKind(trace.SpanKindConsumer))
	if span.IsRecording() {
		span.SetAttributes(messaging("process", "process", "INBOX")...)
		span.SetAttributes(describe(f)...)
	}
	return ctx, span
}

// Deliver begins the span of carrying out what a commit of DESK asks for, as a child of the
// span of ctx. The span is to be ended.
func Deliver(ctx context.Context, t trace.Tracer, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	ctx, span := t.Start(ctx, "process DESK", append(o, trace.WithSpanKind(trace.SpanKindConsumer))...)
	if span.IsRecording() {
		span.SetAttributes(messaging("process", "process", "DESK")...)
	}
	return ctx, span
}

func messaging(name, kind, stream string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "nats"),
		attribute.String("messaging.operation.name", name),
		attribute.String("messaging.operation.type", kind),
		attribute.String("messaging.destination.name", stream),
	}
}

// describe says what a fact is about, without anything of its content.
func describe(f *eventv1.Fact) []attribute.KeyValue {
	about := []attribute.KeyValue{KeyConnection.String(f.GetConnection())}
	message := f.ProtoReflect()
	if field := message.WhichOneof(message.Descriptor().Oneofs().ByName("body")); field != nil {
		about = append(about, KeyFact.String(string(field.Name())))
	}
	switch b := f.GetBody().(type) {
	case *eventv1.Fact_CustomerMessage:
		return append(about, dialog(b.CustomerMessage.GetCustomer()), Kind(b.CustomerMessage.GetKind()))
	case *eventv1.Fact_GroupMessage:
		return append(about, Kind(b.GroupMessage.GetKind()))
	case *eventv1.Fact_CustomerMembership:
		return append(about, dialog(b.CustomerMembership.GetCustomer()))
	case *eventv1.Fact_DeliveryFailed:
		return append(about, KeyDialog.String(b.DeliveryFailed.GetDialog()), Lane(b.DeliveryFailed.GetLane()))
	case *eventv1.Fact_DeliveryRepeated:
		return append(about, KeyDialog.String(b.DeliveryRepeated.GetDialog()), Lane(b.DeliveryRepeated.GetLane()))
	}
	return about
}

func dialog(customer int64) attribute.KeyValue {
	return KeyDialog.String(strconv.FormatInt(customer, 10))
}

// Kind is the attribute of a message's kind.
func Kind(k eventv1.Kind) attribute.KeyValue {
	return KeyKind.String(strings.ToLower(strings.TrimPrefix(k.String(), "KIND_")))
}

// Lane is the attribute of a lane.
func Lane(l eventv1.Lane) attribute.KeyValue {
	return KeyLane.String(strings.ToLower(strings.TrimPrefix(l.String(), "LANE_")))
}

// Origin is the span that something comes from, in the form in which it is kept while that
// waits: ids only. The zero value is no span.
type Origin struct {
	trace trace.TraceID
	span  trace.SpanID
	flags trace.TraceFlags
}

// OriginOf reads the origin of a message off its headers.
func OriginOf(c Carrier) Origin {
	if c.Get("traceparent") == "" {
		return Origin{}
	}
	return OriginIn(Extract(context.Background(), c))
}

// OriginIn is the span of ctx.
func OriginIn(ctx context.Context) Origin {
	sc := trace.SpanContextFromContext(ctx)
	return Origin{trace: sc.TraceID(), span: sc.SpanID(), flags: sc.TraceFlags()}
}

// In returns ctx with the origin as its span; the zero origin changes nothing.
func (o Origin) In(ctx context.Context) context.Context {
	if sc := o.spanContext(); sc.IsValid() {
		return trace.ContextWithRemoteSpanContext(ctx, sc)
	}
	return ctx
}

// Link points to the origin, for what has several.
func (o Origin) Link() trace.Link { return trace.Link{SpanContext: o.spanContext()} }

func (o Origin) spanContext() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: o.trace, SpanID: o.span, TraceFlags: o.flags, Remote: true})
}
