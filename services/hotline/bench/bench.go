// Package bench measures a desk from end to end: the desk runs in a process of its own, as
// an owner would start it, and the simulated Telegram with its customers in this one.
//
// It refuses to flatter: messages are sent when they are due however late the desk is, the
// simulator's own records say what was lost or doubled, and a run that lost something is
// an error.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotline-desk/hotline/services/simulator"
)

// ErrLost: messages or answers did not arrive, or arrived twice.
var ErrLost = errors.New("the desk lost or doubled something")

const (
	idleTime    = 2 * time.Second // between ready and the look at the idle memory
	settleTime  = 10 * time.Second
	defaultWait = 60 * time.Second
)

// Options of a benchmark. What is 0 has a default where one is named.
type Options struct {
	Program    string        // the hotline binary
	Data       string        // for the desk's data and log; empty = a temporary one, removed at the end
	Messages   int           // from customers
	Customers  int           // who take turns
	Rate       float64       // messages a second; 0 = as fast as the desk takes them
	Answers    float64       // share of messages that an operator answers, 0 to 1
	Cold       bool          // measure first contacts too; else every customer has a topic before
	Durability string        // of the desk's log: always or interval
	StartLimit time.Duration // for the desk to become ready; 0 = a minute
	Progress   io.Writer     // where it says what it is doing
}

// Report is what a benchmark found.
type Report struct {
	Machine    string  `json:"machine"`
	Version    string  `json:"version"`
	Durability string  `json:"durability"`
	Rate       float64 `json:"rate"` // asked for; 0 = as fast as possible
	Cold       bool    `json:"cold"` // first contacts are among what was measured

	simulator.LoadResult
	Violations []string `json:"violations"` // in the simulator's judgement, at most ten

	StartColdMS float64 `json:"start_cold_ms"` // process start to ready, on an empty data directory
	StartWarmMS float64 `json:"start_warm_ms"` // and again on the data of the run
	IdleBytes   int64   `json:"idle_bytes"`    // resident memory before the load
	PeakBytes   int64   `json:"peak_bytes"`    // and at most

	// Appends to the log by stream, and altogether, for each message of a customer, what
	// first contacts and answers cost included.
	Appends           map[string]float64 `json:"appends_per_message"`
	AppendsPerMessage float64            `json:"appends_per_message_total"`
	CPUSeconds        float64            `json:"cpu_seconds"` // of the desk, during the load
}

// Run measures once. The report is valid, as far as it goes, with ErrLost too.
func Run(ctx context.Context, o Options) (_ Report, err error) {
	if o.StartLimit == 0 {
		o.StartLimit = defaultWait
	}
	if o.Data == "" {
		if o.Data, err = os.MkdirTemp("", "hotline-bench-"); err != nil {
			return Report{}, fmt.Errorf("data directory: %w", err)
		}
		defer func() {
			// With an error the desk's log may be wanted.
			if err == nil || errors.Is(err, ErrLost) {
				err = errors.Join(err, os.RemoveAll(o.Data))
			}
		}()
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return Report{}, fmt.Errorf("data directory: %w", err)
	}
	sim := simulator.New(simulator.Config{})
	if err := sim.Listen(); err != nil {
		return Report{}, fmt.Errorf("start the simulator: %w", err)
	}
	life, end := context.WithCancel(ctx)
	var running errgroup.Group
	running.Go(func() error { return sim.Run(life) })
	report, err := measure(ctx, o, sim)
	end()
	return report, errors.Join(err, running.Wait())
}

