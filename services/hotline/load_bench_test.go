package hotline_test

import (
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

// BenchmarkLoad carries messages through a desk and a simulated Telegram in one process, for profiles of the whole path:
//
//	go test -run '^$' -bench Load/always/100 -benchtime 2000x -cpuprofile cpu.out ./services/hotline
//
// Figures to compare come from `hotline bench`, where the desk has a process of its own.
func BenchmarkLoad(b *testing.B) {
	for _, durability := range []string{"always", "interval"} {
		for name, rate := range map[string]float64{"100": 100, "flood": 0} {
			b.Run(durability+"/"+name, func(b *testing.B) {
				w := newWorld(b)
				start(b, w.open(b, "HOTLINE_DURABILITY="+durability))
				b.ResetTimer()
				if err := w.StartLoad(simulator.LoadOptions{Messages: b.N, Customers: 50, Rate: rate, Answers: 0.2}); err != nil {
					b.Fatal(err)
				}
				r, err := w.WaitLoad(b.Context())
				if err != nil || r.Lost > 0 {
					b.Fatalf("%+v, %v", r, err)
				}
				b.ReportMetric(r.Handed.P50, "p50-ms")
				b.ReportMetric(r.Handed.P99, "p99-ms")
				b.ReportMetric(r.PerSecond, "messages/s")
			})
		}
	}
}
