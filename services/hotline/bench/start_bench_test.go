package bench

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/setup"
	"github.com/hotline-desk/hotline/services/simulator"
)

var (
	startDialogs  = flag.Int("start.dialogs", 1_000, "dialogs in the log of BenchmarkStart")
	startMessages = flag.Int("start.messages", 10_000, "messages in the log of BenchmarkStart")
)

// BenchmarkStart starts the desk, in a process of its own and with durability always, on the data of a long life:
//
//	go test -run '^$' -bench Start -benchtime 3x -timeout 30m ./services/hotline/bench -start.dialogs 100000 -start.messages 1000000
//
// First a setting changes, so that the connection has a commit at either end of the log, and the views are built: that
// takes a while, and has to, since a log server reads again at its start whatever was written in the last two minutes,
// and the whole past was. A message of a known customer waits when the process starts. ready-s is from there to 200 of
// /readyz, first-s to the message's copy, contact-s the copy of a new customer's message after that: all the best of
// the iterations, late-s the worst first-s. rss-MB is the resident memory then, peak-MB at most so far.
func BenchmarkStart(b *testing.B) {
	w := newStartWorld(b)
	w.live(b)
	begin := time.Now()
	err := writePast(b.Context(), w.data(), &past{connection: setup.ConnectionID(w.bot.ID()), group: w.group.ID(),
		dialogs: *startDialogs, messages: *startMessages, cast: invented{*startDialogs}})
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("past written in %s", time.Since(begin).Round(time.Second/10))
	w.settle(b)
	b.Run("clean", func(b *testing.B) { w.measure(b, func(*testing.B) {}) })
	b.Run("killed", func(b *testing.B) { w.measure(b, w.killUnderLoad) })
	b.Run("killed-without-index", func(b *testing.B) { w.measure(b, w.forgetIndexes) })
	b.Run("views-behind", func(b *testing.B) { w.measure(b, w.forgetViews) })
	b.Run("killed-while-building", func(b *testing.B) { w.measure(b, w.killBuilding) })
}

// startWorld is a simulated Telegram, and what it takes to start a desk on it.
type startWorld struct {
	sim      *simulator.Server
	bot      *simulator.Bot
	group    *simulator.Group
	known    *simulator.Customer
	customer int
	options  Options
	env      []string
}

func newStartWorld(b *testing.B) *startWorld {
	w := &startWorld{sim: simulator.ForTest(b, simulator.Config{}),
		options: Options{Data: b.TempDir(), Progress: io.Discard, StartLimit: 5 * time.Minute}}
	w.bot = w.sim.NewBot("start")
	w.group = w.sim.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{w.bot}})
	w.options.Program = filepath.Join(w.options.Data, "hotline")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", w.options.Program, "../cmd/hotline").CombinedOutput(); err != nil {
		b.Fatalf("build the desk: %v\n%s", err, out)
	}
	w.env = []string{
		"HOTLINE_TELEGRAM_API=" + w.sim.URL(), "HOTLINE_TELEGRAM_LIMITS=off", "HOTLINE_LOG_LEVEL=info",
		"HOTLINE_BOT_TOKEN=" + w.bot.Token(), fmt.Sprintf("HOTLINE_GROUP=%d", w.group.ID()), "HOTLINE_DATA=" + w.data(),
	}
	w.known = w.sim.NewCustomer("Ada Lovelace")
	return w
}

func (w *startWorld) data() string { return filepath.Join(w.options.Data, "desk") }

