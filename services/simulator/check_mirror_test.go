package simulator_test

import (
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// mirror, shown and none are options of Check.
func mirror() simulator.CheckOptions { return simulator.CheckOptions{EditsMirrored: true} }
func shown() simulator.CheckOptions  { return simulator.CheckOptions{EditsShown: true} }
func none() simulator.CheckOptions   { return simulator.CheckOptions{} }

// write lets the operator write to Anna, copied by the desk.
func (st *stage) write(text string) (simulator.Message, int64) {
	st.t.Helper()
	m := st.op.SendIn(st.at, simulator.Text(text))
	return m, st.copyOut(m, st.anna)
}

// edit lets the bot edit a text.
func (st *stage) edit(chat, id int64, text string) {
	st.t.Helper()
	st.api.must(st.t, "editMessageText", obj{"chat_id": chat, "message_id": id, "text": text})
}

func (st *stage) react(id int64, emoji string) {
	st.t.Helper()
	st.api.must(st.t, "setMessageReaction", obj{"chat_id": st.group.ID(), "message_id": id, "reaction": []obj{{"type": "emoji", "emoji": emoji}}})
}

func TestCheckJudgesRepliesInTheTopic(t *testing.T) {
	wrong := is(simulator.WrongReply)
	reply := func(st *stage, to int64) simulator.Message { return st.anna.Reply(to, simulator.Text("re")) }
	judge(t, []misdeed{
		{"to her own", func(st *stage) {
			q := st.anna.Send(simulator.Text("q"))
			c := st.copyIn(q, st.at)
			st.copyIn(reply(st, q.ID), st.at, c)
		}, none(), nil},
		{"to her own, unthreaded", func(st *stage) { st.copyIn(reply(st, st.in(st.anna, st.at, "q").ID), st.at) }, none(), wrong},
		{"to her own, but another", func(st *stage) {
			other := st.copyIn(st.anna.Send(simulator.Text("other")), st.at)
			st.copyIn(reply(st, st.in(st.anna, st.at, "q").ID), st.at, other)
		}, none(), wrong},
		{"to the desk's", func(st *stage) {
			m, c := st.write("x")
			st.copyIn(reply(st, c), st.at, m.ID)
		}, none(), nil},
		{"to the desk's, unthreaded", func(st *stage) {
			_, c := st.write("x")
			st.copyIn(reply(st, c), st.at)
		}, none(), wrong},
		{"to what has no counterpart", func(st *stage) {
			hello := st.api.must(st.t, "sendMessage", obj{"chat_id": st.anna.ID(), "text": "welcome"}).id(st.t)
			st.copyIn(reply(st, hello), st.at)
		}, none(), nil},
		{"to what has no counterpart, threaded", func(st *stage) {
			hello := st.api.must(st.t, "sendMessage", obj{"chat_id": st.anna.ID(), "text": "welcome"}).id(st.t)
			m, _ := st.write("x")
			st.copyIn(reply(st, hello), st.at, m.ID)
		}, none(), wrong},
		{"no answer, but threaded", func(st *stage) {
			m, _ := st.write("x")
			st.copyIn(st.anna.Send(simulator.Text("y")), st.at, m.ID)
		}, none(), wrong},
		{"no answer, at the root", func(st *stage) { st.copyIn(st.anna.Send(simulator.Text("y")), st.at, st.at) }, none(), nil},
		{"counterpart deleted", func(st *stage) {
			q := st.anna.Send(simulator.Text("q"))
			st.op.Delete(st.copyIn(q, st.at))
			st.copyIn(reply(st, q.ID), st.at)
		}, none(), nil},
		{"answered message deleted", func(st *stage) {
			q := st.in(st.anna, st.at, "q")
			re := reply(st, q.ID)
			st.anna.Delete(q.ID)
			st.copyIn(re, st.at)
		}, none(), nil},
		{"topic deleted", func(st *stage) {
			re := reply(st, st.in(st.anna, st.at, "q").ID)
			st.group.DeleteTopic(st.at)
			st.copyIn(re, st.topic("Anna"))
		}, none(), nil},
		{"album", func(st *stage) {
			q := st.in(st.anna, st.at, "q")
			a := st.anna.Reply(q.ID, simulator.Album(simulator.Photo("1"), simulator.Photo("2")))
			st.api.must(st.t, "copyMessages", obj{"chat_id": st.group.ID(), "message_thread_id": st.at, "from_chat_id": a.Chat, "message_ids": []int64{a.ID, a.ID + 1}})
		}, none(), nil},
		{"threaded copy refused, plain one not", func(st *stage) {
			q := st.anna.Send(simulator.Text("q"))
			c := st.copyIn(q, st.at)
			re := st.anna.Reply(q.ID, simulator.Text("re").AnswerRefused())
			st.api.refuse(st.t, "copyMessage", obj{"chat_id": st.group.ID(), "message_thread_id": st.at, "from_chat_id": re.Chat, "message_id": re.ID, "reply_parameters": obj{"message_id": c}}, 400, "Bad Request: the message can't be copied")
			st.copyIn(re, st.at)
		}, none(), nil},
		{"a version answers the one before", func(st *stage) {
			q := st.anna.Send(simulator.Text("q"))
			c := st.copyIn(q, st.at)
			st.anna.Edit(q.ID, simulator.Text("q2"))
			st.copyIn(q, st.at, c)
		}, none(), nil},
		{"a version answers another message", func(st *stage) {
			q := st.anna.Send(simulator.Text("q"))
			st.copyIn(q, st.at)
			m, _ := st.write("x")
			st.anna.Edit(q.ID, simulator.Text("q2"))
			st.copyIn(q, st.at, m.ID)
		}, none(), wrong},
	})
}

func TestCheckJudgesRepliesAtTheCustomer(t *testing.T) {
	wrong := is(simulator.WrongReply)
	reply := func(st *stage, to int64) simulator.Message { return st.op.Reply(to, simulator.Text("re")) }
	asked := func(st *stage) (simulator.Message, int64) {
		q := st.anna.Send(simulator.Text("q"))
		return q, st.copyIn(q, st.at)
	}
	judge(t, []misdeed{
		{"to the customer's", func(st *stage) { q, c := asked(st); st.copyOut(reply(st, c), st.anna, q.ID) }, none(), nil},
		{"to the customer's, unthreaded", func(st *stage) { _, c := asked(st); st.copyOut(reply(st, c), st.anna) }, none(), wrong},
		{"to an operator's", func(st *stage) { m, c := st.write("x"); st.copyOut(reply(st, m.ID), st.anna, c) }, none(), nil},
		{"to an operator's, unthreaded", func(st *stage) { m, _ := st.write("x"); st.copyOut(reply(st, m.ID), st.anna) }, none(), wrong},
		{"to an operator's, but another", func(st *stage) {
			m, _ := st.write("x")
			_, other := st.write("y")
			st.copyOut(reply(st, m.ID), st.anna, other)
		}, none(), wrong},
		{"to a comment", func(st *stage) {
			st.copyOut(reply(st, st.op.SendIn(st.at, simulator.Text("/ psst")).ID), st.anna)
		}, none(), nil},
		{"to a comment, threaded", func(st *stage) {
			_, other := st.write("y")
			st.copyOut(reply(st, st.op.SendIn(st.at, simulator.Text("/ psst")).ID), st.anna, other)
		}, none(), wrong},
		{"copy deleted", func(st *stage) {
			m, c := st.write("x")
			st.anna.Delete(c)
			st.copyOut(reply(st, m.ID), st.anna)
		}, none(), nil},
		{"edited, sent again", func(st *stage) {
			m, c := st.write("x")
			st.op.Edit(m.ID, simulator.Text("y"))
			st.copyOut(m, st.anna, c)
		}, mirror(), nil},
	})
}

func TestCheckJudgesEdits(t *testing.T) {
	stale := is(simulator.StaleEdit)
	judge(t, []misdeed{
		{"mirrored", func(st *stage) {
			m, c := st.write("x")
			st.op.Edit(m.ID, simulator.Text("y"))
			st.edit(st.anna.ID(), c, "y")
		}, mirror(), nil},
		{"not mirrored", func(st *stage) { m, _ := st.write("x"); st.op.Edit(m.ID, simulator.Text("y")) }, mirror(), stale},
		{"not mirrored, not asked", func(st *stage) { m, _ := st.write("x"); st.op.Edit(m.ID, simulator.Text("y")) }, none(), nil},
		{"the last but one", func(st *stage) {
			m, c := st.write("x")
			st.op.Edit(m.ID, simulator.Text("y"))
			st.edit(st.anna.ID(), c, "y")
			st.op.Edit(m.ID, simulator.Text("z"))
		}, mirror(), stale},
		{"told before", func(st *stage) {
			m, _ := st.write("x")
			st.say(st.at, "⚠️ hm", m.ID)
			st.op.Edit(m.ID, simulator.Text("y"))
		}, mirror(), stale},
		{"told", func(st *stage) {
			m, _ := st.write("x")
			st.op.Edit(m.ID, simulator.Text("y"))
			st.say(st.at, "⚠️ the edit did not arrive", m.ID)
		}, mirror(), nil},
		{"held", func(st *stage) { m, _ := st.write("x"); st.op.Edit(m.ID, simulator.Text("/ y")) }, mirror(), nil},
		{"the copy is gone", func(st *stage) {
			m, c := st.write("x")
			st.op.Edit(m.ID, simulator.Text("y"))
			st.anna.Delete(c)
		}, mirror(), nil},
		{"another file", func(st *stage) {
			m := st.op.SendIn(st.at, simulator.Photo("x"))
			st.copyOut(m, st.anna)
			st.op.Edit(m.ID, simulator.Photo("x").WithFile("better.jpg"))
		}, mirror(), stale},
		{"a live location stands", func(st *stage) {
			m := st.op.SendIn(st.at, simulator.LiveLocation(1, 2))
			st.copyOut(m, st.anna)
			st.op.Edit(m.ID, simulator.LiveLocation(1, 3))
		}, mirror(), stale},
		{"a live location moves", func(st *stage) {
			m := st.op.SendIn(st.at, simulator.LiveLocation(1, 2))
			id := st.api.must(st.t, "sendLocation", obj{"chat_id": st.anna.ID(), "latitude": 1, "longitude": 2, "live_period": 3600}).id(st.t)
			st.op.Edit(m.ID, simulator.LiveLocation(1, 3))
			st.api.must(st.t, "editMessageLiveLocation", obj{"chat_id": st.anna.ID(), "message_id": id, "latitude": 1, "longitude": 3})
		}, mirror(), nil},
		{"of a customer, not shown", func(st *stage) {
			st.anna.Edit(st.in(st.anna, st.at, "q").ID, simulator.Text("q2"))
		}, shown(), stale},
		{"of a customer, a version", func(st *stage) {
			q := st.in(st.anna, st.at, "q")
			st.anna.Edit(q.ID, simulator.Text("q2"))
			st.copyIn(q, st.at)
		}, shown(), nil},
		{"of a customer, mirrored", func(st *stage) {
			q := st.anna.Send(simulator.Text("q"))
			c := st.copyIn(q, st.at)
			st.anna.Edit(q.ID, simulator.Text("q2"))
			st.edit(st.group.ID(), c, "q2")
		}, shown(), nil},
		{"a version too many", func(st *stage) {
			q := st.in(st.anna, st.at, "q")
			st.anna.Edit(q.ID, simulator.Text("q2"))
			st.copyIn(q, st.at)
			st.copyIn(q, st.at)
		}, shown(), is(simulator.Duplicate)},
	})
}

func TestSettleWaitsForAnEdit(t *testing.T) {
	st := newStage(t)
	m, c := st.write("x")
	st.op.Edit(m.ID, simulator.Text("y"))
	if v := st.s.Settle(within(t, 50*time.Millisecond), mirror()); len(v) != 1 || v[0].Kind != simulator.StaleEdit || v[0].Source.ID != m.ID || v[0].Customer != st.anna.ID() {
		t.Fatal(v)
	}
	st.edit(st.anna.ID(), c, "y")
	if v := st.s.Settle(within(t, 5*time.Second), mirror()); len(v) != 0 {
		t.Fatal(v)
	}
}
