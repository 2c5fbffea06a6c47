package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// stage is the simulated Telegram with its cast, and everything seen on it so far.
type stage struct {
	sim   *simulator.Server
	bot   *simulator.Bot
	group *simulator.Group
	grace *simulator.Operator
	ada   *simulator.Customer
	pause time.Duration // between two actions, for reading along
	show  *printer

	mu    sync.Mutex
	seen  []simulator.Event
	topic int64         // ada's, once there is one
	more  chan struct{} // closed when seen grows
}

func newStage(sim *simulator.Server, o Options) *stage {
	s := &stage{sim: sim, more: make(chan struct{})}
	s.bot = sim.NewBot("Difference Engines")
	s.group = sim.NewGroup(simulator.GroupOptions{Title: "Engine Support", Bots: []*simulator.Bot{s.bot}, Owner: "Charles Babbage"})
	s.grace = s.group.NewAdmin("Grace Hopper", simulator.AllRights())
	s.ada = sim.NewCustomer("Ada Lovelace")
	if o.Terminal {
		s.pause = 700 * time.Millisecond
	}
	s.show = newPrinter(o.Out, o.Terminal, s.group.ID(), s.bot.Name())
	sim.OnEvent(s.saw)
	return s
}

// saw prints what happened and remembers it; the simulator calls it in order.
func (s *stage) saw(e simulator.Event) {
	s.show.event(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == simulator.EventTopicCreated {
		s.topic = e.Topic
	}
	s.seen = append(s.seen, e)
	close(s.more)
	s.more = make(chan struct{})
}

// expectation is something that has to be seen on the stage.
type expectation struct {
	what  string
	match func(simulator.Event) bool
}

// act does something, and returns when all that is expected was seen after it began.
func (s *stage) act(ctx context.Context, do func(), expect ...expectation) error {
	if err := s.rest(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	from := len(s.seen)
	s.mu.Unlock()
	do()
	for _, e := range expect {
		if err := s.await(ctx, from, e); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) await(ctx context.Context, from int, want expectation) error {
	for {
		s.mu.Lock()
		fresh, more := s.seen[from:], s.more
		s.mu.Unlock()
		for _, e := range fresh {
			if want.match(e) {
				return nil
			}
		}
		from += len(fresh)
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", want.what, context.Cause(ctx))
		}
	}
}

// rest leaves time to read, where somebody reads.
func (s *stage) rest(ctx context.Context) error {
	if s.pause == 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(s.pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *stage) topicID() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.topic
}

// count tells how many events of the kinds were seen.
func (s *stage) count(kinds ...simulator.EventKind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.seen {
		for _, k := range kinds {
			if e.Kind == k {
				n++
			}
		}
	}
	return n
}
