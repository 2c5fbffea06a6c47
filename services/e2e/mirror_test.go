package e2e

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// quiet is a world without a greeting, in which everything is mirrored.
func quiet(t *testing.T, how deployment, params ...string) *world {
	t.Helper()
	return newWorld(t, how, options{env: append([]string{"HOTLINE_PARAM_WELCOME=OFF"}, params...)})
}

// dialog has a customer write first, and returns the topic and the copy of what was written.
func (w *world) dialog(name string) (*simulator.Customer, simulator.Topic, simulator.Message) {
	w.t.Helper()
	c := w.customer(name)
	first := c.Send(w.says("hello"))
	topic := w.topic(c)
	w.copied(c, first)
	return c, topic, w.group.Copies(c, first.ID)[0]
}

// answer has the operator write in a topic and returns the message and its copy at the customer.
func (w *world) answer(c *simulator.Customer, topic simulator.Topic, content simulator.Content) (written, arrived simulator.Message) {
	w.t.Helper()
	written = w.op.SendIn(topic.ID, content)
	return written, w.atCustomer(c, written)
}

// atCustomer waits for the copy of an operator's message, the newest of several.
func (w *world) atCustomer(c *simulator.Customer, written simulator.Message) simulator.Message {
	w.t.Helper()
	var arrived simulator.Message
	w.until("the answer arrives", func() bool {
		for _, m := range c.Inbox() {
			if m.Source == (simulator.Ref{Chat: w.group.ID(), ID: written.ID}) {
				arrived = m
			}
		}
		return arrived.ID != 0
	})
	return arrived
}

func TestRepliesAreThreaded(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		kim, topic, question := w.dialog("Kim")
		first := kim.Messages()[0]
		reply := w.op.Reply(question.ID, w.says("an answer to that"))
		arrived := w.atCustomer(kim, reply)
		if arrived.ReplyTo != first.ID {
			t.Errorf("the answer answers %d, want the customer's message %d", arrived.ReplyTo, first.ID)
		}
		back := kim.Reply(arrived.ID, w.says("and back"))
		w.copied(kim, back)
		if got := w.group.Copies(kim, back.ID)[0]; got.ReplyTo != reply.ID {
			t.Errorf("the reply answers %d, want the operator's message %d", got.ReplyTo, reply.ID)
		}
		album := kim.SendAlbum(simulator.Photo(w.text("one")), simulator.Photo(w.text("two")))
		w.copied(kim, album[1])
		second := w.op.Reply(w.group.Copies(kim, album[1].ID)[0].ID, w.says("about the second picture"))
		if got := w.atCustomer(kim, second); got.ReplyTo != album[1].ID {
			t.Errorf("the answer to an item of an album answers %d, want %d", got.ReplyTo, album[1].ID)
		}
		w.settle(simulator.CheckOptions{})
		w.desk.stop(t)
		w.desk.start(t)
		old := w.op.Reply(question.ID, w.says("about your first message, once more"))
		if got := w.atCustomer(kim, old); got.ReplyTo != first.ID {
			t.Errorf("after a restart the answer answers %d, want %d", got.ReplyTo, first.ID)
		}
		_ = topic
		w.finish(simulator.CheckOptions{})
	})
}

