package relay

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// metrics are what relay tells of itself. No label ever names a person, a chat or a text.
type metrics struct {
	queue   *prometheus.GaugeVec
	paused  *prometheus.GaugeVec
	doubt   *prometheus.GaugeVec
	flight  *prometheus.GaugeVec
	calls   *prometheus.CounterVec
	waiting *prometheus.HistogramVec
	latency *prometheus.HistogramVec
	results *prometheus.CounterVec
	topics  *prometheus.CounterVec
	appends prometheus.Counter
	records prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "hotline", Name: name, Help: help}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hotline", Name: name, Help: help}, labels)
	}
	seconds := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hotline", Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 14)}, labels)
	}
	m := &metrics{
		queue:   gauge("relay_queue", "Calls that wait for their turn.", "connection", "class"),
		paused:  gauge("relay_paused", "Connections whose messages wait, by what stands in the way.", "reason"),
		doubt:   gauge("messages_in_doubt", "Deliveries asked for that are neither done nor reported as failed.", "connection"),
		flight:  gauge("relay_in_flight", "Calls claimed or under way.", "connection"),
		calls:   counter("relay_calls_total", "Telegram calls by method and outcome.", "method", "outcome"),
		waiting: seconds("relay_wait_seconds", "Time between a call's readiness and its turn.", "class"),
		latency: seconds("relay_delivery_seconds", "Time between a request's arrival at relay and its delivery.", "lane"),
		results: counter("relay_results_total", "Deliveries by lane and result.", "lane", "result"),
		topics:  counter("relay_topics_total", "Topics made or adopted.", "how"),
		appends: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "hotline", Name: "relay_journal_appends_total", Help: "Appends to the journal."}),
		records: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "hotline", Name: "relay_journal_records_total", Help: "Records in these appends."}),
	}
	for _, r := range reasons() {
		m.paused.WithLabelValues(string(r)).Set(0)
	}
	if registry != nil {
		registry.MustRegister(m.queue, m.paused, m.doubt, m.flight, m.calls, m.waiting, m.latency, m.results, m.topics, m.appends, m.records)
	}
	return m
}

func (m *metrics) appended(records int) {
	m.appends.Inc()
	m.records.Add(float64(records))
}

func (m *metrics) waited(p tg.Priority, d time.Duration) {
	m.waiting.WithLabelValues(p.String()).Observe(d.Seconds())
}

func (m *metrics) called(method string, outcome tg.Class) {
	m.calls.WithLabelValues(method, outcome.String()).Inc()
}

func (m *metrics) delivered(side eventv1.Lane, n int, d time.Duration) {
	m.results.WithLabelValues(sideLabel(side), "done").Add(float64(n))
	m.latency.WithLabelValues(sideLabel(side)).Observe(d.Seconds())
}

func (m *metrics) failed(side eventv1.Lane, n int) {
	m.results.WithLabelValues(sideLabel(side), "failed").Add(float64(n))
}

func sideLabel(side eventv1.Lane) string {
	return label(side == eventv1.Lane_LANE_CUSTOMER, "customer", "desk")
}

func label(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// gauges are a connection's own, looked up once.
type gauges struct {
	queue         [tg.Priorities]prometheus.Gauge
	doubt, flight prometheus.Gauge
}

func (m *metrics) of(connection string) gauges {
	g := gauges{doubt: m.doubt.WithLabelValues(connection), flight: m.flight.WithLabelValues(connection)}
	for p := range g.queue {
		g.queue[p] = m.queue.WithLabelValues(connection, tg.Priority(p).String())
	}
	return g
}

func (o *owner) measure() {
	for p := range o.gauges.queue {
		o.gauges.queue[p].Set(float64(o.sched.Queued(tg.Priority(p))))
	}
	o.gauges.doubt.Set(float64(o.doubt))
	o.gauges.flight.Set(float64(o.flying))
	o.declare()
}
