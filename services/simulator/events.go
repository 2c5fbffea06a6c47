package simulator

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// EventKind names what happened in an Event.
type EventKind string

// The kinds of events.
const (
	EventCustomerWrote    EventKind = "customer_wrote"
	EventCustomerEdited   EventKind = "customer_edited"
	EventCustomerReceived EventKind = "customer_received"
	EventCustomerBlocked  EventKind = "customer_blocked"
	EventCustomerReturned EventKind = "customer_unblocked"
	EventOperatorWrote    EventKind = "operator_wrote"
	EventCopyArrived      EventKind = "copy_arrived"   // a customer's message, in a group
	EventNoticeArrived    EventKind = "notice_arrived" // the bot's own words, in a group
	EventTopicCreated     EventKind = "topic_created"
	EventTopicRenamed     EventKind = "topic_renamed"
	EventTopicClosed      EventKind = "topic_closed"
	EventTopicReopened    EventKind = "topic_reopened"
	EventTopicDeleted     EventKind = "topic_deleted"
	EventReaction         EventKind = "reaction" // Text is the emoji
	EventMessageEdited    EventKind = "message_edited"
	EventMessageDeleted   EventKind = "message_deleted"
	EventPressed          EventKind = "pressed" // Text is the button's data
)

// Event is one thing that a person in the simulated Telegram could see.
type Event struct {
	Kind  EventKind `json:"kind"`
	At    time.Time `json:"at"`
	Chat  int64     `json:"chat"`
	Topic int64     `json:"topic,omitempty"`
	// TopicName is the topic's name after the event.
	TopicName string `json:"topic_name,omitempty"`
	ID        int64  `json:"message_id,omitempty"`
	// Who acted: the customer's, operator's or bot's name.
	Who     string `json:"who,omitempty"`
	Content Kind   `json:"content,omitempty"`
	// Text of the message, caption, name or emoji.
	Text    string `json:"text,omitempty"`
	ReplyTo int64  `json:"reply_to,omitempty"`
	// Source of a copy.
	Source Ref `json:"source,omitzero"`
}

type eventQueue struct {
	used  atomic.Bool
	mu    sync.Mutex
	hooks []func(Event)
	queue []Event
	wake  chan struct{}
}

// OnEvent calls f with every later event, in order, on one goroutine. Events
// flow while the server runs.
func (s *Server) OnEvent(f func(Event)) {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	s.events.hooks = append(s.events.hooks, f)
	s.events.used.Store(true)
}

func (s *Server) emit(e Event) {
	q := &s.events
	if !q.used.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	e.At = s.clock.Now()
	q.queue = append(q.queue, e)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// emitMessage is emit for something that happened to m.
func (s *Server) emitMessage(kind EventKind, m *message, who string) {
	if !s.events.used.Load() {
		return
	}
	e := Event{Kind: kind, Chat: m.chat.id, Topic: m.thread, ID: m.id, Who: who,
		Content: m.c.Kind, Text: m.c.Text, ReplyTo: m.replyTo, Source: m.src}
	if t := m.chat.topics[m.thread]; t != nil {
		e.TopicName = t.name
	}
	s.emit(e)
}

func (s *Server) dispatchEvents(ctx context.Context) error {
	q := &s.events
	for {
		select {
		case <-ctx.Done():
			q.flush() // what has happened is told before the end
			return nil
		case <-q.wake:
			q.flush()
		}
	}
}

// flush tells the hooks what waits.
func (q *eventQueue) flush() {
	q.mu.Lock()
	batch, hooks := q.queue, q.hooks
	q.queue = nil
	q.mu.Unlock()
	for _, e := range batch {
		for _, f := range hooks {
			f(e)
		}
	}
}

// notify wakes WaitFor. It is cheap when nobody waits.
func (s *Server) notify() {
	s.waitMu.Lock()
	if s.waiters > 0 {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	s.waitMu.Unlock()
}

// WaitFor returns nil as soon as cond holds, and ctx's error if it ends first.
// cond is asked after every change, without locks held.
func (s *Server) WaitFor(ctx context.Context, cond func() bool) error {
	s.waitMu.Lock()
	s.waiters++
	s.waitMu.Unlock()
	defer func() {
		s.waitMu.Lock()
		s.waiters--
		s.waitMu.Unlock()
	}()
	for {
		s.waitMu.Lock()
		changed := s.changed
		s.waitMu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
