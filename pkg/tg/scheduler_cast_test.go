package tg

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Broadcasts alone never fill the part of the overall budget that is not theirs, however slow calls are.
func TestBroadcastsLeaveAReserve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := TelegramLimits()
		l.BroadcastFlying = rapid.SampledFrom([]int{0, 3, 20}).Draw(t, "flying")
		b := newBot(l)
		for chat := range int64(1000) {
			b.s.Push(Job[int]{Priority: PriorityBroadcast, Chat: chat + 1})
		}
		slowest := rapid.IntRange(1, 5000).Draw(t, "slowest")
		fastest := rapid.SampledFrom([]int{0, slowest}).Draw(t, "fastest")
		for range 40 {
			b.run(b.now.Add(time.Second/4), func() (time.Duration, time.Duration) {
				took := time.Duration(rapid.IntRange(fastest, slowest).Draw(t, "ms")) * time.Millisecond
				return took, took
			})
			if n := len(b.flying); l.BroadcastFlying > 0 && n > l.BroadcastFlying {
				t.Fatalf("%d broadcasts under way", n)
			}
			if held := b.s.total.used + b.s.total.flying; held > l.TotalUnits-l.BroadcastReserve {
				t.Fatalf("broadcasts hold %d units of %d", held, l.TotalUnits)
			}
		}
		if len(b.calls) == 0 {
			t.Fatal("no broadcast was sent")
		}
	})
}

// An answer that comes while broadcasts run goes at once, also to a chat that one of them has just reached; those that come
// with it, where none came before, have the next units that are free.
func TestAnswersOvertakeBroadcasts(t *testing.T) {
	b := newBot(TelegramLimits())
	for chat := range int64(100_000) {
		b.s.Push(Job[int]{Priority: PriorityBroadcast, Chat: chat + 1})
	}
	b.run(epoch.Add(3*time.Second), instant)
	broadcasts := len(b.calls)
	if broadcasts < 80 {
		t.Fatalf("%d broadcasts in three seconds", broadcasts)
	}
	begin := b.now
	for _, chat := range []int64{1, b.calls[broadcasts-1].chat, 99_999, 200_000} {
		b.s.Push(Job[int]{Priority: PriorityAnswer, Chat: chat})
	}
	b.run(begin.Add(time.Second), instant)
	for i, call := range b.calls[broadcasts : broadcasts+4] {
		if waited := call.at.Sub(begin); call.priority != PriorityAnswer || waited > time.Duration(i)*40*time.Millisecond {
			t.Errorf("call %d is a %v after %v", i, call.priority, waited)
		}
	}
}

// A broadcast neither goes before an answer of its chat nor takes the burst that the next one may need.
func TestBroadcastsComeLastInTheirChat(t *testing.T) {
	c := newCrowd(TelegramLimits())
	c.push(PriorityBroadcast, 1, 1)
	for range 100 {
		c.push(PriorityAnswer, 1, 1)
	}
	c.run(epoch.Add(200*time.Second), instant)
	if n := len(c.calls); n != 101 || c.calls[100].priority != PriorityBroadcast {
		t.Fatalf("%d calls, the last one a %v", n, c.calls[n-1].priority)
	}
	if c.calls[100].at.Sub(c.calls[99].at) < 3*time.Second {
		t.Error("the broadcast took a part of the burst")
	}
}

// Paid broadcasts run at their own pace.
func TestPaidBroadcasts(t *testing.T) {
	l := TelegramLimits()
	l.TotalUnits = PaidUnits
	b := newBot(l)
	for chat := range int64(20_000) {
		b.s.Push(Job[int]{Priority: PriorityBroadcast, Chat: chat + 1})
	}
	b.run(epoch.Add(10*time.Second), func() (time.Duration, time.Duration) { return 10 * time.Millisecond, 0 })
	if n := len(b.calls); n < 9700 || n > 10_050 {
		t.Errorf("%d broadcasts in ten seconds", n)
	}
}

// A cosmetic call whose grant was given back does not lose its chat the slot.
func TestCancelledSlotIsNotLost(t *testing.T) {
	c := newCrowd(TelegramLimits())
	for range 100 {
		c.push(PriorityDesk, -1, 1)
	}
	c.push(PriorityCosmetic, -1, 1)
	c.push(PriorityCosmetic, -1, 1)
	c.run(epoch.Add(time.Minute-time.Second), instant)
	now := epoch.Add(time.Minute)
	first, ok, _ := c.s.Next(now)
	if !ok || first.Priority != PriorityCosmetic {
		t.Fatalf("granted %v a %v", ok, first.Priority)
	}
	c.s.Cancel(first)
	if second, ok, _ := c.s.Next(now); !ok || second.Priority != PriorityCosmetic {
		t.Errorf("granted %v a %v", ok, second.Priority)
	}
}

