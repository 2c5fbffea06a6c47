package tg

import (
	"math"
	"time"
)

// window remembers what was spent in the last while.
type window struct {
	spent  fifo[stamp] // oldest first
	used   int         // sum of spent
	flying int         // granted, not yet spent
}

type stamp struct {
	at    time.Time
	units int
}

func (w *window) expire(before time.Time) {
	for w.spent.len() > 0 && !w.spent.front().at.After(before) {
		w.used -= w.spent.pop().units
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
	for _, s := range w.spent.rest() {
		if over -= s.units; over <= 0 {
			return s.at.Add(length), false
		}
	}
	return time.Time{}, false
}

func (w *window) spend(now time.Time, units int) {
	if stamps := w.spent.rest(); len(stamps) > 0 && stamps[len(stamps)-1].at.Equal(now) {
		stamps[len(stamps)-1].units += units
	} else {
		w.spent.push(stamp{now, units})
	}
	w.used += units
}

// demand remembers how many units a window took lately: the mean of about the last demandWindows.
type demand struct {
	sum float64
	at  time.Time
}

const demandWindows = 10

func (d *demand) add(units int, length time.Duration, now time.Time) {
	d.decay(length, now)
	d.sum += float64(units)
}

func (d *demand) decay(length time.Duration, now time.Time) {
	if length > 0 && now.After(d.at) {
		d.sum *= math.Exp(-now.Sub(d.at).Seconds() / (demandWindows * length).Seconds())
		d.at = now
	}
}

// expect is how many units a window will hardly ever exceed: of calls that come at random, one window in a hundred does.
func (d *demand) expect(length time.Duration, now time.Time) int {
	d.decay(length, now)
	mean := d.sum / demandWindows
	return int(mean + 2.5*math.Sqrt(mean) + 0.5)
}

// fifo is a queue that keeps no memory of what it held.
type fifo[E any] struct {
	items []E
	head  int
}

func (f *fifo[E]) len() int  { return len(f.items) - f.head }
func (f *fifo[E]) front() *E { return &f.items[f.head] }
func (f *fifo[E]) rest() []E { return f.items[f.head:] }
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
