package tg

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// telegram counts calls as Telegram is believed to: at the moment at which it carries them out.
type telegram struct {
	l       Limits
	all     window
	chats   map[int64]*allowance
	refused int
	counted int
}

type allowance struct {
	group  window
	tokens float64
	last   time.Time
}

// takes carries a call out, or refuses it with 429.
func (s *telegram) takes(chat int64, now time.Time) bool {
	a := s.chats[chat]
	if a == nil {
		a = &allowance{tokens: float64(s.l.PrivateBurst), last: now}
		s.chats[chat] = a
	}
	_, ok := s.all.admits(s.l.TotalUnits, s.l.TotalWindow, 1, now)
	if ok && chat <= 0 {
		_, ok = a.group.admits(s.l.GroupUnits, s.l.GroupWindow, 1, now)
	}
	if chat > 0 {
		a.tokens = math.Min(float64(s.l.PrivateBurst), a.tokens+now.Sub(a.last).Seconds()/s.l.PrivateEvery.Seconds())
		a.last = now
		ok = ok && a.tokens >= 1-1e-9
	}
	if !ok {
		s.refused++
		return false
	}
	a.tokens--
	a.group.spend(now, 1)
	s.all.spend(now, 1)
	s.counted++
	return true
}

// happening is a moment of the virtual time.
type happening struct {
	at time.Time
	do func()
}

type agenda []happening

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	h := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return h
}

// traffic drives a scheduler against that Telegram.
type traffic struct {
	s      *Scheduler[*errand]
	server telegram
	now    time.Time
	agenda agenda
	rand   *rand.Rand
	early  bool // count calls from their start
	took   map[Priority][]time.Duration
	span   [2]int        // shortest and longest time in milliseconds in which Telegram may count a call
	travel time.Duration // on the way there and back, besides
}

type errand struct {
	since time.Time
	takes time.Duration // latency of the call; 0: any
}

func newTraffic(l Limits) *traffic {
	return &traffic{
		s: NewScheduler[*errand](l), now: epoch, rand: rand.New(rand.NewPCG(1, 2)), span: [2]int{20, 200},
		server: telegram{l: TelegramLimits(), chats: map[int64]*allowance{}}, took: map[Priority][]time.Duration{},
	}
}

func (w *traffic) at(t time.Time, do func()) { heap.Push(&w.agenda, happening{t, do}) }

func (w *traffic) latency(r *rand.Rand) time.Duration {
	return time.Duration(w.span[0])*time.Millisecond + time.Duration(r.Int64N(int64(w.span[1]-w.span[0])*int64(time.Millisecond)))
}

func (w *traffic) call(g Grant[*errand]) {
	took := g.Value.takes
	if took == 0 {
		took = w.latency(w.rand)
	}
	carried := false
	w.at(w.now.Add(w.travel/2+time.Duration(w.rand.Float64()*float64(took))), func() { carried = w.server.takes(g.Chat, w.now) })
	if w.early {
		w.s.Finish(g, w.now)
	}
	w.at(w.now.Add(w.travel+took), func() {
		if !w.early {
			w.s.Finish(g, w.now)
		}
		if !carried {
			w.s.Park(g.Chat, w.now.Add(time.Second))
			w.s.Push(g.Job)
			return
		}
		w.took[g.Priority] = append(w.took[g.Priority], w.now.Sub(g.Value.since))
	})
}

func (w *traffic) run(until time.Time) {
	for {
		g, ok, at := w.s.Next(w.now)
		if ok {
			w.call(g)
			continue
		}
		if len(w.agenda) > 0 && (at.IsZero() || w.agenda[0].at.Before(at)) {
			at = w.agenda[0].at
		}
		if at.IsZero() || at.After(until) {
			return
		}
		w.now = at
		for len(w.agenda) > 0 && !w.agenda[0].at.After(w.now) {
			heap.Pop(&w.agenda).(happening).do()
		}
	}
}

// How much of what Telegram allows is used when more waits than it allows, and how many calls it refuses.
func BenchmarkUtilisation(b *testing.B) {
	const minutes = 120
	l := TelegramLimits()
	for _, c := range []struct {
		name    string
		chats   []int64
		prio    Priority
		allowed int // in a minute
		span    [2]int
		travel  time.Duration
		early   bool
	}{
		{"group", []int64{-1, -2, -3}, PriorityDesk, 3 * l.GroupUnits, [2]int{20, 200}, 0, false},
		{"private", numbers(20), PriorityAnswer, 20 * 60, [2]int{20, 200}, 0, false},
		{"overall", numbers(200), PriorityAnswer, 60 * l.TotalUnits, [2]int{10, 40}, 0, false},
		{"overall_travel_100ms", numbers(200), PriorityAnswer, 60 * l.TotalUnits, [2]int{10, 40}, 100 * time.Millisecond, false},
		{"overall_20-200ms", numbers(200), PriorityAnswer, 60 * l.TotalUnits, [2]int{20, 200}, 0, false},
		{"broadcasts_alone", numbers(200_000), PriorityBroadcast, 60 * l.TotalUnits, [2]int{10, 40}, 0, false},
		{"overall_counted_from_start", numbers(200), PriorityAnswer, 60 * l.TotalUnits, [2]int{20, 200}, 0, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				w := newTraffic(l)
				w.span, w.travel, w.early = c.span, c.travel, c.early
				w.s.SetTravel(measured(c.travel))
				for range 2*minutes*c.allowed/len(c.chats) + 1 {
					for _, chat := range c.chats {
						w.s.Push(Job[*errand]{Priority: c.prio, Chat: chat, Value: &errand{since: epoch}})
					}
				}
				w.run(epoch.Add(10 * time.Minute)) // the first bursts are no lasting use
				first := w.server.counted
				w.run(epoch.Add(minutes * time.Minute))
				used := float64(w.server.counted-first) / float64((minutes-10)*c.allowed)
				b.ReportMetric(100*used, "%used")
				b.ReportMetric(float64(w.server.refused), "429s")
			}
		})
	}
}