// While broadcasts wait for calls of their own, an answer's time is not slept through.
func TestBlockedBroadcastsHideNoAnswer(t *testing.T) {
	s := NewScheduler[int](Limits{
		PrivateEvery: 10 * time.Second, PrivateBurst: 1, TotalUnits: 2, TotalWindow: time.Second, BroadcastReserve: 1,
	})
	for range 2 {
		s.Push(Job[int]{Priority: PriorityAnswer, Chat: 1})
	}
	answer, ok, _ := s.Next(epoch)
	if !ok {
		t.Fatal("nothing granted")
	}
	s.Finish(answer, epoch)
	s.Push(Job[int]{Priority: PriorityBroadcast, Chat: 2})
	s.Push(Job[int]{Priority: PriorityBroadcast, Chat: 3})
	now := epoch.Add(2 * time.Second)
	if g, ok, _ := s.Next(now); !ok || g.Priority != PriorityBroadcast {
		t.Fatalf("granted %v a %v", ok, g.Priority)
	}
	if _, ok, at := s.Next(now.Add(5 * time.Second)); ok || !at.Equal(epoch.Add(10*time.Second)) {
		t.Errorf("granted %v, next at %v", ok, at.Sub(epoch))
	}
}

// Where answers have been coming, broadcasts leave room for more of them, and take it back when they stay away.
func TestBroadcastsExpectAnswers(t *testing.T) {
	c := newCrowd(TelegramLimits())
	for i := range int64(400) {
		c.push(PriorityAnswer, 1000+i, 1)
		c.run(epoch.Add(time.Duration(i)*100*time.Millisecond), instant)
	}
	c.run(c.now.Add(time.Second), instant)
	for chat := range int64(2000) {
		c.push(PriorityBroadcast, 10_000+chat, 1)
	}
	answers := len(c.calls)
	c.run(c.now.Add(900*time.Millisecond), instant)
	if n := len(c.calls) - answers; n < 8 || n > 16 {
		t.Errorf("%d broadcasts in the first second", n)
	}
	c.run(c.now.Add(time.Minute), instant)
	before := len(c.calls)
	c.run(c.now.Add(10*time.Second), instant)
	if n := len(c.calls) - before; n < 240 {
		t.Errorf("%d broadcasts in ten seconds without answers", n)
	}
}

// What a group has saved up comes at once, but keeps no answer waiting while broadcasts run; and it is not kept waiting for
// long itself.
func TestBurstsLeaveRoomForAnswers(t *testing.T) {
	for _, prio := range []Priority{PriorityNotice, PriorityDesk, PriorityCosmetic} {
		l := TelegramLimits()
		c := newCrowd(l)
		came := map[int64]time.Time{}
		var burst time.Time
		for i := range int64(500) {
			switch i {
			case 100:
				for chat := range int64(10_000) {
					c.push(PriorityBroadcast, 1+chat, 1)
				}
			case 400:
				burst = c.now
				for range l.GroupUnits - l.CosmeticReserve {
					c.push(prio, -1, 1)
				}
			}
			came[100_000+i] = c.now
			c.push(PriorityAnswer, 100_000+i, 1)
			c.run(c.now.Add(110*time.Millisecond), instant) // no part of a second
		}
		for _, call := range c.calls {
			if call.priority == PriorityAnswer && !call.at.Equal(came[call.chat]) {
				t.Errorf("an answer waits for %v beside a burst of %v", call.at.Sub(came[call.chat]), prio)
			}
			if call.priority == prio && call.at.Sub(burst) > 2*l.TotalWindow {
				t.Errorf("a %v waits for %v", prio, call.at.Sub(burst))
			}
		}
		if n := c.s.Queued(prio); n > 0 {
			t.Errorf("%d of %v are left", n, prio)
		}
	}
}

// The chats of a broadcast are forgotten while others are served, a few with every call.
func TestChatsOfABroadcastAreForgotten(t *testing.T) {
	c := newCrowd(TelegramLimits())
	const recipients = 500
	for chat := range int64(recipients) {
		c.push(PriorityBroadcast, 1+chat, 1)
	}
	c.run(epoch.Add(time.Minute), instant)
	if n := len(c.calls); n != recipients {
		t.Fatalf("%d broadcasts", n)
	}
	for range recipients/2 + 1 {
		c.push(PriorityAnswer, 7, 1)
		c.run(c.now.Add(2*time.Second), instant)
	}
	if n := len(c.s.chats); n > 1 {
		t.Errorf("%d chats are remembered", n)
	}
}
