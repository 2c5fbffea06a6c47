package dialog

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// metrics counts facts, decisions and what the desk owes. Labels are kinds and outcomes, never ids.
type metrics struct {
	facts     *prometheus.CounterVec
	decisions *prometheus.CounterVec
	accepted  *prometheus.CounterVec
	notices   *prometheus.CounterVec
	latency   prometheus.Histogram
	viewAge   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		facts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_dialog_facts_total", Help: "Facts handled, by type and outcome; a fact tried again counts again.",
		}, []string{"type", "outcome"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_dialog_events_total", Help: "Events committed, by type.",
		}, []string{"event"}),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_messages_accepted_total", Help: "Messages that the desk owes a delivery or an explanation, by direction.",
		}, []string{"direction"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_dialog_notices_total", Help: "Notices to the team, by code.",
		}, []string{"code"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "hotline_dialog_fact_to_commit_seconds",
			Help:    "From the moment a fact happened, by Telegram's clock in whole seconds, to its commit.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600},
		}),
		viewAge: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_dialog_view_age_seconds", Help: "Age of the newest record at the view's last commit.",
		}),
	}
	for _, c := range []prometheus.Collector{m.facts, m.decisions, m.accepted, m.notices, m.latency, m.viewAge} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) fact(f *eventv1.Fact, out outcome) {
	m.facts.WithLabelValues(factType(f), string(out)).Inc()
}

func factType(f *eventv1.Fact) string {
	switch f.GetBody().(type) {
	case *eventv1.Fact_CustomerMessage:
		return "customer_message"
	case *eventv1.Fact_GroupMessage:
		return "group_message"
	case *eventv1.Fact_CustomerMembership:
		return "customer_membership"
	case *eventv1.Fact_TopicService:
		return "topic_service"
	case *eventv1.Fact_DeliveryFailed:
		return "delivery_failed"
	case *eventv1.Fact_DeliveryRepeated:
		return "delivery_repeated"
	case *eventv1.Fact_CustomerEdit:
		return "customer_edit"
	case *eventv1.Fact_GroupEdit:
		return "group_edit"
	case *eventv1.Fact_MessageReaction:
		return "message_reaction"
	case *eventv1.Fact_GroupMigration:
		return "group_migration"
	}
	return "unknown"
}

func (m *metrics) commit(c *eventv1.Commit, after time.Duration) {
	m.latency.Observe(max(after, 0).Seconds())
	for _, event := range c.GetEvents() {
		m.decisions.WithLabelValues(eventType(event)).Inc()
		if a := event.GetMessageAccepted(); a != nil {
			m.accepted.WithLabelValues(strings.ToLower(strings.TrimPrefix(a.GetDirection().String(), "DIRECTION_"))).Inc()
		}
		if n := event.GetDeliveryRequested().GetNotice(); n != nil {
			m.notices.WithLabelValues(strings.ToLower(strings.TrimPrefix(n.GetCode().String(), "CODE_"))).Inc()
		}
	}
}

// eventType is the name of the event's field in the contract.
func eventType(event *eventv1.Event) string {
	m := event.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if field == nil {
		return "unknown"
	}
	return string(field.Name())
}

func (m *metrics) projected(p view.Progress) {
	if !p.Rebuild {
		m.viewAge.Set(p.Age.Seconds())
	}
}
