package relay

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/tg"
	"github.com/hotline-desk/hotline/services/simulator"
)

var (
	broadcastWatch   = flag.Duration("broadcast.watch", 2*time.Second, "how long each half of BenchmarkBroadcast is watched")
	broadcastAnswers = flag.Float64("broadcast.answers", 8, "operators' answers a second in BenchmarkBroadcast")
	broadcastTexts   = flag.Int("broadcast.texts", 1_000, "texts of the broadcast in BenchmarkBroadcast")
)

const (
	broadcastText    = "news for everybody"
	broadcastDialogs = 40               // that are answered by turns
	broadcastSpread  = 20               // one in so many of the first chats of the broadcast is one of these
	broadcastBatch   = 100              // texts that the owner is handed in a millisecond
	broadcastEvery   = 5 * time.Second  // mean distance of customers' questions
	broadcastBefore  = 10 * time.Second // of answers before the watch: the broadcast is handed over, the scheduler learns how many there are
	broadcastArrival = time.Minute      // for the last answers
)

// BenchmarkBroadcast watches operators' answers, first with nothing else going on and then while a broadcast runs, which has
// begun before the watch and goes on after it, in real time and within Telegram's limits on both sides:
//
//	go test -run '^$' -bench Broadcast -benchtime 1x -timeout 10m ./services/relay -broadcast.texts 100000 -broadcast.watch 60s
//
// An owner with its journal in the log makes the calls by HTTP to the simulated Telegram. Answers come at random, by turns
// to customers who get the broadcast too, and never wait for the ones before; customers' questions come in between, and the
// topics' squares follow both. p50-ms and p99-ms are from the commit that asks for an answer to the copyMessage that
// Telegram receives, the ratios compare them with those of the half without a broadcast.
func BenchmarkBroadcast(b *testing.B) {
	for b.Loop() {
		w := newBroadcastWorld(b)
		alone, busy := w.half("alone", nil), w.half("busy", w.chats)
		for _, q := range []int{50, 99} {
			without, with := alone.quantile(q), busy.quantile(q)
			b.ReportMetric(float64(without)/1e6, fmt.Sprintf("p%d-ms-without", q))
			b.ReportMetric(float64(with)/1e6, fmt.Sprintf("p%d-ms", q))
			b.ReportMetric(float64(with)/float64(without), fmt.Sprintf("p%d-ratio", q))
		}
		b.ReportMetric(float64(len(busy.took)), "answers")
		b.ReportMetric(busy.broadcasts, "broadcasts/s")
		hits := w.sim.LimitStats().Hits
		b.ReportMetric(float64(hits), "429s")
		if hits > 0 {
			b.Errorf("%d calls were refused", hits)
		}
	}
}

// broadcastWorld is a desk with conversations, and a crowd that has started the bot.
type broadcastWorld struct {
	*world
	op     *simulator.Operator
	people []*simulator.Customer // who are answered
	turn   int
	chats  []int64 // of the broadcast
}

// newBroadcastWorld makes the topics before there are limits: they would take minutes within them.
func newBroadcastWorld(b *testing.B) *broadcastWorld {
	b.Helper()
	w := &broadcastWorld{world: newWorld(b)}
	w.op = w.group.NewOperator("Olga")
	_, stop := w.relay("before", true)
	for i := range broadcastDialogs {
		c := w.sim.NewCustomer(fmt.Sprint("Customer", i))
		w.people = append(w.people, c)
		w.writes(c, "hello")
	}
	w.settle(simulator.CheckOptions{})
	stop()
	for i := range *broadcastTexts {
		if i%broadcastSpread == 0 && i/broadcastSpread < len(w.people) {
			w.chats = append(w.chats, w.people[i/broadcastSpread].ID())
			continue
		}
		c := w.sim.NewCustomer("Somebody")
		c.Start()
		w.chats = append(w.chats, c.ID())
	}
	return w
}

// half is what was seen of one half of the benchmark.
type half struct {
	took       []time.Duration // by each answer
	broadcasts float64         // a second
}

func (h half) quantile(q int) time.Duration {
	slices.Sort(h.took)
	return h.took[(len(h.took)-1)*q/100]
}

