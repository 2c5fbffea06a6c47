package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// series is one sample of the metrics page.
type series struct {
	name   string
	labels map[string]string
	value  float64
}

// metrics reads the desk's metrics page.
func (d *desk) metrics(ctx context.Context) ([]series, error) {
	res, err := d.get(ctx, "/metrics")
	if err != nil {
		return nil, fmt.Errorf("metrics of the desk: %w", err)
	}
	defer res.Body.Close()
	return parseMetrics(res.Body)
}

// parseMetrics reads the text format as far as counters and gauges need it. Label values
// of ours hold no quotes.
func parseMetrics(r io.Reader) ([]series, error) {
	var all []series
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseSample(line)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, lines.Err()
}

func parseSample(line string) (series, error) {
	s := series{labels: map[string]string{}}
	end := strings.IndexAny(line, "{ ")
	if end < 0 {
		return s, fmt.Errorf("metrics: %q is no sample", line)
	}
	s.name = line[:end]
	rest := line[end:]
	if strings.HasPrefix(rest, "{") {
		closing := strings.LastIndexByte(rest, '}')
		if closing < 0 {
			return s, fmt.Errorf("metrics: %q is no sample", line)
		}
		for pair := range strings.SplitSeq(rest[1:closing], `",`) {
			if name, value, ok := strings.Cut(pair, `="`); ok {
				s.labels[name] = strings.TrimSuffix(value, `"`)
			}
		}
		rest = rest[closing+1:]
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return s, fmt.Errorf("metrics: %q is no sample", line)
	}
	var err error
	if s.value, err = strconv.ParseFloat(fields[0], 64); err != nil {
		return s, fmt.Errorf("metrics: %q: %w", line, err)
	}
	return s, nil
}

// sumBy adds the samples of a metric by the value of one label.
func sumBy(all []series, name, label string) map[string]float64 {
	sums := map[string]float64{}
	for _, s := range all {
		if s.name == name {
			sums[s.labels[label]] += s.value
		}
	}
	return sums
}

// The metrics that are read.
const (
	appendsMetric = "hotline_eventlog_append_seconds_count"
	streamLabel   = "stream"
	cpuMetric     = "process_cpu_seconds_total"
	buildMetric   = "hotline_build_info"
)