func (w *startWorld) start(b *testing.B) *desk {
	b.Helper()
	d, err := startDesk(b.Context(), w.options, w.env)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// copied waits until a message of a customer is copied.
func (w *startWorld) copied(b *testing.B, c *simulator.Customer, id int64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	if err := w.sim.WaitFor(ctx, func() bool { return len(w.group.Copies(c, id)) > 0 }); err != nil {
		b.Fatalf("no copy: %v", err)
	}
}

func (w *startWorld) stop(b *testing.B, d *desk) {
	b.Helper()
	if err := d.stop(); err != nil {
		b.Fatal(err)
	}
}

// live is the desk's first day: the connection, and one customer.
func (w *startWorld) live(b *testing.B) {
	d := w.start(b)
	w.copied(b, w.known, w.known.Send(simulator.Text("the first question")).ID)
	w.stop(b, d)
}

func (w *startWorld) measure(b *testing.B, before func(*testing.B)) {
	best, late := map[string]float64{}, 0.0
	keep := func(unit string, value float64) {
		if have, ok := best[unit]; !ok || value < have {
			best[unit] = value
		}
	}
	for b.Loop() {
		b.StopTimer()
		before(b)
		id := w.known.Send(simulator.Text("is somebody there")).ID
		b.StartTimer()
		begin := time.Now()
		d := w.start(b)
		w.copied(b, w.known, id)
		first := time.Since(begin).Seconds()
		keep("first-s", first)
		late = max(late, first)
		b.StopTimer()
		keep("ready-s", d.Ready.Seconds())
		w.customer++
		fresh := w.sim.NewCustomer(fmt.Sprintf("New %d", w.customer))
		begin = time.Now()
		w.copied(b, fresh, fresh.Send(simulator.Text("a first contact")).ID)
		keep("contact-s", time.Since(begin).Seconds())
		now, peak, err := d.memory()
		if err != nil {
			b.Fatal(err)
		}
		keep("rss-MB", float64(now)/(1<<20))
		keep("peak-MB", float64(peak)/(1<<20))
		w.complete(b)
		w.stop(b, d)
		b.StartTimer()
	}
	best["late-s"] = late
	for unit, value := range best {
		b.ReportMetric(value, unit)
	}
}

// settle changes a setting, and lets the desk run until its views have caught up, when it uses no processor any more.
func (w *startWorld) settle(b *testing.B) {
	begin := time.Now()
	w.env = append(w.env, "HOTLINE_PARAM_WELCOME=Hello again")
	d := w.start(b)
	used := 0.0
	for {
		if err := pause(b.Context(), 3*time.Second); err != nil {
			b.Fatal(err)
		}
		all, err := d.metrics(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		before := used
		if used = sumBy(all, cpuMetric, "")[""]; used-before < 0.3 {
			break
		}
	}
	now, peak, err := d.memory()
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("views caught up in %s, rss %d MB, peak %d MB", time.Since(begin).Round(time.Second), now>>20, peak>>20)
	w.stop(b, d)
}

func (w *startWorld) forgetViews(b *testing.B) { w.remove(b, "views.db*") }

// killUnderLoad kills a working desk.
func (w *startWorld) killUnderLoad(b *testing.B) {
	d := w.start(b)
	if err := w.sim.StartLoad(simulator.LoadOptions{Messages: 600, Customers: 20, Rate: 200, Answers: 0.2, Warm: true}); err != nil {
		b.Fatal(err)
	}
	if err := w.sim.WaitFor(b.Context(), func() bool { return w.sim.LoadResult().Copied >= 400 }); err != nil {
		b.Fatal(err)
	}
	if err := d.kill(); err != nil {
		b.Fatal(err)
	}
}

// killBuilding kills a working desk that has just begun to build its views from nothing; with a long log it is far from
// done then.
func (w *startWorld) killBuilding(b *testing.B) {
	w.forgetViews(b)
	w.killUnderLoad(b)
}

// forgetIndexes kills a working desk and removes what a server writes about its streams only now and then; without it
// they are read from the messages.
func (w *startWorld) forgetIndexes(b *testing.B) {
	w.killUnderLoad(b)
	w.remove(b, filepath.Join("log", "jetstream", "*", "streams", "*", "msgs", "index.db"))
}

// complete waits for a load that a kill has interrupted: nothing of it may be lost.
func (w *startWorld) complete(b *testing.B) {
	if w.sim.LoadResult().Messages == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	if r, err := w.sim.WaitLoad(ctx); err != nil || r.Lost > 0 {
		b.Fatalf("%d of %d lost: %v", r.Lost, r.Sent, err)
	}
}

func (w *startWorld) remove(b *testing.B, pattern string) {
	found, err := filepath.Glob(filepath.Join(w.data(), pattern))
	if err != nil || len(found) == 0 {
		b.Fatalf("%s: %d found, %v", pattern, len(found), err)
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			b.Fatal(err)
		}
	}
}
