package tg

import (
	"container/heap"
	"time"
)

// Job is a call that waits for its turn. Every waiting caller (a lane) has at most one job in the scheduler, so that
// serving first come, first served inside a priority and chat is serving by turns.
type Job[T any] struct {
	Priority Priority
	Chat     int64 // positive: a private chat; otherwise a group
	Units    int   // what the call costs: one a message; at least 1
	Value    T
}

// Grant is a job whose turn has come. It occupies its budgets until Finish or Cancel.
type Grant[T any] struct {
	Job[T]
	chat  *chat[T]
	since time.Time // of a cosmetic call: chat.cosmetic before
}

// Scheduler decides which call of one bot comes next and when. It is a pure state machine over the times it is told,
// which must not run backwards; it is not safe for concurrent use, starts nothing and sleeps never: Next says when to
// ask again. A granted unit counts as spent when its call ends, because only then is it sure that Telegram has counted
// it; so the budgets hold whatever the calls' latency. What is known of it by SetTravel costs nothing of the overall budget.
//
// Nobody waits for ever, whatever the others ask for, as long as no chat is parked:
//   - A desk copy waits for the units that came before it, for NoticeUnits of notices a window and for one cosmetic call
//     every CosmeticEvery: a minute for each 20-5-1 units ahead of it, by Telegram's limits, and one window more. A notice
//     beyond NoticeUnits waits as a desk copy does.
//   - The first cosmetic call of a chat waits at most CosmeticEvery and one window.
//   - Of each priority, one call is granted at least every TurnEvery and one TotalWindow, as long as its chats admit one:
//     of broadcasts one a second, by Telegram's limits. Chats take turns, one call each; a broadcast waits until nothing
//     else does in its chat.
//   - All but answers leave AnswerReserve of the overall budget: what a group has saved up, such as all of its window a
//     minute after all of it was used, comes at once, and would keep answers waiting for the units that broadcasts hold.
//   - Broadcasts leave BroadcastReserve of the overall budget and what the others have been using lately, and start evenly
//     spread, so that a unit for a more urgent call is free, or soon free again.
//
// Every operation costs a logarithm of the chats that wait, at most.
type Scheduler[T any] struct {
	limits Limits
	chats  map[int64]*chat[T]
	parked map[int64]*chat[T] // chats that were parked, until somebody looks
	rings  [priorities]fifo[*chat[T]]
	since  [priorities]time.Time // since when a ring is passed over; zero: it is empty
	asleep sleepers[T]
	total  window
	even   time.Time // when broadcasts are back at their even pace (GCRA)
	casts  window    // the part of total that broadcasts have
	others demand    // what the others use
	travel time.Duration
	until  time.Time // the bot is parked
	queued [priorities]int
	pushed uint64
	known  fifo[*chat[T]] // all chats, the one that was looked at last at the end
}

// NewScheduler makes a Scheduler with nothing waiting.
func NewScheduler[T any](limits Limits) *Scheduler[T] {
	return &Scheduler[T]{limits: limits, chats: map[int64]*chat[T]{}, parked: map[int64]*chat[T]{}}
}

// Push puts a job at the end of its priority and chat.
func (s *Scheduler[T]) Push(job Job[T]) {
	job.Units = max(job.Units, 1)
	c := s.chat(job.Chat)
	s.pushed++
	c.push(job, s.pushed)
	s.queued[job.Priority]++
	s.rouse(c)
}

// Queued is how many jobs of a priority wait.
func (s *Scheduler[T]) Queued(prio Priority) int { return s.queued[prio] }

// Next grants the next job that the budgets admit. Without one, it returns when to ask again; the zero time means: not
// before the next Push, Finish or Cancel.
func (s *Scheduler[T]) Next(now time.Time) (Grant[T], bool, time.Time) {
	if now.Before(s.until) {
		return Grant[T]{}, false, s.until
	}
	for len(s.asleep) > 0 && !s.asleep[0].due.After(now) {
		s.wake(heap.Pop(&s.asleep).(*chat[T]))
	}
	s.watch(now)
	for prio := range priorities {
		if s.owed(prio, now) {
			if grant, served, stop, at := s.turn(prio, now); served || stop {
				return grant, served, at
			}
		}
	}
	for prio := range priorities {
		if grant, served, stop, at := s.turn(prio, now); served || stop {
			return grant, served, at
		}
	}
	return Grant[T]{}, false, s.alarm()
}

