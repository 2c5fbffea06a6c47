// Package telemetry owns what a process says about itself: the log, the metrics
// registry, the tracer, and the propagation of trace context in message headers.
//
// It refuses secrets: every line of the log is redacted before it is written. It has no
// globals: whoever logs, counts or traces is given the means.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Options say how a process reports. The zero value of a field leaves the part out.
type Options struct {
	Service  string    // name in logs and traces, for instance "dialog"
	Version  string    // of the program
	Instance string    // of the data directory
	Level    string    // debug, info, warn or error; empty = info
	Output   io.Writer // of the log; required
	Secrets  []string  // exact values that are redacted besides bot tokens
	OTLP     string    // OTLP/HTTP endpoint URL; empty = no traces

	Spans sdktrace.SpanExporter // takes the traces instead of the endpoint; nil: none
}

// Telemetry is the means by which a process reports. Its fields are safe for concurrent
// use; Close is called once, last.
type Telemetry struct {
	Log     *zap.Logger
	Metrics *prometheus.Registry

	tracing tracing
}

// New makes the means. It connects to nothing: traces are sent in the background, and a
// collector that is away costs the traces, never the service.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	log, err := NewLogger(o.Output, o.Level, o.Secrets...)
	if err != nil {
		return nil, err
	}
	if o.Service != "" {
		log = log.Named(o.Service)
	}
	t := &Telemetry{Log: log, Metrics: NewRegistry()}
	if t.tracing, err = newTracing(ctx, o, log); err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	return t, nil
}

// NewRegistry returns a registry of its own with the process and runtime collectors.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Tracer returns the tracer of a package; without an endpoint it costs nothing.
func (t *Telemetry) Tracer(name string) trace.Tracer {
	return t.tracing.provider.Tracer(name)
}

// MetricsHandler serves the metrics in the format the scraper asks for.
func (t *Telemetry) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(t.Metrics, promhttp.HandlerOpts{
		ErrorLog:          zap.NewStdLog(t.Log.Named("metrics")),
		EnableOpenMetrics: true,
	})
}

// Close sends the traces that wait, bounded by ctx, and flushes the log.
func (t *Telemetry) Close(ctx context.Context) error {
	err := t.tracing.shutdown(ctx)
	// A terminal or a pipe cannot be synced, and nothing is lost by it.
	_ = t.Log.Sync()
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("send traces: %w", err)
	}
	return nil
}
