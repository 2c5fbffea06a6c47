package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

const (
	traceTimeout = 5 * time.Second // of one export
	traceQuiet   = time.Minute     // between two warnings about exports
)

type tracing struct {
	provider trace.TracerProvider
	shutdown func(context.Context) error
}

func newTracing(ctx context.Context, o Options, log *zap.Logger) (tracing, error) {
	out := o.Spans
	if out == nil && o.OTLP == "" {
		return tracing{noop.NewTracerProvider(), func(context.Context) error { return nil }}, nil
	}
	if out == nil {
		var err error
		out, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.OTLP), otlptracehttp.WithTimeout(traceTimeout))
		if err != nil {
			return tracing{}, err
		}
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&exporter{SpanExporter: out, log: log}),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "hotline-"+o.Service),
			attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Instance),
		)),
	)
	return tracing{p, p.Shutdown}, nil
}

// exporter says in the log what the SDK would print through its global handler.
type exporter struct {
	sdktrace.SpanExporter
	log    *zap.Logger
	warned atomic.Int64 // unix nanoseconds of the last warning
}

// ExportSpans sends spans; a failure costs these spans, and a warning now and then.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	last, now := e.warned.Load(), time.Now().UnixNano()
	if err != nil && now-last >= int64(traceQuiet) && e.warned.CompareAndSwap(last, now) {
		e.log.Warn("traces are not accepted", zap.Int("lost_spans", len(spans)), zap.Error(err))
	}
	return nil
}

// Carrier is the headers of a message, as NATS and HTTP have them. Keys are used as
// they are: traceparent and tracestate, in lower case.
type Carrier map[string][]string

// Get returns the first value of key.
func (c Carrier) Get(key string) string {
	if v := c[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set replaces the values of key.
func (c Carrier) Set(key, value string) { c[key] = []string{value} }

// Keys returns all keys, in no order.
func (c Carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// Inject writes the W3C trace context of ctx into c; without a span it writes nothing.
func Inject(ctx context.Context, c Carrier) {
	propagation.TraceContext{}.Inject(ctx, c)
}

// Extract returns ctx with the trace context that c carries; a damaged one is ignored.
func Extract(ctx context.Context, c Carrier) context.Context {
	return propagation.TraceContext{}.Extract(ctx, c)
}