// half runs an owner of its own. It knows what those before it have spent; Telegram's count begins anew, for the topics were
// made without limits.
func (w *broadcastWorld) half(instance string, chats []int64) half {
	w.t.Helper()
	w.sim.SetLimits(simulator.TelegramLimits())
	o, stop := w.owner(instance)
	defer stop()
	same := rand.New(rand.NewPCG(1, 2)) // whatever else is going on
	handed := make(chan struct{})
	go func() {
		defer close(handed)
		handOver(o, chats)
	}()
	w.talk(same, broadcastBefore)
	<-handed
	begin := time.Now()
	asked := w.talk(same, *broadcastWatch)
	end := time.Now()
	h := half{took: w.arrivals(asked)}
	sent := 0
	for _, call := range w.sim.Calls("sendMessage") {
		if call.Params["text"] == broadcastText && call.Code == 200 && call.At.After(begin) && call.At.Before(end) {
			sent++
		}
	}
	h.broadcasts = float64(sent) / end.Sub(begin).Seconds()
	if sent == len(chats) && sent > 0 {
		w.t.Errorf("the broadcast was over before the watch: %d texts are too few", sent)
	}
	return h
}

// handOver gives the owner a broadcast bit by bit, as it learns of everything else: all at once would be one long step, in
// which it does nothing else.
func handOver(o *owner, chats []int64) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for batch := range slices.Chunk(chats, broadcastBatch) {
		o.post(func() {
			for _, chat := range batch {
				o.say(chat, tg.PriorityBroadcast, telling{text: broadcastText})
			}
		})
		<-tick.C
	}
}

// talk is a while of conversations: answers, and a question now and then. It tells when each answer was asked for, by its
// message in the group.
func (w *broadcastWorld) talk(r *rand.Rand, d time.Duration) map[int64]time.Time {
	questions := 1 / broadcastEvery.Seconds()
	asked := map[int64]time.Time{}
	for at, end := time.Now(), time.Now().Add(d); ; {
		at = at.Add(time.Duration(r.ExpFloat64() / (*broadcastAnswers + questions) * float64(time.Second)))
		question := r.Float64() < questions/(*broadcastAnswers+questions)
		if at.After(end) {
			return asked
		}
		w.must(pause(w.t.Context(), time.Until(at)))
		if question {
			w.writes(w.people[r.IntN(len(w.people))], "question")
			continue
		}
		begin := time.Now()
		m := w.answers(w.op, w.people[w.turn%len(w.people)], "answer")
		asked[m.ID] = begin
		w.turn++
	}
}

// arrivals waits for the calls of all answers, and tells how long each took.
func (w *broadcastWorld) arrivals(asked map[int64]time.Time) []time.Duration {
	w.t.Helper()
	group := strconv.FormatInt(w.group.ID(), 10)
	for deadline := time.Now().Add(broadcastArrival); ; {
		var took []time.Duration
		for _, call := range w.sim.Calls("copyMessage") {
			id, err := strconv.ParseInt(call.Params["message_id"], 10, 64)
			w.must(err)
			if begin, ours := asked[id]; ours && call.Code == 200 && call.Params["from_chat_id"] == group {
				took = append(took, call.At.Sub(begin))
			}
		}
		if len(took) == len(asked) && len(took) > 0 {
			return took
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d answers of %d came", len(took), len(asked))
		}
		w.must(pause(w.t.Context(), 50*time.Millisecond))
	}
}

// owner runs one as a connection does, and hands it out: what a broadcast asks for is said on the owner's goroutine.
func (w *broadcastWorld) owner(instance string) (o *owner, stop func()) {
	w.t.Helper()
	deps := Deps{Views: w.views, Logger: zaptest.NewLogger(w.t, zaptest.Level(zap.WarnLevel))}
	r, err := New(Config{API: w.sim.URL(), Limits: tg.TelegramLimits()}, deps.WithLog(w.log, w.seal, instance))
	w.must(err)
	c := newConnection(r, w.record())
	lease := r.deps.Lease("relay."+c.id, r.cfg.LeaseTTL)
	o = newOwner(c, r.deps.Caller(config.NewSecret(w.bot.Token())), lease)
	ctx, cancel := context.WithCancel(context.Background())
	owned, viewed := make(chan error, 1), make(chan error, 1)
	lives := 0
	go func() {
		owned <- lease.Run(ctx, func(ctx context.Context) error {
			if lives++; lives > 1 {
				return errors.New("the lease was lost")
			}
			return o.run(ctx)
		})
	}()
	go func() { viewed <- r.links.run(ctx) }()
	stop = func() {
		cancel()
		for _, ended := range []chan error{owned, viewed} {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				w.t.Errorf("the owner ended with %v", err)
			}
		}
	}
	for deadline := time.Now().Add(broadcastArrival); c.state.Load() != stateLeading; {
		if time.Now().After(deadline) {
			stop()
			w.t.Fatal("there is no owner")
		}
		w.must(pause(w.t.Context(), time.Millisecond))
	}
	return o, stop
}
