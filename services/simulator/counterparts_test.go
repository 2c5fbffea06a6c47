package simulator_test

import (
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestCopiesAnswer(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	q, topic := anna.Send(simulator.Text("q")), w.group.Owner().CreateTopic("Anna")
	album := anna.SendAlbum(simulator.Photo("1"), simulator.Photo("2"))
	args := func(to any) obj {
		return obj{"chat_id": w.group.ID(), "message_thread_id": topic.ID, "from_chat_id": anna.ID(), "message_id": q.ID,
			"message_ids": []int64{album[0].ID, album[1].ID}, "reply_parameters": to}
	}
	first := w.api.must(t, "copyMessage", args(nil)).id(t)
	second := w.api.must(t, "copyMessage", args(obj{"message_id": first})).id(t)
	if m, _ := w.group.Message(second); m.ReplyTo != first {
		t.Fatalf("%+v", m)
	}
	if c := w.group.Copies(anna, q.ID); len(c) != 2 || c[1].ReplyTo != first {
		t.Fatalf("%+v", c)
	}
	w.group.Owner().Delete(first)
	const gone = "Bad Request: message to be replied not found"
	w.api.refuse(t, "copyMessage", args(obj{"message_id": first}), 400, gone)
	third := w.api.must(t, "copyMessage", args(obj{"message_id": first, "allow_sending_without_reply": true})).id(t)
	if m, _ := w.group.Message(third); m.ReplyTo != 0 {
		t.Fatalf("%+v", m)
	}
	w.api.must(t, "copyMessages", args(obj{"message_id": first})) // it has no such parameter
	for _, m := range w.group.Copies(anna, album[0].ID) {
		if m.ReplyTo != 0 {
			t.Errorf("%+v", m)
		}
	}
	other := w.group.Owner().CreateTopic("Anna again")
	w.group.DeleteTopic(topic.ID)
	w.api.refuse(t, "copyMessage", args(obj{"message_id": second}), 400, "Bad Request: message thread not found")
	again := args(obj{"message_id": second})
	again["message_thread_id"] = other.ID
	w.api.refuse(t, "copyMessage", again, 400, gone)
}

func TestCopiesAreFoundBothWays(t *testing.T) {
	st := newStage(t)
	m := st.op.SendIn(st.at, simulator.Text("x"))
	if got := st.anna.Copies(st.group, m.ID); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	first, second := st.copyOut(m, st.anna), st.copyOut(m, st.anna)
	st.copyOut(m, st.ben)
	if got := st.anna.Copies(st.group, m.ID); len(got) != 2 || got[0].ID != first || got[1].ID != second {
		t.Fatalf("%+v", got)
	}
	got, ok := st.anna.CopyOf(st.group, m.ID)
	if back, _ := st.group.Message(got.Source.ID); !ok || got.ID != second || back.ID != m.ID {
		t.Fatalf("%+v", got)
	}
	st.anna.Delete(second)
	if got, ok := st.anna.CopyOf(st.group, m.ID); !ok || got.ID != first {
		t.Fatalf("%+v", got)
	}
	q := st.in(st.anna, st.at, "q")
	if c, ok := st.group.CopyOf(st.anna, q.ID); !ok || c.Text != "q" || c.Source.ID != q.ID {
		t.Fatalf("%+v", c)
	}
	if _, ok := st.group.CopyOf(st.ben, q.ID); ok {
		t.Fatal("found at another customer")
	}
}

func TestCopyRefused(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	m := anna.Send(simulator.Text("secret").Protected().CopyRefused())
	pair := anna.SendAlbum(simulator.Photo("1").CopyRefused(), simulator.Photo("2"))
	args := func(from, id int64) obj { return obj{"chat_id": w.group.ID(), "from_chat_id": from, "message_id": id} }
	const refused = "Bad Request: the message can't be copied"
	w.api.refuse(t, "copyMessage", args(anna.ID(), m.ID), 400, refused)
	r := w.api.must(t, "copyMessages", obj{"chat_id": w.group.ID(), "from_chat_id": anna.ID(), "message_ids": []int64{pair[0].ID, pair[1].ID}})
	if n := strings.Count(string(r.Result), "message_id"); n != 1 {
		t.Fatalf("%d copies", n)
	}
	plain := anna.Send(simulator.Text("plain"))
	anna.SetCopyRefused(true)
	w.api.refuse(t, "copyMessage", args(anna.ID(), plain.ID), 400, refused)
	anna.SetCopyRefused(false)
	w.api.must(t, "copyMessage", args(anna.ID(), plain.ID))
	w.group.SetCopyRefused(true)
	o := w.op.SendIn(0, simulator.Text("x"))
	w.api.refuse(t, "copyMessage", obj{"chat_id": anna.ID(), "from_chat_id": o.Chat, "message_id": o.ID}, 400, refused)
	again := w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "secret"}).id(t)
	if c, ok := w.group.CopyOf(anna, m.ID); !ok || c.ID != again {
		t.Fatalf("sent again, but no copy: %+v", c)
	}
	if got, _ := w.group.Message(w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "plain"}).id(t)); got.Source.ID != plain.ID {
		t.Errorf("a refusal was forgotten: %+v", got)
	}
	if got, _ := w.group.Message(w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "x"}).id(t)); got.Source.ID != 0 {
		t.Errorf("the operator's message is its own copy: %+v", got)
	}
}