func TestOperatorsEditsReachTheCustomer(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		lou, topic, _ := w.dialog("Lou")
		now := func(written simulator.Message, text string) {
			w.until("the edit arrives", func() bool {
				got := w.atCustomer(lou, written)
				return got.Text == text && got.Edits > 0
			})
		}
		plain, _ := w.answer(lou, topic, w.says("a typo"))
		better := w.text("no typo")
		w.op.Edit(plain.ID, simulator.Text(better))
		now(plain, better)

		photo, _ := w.answer(lou, topic, simulator.Photo(w.text("caption")))
		caption := w.text("another caption")
		w.op.Edit(photo.ID, simulator.Photo(caption))
		now(photo, caption)

		comment := w.op.SendIn(topic.ID, simulator.Text("/ "+w.text("for us only")))
		w.op.Edit(comment.ID, w.says("still for us only"))
		held := w.op.SendIn(topic.ID, w.says("sent"))
		w.atCustomer(lou, held)
		w.op.Edit(held.ID, simulator.Text("/ "+w.text("now a comment")))
		w.noticed(topic.ID, "begins with a slash")
		if n := len(lou.Inbox()); n != 3 {
			t.Errorf("the customer has %d messages, want 3", n)
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestCustomersEditsAreVersionsOrMirrored(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		mo := w.customer("Mo")
		first := mo.Send(w.says("red"))
		w.copied(mo, first)
		mo.Edit(first.ID, w.says("blue"))
		w.until("a second copy that answers the first", func() bool {
			copies := w.group.Copies(mo, first.ID)
			return len(copies) == 2 && copies[1].ReplyTo == copies[0].ID
		})
		w.finish(simulator.CheckOptions{})
	})
	t.Run("mirrored", func(t *testing.T) {
		t.Parallel()
		w := quiet(t, allInOne, "HOTLINE_PARAM_EDITS_CUSTOMER=mirror")
		mo := w.customer("Mo")
		first := mo.Send(w.says("red"))
		w.copied(mo, first)
		blue := w.text("blue")
		mo.Edit(first.ID, simulator.Text(blue))
		w.until("the copy says blue", func() bool {
			copies := w.group.Copies(mo, first.ID)
			return len(copies) == 1 && copies[0].Text == blue
		})
		w.finish(simulator.CheckOptions{})
	})
}

func TestReactionsAreMirrored(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		nia, topic, question := w.dialog("Nia")
		written, arrived := w.answer(nia, topic, w.says("here you are"))
		nia.React(arrived.ID, "🎉")
		w.op.React(question.ID, "👍")
		shown := func(who, emoji string, get func() (simulator.Message, bool)) {
			w.until(who+" sees "+emoji, func() bool { m, ok := get(); return ok && m.Reaction == emoji })
		}
		shown("the operator", "🎉", func() (simulator.Message, bool) { return w.group.Message(written.ID) })
		shown("the customer", "👍", func() (simulator.Message, bool) { return nia.Message(nia.Messages()[0].ID) })
		nia.React(arrived.ID, "")
		shown("the operator", "", func() (simulator.Message, bool) { return w.group.Message(written.ID) })
		w.finish(simulator.CheckOptions{})
	})
}

// laterClock runs ahead of the desk's.
type laterClock struct{ by atomic.Int64 }

func (c *laterClock) skip(d time.Duration) { c.by.Add(int64(d)) }

// Now is the time of the simulated Telegram.
func (c *laterClock) Now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

func TestDeletion(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		clock := &laterClock{}
		w := newWorld(t, how, options{simulator: simulator.Config{Clock: clock}, env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		oda, topic, question := w.dialog("Oda")
		wrong, arrived := w.answer(oda, topic, w.says("for somebody else"))
		command := w.op.Reply(wrong.ID, simulator.Text("/del"))
		w.until("it is gone at the customer", func() bool {
			m, ok := oda.Message(arrived.ID)
			return !ok || m.Deleted
		})
		w.until("the command is confirmed", func() bool { m, _ := w.group.Message(command.ID); return m.Reaction == "👌" })

		old, _ := w.answer(oda, topic, w.says("too old"))
		clock.skip(49 * time.Hour)
		w.op.Reply(old.ID, simulator.Text("/del"))
		w.noticed(topic.ID, "48 hours")
		w.op.Reply(question.ID, simulator.Text("/del"))
		w.noticed(topic.ID, "nothing of this message")
		w.op.SendIn(topic.ID, simulator.Text("/del"))
		w.noticed(topic.ID, "/del, as a reply")
		w.finish(simulator.CheckOptions{})
	})
}

func TestTraceShowsTheLifeOfAMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		pia, topic, question := w.dialog("Pia")
		w.op.Reply(question.ID, simulator.Text("/trace"))
		notice := w.noticed(topic.ID, "accepted (commit")
		for _, word := range []string{"sending started", "delivered, as message"} {
			if !strings.Contains(notice.Text, word) {
				t.Errorf("the trace does not say %q: %s", word, notice.Text)
			}
		}
		pia.Block()
		lost := w.op.SendIn(topic.ID, w.says("are you there?"))
		w.noticed(topic.ID, "not delivered")
		w.op.Reply(lost.ID, simulator.Text("/trace"))
		w.noticed(topic.ID, "blocked the bot, deleted the account")
		w.finish(simulator.CheckOptions{})
	})
}

// marked waits until the bot's reaction to a message of the group is this one.
func (w *world) marked(message int64, emoji string) {
	w.t.Helper()
	w.until("message carries "+emoji, func() bool { m, ok := w.group.Message(message); return ok && m.Reaction == emoji })
}

func TestSilenceMeansDelivered(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		rex, topic, _ := w.dialog("Rex")
		w.AddFault(simulator.Fault{Kind: simulator.FaultTooMany, Method: "copyMessage", Chat: rex.ID(), RetryAfter: 13, Times: 1})
		late := w.op.SendIn(topic.ID, w.says("this one waits"))
		w.marked(late.ID, "👀")
		w.atCustomer(rex, late)
		w.marked(late.ID, "")
		rex.Block()
		w.noticed(topic.ID, "block")
		lost := w.op.SendIn(topic.ID, w.says("this one fails"))
		w.marked(lost.ID, "💔")
		w.finish(simulator.CheckOptions{})
	})
}

func TestTopicsTouchedByHand(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		sam, topic, _ := w.dialog("Sam")
		owner := w.group.Owner()
		name := w.text("VIP")
		owner.RenameTopic(topic.ID, name)
		w.named(sam, "🟪 "+name)
		owner.CloseTopic(topic.ID)
		w.named(sam, "⬛ "+name)
		sam.Send(w.says("one more question"))
		w.named(sam, "🟪 "+name)
		w.until("the topic is open", func() bool { now, ok := w.group.Topic(topic.ID); return ok && !now.Closed })
		owner.CloseTopic(topic.ID)
		w.named(sam, "⬛ "+name)
		owner.ReopenTopic(topic.ID)
		w.named(sam, "🟪 "+name)
		w.finish(simulator.CheckOptions{})
	})
}

func TestPollVotesAreExplainedOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		tia, topic, _ := w.dialog("Tia")
		for range 2 {
			tia.Send(simulator.Poll(w.text("poll"), "yes", "no"))
		}
		tia.Send(w.says("please vote"))
		w.settle(simulator.CheckOptions{})
		said := 0
		for _, m := range w.group.Messages(topic.ID) {
			if strings.Contains(m.Text, "votes are not") {
				said++
			}
		}
		if said != 1 {
			t.Errorf("the votes were explained %d times", said)
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestTopicThatVanishedIsNoticedInEveryWay(t *testing.T) {
	for name, mode := range map[string]simulator.DeletedTopicMode{
		"not found": simulator.ThreadNotFound, "deleted": simulator.TopicDeleted, "delivered into General": simulator.TopicIgnored,
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, how deployment) {
				w := newWorld(t, how, options{simulator: simulator.Config{DeletedTopic: mode}, env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
				uma, topic, _ := w.dialog("Uma")
				w.group.DeleteTopic(topic.ID)
				revealing := uma.Send(w.says("anybody there?"))
				w.copied(uma, revealing)
				if now := w.topic(uma); now.ID == topic.ID {
					t.Error("the message is in the topic that is gone")
				}
				w.group.DeleteTopic(w.topic(uma).ID)
				uma.Send(simulator.PaidMedia(w.text("paid"))) // yields a notice, no copy
				last := uma.Send(w.says("and now?"))
				w.copied(uma, last)
				w.finish(simulator.CheckOptions{})
			})
		})
	}
}

