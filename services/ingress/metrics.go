package ingress

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hotline-desk/hotline/pkg/tg"
)

// metrics count updates and calls. Labels are types and results, never ids.
type metrics struct {
	updates  *prometheus.CounterVec
	polls    *prometheus.CounterVec
	hooks    *prometheus.CounterVec
	profiles *prometheus.CounterVec
	contents *prometheus.CounterVec
	latency  prometheus.Histogram
}

// newMetrics registers the metrics; held says how many bytes of content are in memory.
func newMetrics(r prometheus.Registerer, held func() int) (*metrics, error) {
	m := &metrics{
		updates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_ingress_updates_total",
			Help: "Updates taken, by type and by what became of them: fact, filtered, malformed, oversize and the kinds that are ignored.",
		}, []string{"type", "result"}),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_ingress_polls_total", Help: "Calls of getUpdates, by outcome.",
		}, []string{"outcome"}),
		hooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_ingress_webhook_calls_total", Help: "Webhook calls, by HTTP status answered.",
		}, []string{"status"}),
		profiles: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_ingress_profiles_total", Help: "Profiles of customers: written, or lost because they could not be.",
		}, []string{"result"}),
		contents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_ingress_content_total",
			Help: "What messages say, as relay asks for it: hit, miss, and lost – gone before its time, because of its length or of others.",
		}, []string{"result"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "hotline_ingress_publish_seconds",
			Help:    "From the moment Telegram handed an update over until its fact is in the log.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
	}
	bytes := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hotline_ingress_content_bytes", Help: "Memory taken by what messages say; it is held for a minute.",
	}, func() float64 { return float64(held()) })
	for _, c := range []prometheus.Collector{m.updates, m.polls, m.hooks, m.profiles, m.contents, m.latency, bytes} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) update(r reading)          { m.updates.WithLabelValues(r.kind, string(r.result)).Inc() }
func (m *metrics) poll(err error)            { m.polls.WithLabelValues(tg.Classify(err).String()).Inc() }
func (m *metrics) published(since time.Time) { m.latency.Observe(time.Since(since).Seconds()) }
func (m *metrics) profile(what string)       { m.profiles.WithLabelValues(what).Inc() }
func (m *metrics) content(what string)       { m.contents.WithLabelValues(what).Inc() }
func (m *metrics) oversize()                 { m.update(reading{kind: typeOther, result: resultOversize}) }
