package bench

import (
	"strings"
	"testing"
)

func TestMetricsAreReadAndSummed(t *testing.T) {
	const page = `# HELP hotline_eventlog_append_seconds Time.
# TYPE hotline_eventlog_append_seconds histogram
hotline_eventlog_append_seconds_bucket{stream="DESK",outcome="ok",le="0.001"} 7
hotline_eventlog_append_seconds_count{stream="DESK",outcome="ok"} 10
hotline_eventlog_append_seconds_count{stream="DESK",outcome="conflict"} 2
hotline_eventlog_append_seconds_count{stream="OUTBOX",outcome="ok"} 1.5e+01
process_cpu_seconds_total 3.25
`
	all, err := parseMetrics(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	sums := sumBy(all, appendsMetric, streamLabel)
	if sums["DESK"] != 12 || sums["OUTBOX"] != 15 || len(sums) != 2 {
		t.Errorf("sums: %v", sums)
	}
	if cpu := sumBy(all, cpuMetric, "")[""]; cpu != 3.25 {
		t.Errorf("cpu: %v", cpu)
	}
}

func TestMetricsRefuseWhatIsNoSample(t *testing.T) {
	for _, page := range []string{"lonely", "x{a=\"b\" 1", "x ", "x one"} {
		if _, err := parseMetrics(strings.NewReader(page + "\n")); err == nil {
			t.Errorf("%q was taken for a sample", page)
		}
	}
}

func TestCountIsPerMessageAndWithoutWhatWasBefore(t *testing.T) {
	sample := func(name, stream string, v float64) series {
		return series{name: name, labels: map[string]string{streamLabel: stream}, value: v}
	}
	var r Report
	r.count(
		[]series{sample(appendsMetric, "INBOX", 5), {name: cpuMetric, labels: map[string]string{}, value: 1}},
		[]series{
			sample(appendsMetric, "INBOX", 25), sample(appendsMetric, "DESK", 10), sample(appendsMetric, "DESK", 10),
			{name: cpuMetric, labels: map[string]string{}, value: 3},
			{name: buildMetric, labels: map[string]string{"version": "v1"}, value: 1},
		}, 10)
	if r.Appends["INBOX"] != 2 || r.Appends["DESK"] != 2 || r.AppendsPerMessage != 4 {
		t.Errorf("appends: %v, %v", r.Appends, r.AppendsPerMessage)
	}
	if r.CPUSeconds != 2 || r.Version != "v1" {
		t.Errorf("cpu %v, version %q", r.CPUSeconds, r.Version)
	}
}
