package e2e

import (
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

// Everything that is mirrored, once, on a Telegram that counts: nothing meets a limit, and all of it arrives.
func TestMirroringStaysWithinTheLimits(t *testing.T) {
	withinLimits(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		yan, topic, question := w.dialog("Yan")
		first := yan.Messages()[0]
		written := w.op.Reply(question.ID, w.says("an answer"))
		arrived := w.atCustomer(yan, written)
		if arrived.ReplyTo != first.ID {
			t.Errorf("the answer answers %d, want %d", arrived.ReplyTo, first.ID)
		}
		better := w.text("a better answer")
		w.op.Edit(written.ID, simulator.Text(better))
		w.until("the edit arrives", func() bool { m, ok := yan.Message(arrived.ID); return ok && m.Text == better })
		yan.React(arrived.ID, "🔥")
		w.marked(written.ID, "🔥")
		w.op.React(question.ID, "👍")
		w.until("the reaction arrives", func() bool { m, ok := yan.Message(first.ID); return ok && m.Reaction == "👍" })
		yan.Edit(first.ID, w.says("what was meant"))
		w.until("the version arrives", func() bool { return len(w.group.Copies(yan, first.ID)) == 2 })
		wrong, gone := w.answer(yan, topic, w.says("for somebody else"))
		w.op.Reply(wrong.ID, simulator.Text("/del"))
		w.until("it is gone", func() bool { m, ok := yan.Message(gone.ID); return !ok || m.Deleted })
		w.op.Reply(question.ID, simulator.Text("/trace"))
		w.noticed(topic.ID, "accepted (commit")
		w.finish(simulator.CheckOptions{EditsMirrored: true})
	})
}

// unreachable has the operator write to a customer who cannot be reached, and be told why at that message.
func (w *world) unreachable(topic simulator.Topic, words string) {
	w.t.Helper()
	lost := w.op.SendIn(topic.ID, w.says("are you there?"))
	notice := w.noticed(topic.ID, words)
	if notice.ReplyTo != lost.ID {
		w.t.Errorf("the notice answers %d, want %d", notice.ReplyTo, lost.ID)
	}
	w.marked(lost.ID, "💔")
}

func TestDeactivatedCustomerIsSaid(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		zoe, topic, _ := w.dialog("Zoe")
		zoe.Deactivate()
		w.unreachable(topic, "deleted the account")
		w.finish(simulator.CheckOptions{})
	})
}

// Telegram's word for somebody who never started the bot is no other to the operator than a block: they have to write first.
func TestCustomerWhoNeverStartedIsSaid(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		abe, topic, _ := w.dialog("Abe")
		abe.Unstart()
		w.unreachable(topic, "never started the bot")
		abe.Send(w.says("now I have started it"))
		w.answer(abe, topic, w.says("and here we are"))
		w.finish(simulator.CheckOptions{})
	})
}
