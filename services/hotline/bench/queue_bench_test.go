package bench

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/setup"
	"github.com/hotline-desk/hotline/services/simulator"
)

var (
	queueDialogs  = flag.Int("queue.dialogs", 100, "dialogs with a queue in BenchmarkQueue")
	queueRequests = flag.Int("queue.requests", 2_000, "messages that wait in all of them")
	queueAge      = flag.Duration("queue.age", 0, "how long before the desk is watched the last of them was written, at least")
	queueWatch    = flag.Duration("queue.watch", 2*time.Second, "how long the waiting desk is watched")
)

const (
	queueRatio   = 100             // of the two queues that are compared
	queueQuiet   = 3 * time.Minute // for views and whatever else has to catch up, at most
	queueArrival = 3 * time.Minute // from the end of the fault to enough copies
	queueChecked = 5               // pairs of dialogs in which the order is looked at
	clockTicks   = 100             // a second, in /proc
	quietFor     = 3 * time.Second // with less than quietSeconds of processor: the desk only waits
	quietSeconds = 0.15
)

// BenchmarkQueue starts the desk, in a process of its own and with durability always, on a log in which a great many
// messages wait to be delivered, while Telegram answers everything that sends with 429 and a pause of twice queue.watch:
//
//	go test -run '^$' -bench Queue -benchtime 1x -timeout 30m ./services/hotline/bench -queue.dialogs 10000 -queue.requests 1000000 -queue.age 2m -queue.watch 10s
//
// It does so with a hundredth of the messages, and with all of them. The views are built first, and the process is
// killed, so that the next one has to read all that waits; not before what was written is as old as queue.age says, for a
// log server keeps the ids of the last two minutes in memory. caught-s is from the start to when
// hotline_messages_in_doubt counts all and the first calls were tried. Once the desk is quiet it is watched: rss-MB is the
// resident memory at the end of that, heap-MB the least that the Go heap held, cpu-ms/s the processor time for each second
// of waiting, calls how many calls were made (a pause ends, and is asked for again), jobs how many stand in relay's queue.
// Then the fault ends: out/s is the rate at which copies come. In some dialogs those have to be what waited, from the first
// one on and in order. The ratios say what a hundred times as many messages took more.
func BenchmarkQueue(b *testing.B) {
	few := max(*queueRequests/queueRatio, 1)
	var small, large map[string]float64
	b.Run(fmt.Sprintf("%d-wait", few), func(b *testing.B) { small = measureQueue(b, few) })
	b.Run(fmt.Sprintf("%d-wait", *queueRequests), func(b *testing.B) {
		large = measureQueue(b, *queueRequests)
		for _, unit := range []string{"rss-MB", "heap-MB", "cpu-ms/s"} {
			if small[unit] > 0 {
				b.ReportMetric(large[unit]/small[unit], unit+"-ratio")
			}
		}
	})
}

func measureQueue(b *testing.B, requests int) (found map[string]float64) {
	for b.Loop() {
		found = newQueueWorld(b, *queueDialogs, requests, fewAnswered).measure(b)
	}
	for unit, value := range found {
		b.ReportMetric(value, unit)
	}
	return found
}

// queueWorld is a desk with a queue, and who stands in it.
type queueWorld struct {
	*startWorld
	people   *crowd
	requests int
	written  time.Time
}

func newQueueWorld(b *testing.B, dialogs, messages int, answer func(dialog, turn int) bool) *queueWorld {
	w := &queueWorld{startWorld: newStartWorld(b)}
	w.live(b)
	begin := time.Now()
	w.people = newCrowd(b, w.startWorld, dialogs, messages, answer)
	p := &past{connection: setup.ConnectionID(w.bot.ID()), group: w.group.ID(), dialogs: dialogs,
		messages: dialogs + messages, queued: messages, cast: w.people}
	if err := writePast(b.Context(), w.data(), p); err != nil {
		b.Fatal(err)
	}
	w.requests, w.written = p.requests, time.Now()
	b.Logf("%d requests written in %s", w.requests, time.Since(begin).Round(time.Second/10))
	return w
}

