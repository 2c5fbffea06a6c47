package tg

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Unix(1_800_000_000, 0)

// bot runs a scheduler through virtual time: calls take a while, callers come when they like.
type bot struct {
	s      *Scheduler[int]
	now    time.Time
	flying []flight
	calls  []called
	travel time.Duration // of every call, there and back
	there  time.Duration // the way there
}

type flight struct {
	g   Grant[int]
	end time.Time
}

// called is a call as Telegram counts it: at some moment between its start and its end.
type called struct {
	chat     int64
	units    int
	priority Priority
	at       time.Time
	value    int
}

func newBot(l Limits) *bot { return &bot{s: NewScheduler[int](l), now: epoch} }

// run lets time pass until a moment; latency is how long a call takes, counted how far into it Telegram counts it.
func (b *bot) run(until time.Time, latency func() (took, counted time.Duration)) {
	for {
		g, ok, at := b.s.Next(b.now)
		if ok {
			took, counted := latency()
			b.flying = append(b.flying, flight{g, b.now.Add(b.travel + took)})
			b.calls = append(b.calls, called{g.Chat, g.Units, g.Priority, b.now.Add(b.there + counted), g.Value})
			continue
		}
		next := until
		if !at.IsZero() && !at.After(b.now) {
			panic("the scheduler asks to be asked again at once")
		}
		if !at.IsZero() && at.Before(next) {
			next = at
		}
		for _, f := range b.flying {
			if f.end.Before(next) {
				next = f.end
			}
		}
		if next.After(b.now) {
			b.now = next
		}
		landed := false
		for i := 0; i < len(b.flying); {
			if f := b.flying[i]; !f.end.After(b.now) {
				b.s.Finish(f.g, b.now)
				b.flying = append(b.flying[:i], b.flying[i+1:]...)
				landed = true
				continue
			}
			i++
		}
		if !landed && !b.now.Before(until) {
			return
		}
	}
}

func instant() (time.Duration, time.Duration) { return 0, 0 }

// window is the most units that any window of a length held, of the calls that is admits.
func (b *bot) window(length time.Duration, is func(called) bool) int {
	most := 0
	for _, first := range b.calls {
		if !is(first) {
			continue
		}
		units := 0
		for _, c := range b.calls {
			if is(c) && !c.at.Before(first.at) && c.at.Before(first.at.Add(length)) {
				units += c.units
			}
		}
		most = max(most, units)
	}
	return most
}

// takeOver goes on with a new scheduler when the last call has ended; what waits is asked for anew by those who want it.
func (b *bot) takeOver() {
	for _, f := range b.flying {
		if f.end.After(b.now) {
			b.now = f.end
		}
	}
	for _, f := range b.flying {
		b.s.Finish(f.g, b.now)
	}
	b.flying = nil
	next := NewScheduler[int](b.s.limits)
	next.SetTravel(b.travel)
	next.Restore(b.s.Spendings(b.now))
	b.s = next
}

// Whatever comes, however long calls take and whoever takes over, no sliding window ever holds more than the budgets.
func TestBudgetsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := TelegramLimits()
		b := newBot(l)
		b.travel = time.Duration(rapid.IntRange(0, 300).Draw(t, "travel")) * time.Millisecond
		b.s.SetTravel(b.travel)
		b.there = time.Duration(rapid.IntRange(0, 100).Draw(t, "there")) * b.travel / 100
		latency := func() (time.Duration, time.Duration) {
			took := time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond
			return took, time.Duration(rapid.IntRange(0, 100).Draw(t, "counted")) * took / 100
		}
		for range rapid.IntRange(1, 25).Draw(t, "bursts") {
			for range rapid.IntRange(1, 12).Draw(t, "size") {
				chat := rapid.SampledFrom([]int64{-1, -2, 1, 2, 3}).Draw(t, "chat")
				units := rapid.SampledFrom([]int{1, 1, 1, 2, 10}).Draw(t, "units")
				if chat == 3 {
					units = 1
				}
				b.s.Push(Job[int]{Priority: Priority(rapid.IntRange(0, Priorities-1).Draw(t, "priority")), Chat: chat, Units: units})
			}
			b.run(b.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "gap"))*time.Millisecond), latency)
			if rapid.IntRange(0, 4).Draw(t, "successor") == 0 {
				b.takeOver()
			}
		}
		for _, chat := range []int64{-1, -2} {
			if n := b.window(l.GroupWindow, func(c called) bool { return c.chat == chat }); n > l.GroupUnits {
				t.Fatalf("%d units in a minute of group %d", n, chat)
			}
		}
		if n := b.window(l.TotalWindow, func(called) bool { return true }); n > l.TotalUnits {
			t.Fatalf("%d units in a second", n)
		}
		privatePace(t, b, l, 3)
	})
}

// privatePace: of the single messages to a chat, any stretch holds no more than the burst and one for each interval.
func privatePace(t *rapid.T, b *bot, l Limits, chat int64) {
	var at []time.Time
	for _, c := range b.calls {
		if c.chat == chat {
			at = append(at, c.at)
		}
	}
	for i := range at {
		for j := i; j < len(at); j++ {
			if n, most := j-i+1, l.PrivateBurst+int(at[j].Sub(at[i])/l.PrivateEvery); n > most {
				t.Fatalf("chat %d: %d messages in %v", chat, n, at[j].Sub(at[i]))
			}
		}
	}
}

