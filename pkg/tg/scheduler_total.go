package tg

import "time"

// SetTravel tells how long every call is on its way to Telegram and back, at least. The way back passes after a call was counted,
// and the way there before the next one is; so the units of a call are free again that much sooner.
func (s *Scheduler[T]) SetTravel(d time.Duration) { s.travel = min(d, s.limits.TotalWindow/2) }

// span is how long after the end of a call its units are in use.
func (s *Scheduler[T]) span() time.Duration { return s.limits.TotalWindow - s.travel }

// watch notes since when each ring is passed over.
func (s *Scheduler[T]) watch(now time.Time) {
	for prio := range priorities {
		switch {
		case s.rings[prio].len() == 0:
			s.since[prio] = time.Time{}
		case s.since[prio].IsZero():
			s.since[prio] = now
		}
	}
}

// owed tells that a ring was passed over for so long that its turn comes before its time.
func (s *Scheduler[T]) owed(prio Priority, now time.Time) bool {
	if s.limits.TurnEvery <= 0 || s.since[prio].IsZero() {
		return false
	}
	if prio == PriorityBroadcast {
		s.casts.expire(now.Add(-s.span()))
		if s.crowded() || s.casts.used+s.casts.flying >= max(1, s.limits.BroadcastReserve) {
			return false // it is others of its kind that it waits for
		}
	}
	return now.Sub(s.since[prio]) >= s.limits.TurnEvery
}

// crowded tells that enough broadcasts are under way.
func (s *Scheduler[T]) crowded() bool {
	return s.limits.BroadcastFlying > 0 && s.casts.flying >= s.limits.BroadcastFlying
}

// alarm is when the first sleeping chat wakes.
func (s *Scheduler[T]) alarm() time.Time {
	if len(s.asleep) == 0 {
		return time.Time{}
	}
	return s.asleep[0].due
}

// admits tells whether the bot's own budget takes units of a ring now; if not, when to ask again, zero if that depends on
// calls under way.
func (s *Scheduler[T]) admits(prio Priority, units int, now time.Time) (time.Time, bool) {
	l := s.limits
	if prio == PriorityBroadcast && s.crowded() {
		return s.alarm(), false
	}
	if l.TotalUnits <= 0 {
		return time.Time{}, true
	}
	if prio == PriorityAnswer || s.owed(prio, now) {
		return s.total.admits(l.TotalUnits, s.span(), units, now)
	}
	limit, due, ok := l.restUnits(), time.Time{}, true
	if prio == PriorityBroadcast {
		limit = s.open(now)
		due = s.even.Add(-l.TotalWindow / 20) // as exact as a busy process wakes
		ok = !due.After(now)
	}
	if ok {
		due, ok = s.total.admits(limit, s.span(), units, now)
	}
	if ok {
		return due, true
	}
	if turn := s.since[prio].Add(l.TurnEvery); turn.After(now) {
		due = earlier(due, turn)
	}
	return earlier(due, s.alarm()), false // others may come first
}

// open is how many units of the total may be in use for a broadcast to start: all but the reserve and what the others have
// to be expected to ask for besides what they have.
func (s *Scheduler[T]) open(now time.Time) int {
	s.casts.expire(now.Add(-s.span()))
	s.total.expire(now.Add(-s.span()))
	have := s.total.used + s.total.flying - s.casts.used - s.casts.flying
	return max(1, s.limits.broadcastUnits()-max(0, s.others.expect(s.limits.TotalWindow, now)-have))
}

// earlier is the earlier time that is not zero.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
