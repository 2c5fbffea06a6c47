package simulator

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrLoadRuns: there is one load at a time.
var ErrLoadRuns = errors.New("a load is already running")

// ErrNotRunning: a load needs a server that runs.
var ErrNotRunning = errors.New("the server does not run")

// LoadOptions of StartLoad.
type LoadOptions struct {
	// Messages altogether, from Customers who take turns.
	Messages  int `json:"messages"`
	Customers int `json:"customers"`
	// Rate per second. Messages are sent when they are due, however late the desk
	// is; 0 sends as fast as the desk takes them, with Window updates waiting.
	Rate   float64 `json:"rate,omitempty"`
	Window int     `json:"window,omitempty"` // 0 means 5,000
	// Answers is the share (0 to 1) of messages that an operator answers in the
	// topic as soon as the copy is there.
	Answers float64 `json:"answers,omitempty"`
	// Warm lets every customer write once, and waits for the topics, before the
	// measured messages.
	Warm bool `json:"warm,omitempty"`
	// Patience is how long the load waits without any progress before it gives
	// what is missing up as lost; 0 means 30s.
	Patience time.Duration `json:"patience,omitempty"`
}

// Latency of a kind of delivery, in milliseconds.
type Latency struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean_ms"`
	P50  float64 `json:"p50_ms"`
	P90  float64 `json:"p90_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

// LoadResult is what a load measured so far.
type LoadResult struct {
	Done      bool `json:"done"`
	Messages  int  `json:"messages"`
	Customers int  `json:"customers"`
	Sent      int  `json:"sent"`
	Copied    int  `json:"copied"`
	Lost      int  `json:"lost"` // of those sent, once Done
	// Duplicates are surplus copies of messages and of answers.
	Duplicates int `json:"duplicates"`
	// Dropped updates: the bot's queue was full.
	Dropped       int     `json:"dropped,omitempty"`
	Answers       int     `json:"answers"`
	AnswersCopied int     `json:"answers_copied"`
	Seconds       float64 `json:"seconds"`
	// PerSecond is how many messages were copied a second, from the first one due
	// to the last copy.
	PerSecond float64 `json:"per_second"`
	// Handed is the time from the update written to the desk to the desk's copy
	// call; Scheduled counts from when the message was due.
	Handed    Latency `json:"handed"`
	Scheduled Latency `json:"scheduled"`
	// Answer is Handed for operators' answers.
	Answer Latency `json:"answer"`
}

// slot is one tracked message: microseconds since the start, plus one.
type slot struct {
	due, handed, copied uint32
	got                 uint8
}

// track holds the slots of one sequence of message ids.
type track struct {
	base  int64
	slots []slot
}

func (t *track) at(id int64) *slot {
	if i := id - t.base; i >= 0 && i < int64(len(t.slots)) && t.slots[i].due != 0 {
		return &t.slots[i]
	}
	return nil
}

func (t *track) add(id int64, due uint32) {
	if t.slots == nil {
		t.base = id
	}
	for int64(len(t.slots)) <= id-t.base {
		t.slots = append(t.slots, slot{})
	}
	t.slots[id-t.base].due = due
}

// load is a running or finished load. It is guarded by Server.mu.
type load struct {
	s       *Server
	o       LoadOptions
	bot     *Bot
	people  []*chat
	start   time.Time
	content Content
	in      track
	out     map[*chat]*track
	ops     map[*chat]*user
	res     LoadResult
	last    uint32 // of the last copy
	warm    map[*chat]bool
	owed    float64
	moved   chan struct{} // progress
	done    chan struct{}
}

// StartLoad begins a load on the first bot. LoadResult tells how it goes.
func (s *Server) StartLoad(o LoadOptions) error {
	if o.Messages < 1 || o.Customers < 1 {
		return fmt.Errorf("a load of %d messages from %d customers: both must be positive", o.Messages, o.Customers)
	}
	if o.Window == 0 {
		o.Window = 5000
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.load != nil && !s.load.res.Done {
		return ErrLoadRuns
	}
	if s.life == nil || len(s.bots) == 0 {
		return ErrNotRunning
	}
	l := &load{s: s, o: o, bot: s.bots[0], out: map[*chat]*track{}, ops: map[*chat]*user{}, warm: map[*chat]bool{},
		moved: make(chan struct{}, 1), done: make(chan struct{}), content: Text("a simulated customer asks a simulated question")}
	l.res.Messages, l.res.Customers = o.Messages, o.Customers
	for i := range o.Customers {
		u := s.newUser(s.nextID.customer, fmt.Sprintf("Load %04d", i+1))
		s.nextID.customer++
		c := l.bot.private(u)
		c.started, l.bot.seen[u.id] = true, true
		l.people = append(l.people, c)
	}
	l.in.slots = make([]slot, 0, o.Messages+o.Customers)
	s.load = l
	ctx := s.life
	s.bg.Go(func() error { l.run(ctx); return nil })
	return nil
}

// WaitLoad waits until the load is over, or ctx ends.
func (s *Server) WaitLoad(ctx context.Context) (LoadResult, error) {
	s.mu.Lock()
	l := s.load
	s.mu.Unlock()
	if l == nil {
		return LoadResult{}, ErrNotRunning
	}
	select {
	case <-l.done:
		return s.LoadResult(), nil
	case <-ctx.Done():
		return s.LoadResult(), ctx.Err()
	}
}

func (l *load) run(ctx context.Context) {
	defer close(l.done)
	if l.o.Warm {
		l.begin()
		for _, c := range l.people {
			l.write(c, true, 0)
		}
		l.await(ctx, func() bool { return len(l.warm) == 0 })
	}
	l.begin()
	if l.o.Rate > 0 {
		l.paced(ctx)
	} else {
		l.flood(ctx)
	}
	l.await(ctx, func() bool { return l.res.Copied >= l.res.Sent && l.res.AnswersCopied >= l.res.Answers })
	l.s.mu.Lock()
	l.res.Done = true
	l.s.mu.Unlock()
	l.s.notify()
}

func (l *load) begin() {
	l.s.mu.Lock()
	l.start = time.Now()
	l.s.mu.Unlock()
}

// paced sends every message when it is due.
func (l *load) paced(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	gap := float64(time.Second) / l.o.Rate
	for n := 0; n < l.o.Messages; {
		due := time.Duration(float64(n) * gap)
		if wait := due - time.Since(l.start); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		l.write(l.people[n%len(l.people)], false, due)
		n++
	}
}

// flood keeps a window of updates waiting.
func (l *load) flood(ctx context.Context) {
	for n := 0; n < l.o.Messages && ctx.Err() == nil; {
		if l.bot.Pending() >= l.o.Window {
			l.progress(ctx, time.Millisecond)
			continue
		}
		for range min(64, l.o.Messages-n) {
			l.write(l.people[n%len(l.people)], false, time.Since(l.start))
			n++
		}
	}
}

// write posts a message that was due at that time.
func (l *load) write(c *chat, warm bool, due time.Duration) {
	l.s.mu.Lock()
	m := l.s.put(post{chat: c, from: c.user, c: &l.content})
	if warm {
		l.warm[c] = true
	} else {
		l.in.add(m.id, micros(due))
		l.res.Sent++
	}
	l.s.mu.Unlock()
	l.s.notify()
}

func micros(d time.Duration) uint32 { return uint32(d.Microseconds()) + 1 }

// progress waits for the next copy, at most d.
func (l *load) progress(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.moved:
		return true
	case <-t.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// await waits for cond as long as there is progress.
func (l *load) await(ctx context.Context, cond func() bool) {
	for ctx.Err() == nil {
		l.s.mu.Lock()
		ok := cond()
		l.s.mu.Unlock()
		if ok || !l.progress(ctx, l.o.Patience) {
			return
		}
	}
}
