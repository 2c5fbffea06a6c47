package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

var errLate = errors.New("did not happen in time")

// What the two say.
const (
	question = "Good morning! My engine skips every seventh card. What can I do?"
	answer   = "Good morning, Ada. Please look whether the fourth cog sits tight."
	comment  = "/ the third one this week: tell the workshop"
	picture  = "It is the one marked in red."
	thanks   = "That was it. Thank you!"
	closing  = "/close"
	again    = "One more thing: can it compute Bernoulli numbers?"
	reply    = "It will be the first that can."
)

// conversation plays the script. What is expected of each step is what product and
// operator's eyes would see, nothing of the desk's inside.
func (s *stage) conversation(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	operator := func(c simulator.Content) func() {
		return func() { s.grace.SendIn(s.topicID(), c) }
	}
	customer := func(text string) func() { return func() { s.ada.Send(simulator.Text(text)) } }
	steps := []struct {
		do     func()
		expect []expectation
	}{
		{func() { s.ada.Start(); s.ada.Send(simulator.Text(question)) }, []expectation{topicCreated(), copied(question)}},
		{operator(simulator.Text(answer)), []expectation{received(answer), renamed("🟨")}},
		{operator(simulator.Text(comment)), []expectation{wrote(comment)}},
		{operator(simulator.Photo(picture)), []expectation{received(picture)}},
		{customer(thanks), []expectation{copied(thanks), renamed("🟪")}},
		{operator(simulator.Text(closing)), []expectation{renamed("⬛"), closed()}},
		{customer(again), []expectation{reopened(), copied(again), renamed("🟪")}},
		{operator(simulator.Text(reply)), []expectation{received(reply), renamed("🟨")}},
	}
	for _, step := range steps {
		if err := s.act(ctx, step.do, step.expect...); err != nil {
			return err
		}
	}
	return s.judge(ctx)
}

// judge asks the simulator's own records whether everything arrived once, in order and
// where it belongs, and whether the comment stayed in the team.
func (s *stage) judge(ctx context.Context) error {
	if v := s.sim.Settle(ctx, simulator.CheckOptions{TopicNames: true}); len(v) > 0 {
		return fmt.Errorf("the simulator disagrees: %s", v[0])
	}
	for _, m := range s.ada.Inbox() {
		if m.Text == comment {
			return errors.New("a comment was sent to the customer")
		}
	}
	s.show.verdict(s.count(simulator.EventCopyArrived), s.count(simulator.EventCustomerReceived))
	return nil
}

func topicCreated() expectation {
	return expectation{"a topic 🟪 for the customer", func(e simulator.Event) bool {
		return e.Kind == simulator.EventTopicCreated && strings.HasPrefix(e.TopicName, "🟪")
	}}
}

func copied(text string) expectation {
	return of(simulator.EventCopyArrived, "the customer's message in the topic", text)
}

func received(text string) expectation {
	return of(simulator.EventCustomerReceived, "the operator's message at the customer", text)
}

func wrote(text string) expectation {
	return of(simulator.EventOperatorWrote, "the operator's comment", text)
}

func of(kind simulator.EventKind, what, text string) expectation {
	return expectation{what, func(e simulator.Event) bool { return e.Kind == kind && e.Text == text }}
}

func renamed(square string) expectation {
	return expectation{"the square " + square + " in the topic's name", func(e simulator.Event) bool {
		return e.Kind == simulator.EventTopicRenamed && strings.HasPrefix(e.TopicName, square)
	}}
}

func closed() expectation {
	return expectation{"the closed topic", func(e simulator.Event) bool { return e.Kind == simulator.EventTopicClosed }}
}

func reopened() expectation {
	return expectation{"the reopened topic", func(e simulator.Event) bool { return e.Kind == simulator.EventTopicReopened }}
}