// measure starts the desk cold, loads it, and starts it again.
func measure(ctx context.Context, o Options, sim *simulator.Server) (r Report, err error) {
	bot := sim.NewBot("bench")
	group := sim.NewGroup(simulator.GroupOptions{Title: "Bench", Bots: []*simulator.Bot{bot}})
	env := []string{
		"HOTLINE_TELEGRAM_API=" + sim.URL(),
		"HOTLINE_TELEGRAM_LIMITS=off",
		"HOTLINE_BOT_TOKEN=" + bot.Token(),
		fmt.Sprintf("HOTLINE_GROUP=%d", group.ID()),
		fmt.Sprintf("HOTLINE_OWNER=%d", group.Owner().ID()),
		"HOTLINE_DATA=" + filepath.Join(o.Data, "desk"),
		"HOTLINE_DURABILITY=" + o.Durability,
		"HOTLINE_LOG_LEVEL=warn",
	}
	r = Report{Durability: o.Durability, Rate: o.Rate, Cold: o.Cold, Machine: machine(), Violations: []string{}}
	o.say("starting the desk …")
	d, err := startDesk(ctx, o, env)
	if err != nil {
		return r, err
	}
	r.StartColdMS = milliseconds(d.Ready)
	if err := load(ctx, o, sim, d, &r); err != nil {
		return r, errors.Join(err, d.stop())
	}
	if err := d.stop(); err != nil {
		return r, err
	}
	o.say("starting the desk again …")
	if d, err = startDesk(ctx, o, env); err != nil {
		return r, err
	}
	r.StartWarmMS = milliseconds(d.Ready)
	if err := d.stop(); err != nil {
		return r, err
	}
	if r.Lost > 0 || r.Duplicates > 0 || r.AnswersCopied < r.Answers || len(r.Violations) > 0 {
		return r, ErrLost
	}
	return r, nil
}

// load runs the load and looks at the desk before and after.
func load(ctx context.Context, o Options, sim *simulator.Server, d *desk, r *Report) error {
	if err := pause(ctx, idleTime); err != nil {
		return err
	}
	var err error
	if r.IdleBytes, _, err = d.memory(); err != nil {
		return err
	}
	before, err := d.metrics(ctx)
	if err != nil {
		return err
	}
	o.say(fmt.Sprintf("%d messages of %d customers …", o.Messages, o.Customers))
	err = sim.StartLoad(simulator.LoadOptions{Messages: o.Messages, Customers: o.Customers, Rate: o.Rate, Answers: o.Answers, Warm: !o.Cold})
	if err != nil {
		return err
	}
	if r.LoadResult, err = d.watch(ctx, sim); err != nil {
		return err
	}
	settle, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for _, v := range sim.Settle(settle, simulator.CheckOptions{Max: 10}) {
		r.Violations = append(r.Violations, v.String())
	}
	after, err := d.metrics(ctx)
	if err != nil {
		return err
	}
	written := o.Messages
	if !o.Cold {
		written += o.Customers // the first contacts, which the counters saw
	}
	r.count(before, after, written)
	_, r.PeakBytes, err = d.memory()
	return err
}

// watch waits for the load, or for the end of the desk.
func (d *desk) watch(ctx context.Context, sim *simulator.Server) (simulator.LoadResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var waiting errgroup.Group
	gone := make(chan struct{})
	waiting.Go(func() error {
		select {
		case err := <-d.ended:
			d.ended <- err
			cancel(fmt.Errorf("the desk ended under load: %w", errors.Join(err, errEnded)))
		case <-gone:
		}
		return nil
	})
	res, err := sim.WaitLoad(ctx)
	close(gone)
	if err != nil {
		err = context.Cause(ctx)
	}
	return res, errors.Join(err, waiting.Wait())
}

var errEnded = errors.New("nobody asked it to")

// count says what the load cost the log.
func (r *Report) count(before, after []series, messages int) {
	was := sumBy(before, appendsMetric, streamLabel)
	r.Appends = map[string]float64{}
	for stream, n := range sumBy(after, appendsMetric, streamLabel) {
		if n -= was[stream]; n > 0 {
			r.Appends[stream] = n / float64(messages)
			r.AppendsPerMessage += n / float64(messages)
		}
	}
	r.CPUSeconds = sumBy(after, cpuMetric, "")[""] - sumBy(before, cpuMetric, "")[""]
	for _, s := range after {
		if s.name == buildMetric {
			r.Version = s.labels["version"]
		}
	}
}

func (o Options) say(text string) { fmt.Fprintln(o.Progress, text) }

func machine() string {
	return fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
