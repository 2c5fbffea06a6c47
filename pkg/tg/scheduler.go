package tg

import (
	"container/heap"
	"time"
)

// Priority orders calls: lower ones are served first. Within a priority, chats and the callers inside a chat take turns.
type Priority uint8

// The priorities, in order of service.
const (
	// PriorityAnswer is for what goes to customers.
	PriorityAnswer Priority = iota
	// PriorityNotice is for texts of Hotline's own to operators.
	PriorityNotice
	// PriorityDesk is for customers' messages on their way into topics.
	PriorityDesk
	// PriorityCosmetic is for what only looks better afterwards: it yields to all others, but for one slot a minute.
	PriorityCosmetic
	priorities
)

// String names the priority as metrics do.
func (c Priority) String() string {
	return [...]string{"answer", "notice", "desk", "cosmetic", "none"}[min(c, priorities)]
}

// Limits are the budgets of one bot. The zero value paces nothing.
type Limits struct {
	// PrivateEvery is the lasting distance of two units in one private chat, PrivateBurst how many may come at once.
	PrivateEvery time.Duration
	PrivateBurst int
	// GroupUnits is how many units one group takes in any GroupWindow.
	GroupUnits  int
	GroupWindow time.Duration
	// TotalUnits is how many units the bot may send in any TotalWindow.
	TotalUnits  int
	TotalWindow time.Duration
	// CosmeticReserve is how many units of a group's window cosmetic calls leave to others.
	CosmeticReserve int
	// CosmeticEvery is how long cosmetic calls can be overtaken in a group before one of them goes first.
	CosmeticEvery time.Duration
}

// TelegramLimits are the limits that Telegram states: one message a second in a private chat with short bursts, twenty
// a minute in a group, thirty a second over all.
func TelegramLimits() Limits {
	return Limits{
		PrivateEvery: time.Second, PrivateBurst: 3,
		GroupUnits: 20, GroupWindow: time.Minute,
		TotalUnits: 30, TotalWindow: time.Second,
		CosmeticReserve: 5, CosmeticEvery: time.Minute,
	}
}

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
	chat *chat[T]
}

// Scheduler decides which call of one bot comes next and when. It is a pure state machine over the times it is told,
// which must not run backwards; it is not safe for concurrent use, starts nothing and sleeps never: Next says when to
// ask again. A granted unit counts as spent when its call ends, because only then is it sure that Telegram has counted
// it; so the budgets hold whatever the calls' latency.
type Scheduler[T any] struct {
	limits Limits
	chats  map[int64]*chat[T]
	rings  [priorities]fifo[*chat[T]]
	asleep sleepers[T]
	total  window
	until  time.Time // the bot is parked
	queued [priorities]int
	sweep  int // chats held when the next sweep is due
}

// NewScheduler makes a Scheduler with nothing waiting.
func NewScheduler[T any](limits Limits) *Scheduler[T] {
	return &Scheduler[T]{limits: limits, chats: map[int64]*chat[T]{}, sweep: 1024}
}

// Push puts a job at the end of its priority and chat.
func (s *Scheduler[T]) Push(job Job[T]) {
	job.Units = max(job.Units, 1)
	c := s.chat(job.Chat)
	c.jobs[job.Priority].push(job)
	c.waiting++
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
	for prio := range priorities {
		for s.rings[prio].len() > 0 {
			c := s.rings[prio].pop()
			c.in[prio] = false
			if c.ring != prio {
				continue // it has moved to another ring since
			}
			c.ring = priorities
			grant, served, stop, at := s.serve(c, prio, now)
			if served {
				return grant, true, time.Time{}
			}
			if stop {
				return Grant[T]{}, false, at
			}
		}
	}
	if len(s.asleep) > 0 {
		return Grant[T]{}, false, s.asleep[0].due
	}
	return Grant[T]{}, false, time.Time{}
}

