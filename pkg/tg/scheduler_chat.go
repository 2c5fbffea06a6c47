package tg

import "time"

// chat is what the scheduler knows of one chat.
type chat[T any] struct {
	id       int64
	jobs     [priorities]fifo[numbered[T]]
	waiting  int              // jobs in all queues
	ahead    int              // units of waiting jobs that a desk copy pushed now would wait for
	behind   int              // units of the other waiting jobs
	ring     Priority         // the ring in which its turn counts; priorities: none
	in       [priorities]bool // rings that hold it; left ones are noticed when its entry comes up
	flying   int              // units of calls under way
	group    window           // groups: units of the last window
	notices  window           // groups: units of notices that went first
	tat      time.Time        // private chats: when the chat is as good as new (GCRA)
	until    time.Time        // parked
	cosmetic time.Time        // since when cosmetic calls wait, or the last grant of one; zero: none waits
	due      time.Time        // when it wakes, while it sleeps
	sleeping bool
	index    int // in the heap of sleepers
}

// numbered is a job with its place among all that were pushed.
type numbered[T any] struct {
	Job[T]
	no uint64
}

func (c *chat[T]) push(job Job[T], no uint64) {
	c.jobs[job.Priority].push(numbered[T]{job, no})
	c.waiting++
	c.count(job.Priority, job.Units)
}

func (c *chat[T]) pop(prio Priority) Job[T] {
	job := c.jobs[prio].pop().Job
	c.waiting--
	c.count(prio, -job.Units)
	return job
}

func (c *chat[T]) count(prio Priority, units int) {
	if prio > PriorityDesk {
		c.behind += units
		return
	}
	c.ahead += units
}

// urgent is the lowest priority with a waiting job.
func (c *chat[T]) urgent() Priority {
	for prio := range priorities {
		if c.jobs[prio].len() > 0 {
			return prio
		}
	}
	return priorities
}

// choice is what a chat would have served next.
type choice struct {
	pick  Priority // the queue
	rank  Priority // the ring in which it competes with other chats
	first bool     // it goes before its time: a notice before older desk copies, or a cosmetic call that was overtaken for long enough
}

// choose finds what to serve next in a chat with waiting jobs.
func (c *chat[T]) choose(l Limits, now time.Time) choice {
	best := c.urgent()
	ch := choice{pick: best, rank: best}
	if best == PriorityNotice {
		ch = c.notice(l, now)
	}
	switch {
	case c.jobs[PriorityCosmetic].len() == 0:
		c.cosmetic = time.Time{}
	case c.cosmetic.IsZero():
		c.cosmetic = now
	case l.CosmeticEvery > 0 && now.Sub(c.cosmetic) >= l.CosmeticEvery:
		ch = choice{pick: PriorityCosmetic, rank: ch.rank, first: true}
	}
	return ch
}

// notice is the choice where a notice waits and nothing more urgent: so many go first, the rest goes by age.
func (c *chat[T]) notice(l Limits, now time.Time) choice {
	notice, desk := &c.jobs[PriorityNotice], &c.jobs[PriorityDesk]
	if c.id > 0 || l.NoticeUnits <= 0 {
		return choice{pick: PriorityNotice, rank: PriorityNotice}
	}
	if _, ok := c.notices.admits(l.NoticeUnits, l.GroupWindow, notice.front().Units, now); ok {
		return choice{pick: PriorityNotice, rank: PriorityNotice, first: true}
	}
	if desk.len() > 0 && desk.front().no < notice.front().no {
		return choice{pick: PriorityDesk, rank: PriorityDesk}
	}
	return choice{pick: PriorityNotice, rank: PriorityDesk}
}

// admits tells whether the chat's own budget takes units now; if not, when it may, zero if that depends on calls
// under way.
func (c *chat[T]) admits(l Limits, ch choice, units int, now time.Time) (time.Time, bool) {
	if now.Before(c.until) {
		return c.until, false
	}
	if c.id > 0 {
		return c.admitsPrivate(l, ch, units, now)
	}
	if l.GroupUnits <= 0 {
		return time.Time{}, true
	}
	limit := l.GroupUnits
	if ch.pick == PriorityCosmetic && !ch.first {
		limit = max(1, limit-l.CosmeticReserve)
	}
	due, ok := c.group.admits(limit, l.GroupWindow, units, now)
	if !ok && limit < l.GroupUnits && l.CosmeticEvery > 0 {
		// When its own slot comes sooner, wake for that.
		due = earlier(due, c.cosmetic.Add(l.CosmeticEvery))
	}
	return due, ok
}

// admitsPrivate is GCRA, one call at a time: what a call costs is counted from its end.
func (c *chat[T]) admitsPrivate(l Limits, ch choice, units int, now time.Time) (time.Time, bool) {
	if l.PrivateEvery <= 0 {
		return time.Time{}, true
	}
	if c.flying > 0 {
		return time.Time{}, false
	}
	burst := max(l.PrivateBurst, 1)
	ahead := time.Duration(burst-min(units, burst)) * l.PrivateEvery
	if ch.pick == PriorityBroadcast {
		ahead = 0
	}
	if due := c.tat.Add(-ahead); due.After(now) {
		return due, false
	}
	return time.Time{}, true
}

// idle tells that forgetting the chat changes nothing.
func (c *chat[T]) idle(l Limits, now time.Time) bool {
	if c.waiting > 0 || c.flying > 0 || c.sleeping || c.ring != priorities || c.until.After(now) || c.tat.After(now) {
		return false
	}
	c.group.expire(now.Add(-l.GroupWindow))
	c.notices.expire(now.Add(-l.GroupWindow))
	return c.group.spent.len() == 0 && c.notices.spent.len() == 0
}
