package e2e

import (
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestFirstContactAndAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=Hello {title}, we are with you soon."}})
		anna := w.customer("Anna")
		anna.Start("campaign42")
		question := anna.Send(w.says("where is my order?"))
		topic := w.topic(anna)
		w.copied(anna, question)
		w.arrives(anna, "Hello "+anna.Name()+", we are with you soon.")
		w.named(anna, "🟪 "+anna.Name())
		answer := w.text("on its way")
		w.op.SendIn(topic.ID, simulator.Text(answer))
		w.arrives(anna, answer)
		w.named(anna, "🟨")
		anna.Send(w.says("thank you"))
		w.named(anna, "🟪")
		w.finish(simulator.CheckOptions{})
	})
}

func TestCommentsAndCommands(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		boris := w.customer("Boris")
		boris.Send(w.says("it is broken"))
		topic := w.topic(boris)

		w.op.SendIn(topic.ID, simulator.Text("/ "+w.text("he always says that")))
		w.op.SendIn(topic.ID, simulator.Photo("/ "+w.text("a picture for the team")))
		w.op.SendAlbum(topic.ID, simulator.Photo("/ "+w.text("an album for the team")), simulator.Photo(""), simulator.Photo(""))
		typo := w.op.SendIn(topic.ID, simulator.Text("/clsoe "+w.text("typed in haste")))
		if notice := w.noticed(topic.ID, "/close"); notice.ReplyTo != typo.ID {
			t.Errorf("the answer to an unknown command replies to %d, not to %d", notice.ReplyTo, typo.ID)
		}
		w.op.Anonymous().SendIn(topic.ID, simulator.Text("/close"))
		w.noticed(topic.ID, "anonymous")
		w.op.SendIn(topic.ID, simulator.Text("/help"))
		w.noticed(topic.ID, "/hold")

		w.op.SendIn(topic.ID, simulator.Text("/wait"))
		w.named(boris, "🟨")
		w.op.SendIn(topic.ID, simulator.Text("/hold"))
		w.named(boris, "🟪")
		if got := boris.Inbox(); len(got) != 0 {
			t.Errorf("comments and commands reached the customer: %d messages", len(got))
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestCloseAndReopen(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=Welcome here"}})
		cleo := w.customer("Cleo")
		cleo.Send(w.says("hello"))
		topic := w.topic(cleo)
		closed := func() bool { now, ok := w.group.Topic(topic.ID); return ok && now.Closed }

		w.op.SendIn(topic.ID, simulator.Text("/close"))
		w.named(cleo, "⬛")
		w.until("the topic is closed", closed)

		cleo.Send(w.says("one more thing"))
		w.named(cleo, "🟪")
		w.until("the topic is open", func() bool { return !closed() })
		w.until("a second welcome", func() bool { return strings.Count(inboxText(cleo), "Welcome here") == 2 })

		w.op.SendIn(topic.ID, simulator.Text("/close"))
		w.until("the topic is closed again", closed)
		w.group.Owner().SendIn(topic.ID, simulator.Text("/open"))
		w.named(cleo, "🟪")
		w.until("the topic is open again", func() bool { return !closed() })
		if n := strings.Count(inboxText(cleo), "Welcome here"); n != 2 {
			t.Errorf("/open sent the welcome: %d in all", n)
		}
		if topics := w.group.Topics(); len(topics) != 1 {
			t.Errorf("%d topics for one customer", len(topics))
		}
		w.finish(simulator.CheckOptions{})
	})
}

func inboxText(c *simulator.Customer) string {
	var b strings.Builder
	for _, m := range c.Inbox() {
		b.WriteString(m.Text + "\n")
	}
	return b.String()
}

// copyable is every kind that Telegram lets a bot copy, with a body to search for where it can have one.
func (w *world) copyable() []simulator.Content {
	return []simulator.Content{
		w.says("plain text"), simulator.Photo(w.text("photo")), simulator.Video(w.text("video")),
		simulator.Animation(w.text("animation")), simulator.Audio(w.text("title"), w.text("audio")),
		simulator.Document(w.text("file name")+".pdf", w.text("document")), simulator.Sticker("🐈"),
		simulator.Voice(w.text("voice")), simulator.VideoNote(), simulator.Location(36.7, -4.4),
		simulator.LiveLocation(36.7, -4.4), simulator.Contact("+34600123987", w.text("contact")),
		simulator.Venue(w.text("venue"), w.text("address")), simulator.Poll(w.text("poll"), "yes", "no"), simulator.Dice("🎲"),
		w.says("forwarded").Forwarded("Hidden Sender"), w.says("via a bot").ViaBot("gif"),
		w.says("protected").Protected(), w.says("with buttons").WithButtons("a shop", "https://example.org"),
	}
}