// measured is what a client makes of the way to Telegram and back.
func measured(travel time.Duration) time.Duration {
	var l line
	shorten(&l.connected, travel)
	shorten(&l.called, travel)
	return l.travel()
}

func numbers(n int) []int64 {
	chats := make([]int64, n)
	for i := range chats {
		chats[i] = int64(i + 1)
	}
	return chats
}

// How long answers take, from their arrival to the end of the call, with 100,000 broadcasts waiting and without.
func BenchmarkInteractive(b *testing.B) {
	for _, perSecond := range []int{3, 8, 15} {
		b.Run(fmt.Sprintf("answers=%d/s", perSecond), func(b *testing.B) {
			for b.Loop() {
				alone, busy := interactive(perSecond, 0), interactive(perSecond, 100_000)
				for _, q := range []int{50, 99} {
					without, with := quantile(alone.took[PriorityAnswer], q), quantile(busy.took[PriorityAnswer], q)
					b.ReportMetric(float64(without)/1e6, fmt.Sprintf("p%d-ms-without", q))
					b.ReportMetric(float64(with)/1e6, fmt.Sprintf("p%d-ms", q))
					b.ReportMetric(float64(with)/float64(without), fmt.Sprintf("p%d-ratio", q))
				}
				b.ReportMetric(float64(len(busy.took[PriorityBroadcast]))/busy.now.Sub(epoch).Seconds(), "broadcasts/s")
				b.ReportMetric(float64(alone.server.refused+busy.server.refused), "429s")
			}
		})
	}
}

// interactive is half an hour of answers that come at random, to customers whom the broadcast is to reach too, and of
// desk copies in between.
func interactive(perSecond, broadcasts int) *traffic {
	w := newTraffic(TelegramLimits())
	for chat := range int64(broadcasts) {
		w.s.Push(Job[*errand]{Priority: PriorityBroadcast, Chat: chat + 1, Value: &errand{since: epoch}})
	}
	arrivals := rand.New(rand.NewPCG(3, 4)) // the same whatever else is going on
	comes := func(every time.Duration, prio Priority, chat func() int64) {
		for at := epoch; at.Before(epoch.Add(30 * time.Minute)); {
			at = at.Add(time.Duration(arrivals.ExpFloat64() * float64(every)))
			j := Job[*errand]{Priority: prio, Chat: chat(), Value: &errand{since: at, takes: w.latency(arrivals)}}
			w.at(at, func() { w.s.Push(j) })
		}
	}
	comes(time.Second/time.Duration(perSecond), PriorityAnswer, func() int64 { return 1 + arrivals.Int64N(5000) })
	comes(5*time.Second, PriorityDesk, func() int64 { return -1 })
	w.run(epoch.Add(30 * time.Minute))
	return w
}

func quantile(of []time.Duration, q int) time.Duration {
	slices.Sort(of)
	return of[(len(of)-1)*q/100]
}

// What 100,000 waiting requests cost while none of them is due.
func BenchmarkIdle(b *testing.B) {
	const n = 100_000
	for _, c := range []struct {
		name string
		prio Priority
		chat func(i int64) int64
		park bool
	}{
		{"broadcasts", PriorityBroadcast, func(i int64) int64 { return i + 1 }, false},
		{"one_group", PriorityDesk, func(int64) int64 { return -1 }, false},
		{"parked_chats", PriorityAnswer, func(i int64) int64 { return i + 1 }, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			s := NewScheduler[int](TelegramLimits())
			for i := range int64(n) {
				s.Push(Job[int]{Priority: c.prio, Chat: c.chat(i)})
				if c.park {
					s.Park(c.chat(i), epoch.Add(time.Hour))
				}
			}
			for g, ok, _ := s.Next(epoch); ok; g, ok, _ = s.Next(epoch) {
				s.Finish(g, epoch)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, at := s.Next(epoch); ok || !at.After(epoch) {
					b.Fatal("something is due")
				}
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/waiting")
		})
	}
}

// What it costs to push a job, to grant it and to finish it, with others waiting.
func BenchmarkScheduler(b *testing.B) {
	for _, waiting := range []int{1, 100_000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			s := NewScheduler[int](Limits{})
			for i := range waiting {
				s.Push(Job[int]{Priority: PriorityAnswer, Chat: int64(i + 1)})
			}
			b.ReportAllocs()
			for b.Loop() {
				g, _, _ := s.Next(epoch)
				s.Finish(g, epoch)
				s.Push(g.Job)
			}
		})
	}
}
