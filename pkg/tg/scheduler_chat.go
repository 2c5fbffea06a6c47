package tg

import "time"

// chat is what the scheduler knows of one chat.
type chat[T any] struct {
	id       int64
	jobs     [priorities]fifo[Job[T]]
	waiting  int              // jobs in all queues
	ring     Priority         // the ring in which its turn counts; priorities: none
	in       [priorities]bool // rings that hold it; left ones are noticed when its entry comes up
	flying   int              // units of calls under way
	group    window           // groups: units of the last window
	tat      time.Time        // private chats: when the chat is as good as new (GCRA)
	until    time.Time        // parked
	cosmetic time.Time        // last cosmetic grant
	due      time.Time        // when it wakes, while it sleeps
	sleeping bool
	index    int // in the heap of sleepers
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

// pick chooses the priority to serve next in this chat, and the ring in which that competes with other chats. A cosmetic
// job that was overtaken for long enough goes before the others of its chat.
func (c *chat[T]) pick(l Limits, now time.Time) (pick, rank Priority) {
	best := c.urgent()
	owed := best != PriorityCosmetic && c.jobs[PriorityCosmetic].len() > 0 && l.CosmeticEvery > 0
	if owed && now.Sub(c.cosmetic) >= l.CosmeticEvery {
		return PriorityCosmetic, best
	}
	return best, best
}

// admits tells whether the chat's own budget takes units now; if not, when it may, zero if that depends on calls
// under way.
func (c *chat[T]) admits(l Limits, prio Priority, units int, now time.Time) (time.Time, bool) {
	if now.Before(c.until) {
		return c.until, false
	}
	if c.id > 0 {
		return c.admitsPrivate(l, units, now)
	}
	if l.GroupUnits <= 0 {
		return time.Time{}, true
	}
	limit := l.GroupUnits
	if prio == PriorityCosmetic && now.Sub(c.cosmetic) < l.CosmeticEvery {
		limit = max(1, limit-l.CosmeticReserve)
	}
	due, ok := c.group.admits(limit, l.GroupWindow, units, now)
	if !ok && limit < l.GroupUnits {
		// When its own slot comes sooner, wake for that.
		if own := c.cosmetic.Add(l.CosmeticEvery); due.IsZero() || own.Before(due) {
			due = own
		}
	}
	return due, ok
}

// admitsPrivate is GCRA, one call at a time: what a call costs is counted from its end.
func (c *chat[T]) admitsPrivate(l Limits, units int, now time.Time) (time.Time, bool) {
	if l.PrivateEvery <= 0 {
		return time.Time{}, true
	}
	if c.flying > 0 {
		return time.Time{}, false
	}
	burst := max(l.PrivateBurst, 1)
	ahead := time.Duration(burst-min(units, burst)) * l.PrivateEvery
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
	if c.id <= 0 && l.CosmeticEvery > 0 && now.Sub(c.cosmetic) < l.CosmeticEvery {
		return false
	}
	c.group.expire(now.Add(-l.GroupWindow))
	return len(c.group.spent) == 0
}

// window remembers what was spent in the last while.
type window struct {
	spent  []stamp // oldest first
	used   int     // sum of spent
	flying int     // granted, not yet spent
}

type stamp struct {
	at    time.Time
	units int
}

func (w *window) expire(before time.Time) {
	n := 0
	for n < len(w.spent) && !w.spent[n].at.After(before) {
		w.used -= w.spent[n].units
		n++
	}
	if n > 0 {
		w.spent = w.spent[:copy(w.spent, w.spent[n:])]
	}
}

// admits tells whether units more fit below the limit; if not, when enough will have expired, zero if calls under way
// hold the room. What is larger than the whole limit fits into an empty window.
func (w *window) admits(limit int, length time.Duration, units int, now time.Time) (time.Time, bool) {
	w.expire(now.Add(-length))
	over := w.used + w.flying + min(units, limit) - limit
	if over <= 0 {
		return time.Time{}, true
	}
	for _, s := range w.spent {
		if over -= s.units; over <= 0 {
			return s.at.Add(length), false
		}
	}
	return time.Time{}, false
}

func (w *window) spend(now time.Time, units int) {
	if n := len(w.spent); n > 0 && w.spent[n-1].at.Equal(now) {
		w.spent[n-1].units += units
	} else {
		w.spent = append(w.spent, stamp{now, units})
	}
	w.used += units
}

// fifo is a queue that keeps no memory of what it held.
type fifo[E any] struct {
	items []E
	head  int
}

func (f *fifo[E]) len() int  { return len(f.items) - f.head }
func (f *fifo[E]) front() *E { return &f.items[f.head] }
func (f *fifo[E]) push(e E)  { f.items = append(f.items, e) }

func (f *fifo[E]) pop() E {
	var zero E
	e := f.items[f.head]
	f.items[f.head] = zero
	f.head++
	switch {
	case f.head == len(f.items):
		f.items, f.head = f.items[:0], 0
		if cap(f.items) > 64 {
			f.items = nil
		}
	case f.head > 32 && f.head*2 > len(f.items):
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	return e
}

func (f *fifo[E]) pushFront(e E) {
	if f.head == 0 {
		f.items = append(f.items, e)
		copy(f.items[1:], f.items)
		f.items[0] = e
		return
	}
	f.head--
	f.items[f.head] = e
}

// sleepers is a heap of chats by the time they wake.
type sleepers[T any] []*chat[T]

func (h sleepers[T]) Len() int           { return len(h) }
func (h sleepers[T]) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h sleepers[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push adds a chat, as container/heap wants it.
func (h *sleepers[T]) Push(x any) {
	c := x.(*chat[T])
	c.index, c.sleeping = len(*h), true
	*h = append(*h, c)
}

// Pop takes the last one, as container/heap wants it.
func (h *sleepers[T]) Pop() any {
	n := len(*h) - 1
	c := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	c.sleeping = false
	return c
}
