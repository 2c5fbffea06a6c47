package e2e

import (
	"syscall"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

// pair is a world with two processes of relay, of which one leads and the other stands by.
func pair(t *testing.T) *world {
	t.Helper()
	return newWorld(t, split, options{more: []string{"relay2"}, env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
}

// leading is the process of relay that makes the calls, and other the one that would take over.
func (w *world) leading() (leader, other *process) {
	w.t.Helper()
	find := func() bool {
		for _, names := range [][2]string{{"relay", "relay2"}, {"relay2", "relay"}} {
			a, b := w.desk.named(names[0]), w.desk.named(names[1])
			if a.busy(w.t) && !b.busy(w.t) {
				leader, other = a, b
				return true
			}
		}
		return false
	}
	w.until("one relay leads", find)
	return leader, other
}

// chat writes from both sides.
func (w *world) chat(all []*simulator.Customer, rounds int) {
	w.t.Helper()
	for range rounds {
		for _, c := range all {
			c.Send(w.says("on and on"))
			w.op.SendIn(w.topic(c).ID, w.says("and back"))
		}
	}
}

func TestSecondRelayTakesOverWhenTheFirstIsKilled(t *testing.T) {
	t.Parallel()
	w := pair(t)
	all := w.burst(5, 2)
	w.settle(simulator.CheckOptions{})
	leader, _ := w.leading()
	w.chat(all, 5)
	leader.kill()
	w.chat(all, 5)
	w.settle(simulator.CheckOptions{})
	w.desk.restart(t, leader.name)
	w.chat(all, 2)
	w.finish(simulator.CheckOptions{})
}

// A paused process believes, when it goes on, that it still leads: it may not send anything.
func TestZombieRelaySendsNothing(t *testing.T) {
	t.Parallel()
	w := pair(t)
	all := w.burst(5, 2)
	w.settle(simulator.CheckOptions{})
	leader, other := w.leading()
	w.chat(all, 5)
	if err := leader.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.chat(all, 5)
	w.until("the other one leads", func() bool { return other.busy(t) })
	if err := leader.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.chat(all, 5)
	w.settle(simulator.CheckOptions{})
	other.kill()
	w.chat(all, 5)
	w.settle(simulator.CheckOptions{})
	w.desk.restart(t, other.name)
	w.finish(simulator.CheckOptions{})
}
