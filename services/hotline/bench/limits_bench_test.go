package bench

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

var (
	limitsWatch      = flag.Duration("limits.watch", 20*time.Second, "how long the overall limit is watched in BenchmarkLimits")
	limitsGroupWatch = flag.Duration("limits.group-watch", 2*time.Minute, "how long the group's limit is watched")
)

const (
	limitsDialogs = 120             // each of which may get one message a second: four times what all together may
	limitsLead    = 5 * time.Second // at the start bursts are used up, which is no lasting use
	limitsLate    = 100 * time.Millisecond
	limitsChecked = 5 // dialogs in which the order is looked at
)

// BenchmarkLimits starts the desk, in a process of its own and with Telegram's limits on, on a log in which more waits to
// be delivered than Telegram allows to be sent, while the simulated Telegram has its limits in force:
//
//	go test -run '^$' -bench Limits -benchtime 1x -timeout 30m ./services/hotline/bench
//
// %used is the share that was used of what Telegram allows, by the simulator's own count: the units that it took from its
// budgets while it carried calls out, divided by those that the limit allows in the time that this took. 429s is how often
// it refused, and any is an error. In overall, answers wait for so many customers that the limit of thirty a second over
// all is what holds them up; overall-100ms is the same with a Telegram that takes 100 ms to answer. The desk cannot know when
// in that time Telegram counted the call, and takes its end for it, so that a window lasts a call longer than it has to:
// about 1/(1+latency) is left, the latency in seconds. (What a call travels is known and costs nothing.) In group,
// customers' messages wait for the one group, twenty of which may go a minute.
//
// The statuses that the desk shows in the names of topics are part of what is used. So are the marks of answers that wait
// for long, but those are reactions, which are units to the desk and not to the simulator: a long watch of overall misses
// them in %used.
func BenchmarkLimits(b *testing.B) {
	l := simulator.TelegramLimits()
	overall := pressure{
		answer: func(_, turn int) bool { return turn > 0 }, units: l.OverallPerSecond, window: time.Second, watch: *limitsWatch,
		counted: func(s simulator.LimitStats) int { return s.Counted },
	}
	late := overall
	late.late = limitsLate
	group := pressure{
		answer: func(_, _ int) bool { return false }, units: l.GroupPerMinute, window: time.Minute, watch: *limitsGroupWatch,
		counted: func(s simulator.LimitStats) int { return s.InGroups },
	}
	b.Run("overall", overall.measure)
	b.Run("overall-100ms", late.measure)
	b.Run("group", group.measure)
}

// pressure is more than a limit of so many units in a window allows.
type pressure struct {
	answer  func(dialog, turn int) bool
	units   int
	window  time.Duration
	watch   time.Duration
	late    time.Duration // how late Telegram answers
	counted func(simulator.LimitStats) int
}

// allowed is how many units the limit allows in a time.
func (p *pressure) allowed(in time.Duration) float64 {
	return float64(p.units) * in.Seconds() / p.window.Seconds()
}

func (p pressure) measure(b *testing.B) {
	for b.Loop() {
		// Enough for the first bursts, and so that in no dialog the queue ends before the watch does.
		waiting := int(p.allowed(p.watch+3*limitsLead+2*p.window)) + 2*limitsDialogs
		w := newQueueWorld(b, limitsDialogs, waiting, p.answer)
		w.env = append(w.env, "HOTLINE_TELEGRAM_LIMITS=on")
		w.sim.SetLimits(simulator.TelegramLimits())
		if p.late > 0 {
			w.sim.AddFault(simulator.Fault{Kind: simulator.FaultSlow, Delay: p.late})
		}
		d := w.start(b)
		w.pause(b, limitsLead)
		p.use(b, w)
		if left := w.inDoubt(b, d); left < limitsDialogs {
			b.Errorf("only %d requests of %d dialogs wait in the end: there may have been nothing to send", left, limitsDialogs)
		}
		w.stop(b, d)
		stats := w.sim.LimitStats()
		b.ReportMetric(float64(stats.Hits), "429s")
		if stats.Hits > 0 {
			b.Errorf("%d calls were refused: %v", stats.Hits, stats.ByChat)
		}
		came := 0
		for dialog := range limitsChecked {
			came += w.people.inOrder(b, dialog)
		}
		if came == 0 {
			b.Error("nothing came of the dialogs that are looked at")
		}
	}
}

// use measures how long as many units take as the limit allows in the watch. Those of a group come a window's worth at a
// time: what a fixed time held would depend on when it began.
func (p *pressure) use(b *testing.B, w *queueWorld) {
	ctx, cancel := context.WithTimeout(b.Context(), 2*(p.watch+p.window))
	defer cancel()
	counted := func() int { return p.counted(w.sim.LimitStats()) }
	reach := func(target int) time.Time {
		if err := w.sim.WaitFor(ctx, func() bool { return counted() >= target }); err != nil {
			b.Fatalf("%d of %d units: %v", counted(), target, err)
		}
		return time.Now()
	}
	before, units := w.sim.LimitStats(), int(p.allowed(p.watch))
	from := p.counted(before) + 1
	begin := reach(from)
	took := reach(from + units).Sub(begin)
	after := w.sim.LimitStats()
	b.Logf("%d units in %s; %d of all in the group", after.Counted-before.Counted, took.Round(time.Millisecond), after.InGroups-before.InGroups)
	b.ReportMetric(100*float64(units)/p.allowed(took), "%used")
}