func TestEveryKindBothWays(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		dora := w.customer("Dora")
		kinds := w.copyable()
		for _, content := range kinds {
			dora.Send(content)
		}
		topic := w.topic(dora)
		for _, content := range w.copyable() {
			w.op.SendIn(topic.ID, content)
		}
		w.until("every kind reached the customer", func() bool { return len(dora.Inbox()) == len(kinds) })
		w.finish(simulator.CheckOptions{})
	})
}

func TestUncopyableKindsAreSaid(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		ed := w.customer("Ed")
		ed.Send(w.says("first"))
		topic := w.topic(ed)
		for word, content := range map[string]simulator.Content{
			"paid media": simulator.PaidMedia(w.text("paid")), "giveaway": simulator.Giveaway(),
			"invoice": simulator.Invoice(w.text("invoice")), "quiz": simulator.Quiz(w.text("quiz"), "a", "b"),
		} {
			ed.Send(content)
			w.noticed(topic.ID, word)
		}
		quiz := w.op.SendIn(topic.ID, simulator.Quiz(w.text("operator's quiz"), "a", "b"))
		w.until("the operator is told", func() bool {
			for _, m := range w.group.Messages(topic.ID) {
				if m.FromBot && m.ReplyTo == quiz.ID {
					return true
				}
			}
			return false
		})
		ed.Send(w.says("last"))
		w.finish(simulator.CheckOptions{})
	})
}

func TestAlbumsStayAlbums(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		flo := w.customer("Flo")
		album := func(n int) (items []simulator.Content) {
			for i := range n {
				items = append(items, simulator.Photo(w.text("picture %d", i)))
			}
			return items
		}
		flo.Send(w.says("before"))
		theirs := flo.SendAlbum(album(7)...)
		after := flo.Send(w.says("after"))
		topic := w.topic(flo)
		w.copied(flo, after)
		groups := map[string]int{}
		for _, m := range theirs {
			for _, c := range w.group.Copies(flo, m.ID) {
				groups[c.Album]++
			}
		}
		if len(groups) != 1 || groups[""] != 0 {
			t.Errorf("the album came apart: %v", groups)
		}
		w.op.SendAlbum(topic.ID, album(10)...)
		w.until("the answer's album", func() bool { return len(flo.Inbox()) == 10 })
		first := flo.Inbox()[0].Album
		for _, m := range flo.Inbox() {
			if m.Album == "" || m.Album != first {
				t.Errorf("message %d is not part of the album", m.ID)
			}
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestTwoFirstMessagesMakeOneTopic(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{})
		var all []*simulator.Customer
		for range how.many(50, 6) {
			c := w.customer("Twin")
			all = append(all, c)
			c.Send(w.says("one"))
			c.Send(w.says("two"))
		}
		for _, c := range all {
			w.topic(c)
		}
		w.settle(simulator.CheckOptions{})
		if n := len(w.group.Topics()); n != len(all) {
			t.Errorf("%d topics for %d customers", n, len(all))
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestBlockedCustomerIsSaid(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := newWorld(t, how, options{env: []string{"HOTLINE_PARAM_WELCOME=OFF"}})
		gus := w.customer("Gus")
		gus.Send(w.says("hello"))
		topic := w.topic(gus)
		w.settle(simulator.CheckOptions{})
		gus.Block()
		w.noticed(topic.ID, "block")
		lost := w.op.SendIn(topic.ID, w.says("are you there?"))
		w.until("the operator is told at the message", func() bool {
			for _, m := range w.group.Messages(topic.ID) {
				if m.FromBot && m.ReplyTo == lost.ID {
					return true
				}
			}
			return false
		})
		gus.Unblock()
		back := w.text("and now?")
		w.op.SendIn(topic.ID, simulator.Text(back))
		w.arrives(gus, back)
		w.finish(simulator.CheckOptions{})
	})
}
