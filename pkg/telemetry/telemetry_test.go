package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/telemetry"
)

const token = "123456789:AAEhBP0av28fTnQ7bLwKjq9Yb3Zx5cVd1mN"

func TestLogRedacts(t *testing.T) {
	var out bytes.Buffer
	const uri = `mongodb://user:p"a\ss&word@host/`
	log, err := telemetry.NewLogger(&out, "debug", uri, "short")
	if err != nil {
		t.Fatal(err)
	}
	log = log.With(zap.String("with", "bot"+token+"/x"))
	log.Info("call https://api.telegram.org/bot"+token+"/getMe short",
		zap.Error(errors.New("Post \"https://api.telegram.org/bot"+token+"/getMe\": EOF")),
		zap.String("uri", uri), zap.Any("nested", map[string]any{"deep": []string{token, uri}}),
		zap.ByteString("bytes", []byte(token)), zap.Stack("stack "+token))
	text := out.String()
	for _, secret := range []string{token[10:], "ss&word", `p\"a`} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log: %s", secret, text)
		}
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("the line is no longer JSON: %v", err)
	}
	if line["uri"] != "***" || line["with"] != "bot123456789:***/x" || !strings.HasSuffix(line["msg"].(string), "short") {
		t.Errorf("redacted too much or too little: %v", line)
	}
}

func TestLogLevels(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, "")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("hidden")
	log.Info("shown")
	if got := out.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "shown") {
		t.Errorf("logged %q", got)
	}
	if _, err := telemetry.NewLogger(&out, "loud"); err == nil {
		t.Error("took an unknown level")
	}
	if _, err := telemetry.NewLogger(nil, ""); err == nil {
		t.Error("took no output")
	}
}

func TestMetricsAreOwn(t *testing.T) {
	a, err := telemetry.New(t.Context(), telemetry.Options{Output: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	// A second one in the same process must not clash with the first.
	if _, err = telemetry.New(t.Context(), telemetry.Options{Output: io.Discard}); err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	a.MetricsHandler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if body := rec.Body.String(); rec.Code != 200 || !strings.Contains(body, "go_goroutines") || !strings.Contains(body, "process_resident_memory_bytes") {
		t.Errorf("%d %s", rec.Code, body)
	}
}

func TestTracesReachTheCollector(t *testing.T) {
	defer goleak.VerifyNone(t)
	var got atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err == nil && strings.HasSuffix(r.URL.Path, "/v1/traces") {
			got.Add(int64(len(b)))
		}
	}))
	defer collector.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	tel, err := telemetry.New(t.Context(), telemetry.Options{Service: "dialog", Output: io.Discard, OTLP: collector.URL + "/v1/traces"})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Tracer("test").Start(t.Context(), "decide")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := tel.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if got.Load() == 0 {
		t.Error("no span arrived")
	}
}

func TestCollectorAwayIsOneWarning(t *testing.T) {
	var out bytes.Buffer
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	tel, err := telemetry.New(t.Context(), telemetry.Options{Service: "dialog", Output: &out, OTLP: away.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Tracer("test").Start(t.Context(), "decide")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := tel.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "traces are not accepted"); n != 1 {
		t.Errorf("%d warnings: %s", n, out.String())
	}
}

func TestPropagation(t *testing.T) {
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	carrier := telemetry.Carrier{}
	telemetry.Inject(trace.ContextWithSpanContext(t.Context(), parent), carrier)
	if len(carrier.Keys()) == 0 || carrier.Get("traceparent") == "" {
		t.Fatalf("nothing was injected: %v", carrier)
	}
	got := trace.SpanContextFromContext(telemetry.Extract(t.Context(), carrier))
	if got.TraceID() != parent.TraceID() || got.SpanID() != parent.SpanID() || !got.IsRemote() {
		t.Errorf("extracted %v", got)
	}
	back := trace.SpanContextFromContext(telemetry.OriginOf(carrier).In(t.Context()))
	if back.TraceID() != parent.TraceID() || back.SpanID() != parent.SpanID() || !back.IsSampled() || !back.IsRemote() {
		t.Errorf("kept %v", back)
	}
	if o := telemetry.OriginOf(telemetry.Carrier{"traceparent": {"00-zz"}}); o != (telemetry.Origin{}) || o.In(t.Context()) != t.Context() {
		t.Errorf("no trace became %v", o)
	}
	for _, bad := range []string{"", "00-zz", strings.Repeat("x", 4096)} {
		if sc := trace.SpanContextFromContext(telemetry.Extract(t.Context(), telemetry.Carrier{"traceparent": {bad}})); sc.IsValid() {
			t.Errorf("took %q", bad)
		}
	}
	none := telemetry.Carrier{}
	telemetry.Inject(t.Context(), none)
	if len(none) != 0 {
		t.Errorf("injected without a span: %v", none)
	}
}

func BenchmarkLog(b *testing.B) {
	log, err := telemetry.NewLogger(io.Discard, "info", "mongodb://user:password@host/")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		log.Info("delivered", zap.String("connection", "c_1"), zap.Int64("dialog", 7), zap.Duration("took", time.Millisecond))
	}
}
