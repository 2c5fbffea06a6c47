package relay

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/hotline-desk/hotline/pkg/telemetry"
)

// A report of what failed belongs to the trace of the message; an album belongs to the traces of all its items.
func TestReportsAndAlbumsKeepTheirTraces(t *testing.T) {
	m, api := newMemory(), newTelegram()
	api.setFault(func(_ string, p params) error {
		if p.Chat == 8 {
			return refusal(403, 8, "Forbidden: bot was blocked by the user Canary")
		}
		return nil
	}, nil)
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	commit := func(number byte, dialog string, source int64, album string) {
		m.mu.Lock()
		m.origin = telemetry.OriginIn(trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{number}, SpanID: trace.SpanID{number}, TraceFlags: trace.FlagsSampled})))
		m.mu.Unlock()
		m.commit("dialog", dialog, copyOf(customer, testGroup, source, album))
	}
	commit(1, "7", 1, "a")
	commit(2, "7", 2, "a")
	commit(3, "7", 3, "")
	commit(4, "8", 4, "")
	_, stop := start(t, m, api, func(_ *Config, d *Deps) { d.Tracer = provider.Tracer("relay") })
	eventually(t, "copies and the report", func() bool { return len(api.copies(7, testGroup)) == 3 && len(m.reports()) == 1 })
	stop()
	found := map[trace.TraceID]map[string]tracetest.SpanStub{}
	for _, s := range spans.GetSpans() {
		id := s.SpanContext.TraceID()
		if found[id] == nil {
			found[id] = map[string]tracetest.SpanStub{}
		}
		found[id][s.Name] = s
	}
	if links := found[trace.TraceID{1}]["process DESK"].Links; len(links) != 1 || links[0].SpanContext.TraceID() != (trace.TraceID{2}) {
		t.Errorf("the album links to %v", links)
	}
	failed := found[trace.TraceID{4}]
	if failed["publish INBOX"].Parent.SpanID() != failed["process DESK"].SpanContext.SpanID() || !failed["process DESK"].SpanContext.IsValid() {
		t.Errorf("the report does not come from the delivery: %v", failed)
	}
	if got := failed["copyMessage"].Status.Description; got != "customer_gone" {
		t.Errorf("the call failed with %q", got)
	}
}