// A busy group uses all that it may.
func TestBusyGroupUsesItsBudget(t *testing.T) {
	l := TelegramLimits()
	b := newBot(l)
	for i := range 1000 {
		b.s.Push(Job[int]{Priority: PriorityDesk, Chat: -1, Value: i})
	}
	b.run(epoch.Add(10*time.Minute), func() (time.Duration, time.Duration) { return 50 * time.Millisecond, 25 * time.Millisecond })
	if n := len(b.calls); n < 10*l.GroupUnits*97/100 {
		t.Errorf("%d calls in ten minutes", n)
	}
	for i, c := range b.calls {
		if c.value != i {
			t.Fatalf("call %d is that of caller %d: callers do not take turns", i, c.value)
		}
	}
}

func TestOrderOfService(t *testing.T) {
	b := newBot(Limits{})
	for i, p := range []Priority{PriorityBroadcast, PriorityCosmetic, PriorityDesk, PriorityNotice, PriorityAnswer, PriorityDesk, PriorityAnswer} {
		chat := int64(-1)
		if p == PriorityAnswer || p == PriorityBroadcast {
			chat = int64(i + 1)
		}
		b.s.Push(Job[int]{Priority: p, Chat: chat})
	}
	b.run(epoch, instant)
	got := ""
	for _, c := range b.calls {
		got += c.priority.String() + " "
	}
	if want := "answer answer notice desk desk cosmetic broadcast "; got != want {
		t.Errorf("served %s, want %s", got, want)
	}
	if len(b.s.chats) != 0 {
		t.Errorf("%d chats are remembered", len(b.s.chats))
	}
}

func TestCosmeticsHaveOneSlotAMinute(t *testing.T) {
	b := newBot(TelegramLimits())
	for i := range 400 {
		b.s.Push(Job[int]{Priority: PriorityDesk, Chat: -1, Value: i})
	}
	for range 20 {
		b.s.Push(Job[int]{Priority: PriorityCosmetic, Chat: -1})
	}
	b.run(epoch.Add(10*time.Minute), instant)
	cosmetic := func(c called) bool { return c.priority == PriorityCosmetic }
	if n := b.window(10*time.Minute, cosmetic); n < 9 || n > 11 {
		t.Errorf("%d cosmetic calls in ten busy minutes", n)
	}
	if n := b.window(59*time.Second, cosmetic); n > 1 {
		t.Errorf("%d cosmetic calls in a busy minute", n)
	}
}

func TestParkedScopeIsLeftAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBot(Limits{})
		until := map[int64]time.Time{}
		var all time.Time
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			chat := rapid.SampledFrom([]int64{-1, 1, 2}).Draw(t, "chat")
			at := b.now.Add(time.Duration(rapid.IntRange(0, 9000).Draw(t, "for")) * time.Millisecond)
			switch rapid.IntRange(0, 3).Draw(t, "do") {
			case 0:
				b.s.Park(chat, at)
				if at.After(until[chat]) {
					until[chat] = at
				}
			case 1:
				if step%5 == 0 {
					b.s.ParkAll(at)
					if at.After(all) {
						all = at
					}
				}
			default:
				b.s.Push(Job[int]{Priority: PriorityDesk, Chat: chat, Value: step})
			}
			before := len(b.calls)
			b.run(b.now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "gap"))*time.Millisecond), instant)
			for _, c := range b.calls[before:] {
				if c.at.Before(until[c.chat]) || c.at.Before(all) {
					t.Fatalf("chat %d was called at %v, parked until %v and %v", c.chat, c.at, until[c.chat], all)
				}
			}
		}
		b.run(b.now.Add(time.Minute), instant)
		for p := range priorities {
			if n := b.s.Queued(p); n != 0 {
				t.Fatalf("%d jobs of priority %v left over", n, p)
			}
		}
	})
}

func TestCancelCostsNothing(t *testing.T) {
	s := NewScheduler[int](Limits{GroupUnits: 1, GroupWindow: time.Minute})
	s.Push(Job[int]{Priority: PriorityDesk, Chat: -1, Value: 1})
	s.Push(Job[int]{Priority: PriorityDesk, Chat: -1, Value: 2})
	first, ok, _ := s.Next(epoch)
	if !ok {
		t.Fatal("nothing granted")
	}
	if _, ok, at := s.Next(epoch); ok || !at.IsZero() {
		t.Fatalf("granted %v, or a time %v: the call under way decides", ok, at)
	}
	s.Cancel(first)
	second, ok, _ := s.Next(epoch)
	if !ok || second.Value != 2 {
		t.Fatal("the budget of a call that was not made is not free")
	}
	s.Finish(second, epoch.Add(time.Second))
	s.Push(Job[int]{Priority: PriorityDesk, Chat: -1, Value: 3})
	if _, ok, at := s.Next(epoch.Add(2 * time.Second)); ok || !at.Equal(epoch.Add(61*time.Second)) {
		t.Errorf("granted %v, next at %v", ok, at)
	}
}