func (w *queueWorld) measure(b *testing.B) map[string]float64 {
	for _, method := range []string{"copyMessage", "copyMessages", "sendMessage", "createForumTopic", "editForumTopic", "closeForumTopic", "reopenForumTopic"} {
		w.sim.AddFault(simulator.Fault{Kind: simulator.FaultTooMany, Method: method, RetryAfter: int(2 * queueWatch.Seconds())})
	}
	found := map[string]float64{}
	d := w.start(b)
	w.quiet(b, d, "views built")
	w.pause(b, max(0, time.Until(w.written.Add(*queueAge))))
	if err := d.kill(); err != nil {
		b.Fatal(err)
	}
	begin, hits := time.Now(), w.sim.FaultHits()
	d = w.start(b)
	for w.inDoubt(b, d) < w.requests || w.sim.FaultHits() == hits {
		if time.Since(begin) > queueQuiet {
			b.Fatalf("%d of %d requests read, %d calls", w.inDoubt(b, d), w.requests, w.sim.FaultHits()-hits)
		}
		w.pause(b, 10*time.Millisecond)
	}
	found["caught-s"] = time.Since(begin).Seconds()
	w.quiet(b, d, "read")
	w.watch(b, d, found)
	w.release(b, d, found)
	w.stop(b, d)
	return found
}

func (w *queueWorld) pause(b *testing.B, d time.Duration) {
	if err := pause(b.Context(), d); err != nil {
		b.Fatal(err)
	}
}

func (w *queueWorld) read(b *testing.B, d *desk) []series {
	b.Helper()
	all, err := d.metrics(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return all
}

func (w *queueWorld) inDoubt(b *testing.B, d *desk) int {
	return int(sumBy(w.read(b, d), "hotline_messages_in_doubt", "")[""])
}

// quiet waits until the desk hardly uses the processor. A desk that never does shows that in what is measured then.
func (w *queueWorld) quiet(b *testing.B, d *desk, done string) {
	begin := time.Now()
	for used := d.mustCPU(b); time.Since(begin) < queueQuiet; {
		w.pause(b, quietFor)
		before := used
		if used = d.mustCPU(b); used-before < quietSeconds {
			break
		}
	}
	now, peak, err := d.memory()
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%s after %s, rss %d MB, peak %d MB", done, time.Since(begin).Round(time.Second), now>>20, peak>>20)
}

// watch measures what waiting costs.
func (w *queueWorld) watch(b *testing.B, d *desk, found map[string]float64) {
	begin, used, hits := time.Now(), d.mustCPU(b), w.sim.FaultHits()
	heap := func() float64 { return sumBy(w.read(b, d), "go_memstats_heap_alloc_bytes", "")[""] }
	least := heap()
	w.pause(b, *queueWatch)
	found["cpu-ms/s"] = 1000 * (d.mustCPU(b) - used) / time.Since(begin).Seconds()
	found["calls"] = float64(w.sim.FaultHits() - hits)
	found["heap-MB"] = min(least, heap()) / (1 << 20)
	now, peak, err := d.memory()
	if err != nil {
		b.Fatal(err)
	}
	found["rss-MB"], found["peak-MB"] = float64(now)/(1<<20), float64(peak)/(1<<20)
	found["jobs"] = sumBy(w.read(b, d), "hotline_relay_queue", "")[""]
	if doubt := w.inDoubt(b, d); doubt != w.requests {
		b.Fatalf("%d of %d requests wait", doubt, w.requests)
	}
}

// release lets Telegram work again, waits for as many copies as there are answers and dialogs, and looks at their order.
func (w *queueWorld) release(b *testing.B, d *desk, found map[string]float64) {
	done := func() int {
		results := sumBy(w.read(b, d), "hotline_relay_results_total", "result")
		if failed := results["failed"]; failed > 0 {
			b.Fatalf("%v deliveries failed", failed)
		}
		return int(results["done"])
	}
	w.sim.ClearFaults()
	enough := min(w.people.answered+w.people.dialogs+w.people.dialogs/10, w.requests)
	deadline := time.Now().Add(queueArrival)
	for done() == 0 && time.Now().Before(deadline) {
		w.pause(b, 10*time.Millisecond)
	}
	begin, first := time.Now(), done()
	for done() < enough {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d copies came", done(), enough)
		}
		w.pause(b, 100*time.Millisecond)
	}
	if took := time.Since(begin); took > time.Second {
		found["out/s"] = float64(done()-first) / took.Seconds()
	}
	came := 0
	for i := range queueChecked {
		came += w.people.inOrder(b, min(i*answeredEvery, w.people.dialogs-1))
		came += w.people.inOrder(b, min(i*answeredEvery+1, w.people.dialogs-1))
	}
	if came == 0 {
		b.Error("nothing came of the dialogs that are looked at")
	}
}

// mustCPU is how many seconds of processor the process has used.
func (d *desk) mustCPU(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest) // from the state, the third, on
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	if userErr != nil || systemErr != nil {
		b.Fatalf("processor time in %q", raw)
	}
	return float64(user+system) / clockTicks
}
