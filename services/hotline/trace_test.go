package hotline_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/hotline-desk/hotline/services/hotline"
	"github.com/hotline-desk/hotline/services/simulator"
)

// keeping is an exporter in memory that still knows its spans after the desk has closed it.
type keeping struct{ *tracetest.InMemoryExporter }

func (keeping) Shutdown(context.Context) error { return nil }

// life is the spans of one trace, by name.
type life map[string]tracetest.SpanStub

// from tells whether a span descends from another one.
func (l life) from(t *testing.T, child, parent string) {
	t.Helper()
	c, there := l[child]
	p, known := l[parent]
	if !there || !known || c.Parent.SpanID() != p.SpanContext.SpanID() {
		t.Errorf("%s does not come from %s", child, parent)
	}
}

func attribute(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestTheLifeOfAMessageIsOneTrace(t *testing.T) {
	w := newWorld(t)
	spans := keeping{tracetest.NewInMemoryExporter()}
	stop := start(t, w.openWith(t, hotline.Options{Log: io.Discard, Spans: spans}, "HOTLINE_PARAM_WELCOME=OFF"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ada := w.NewCustomer("Ada Lovelace-Canary")
	operator := w.group.NewOperator("Grace Hopper-Canary")
	ada.Send(simulator.Text("question canary"))
	topic, err := w.group.WaitTopic(ctx, ada)
	if err != nil {
		t.Fatal(err)
	}
	operator.SendIn(topic.ID, simulator.Text("answer canary"))
	if err := w.WaitFor(ctx, func() bool { return ada.Received("answer canary") }); err != nil {
		t.Fatal(err)
	}
	if v := w.Settle(ctx, simulator.CheckOptions{}); len(v) > 0 {
		t.Fatal(v)
	}
	if _, err := stop(); err != nil {
		t.Fatal(err)
	}
	lives := map[trace.TraceID][]tracetest.SpanStub{}
	for _, s := range spans.GetSpans() {
		lives[s.SpanContext.TraceID()] = append(lives[s.SpanContext.TraceID()], s)
	}
	for fact, lane := range map[string]string{"customer_message": "desk", "group_message": "customer"} {
		l := lifeOf(lives, fact, lane)
		l.from(t, "process INBOX", "publish INBOX")
		l.from(t, "process DESK", "process INBOX")
		l.from(t, "copyMessage", "process DESK")
		if got := attribute(l["process INBOX"], "hotline.outcome"); got != "committed" {
			t.Errorf("%s: decided as %q", fact, got)
		}
		for name, s := range l {
			if s.SpanKind != trace.SpanKindClient && attribute(s, "hotline.connection") == "" {
				t.Errorf("%s: no connection on %s", fact, name)
			}
		}
		if d, c := l["process DESK"], l["copyMessage"]; attribute(d, "hotline.kind") != "text" ||
			attribute(d, "hotline.outcome") != "ok" || attribute(d, "hotline.dialog") == "" ||
			attribute(c, "hotline.telegram.method") != "copyMessage" || attribute(c, "hotline.telegram.class") != "ok" {
			t.Errorf("%s: delivery %v, call %v", fact, d.Attributes, c.Attributes)
		}
	}
	discreet(t, spans.GetSpans(), "canary", "Lovelace", "Hopper", w.bot.Token()[strings.Index(w.bot.Token(), ":")+1:])
}

// lifeOf finds the trace that begins with a fact; of several deliveries it takes the one of a lane.
func lifeOf(lives map[trace.TraceID][]tracetest.SpanStub, fact, lane string) life {
	for _, spans := range lives {
		l := life{}
		begins := false
		for _, s := range spans {
			begins = begins || s.Name == "publish INBOX" && !s.Parent.IsValid() && attribute(s, "hotline.fact") == fact
			if s.Name != "process DESK" || attribute(s, "hotline.lane") == lane {
				l[s.Name] = s
			}
		}
		if begins {
			return l
		}
	}
	return nil
}

// discreet searches all that spans say for what nobody else is to read.
func discreet(t *testing.T, spans tracetest.SpanStubs, words ...string) {
	t.Helper()
	for _, s := range spans {
		said := []string{s.Name, s.Status.Description}
		for _, a := range s.Attributes {
			said = append(said, a.Value.String())
		}
		for _, e := range s.Events {
			said = append(said, e.Name)
			for _, a := range e.Attributes {
				said = append(said, a.Value.String())
			}
		}
		for _, word := range words {
			if all := strings.ToLower(strings.Join(said, "\n")); strings.Contains(all, strings.ToLower(word)) {
				t.Errorf("%s says %q: %v", s.Name, word, s.Attributes)
			}
		}
	}
}