// turn grants the next job of a ring; chats that cannot have one now it puts where they will be found again. stop tells
// that those behind them, in this ring and later ones, have to wait too, until at.
func (s *Scheduler[T]) turn(prio Priority, now time.Time) (grant Grant[T], served, stop bool, at time.Time) {
	for s.rings[prio].len() > 0 {
		c := *s.rings[prio].front()
		if c.ring != prio { // it has moved to another ring since
			s.leave(prio)
			continue
		}
		ch := c.choose(s.limits, now)
		if ch.rank > prio {
			s.leave(prio)
			s.enter(c, ch.rank)
			continue
		}
		units := c.jobs[ch.pick].front().Units
		if due, ok := c.admits(s.limits, ch, units, now); !ok {
			s.leave(prio)
			if !due.IsZero() { // otherwise the end of a call wakes it
				c.due = due
				heap.Push(&s.asleep, c)
			}
			continue
		}
		if due, ok := s.admits(prio, units, now); !ok {
			return grant, false, true, due
		}
		s.leave(prio)
		s.since[prio] = now
		return s.grant(c, ch, now), true, false, at
	}
	return grant, false, false, at
}

func (s *Scheduler[T]) grant(c *chat[T], ch choice, now time.Time) Grant[T] {
	job := c.pop(ch.pick)
	g := Grant[T]{Job: job, chat: c}
	s.queued[ch.pick]--
	c.flying += job.Units
	s.total.flying += job.Units
	c.group.flying += job.Units
	switch {
	case ch.pick == PriorityCosmetic:
		g.since, c.cosmetic = c.cosmetic, now
	case ch.first && c.id <= 0:
		c.notices.spend(now, job.Units)
	}
	if ch.pick != PriorityBroadcast {
		s.others.add(job.Units, s.limits.TotalWindow, now)
	} else {
		s.casts.flying += job.Units
		if s.even.Before(now) {
			s.even = now
		}
		if l := s.limits; l.TotalUnits > 0 {
			s.even = s.even.Add(time.Duration(job.Units) * l.TotalWindow / time.Duration(l.broadcastUnits()))
		}
	}
	s.wake(c)
	return g
}

// Finish ends a grant whose call was made, successfully or not.
func (s *Scheduler[T]) Finish(g Grant[T], now time.Time) {
	s.land(g)
	if s.limits.TotalUnits > 0 {
		s.total.spend(now, g.Units)
		if g.Priority == PriorityBroadcast {
			s.casts.spend(now, g.Units)
		}
	}
	s.charge(g.chat, g.Units, now)
	s.wake(g.chat)
	s.tidy(now)
}

// Cancel ends a grant whose call was not made: it cost nothing.
func (s *Scheduler[T]) Cancel(g Grant[T]) {
	s.land(g)
	if g.Priority == PriorityCosmetic {
		g.chat.cosmetic = g.since // the next one has its slot
	}
	s.rouse(g.chat)
}

func (s *Scheduler[T]) land(g Grant[T]) {
	g.chat.flying -= g.Units
	g.chat.group.flying -= g.Units
	s.total.flying -= g.Units
	if g.Priority == PriorityBroadcast {
		s.casts.flying -= g.Units
	}
}

// wake puts a chat with waiting jobs into the ring of its most urgent one, unless it sleeps until a time.
func (s *Scheduler[T]) wake(c *chat[T]) {
	if c.waiting == 0 || c.sleeping {
		return
	}
	best := c.urgent()
	if c.ring > best {
		s.enter(c, best)
	}
}

// rouse is wake for when the reason to sleep may be gone.
func (s *Scheduler[T]) rouse(c *chat[T]) {
	if c.sleeping && c.waiting > 0 {
		heap.Remove(&s.asleep, c.index)
	}
	s.wake(c)
}

func (s *Scheduler[T]) enter(c *chat[T], prio Priority) {
	c.ring = prio
	if !c.in[prio] {
		c.in[prio] = true
		s.rings[prio].push(c)
	}
}

// leave takes the first chat out of a ring; if its turn counted there, it counts nowhere now.
func (s *Scheduler[T]) leave(prio Priority) {
	c := s.rings[prio].pop()
	c.in[prio] = false
	if c.ring == prio {
		c.ring = priorities
	}
}

func (s *Scheduler[T]) chat(id int64) *chat[T] {
	c := s.chats[id]
	if c == nil {
		c = &chat[T]{id: id, ring: priorities}
		s.chats[id] = c
		s.known.push(c)
	}
	return c
}

// tidy looks at a few chats and forgets those without work and history. With every call, that is sooner than they are made.
func (s *Scheduler[T]) tidy(now time.Time) {
	for range min(2, s.known.len()) {
		c := s.known.pop()
		if !c.idle(s.limits, now) {
			s.known.push(c)
			continue
		}
		delete(s.chats, c.id)
		delete(s.parked, c.id)
	}
}
