package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// burst has n customers write k messages each, all at once, and the operator answer each customer once.
func (w *world) burst(n, k int) []*simulator.Customer {
	w.t.Helper()
	var all []*simulator.Customer
	for i := range n {
		all = append(all, w.customer(fmt.Sprintf("Burst%d", i)))
	}
	for range k {
		for _, c := range all {
			c.Send(w.says("please help"))
		}
	}
	for _, c := range all {
		w.op.SendIn(w.topic(c).ID, w.says("we are on it"))
	}
	return all
}

func TestBurst(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		all := w.burst(how.many(200, 5), how.many(5, 3))
		w.settle(simulator.CheckOptions{})
		if n := len(w.group.Topics()); n != len(all) {
			t.Errorf("%d topics for %d customers", n, len(all))
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestLimitsAreKept(t *testing.T) {
	withinLimits(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		anna, boris := w.customer("Anna"), w.customer("Boris")
		for range 4 {
			anna.Send(w.says("quick line"))
			boris.Send(w.says("quick line"))
		}
		for _, c := range []*simulator.Customer{anna, boris} {
			w.op.SendIn(w.topic(c).ID, w.says("one"))
			w.op.SendIn(w.topic(c).ID, w.says("two"))
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestTooManyRequestsIsObeyed(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		w.AddFault(simulator.Fault{Kind: simulator.FaultTooMany, Method: "createForumTopic", RetryAfter: 1, Times: 1})
		w.AddFault(simulator.Fault{Kind: simulator.FaultTooMany, Method: "copyMessage", RetryAfter: 1, Times: 2})
		w.burst(3, 3)
		w.settle(simulator.CheckOptions{})
		if w.FaultHits() == 0 {
			t.Error("no call met a 429: nothing was tested")
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestFaultyTelegram(t *testing.T) {
	faults := map[string]simulator.Fault{
		"502 with HTML":          {Kind: simulator.FaultStatus, Status: 502, Probability: 0.1},
		"500 after executing":    {Kind: simulator.FaultStatus, Status: 500, Executed: true, Probability: 0.1},
		"dropped unexecuted":     {Kind: simulator.FaultDrop, Probability: 0.1},
		"executed, then dropped": {Kind: simulator.FaultExecuteDrop, Probability: 0.1},
		"slow":                   {Kind: simulator.FaultSlow, Delay: 300 * time.Millisecond, Probability: 0.2},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, how deployment) {
				w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
				id := w.AddFault(fault)
				for _, method := range []string{"copyMessage", "createForumTopic", "getUpdates"} {
					limited := fault
					limited.Method, limited.Probability, limited.Nth = method, 0, 2
					w.AddFault(limited)
				}
				w.burst(6, 5)
				w.RemoveFault(id)
				w.settle(simulator.CheckOptions{})
				if w.FaultHits() == 0 {
					t.Error("no call met a fault: nothing was tested")
				}
				w.finish(simulator.CheckOptions{})
			})
		})
	}
}

func TestDeletedTopicIsMadeAnew(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		hal := w.customer("Hal")
		hal.Send(w.says("hello"))
		first := w.topic(hal)
		w.settle(simulator.CheckOptions{})
		w.group.DeleteTopic(first.ID)
		revealing := hal.Send(w.says("anybody there?"))
		w.until("a new topic", func() bool {
			topic, ok := w.group.TopicOf(hal)
			return ok && topic.ID != first.ID
		})
		w.copied(hal, revealing)
		answer := w.text("here, in the new topic")
		w.op.SendIn(w.topic(hal).ID, simulator.Text(answer))
		w.arrives(hal, answer)
		w.finish(simulator.CheckOptions{})
	})
}

// readiness waits until the process of relay answers /readyz with a code, and returns the answer.
func (w *world) readiness(code int) string {
	w.t.Helper()
	seen, body := 0, ""
	eventually(w.t, w.patience(), fmt.Sprintf("/readyz is %d", code), func() bool {
		var err error
		seen, body, err = w.desk.process("relay").get(w.t.Context(), "/readyz")
		return err == nil && seen == code
	}, func() string { return fmt.Sprint(seen, body) })
	w.desk.metrics = append(w.desk.metrics, body) // searched for bodies afterwards
	return body
}

func TestLostRightsAreSaidAndCostNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		lea := w.customer("Lea")
		lea.Send(w.says("hello"))
		w.settle(simulator.CheckOptions{})
		for words, take := range map[string]func(){
			"manage topics": func() { w.group.SetRights(w.bot, simulator.Rights{}) },
			"add it again":  func() { w.group.Kick(w.bot) },
		} {
			take()
			newcomer := w.customer("Newcomer")
			first, late := newcomer.Send(w.says("is anybody there?")), lea.Send(w.says("and now?"))
			if body := w.readiness(http.StatusServiceUnavailable); !strings.Contains(body, words) {
				t.Errorf("/readyz does not say what to do (%s): %s", words, body)
			}
			w.group.SetRights(w.bot, simulator.AllRights())
			w.copied(newcomer, first)
			w.copied(lea, late)
			w.readiness(http.StatusOK)
		}
		answer := w.text("yes, we are back")
		w.op.SendIn(w.topic(lea).ID, simulator.Text(answer))
		w.arrives(lea, answer)
		w.finish(simulator.CheckOptions{})
	})
}

func TestWebhook(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{webhook: true, env: []string{"HOTLINE_PARAM_WELCOME=OFF"}, simulator: simulator.Config{RetryUnit: 50 * time.Millisecond}})
		w.Poison(w.bot)
		w.burst(how.many(20, 4), how.many(5, 2))
		w.finish(simulator.CheckOptions{})
	})
}

func TestOfflineBacklog(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		ida := w.customer("Ida")
		ida.Send(w.says("before the night"))
		topic := w.topic(ida)
		w.settle(simulator.CheckOptions{})
		w.desk.stop(t)
		for range how.many(30, 5) {
			ida.Send(w.says("in the night"))
			w.op.SendIn(topic.ID, w.says("answered in the night"))
			w.customer("Newcomer").Send(w.says("first contact in the night"))
		}
		w.desk.start(t)
		w.finish(simulator.CheckOptions{})
	})
}

func TestPoisonUpdates(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		jo := w.customer("Jo")
		jo.Send(w.says("before"))
		if n := w.Poison(w.bot); n == 0 {
			t.Fatal("no poison")
		}
		jo.Send(w.says("after"))
		answer := w.text("still here")
		w.op.SendIn(w.topic(jo).ID, simulator.Text(answer))
		w.arrives(jo, answer)
		w.finish(simulator.CheckOptions{})
	})
}