// serve grants the next job of a chat, or puts the chat where it will be found again. stop tells that the bot as a
// whole has to wait, until at.
func (s *Scheduler[T]) serve(c *chat[T], prio Priority, now time.Time) (grant Grant[T], served, stop bool, at time.Time) {
	pick, rank := c.pick(s.limits, now)
	if pick == priorities {
		return
	}
	if rank != prio {
		s.enter(c, rank)
		return
	}
	units := c.jobs[pick].front().Units
	if due, ok := c.admits(s.limits, pick, units, now); !ok {
		if !due.IsZero() {
			c.due = due
			heap.Push(&s.asleep, c)
		}
		return // asleep, or woken by the end of a call
	}
	if s.limits.TotalUnits > 0 {
		if due, ok := s.total.admits(s.limits.TotalUnits, s.limits.TotalWindow, units, now); !ok {
			s.rings[prio].pushFront(c)
			c.ring, c.in[prio] = prio, true
			return grant, false, true, due
		}
	}
	job := c.jobs[pick].pop()
	c.waiting--
	s.queued[pick]--
	c.flying += units
	s.total.flying += units
	c.group.flying += units
	if pick == PriorityCosmetic {
		c.cosmetic = now
	}
	s.wake(c)
	return Grant[T]{job, c}, true, false, at
}

// Finish ends a grant whose call was made, successfully or not.
func (s *Scheduler[T]) Finish(g Grant[T], now time.Time) {
	s.land(g)
	if s.limits.TotalUnits > 0 {
		s.total.spend(now, g.Units)
	}
	switch {
	case g.Chat <= 0 && s.limits.GroupUnits > 0:
		g.chat.group.spend(now, g.Units)
	case g.Chat > 0 && s.limits.PrivateEvery > 0:
		if g.chat.tat.Before(now) {
			g.chat.tat = now
		}
		g.chat.tat = g.chat.tat.Add(time.Duration(g.Units) * s.limits.PrivateEvery)
	}
	s.wake(g.chat)
	s.tidy(g.chat, now)
}

// Cancel ends a grant whose call was not made: it cost nothing.
func (s *Scheduler[T]) Cancel(g Grant[T]) {
	s.land(g)
	s.rouse(g.chat)
}

func (s *Scheduler[T]) land(g Grant[T]) {
	g.chat.flying -= g.Units
	g.chat.group.flying -= g.Units
	s.total.flying -= g.Units
}

// Park keeps a chat quiet until a time. A later time prolongs, an earlier one never shortens it.
func (s *Scheduler[T]) Park(chat int64, until time.Time) {
	if c := s.chat(chat); c.until.Before(until) {
		c.until = until
	}
}

// ParkAll keeps the bot quiet until a time, as Park does a chat.
func (s *Scheduler[T]) ParkAll(until time.Time) {
	if s.until.Before(until) {
		s.until = until
	}
}

// Parked tells until when a chat is parked, by itself or with the bot; a time not after now means that it is not.
// A grant that has waited for something else since Next is to be checked with it before its call.
func (s *Scheduler[T]) Parked(chat int64) time.Time {
	if c := s.chats[chat]; c != nil && c.until.After(s.until) {
		return c.until
	}
	return s.until
}

// ParkedOthers counts the other chats that are parked at a time; it looks at every chat with work or a history.
func (s *Scheduler[T]) ParkedOthers(chat int64, now time.Time) int {
	n := 0
	for id, c := range s.chats {
		if id != chat && c.until.After(now) {
			n++
		}
	}
	return n
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

func (s *Scheduler[T]) chat(id int64) *chat[T] {
	c := s.chats[id]
	if c == nil {
		c = &chat[T]{id: id, ring: priorities}
		s.chats[id] = c
	}
	return c
}

// tidy forgets chats without work and history; all of them now and then, one at once when nothing is paced.
func (s *Scheduler[T]) tidy(c *chat[T], now time.Time) {
	if c.idle(s.limits, now) {
		delete(s.chats, c.id)
	}
	if len(s.chats) < s.sweep {
		return
	}
	for id, c := range s.chats {
		if c.idle(s.limits, now) {
			delete(s.chats, id)
		}
	}
	s.sweep = max(1024, 2*len(s.chats))
}
