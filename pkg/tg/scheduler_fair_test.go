package tg

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// crowd pushes jobs and keeps in mind when, so that waits can be judged.
type crowd struct {
	*bot
	jobs []waiting
}

type waiting struct {
	Job[int]
	pushed time.Time
	ahead  int // units of jobs of its chat that a desk copy waits for, when it was pushed
}

func newCrowd(l Limits) *crowd { return &crowd{bot: newBot(l)} }

func (c *crowd) push(prio Priority, chat int64, units int) {
	job := Job[int]{Priority: prio, Chat: chat, Units: units, Value: len(c.jobs)}
	ahead := 0
	if known := c.s.chats[chat]; known != nil {
		ahead = known.ahead
	}
	c.jobs = append(c.jobs, waiting{job, c.now, ahead})
	c.s.Push(job)
}

// Failure notices go before desk copies, but only so many a minute; the others are neither held back nor let through.
func TestNoticesGoFirstFiveAMinute(t *testing.T) {
	c := newCrowd(TelegramLimits())
	for range 300 {
		c.push(PriorityDesk, -1, 1)
	}
	for range 100 {
		c.push(PriorityNotice, -1, 1)
	}
	c.run(epoch.Add(5*time.Minute-time.Second), instant)
	for i, call := range c.calls {
		if want := i%20 < 5; (call.priority == PriorityNotice) != want {
			t.Fatalf("call %d of %d is a %v", i, len(c.calls), call.priority)
		}
	}
	if len(c.calls) != 100 {
		t.Errorf("%d calls in five minutes", len(c.calls))
	}

	c = newCrowd(TelegramLimits())
	for range 30 {
		c.push(PriorityNotice, -1, 1)
	}
	for range 30 {
		c.push(PriorityDesk, -1, 1)
	}
	c.run(epoch.Add(10*time.Minute), instant)
	for i, call := range c.calls {
		if call.value != i {
			t.Fatalf("call %d is job %d: notices that are older than the desk copies were held back", i, call.value)
		}
	}
}

// A notice that stands with the desk copies when it may go first again is not forgotten.
func TestNoticeIsServedWhereItStands(t *testing.T) {
	s := NewScheduler[int](Limits{
		GroupUnits: 20, GroupWindow: time.Second, NoticeUnits: 1, TotalUnits: 1, TotalWindow: 10 * time.Second,
	})
	for i := range 2 {
		s.Push(Job[int]{Priority: PriorityNotice, Chat: -1, Value: i})
	}
	first, ok, _ := s.Next(epoch)
	if !ok {
		t.Fatal("nothing granted")
	}
	s.Finish(first, epoch)
	if _, ok, at := s.Next(epoch); ok || !at.Equal(epoch.Add(10*time.Second)) {
		t.Fatalf("granted %v, next at %v", ok, at)
	}
	if second, ok, at := s.Next(epoch.Add(10 * time.Second)); !ok || second.Value != 1 {
		t.Errorf("granted %v, next at %v", ok, at)
	}
}

// Whatever comes meanwhile, a desk copy waits a minute for each 20-5-1 units ahead of it and one minute more, and a
// cosmetic call at the head of its queue a minute for its slot and one for the budget.
func TestNobodyInAGroupWaitsForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := TelegramLimits()
		c := newCrowd(l)
		for range rapid.IntRange(1, 40).Draw(t, "bursts") {
			for range rapid.IntRange(1, 15).Draw(t, "size") {
				prio := rapid.SampledFrom([]Priority{PriorityNotice, PriorityNotice, PriorityDesk, PriorityCosmetic, PriorityAnswer}).Draw(t, "priority")
				chat := int64(-1)
				if prio == PriorityAnswer {
					chat = rapid.Int64Range(1, 5).Draw(t, "customer")
				}
				c.push(prio, chat, 1)
			}
			c.run(c.now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "gap"))*time.Millisecond), instant)
		}
		c.run(c.now.Add(24*time.Hour), instant)
		if len(c.calls) != len(c.jobs) {
			t.Fatalf("%d of %d jobs were served", len(c.calls), len(c.jobs))
		}
		lastCosmetic := epoch
		for _, call := range c.calls {
			j := c.jobs[call.value]
			wait, most := call.at.Sub(j.pushed), time.Duration(math.MaxInt64)
			switch call.priority {
			case PriorityDesk, PriorityNotice:
				perWindow := l.GroupUnits - l.NoticeUnits - 1
				most = time.Duration(1+(j.ahead+perWindow)/perWindow) * l.GroupWindow
			case PriorityCosmetic:
				// Its time begins when it comes to the head of the queue.
				wait = call.at.Sub(latest(lastCosmetic, j.pushed))
				most = l.CosmeticEvery + l.GroupWindow
				lastCosmetic = call.at
			}
			if wait > most {
				t.Fatalf("a %v with %d ahead waited %v, at most %v was promised", call.priority, j.ahead, wait, most)
			}
		}
	})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// However many answers wait, every other priority has its call a second.
func TestAnswersStarveNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := TelegramLimits()
		l.NoticeUnits = 0 // those beyond it would take their turn with the desk copies
		c := newCrowd(l)
		took := time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond
		for chat := range int64(200) {
			for range 30 {
				c.push(PriorityAnswer, 1000+chat, 1)
			}
			c.push(PriorityBroadcast, 1+chat, 1)
		}
		for i := range int64(40) {
			c.push(PriorityDesk, -1-i%4, 1)
			c.push(PriorityNotice, -11-i%4, 1)
			c.push(PriorityCosmetic, -21-i%4, 1)
		}
		c.run(epoch.Add(30*time.Second), func() (time.Duration, time.Duration) { return took, took })
		last := [priorities]time.Time{}
		for _, call := range c.calls {
			if at := last[call.priority]; !at.IsZero() && call.at.Sub(at) > l.TurnEvery+l.TotalWindow+2*took {
				t.Fatalf("no %v for %v", call.priority, call.at.Sub(at))
			}
			last[call.priority] = call.at
		}
		for prio, at := range last {
			if c.s.Queued(Priority(prio)) > 0 && c.now.Sub(at) > l.TurnEvery+l.TotalWindow+2*took {
				t.Fatalf("no %v since %v", Priority(prio), at.Sub(epoch))
			}
		}
		answers := 0
		for _, call := range c.calls {
			if call.priority == PriorityAnswer {
				answers++
			}
		}
		if answers < len(c.calls)*85/100 {
			t.Fatalf("%d of %d calls are answers", answers, len(c.calls))
		}
	})
}

// Lanes whose callers push the next job when the last one has landed alternate, in a group and between private chats.
func TestLanesAlternate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prio := rapid.SampledFrom([]Priority{PriorityDesk, PriorityNotice, PriorityAnswer, PriorityCosmetic}).Draw(t, "priority")
		lanes := rapid.IntRange(2, 40).Draw(t, "lanes")
		s := NewScheduler[int](TelegramLimits())
		now, served := epoch, make([]int, lanes)
		push := func(lane int) {
			chat := int64(-1)
			if prio == PriorityAnswer {
				chat = int64(lane + 1)
			}
			s.Push(Job[int]{Priority: prio, Chat: chat, Value: lane})
		}
		for lane := range lanes {
			push(lane)
		}
		for range 300 {
			g, ok, at := s.Next(now)
			if !ok {
				if at.IsZero() {
					t.Fatal("the scheduler has stopped")
				}
				now = at
				continue
			}
			now = now.Add(time.Millisecond)
			s.Finish(g, now)
			served[g.Value]++
			push(g.Value)
			for lane, n := range served {
				// A private chat that has used up its burst lets others pass.
				if prio != PriorityAnswer && served[g.Value]-n > 1 {
					t.Fatalf("lane %d was served %d times, lane %d %d times", g.Value, served[g.Value], lane, n)
				}
			}
		}
		for _, n := range served {
			if fair := sum(served) / lanes; n < fair-1 || n > fair+2 {
				t.Fatalf("lanes were served unevenly: %v", served)
			}
		}
	})
}

func sum(of []int) int {
	n := 0
	for _, m := range of {
		n += m
	}
	return n
}

// A cosmetic call's own slot comes in time even if its group leaves it no other.
func TestCosmeticSlotComesInTime(t *testing.T) {
	c := newCrowd(TelegramLimits())
	desk := func(n int) {
		for range n {
			c.push(PriorityDesk, -1, 1)
		}
	}
	desk(15)
	c.run(epoch.Add(50*time.Second), instant)
	c.push(PriorityCosmetic, -1, 1)
	c.run(epoch.Add(55*time.Second), instant)
	desk(18) // five now, the others when the minute is over
	c.run(epoch.Add(2*time.Minute), instant)
	last := c.calls[len(c.calls)-1]
	if want := epoch.Add(110 * time.Second); last.priority != PriorityCosmetic || !last.at.Equal(want) {
		t.Errorf("a %v came after %v", last.priority, last.at.Sub(epoch))
	}
}
