package tg

import "time"

// Park keeps a chat quiet until a time. A later time prolongs, an earlier one never shortens it.
func (s *Scheduler[T]) Park(chat int64, until time.Time) {
	if c := s.chat(chat); c.until.Before(until) {
		c.until = until
		s.parked[chat] = c
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

// ParkedOthers counts the other chats that are parked at a time; it looks at every chat that was parked since it was asked
// last, or still is.
func (s *Scheduler[T]) ParkedOthers(chat int64, now time.Time) int {
	n := 0
	for id, c := range s.parked {
		switch {
		case !c.until.After(now):
			delete(s.parked, id)
		case id != chat:
			n++
		}
	}
	return n
}

// Backlog is how many jobs wait for a chat, and how many units they cost.
func (s *Scheduler[T]) Backlog(chat int64) (jobs, units int) {
	c := s.chats[chat]
	if c == nil {
		return 0, 0
	}
	return c.waiting, c.ahead + c.behind
}

// Delay estimates how long a desk copy of one unit that is pushed now would wait for its turn: for the park of its chat or
// bot, and for the chat's budget, of which everything of its priority and more urgent ones that waits there takes its part
// before. It knows neither of what comes later and overtakes the copy (notices, the slots of cosmetic calls), nor of calls'
// latency, nor of the overall budget. It costs no more than a look at the chat's window.
func (s *Scheduler[T]) Delay(chat int64, now time.Time) time.Duration {
	start := now
	if until := s.Parked(chat); until.After(start) {
		start = until
	}
	due := start
	if c := s.chats[chat]; c != nil {
		due = c.turn(s.limits, start, now)
	}
	return due.Sub(now)
}

// turn estimates when the budget reaches a unit that is pushed now, not before start.
func (c *chat[T]) turn(l Limits, start, now time.Time) time.Time {
	switch {
	case c.id > 0 && l.PrivateEvery > 0:
		due := c.tat
		if due.Before(start) {
			due = start
		}
		due = due.Add(time.Duration(c.ahead+c.flying+1-max(l.PrivateBurst, 1)) * l.PrivateEvery)
		return later(due, start)
	case c.id <= 0 && l.GroupUnits > 0:
		c.group.expire(now.Add(-l.GroupWindow))
		rounds, slot := c.ahead/l.GroupUnits, c.ahead%l.GroupUnits
		return c.group.slot(slot, l, start, now).Add(time.Duration(rounds) * l.GroupWindow)
	}
	return start
}

// slot is when a unit of the window is free, the free ones first, not before start. Calls under way are taken to end now.
func (w *window) slot(n int, l Limits, start, now time.Time) time.Time {
	if n -= max(0, l.GroupUnits-w.used-w.flying); n < 0 {
		return start
	}
	for _, s := range w.spent.rest() {
		if n -= s.units; n < 0 {
			return later(s.at.Add(l.GroupWindow), start)
		}
	}
	return later(now.Add(l.GroupWindow), start)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
