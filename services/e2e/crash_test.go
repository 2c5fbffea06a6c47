package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// The steps of an effect on Telegram at which relay's crash hook can end the process.
var crashSteps = []string{
	"before_claim", "after_claim", "before_call", "after_call", "before_done", "after_done",
	"topic_before_claim", "topic_after_claim", "topic_before_call", "topic_after_call", "topic_before_done", "topic_after_done",
}

func TestKilledAtEveryStep(t *testing.T) {
	for _, step := range crashSteps {
		t.Run(step, func(t *testing.T) {
			run(t, func(t *testing.T, how deployment) {
				w := newWorld(t, how, options{idle: true, env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
				relay := w.desk.services()[0]
				if how.split {
					relay = "relay"
				}
				w.desk.extra[relay] = []string{"HOTLINE_TEST_CRASH=" + step}
				w.desk.start(t)
				var all []*simulator.Customer
				for range 3 {
					c := w.customer("Crash")
					all = append(all, c)
					c.Send(w.says("one"))
					c.Send(w.says("two"))
				}
				doomed := w.desk.process("relay")
				select {
				case <-doomed.done:
				case <-time.After(w.patience()):
					t.Fatalf("the process never came to step %s", step)
				}
				delete(w.desk.extra, relay)
				w.desk.restart(t, relay)
				for _, c := range all {
					c.Send(w.says("three"))
					w.op.SendIn(w.topic(c).ID, w.says("answer"))
				}
				// One call was in flight; its copy may be there twice, and then it is marked.
				w.finish(simulator.CheckOptions{})
			}, allInOne, split, allInOne.within())
		})
	}
}

func TestKilledAtRandomUnderLoad(t *testing.T) {
	withoutLimits(t, func(t *testing.T, how deployment) {
		const seed = 42
		dice := rand.New(rand.NewPCG(seed, seed))
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		var all []*simulator.Customer
		for range 20 {
			all = append(all, w.customer("Storm"))
		}
		for round := range 4 {
			for range 10 {
				for _, c := range all {
					c.Send(w.says("round %d", round))
				}
			}
			for _, c := range all {
				if topic, ok := w.group.TopicOf(c); ok {
					w.op.SendIn(topic.ID, w.says("answer in round %d", round))
				}
			}
			before := len(w.Calls("copyMessage"))
			more := before + 20 + dice.IntN(100)
			w.until("some of the load was carried", func() bool {
				return len(w.Calls("copyMessage")) >= more || round > 0 && before == len(w.Calls("copyMessage"))
			})
			w.desk.kill()
			w.desk.start(t)
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestStoppedInTheMiddle(t *testing.T) {
	withoutLimits(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		var all []*simulator.Customer
		for range 20 {
			all = append(all, w.customer("Calm"))
		}
		for range 3 {
			for range 5 {
				for _, c := range all {
					c.Send(w.says("on and on"))
				}
			}
			w.desk.stop(t) // fails unless it ends with 0 in time
			w.desk.start(t)
		}
		// Nothing was in flight when it stopped, so nothing may be doubled or marked.
		w.settle(simulator.CheckOptions{})
		for _, c := range all {
			for _, m := range c.Messages() {
				if copies := w.group.Copies(c, m.ID); !m.FromBot && len(copies) != 1 {
					t.Errorf("message %d has %d copies", m.ID, len(copies))
				}
			}
		}
		w.finish(simulator.CheckOptions{})
	})
}