func TestOwnerIsToldWhatToClick(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{idle: true, env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		boss := w.customer("Boss")
		w.desk.env = append(w.desk.env, "HOTLINE_OWNER="+strconv.FormatInt(boss.ID(), 10))
		w.desk.start(t)
		boss.Start()
		_, _, _ = w.dialog("Vic")
		w.group.Kick(w.bot)
		late := w.customer("Late").Send(w.says("hello?"))
		told := func(words string) int {
			n := 0
			for _, m := range boss.Inbox() {
				if strings.Contains(m.Text, words) {
					n++
				}
			}
			return n
		}
		w.until("the owner is told", func() bool { return told("add it again") > 0 })
		w.group.SetRights(w.bot, simulator.AllRights())
		w.until("the owner is told that it is over", func() bool { return told("delivered again") > 0 })
		if n := told("add it again"); n != 1 {
			t.Errorf("the owner was told %d times", n)
		}
		_ = late
		w.finish(simulator.CheckOptions{})
	})
}

func TestLongQueueIsAnnouncedInGeneral(t *testing.T) {
	withinLimits(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		for range 60 {
			w.customer("Rush").Send(w.says("me too"))
		}
		general := func() (found []simulator.Message) {
			for _, m := range w.group.Messages(0) {
				if m.FromBot && strings.Contains(m.Text, "come late") {
					found = append(found, m)
				}
			}
			return found
		}
		// The word takes its turn in the same queue, and the first minute's budget is used up.
		eventually(t, w.patience(), "a word in General", func() bool { return len(general()) > 0 })
		if text := general()[0].Text; !strings.Contains(text, "20 messages a minute") || !strings.Contains(text, "min") {
			t.Errorf("neither the cause nor the delay is said: %q", text)
		}
		w.end()
		if n := len(general()); n != 1 {
			t.Errorf("%d words in General", n)
		}
	})
}

func TestLiveLocationsMoveOnBothSides(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		wes, topic, _ := w.dialog("Wes")
		theirs := wes.Send(simulator.LiveLocation(36.7, -4.4))
		w.copied(wes, theirs)
		for range 3 {
			wes.Edit(theirs.ID, simulator.LiveLocation(36.8, -4.5))
			wes.Edit(theirs.ID, simulator.LiveLocation(36.9, -4.6))
		}
		w.until("the copy in the topic moves, in place", func() bool {
			copies := w.group.Copies(wes, theirs.ID)
			return len(copies) == 1 && copies[0].Kind == simulator.KindLiveLocation && copies[0].Edits > 0
		})
		ours := w.op.SendIn(topic.ID, simulator.LiveLocation(40.4, -3.7))
		w.until("the answer is there", func() bool { return len(wes.Copies(w.group, ours.ID)) == 1 })
		w.op.Edit(ours.ID, simulator.LiveLocation(40.5, -3.8))
		w.until("the copy at the customer moves, in place", func() bool {
			copies := wes.Copies(w.group, ours.ID)
			return len(copies) == 1 && copies[0].Kind == simulator.KindLiveLocation && copies[0].Edits > 0
		})
		w.finish(simulator.CheckOptions{EditsMirrored: true})
	})
}

func TestProtectedMessagesAreSentAsText(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		xia, topic, _ := w.dialog("Xia")
		words := w.text("for your eyes only")
		guarded := xia.Send(simulator.Text(words).Protected().CopyRefused())
		w.until("its words are in the topic", func() bool {
			for _, m := range w.group.Messages(topic.ID) {
				if m.FromBot && m.Text == words {
					return true
				}
			}
			return false
		})
		xia.Send(simulator.Sticker("🐈").Protected().CopyRefused())
		w.noticed(topic.ID, "no bot copy")
		after := xia.Send(w.says("and on we go"))
		w.copied(xia, after)
		_ = guarded
		w.finish(simulator.CheckOptions{})
	})
}
