package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hotline-desk/hotline/services/simulator"
)

// Print writes the report for people.
func (r Report) Print(w io.Writer) error {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	asked := "as fast as possible"
	if r.Rate > 0 {
		asked = fmt.Sprintf("%g messages/s asked for", r.Rate)
	}
	fmt.Fprintf(&b, "\nhotline %s on %s, durability %s, %s\n", r.Version, r.Machine, r.Durability, asked)
	row("sustained", "%.0f messages/s: %d of %d customers in %.1f s, and %d answers", r.PerSecond, r.Copied, r.Customers, r.Seconds, r.AnswersCopied)
	if r.Cold {
		row("", "first contacts included: a topic is made for each customer")
	}
	row("to the desk", "%s", latency(r.Handed))
	if r.Answers > 0 {
		row("answers", "%s", latency(r.Answer))
	}
	row("since due", "%s", latency(r.Scheduled))
	row("lost", "%d messages, %d answers", r.Lost, r.Answers-r.AnswersCopied)
	row("duplicates", "%d", r.Duplicates)
	for _, v := range r.Violations {
		row("wrong", "%s", v)
	}
	row("memory", "%.0f MB idle, %.0f MB at most", megabytes(r.IdleBytes), megabytes(r.PeakBytes))
	row("start", "%.0f ms on an empty data directory, %.0f ms on the data of this run", r.StartColdMS, r.StartWarmMS)
	row("log", "%.2f appends a message (%s)", r.AppendsPerMessage, r.streams())
	row("processor", "%.1f s, %.2f ms a message", r.CPUSeconds, 1000*r.CPUSeconds/float64(max(1, r.Sent)))
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) streams() string {
	var parts []string
	for _, stream := range slices.Sorted(maps.Keys(r.Appends)) {
		parts = append(parts, fmt.Sprintf("%s %.2f", stream, r.Appends[stream]))
	}
	return strings.Join(parts, ", ")
}

func latency(l simulator.Latency) string {
	return fmt.Sprintf("p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, at most %.1f ms", l.P50, l.P90, l.P99, l.Max)
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
