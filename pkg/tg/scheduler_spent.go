package tg

import "time"

// Spending is what calls have spent of a budget.
type Spending struct {
	Chat  int64 // whose budget it is; 0: the bot's overall one
	Units int
	At    time.Time
}

// Spendings is what still weighs on the budgets, oldest first in each: a scheduler that is told it by Restore keeps the
// limits as this one would. Calls under way are not in it.
func (s *Scheduler[T]) Spendings(now time.Time) (spent []Spending) {
	s.total.expire(now.Add(-s.span()))
	for _, p := range s.total.spent.rest() {
		spent = append(spent, Spending{Units: p.units, At: p.at})
	}
	for _, c := range s.chats {
		c.group.expire(now.Add(-s.limits.GroupWindow))
		for _, p := range c.group.spent.rest() {
			spent = append(spent, Spending{Chat: c.id, Units: p.units, At: p.at})
		}
		if every := s.limits.PrivateEvery; c.tat.After(now) {
			units := int((c.tat.Sub(now) + every - 1) / every)
			spent = append(spent, Spending{Chat: c.id, Units: units, At: c.tat.Add(-time.Duration(units) * every)})
		}
	}
	return spent
}

// Restore counts what was spent before this scheduler was made, oldest first in each budget. It has to be told before the
// first Push.
func (s *Scheduler[T]) Restore(spent []Spending) {
	for _, p := range spent {
		switch {
		case p.Chat != 0:
			s.charge(s.chat(p.Chat), p.Units, p.At)
		case s.limits.TotalUnits > 0:
			s.total.spend(p.At, p.Units)
		}
	}
}

// charge counts what was spent in a chat.
func (s *Scheduler[T]) charge(c *chat[T], units int, at time.Time) {
	switch {
	case c.id <= 0 && s.limits.GroupUnits > 0:
		c.group.spend(at, units)
	case c.id > 0 && s.limits.PrivateEvery > 0:
		if c.tat.Before(at) {
			c.tat = at
		}
		c.tat = c.tat.Add(time.Duration(units) * s.limits.PrivateEvery)
	}
}
