package eventlog

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the log. Labels are streams, services and outcomes: few, and never anybody's id.
type metrics struct {
	appends *prometheus.HistogramVec // stream, outcome
	handled *prometheus.HistogramVec // service, outcome
	lag     *prometheus.HistogramVec // service
	parked  *prometheus.GaugeVec     // service
	resumed *prometheus.CounterVec   // stream
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	buckets := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2, 10}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hotline", Subsystem: "eventlog", Name: name, Help: help, Buckets: buckets,
		}, labels)
	}
	m := &metrics{
		appends: histogram("append_seconds", "Time until an append was acknowledged or given up.", "stream", "outcome"),
		handled: histogram("handle_seconds", "Time a service took for a fact, retries in place included.", "service", "outcome"),
		lag:     histogram("fact_age_seconds", "Age of facts when they are handed to a service.", "service"),
		parked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "hotline", Subsystem: "eventlog", Name: "parked_facts", Help: "Facts set aside, as known to this process.",
		}, []string{"service"}),
		resumed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hotline", Subsystem: "eventlog", Name: "reader_restarts_total", Help: "Ordered readers begun anew after an interruption.",
		}, []string{"stream"}),
	}
	if reg == nil {
		return m, nil
	}
	var err error
	m.appends = shared(reg, m.appends, &err)
	m.handled = shared(reg, m.handled, &err)
	m.lag = shared(reg, m.lag, &err)
	m.parked = shared(reg, m.parked, &err)
	m.resumed = shared(reg, m.resumed, &err)
	return m, err
}

// shared registers c, or returns the collector of an earlier log of the same process.
func shared[C prometheus.Collector](reg prometheus.Registerer, c C, failed *error) C {
	err := reg.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if former, ok := already.ExistingCollector.(C); ok {
			return former
		}
	}
	if err != nil && *failed == nil {
		*failed = fmt.Errorf("metrics: %w", err)
	}
	return c
}
