package simulator_test

import (
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestCheckOverhearsComments(t *testing.T) {
	leak := is(simulator.CommentLeak)
	tell := func(st *stage, text string) {
		st.api.must(st.t, "sendMessage", obj{"chat_id": st.anna.ID(), "text": text})
	}
	judge(t, []misdeed{
		{"in the bot's words", func(st *stage) {
			st.op.SendIn(st.at, simulator.Text("/ never again"))
			tell(st, "they say: / never again")
		}, none(), leak},
		{"an edit of a comment", func(st *stage) {
			m := st.op.SendIn(st.at, simulator.Text("/ x"))
			st.op.Edit(m.ID, simulator.Text("no comment any more"))
			tell(st, "no comment any more")
		}, none(), leak},
		{"an edit that became a comment", func(st *stage) {
			m, c := st.write("hello")
			st.op.Edit(m.ID, simulator.Text("/ hello?"))
			st.edit(st.anna.ID(), c, "/ hello?")
		}, none(), leak},
		{"the same, copied", func(st *stage) {
			m, _ := st.write("hello")
			st.op.Edit(m.ID, simulator.Text("/ hello?"))
			st.copyOut(m, st.anna)
		}, none(), leak},
		{"to another customer", func(st *stage) {
			st.op.SendIn(st.at, simulator.Text("/ psst"))
			st.api.must(st.t, "sendMessage", obj{"chat_id": st.ben.ID(), "text": "/ psst"})
		}, none(), leak},
		{"a caption in an album aside", func(st *stage) {
			a := st.op.SendAlbum(st.at, simulator.Photo("/ look"), simulator.Photo(""))
			st.op.Edit(a[1].ID, simulator.Photo("what a mess"))
			tell(st, "what a mess")
		}, none(), leak},
		{"written for the customer too", func(st *stage) {
			m := st.op.SendIn(st.at, simulator.Text("/ x"))
			st.op.Edit(m.ID, simulator.Text("on its way"))
			st.write("on its way")
		}, none(), nil},
		{"a short word inside another", func(st *stage) {
			st.op.SendIn(st.at, simulator.Text("/ ok"))
			tell(st, "write / ok, please")
		}, none(), nil},
		{"before there was a comment", func(st *stage) {
			tell(st, "/ a strange welcome")
			st.op.SendIn(st.at, simulator.Text("/ a strange welcome"))
		}, none(), nil},
	})
}

func TestCheckAcceptsMergedNotices(t *testing.T) {
	refused := func(st *stage, text string) simulator.Message {
		m := st.op.SendIn(st.at, simulator.Text(text))
		st.api.call(st.t, "copyMessage", obj{"chat_id": 4711, "from_chat_id": m.Chat, "message_id": m.ID})
		return m
	}
	quizzes := func(st *stage) {
		st.anna.Send(simulator.Giveaway())
		st.anna.Send(simulator.Quiz("?", "a", "b"))
	}
	judge(t, []misdeed{
		{"two refused, one notice", func(st *stage) {
			st.react(refused(st, "x").ID, "💔")
			st.react(refused(st, "y").ID, "💔")
			st.say(st.at, "⚠️ two did not arrive", 0)
		}, none(), nil},
		{"no notice", func(st *stage) { st.react(refused(st, "x").ID, "💔") }, none(), is(simulator.Lost)},
		{"the notice came before", func(st *stage) {
			st.say(st.at, "⚠️ hm", 0)
			st.react(refused(st, "x").ID, "💔")
		}, none(), is(simulator.Lost)},
		{"the notice is elsewhere", func(st *stage) {
			st.react(refused(st, "x").ID, "💔")
			st.say(st.bt, "⚠️ hm", 0)
		}, none(), is(simulator.Lost)},
		{"another emoji", func(st *stage) {
			m := refused(st, "x")
			st.react(m.ID, "💔")
			st.react(m.ID, "👀")
			st.say(st.at, "⚠️ hm", 0)
		}, none(), is(simulator.Lost)},
		{"an album, marked at its first", func(st *stage) {
			a := st.op.SendAlbum(st.at, simulator.Photo("1"), simulator.Photo("2"))
			st.api.call(st.t, "copyMessages", obj{"chat_id": 4711, "from_chat_id": st.group.ID(), "message_ids": []int64{a[0].ID, a[1].ID}})
			st.react(a[1].ID, "💔")
			st.say(st.at, "⚠️ the album did not arrive", 0)
		}, none(), nil},
		{"two uncopyable, two lines", func(st *stage) { quizzes(st); st.say(st.at, "⚠️ a giveaway\n⚠️ a quiz", 0) }, none(), nil},
		{"two uncopyable, one line", func(st *stage) { quizzes(st); st.say(st.at, "⚠️ a giveaway\nand a quiz", 0) }, none(), is(simulator.NoNotice)},
		{"two uncopyable, a line added", func(st *stage) {
			quizzes(st)
			id := st.api.must(st.t, "sendMessage", obj{"chat_id": st.group.ID(), "message_thread_id": st.at, "text": "⚠️ a giveaway"}).id(st.t)
			st.edit(st.group.ID(), id, "⚠️ a giveaway\n⚠️ a quiz")
		}, none(), nil},
	})
}

func TestCheckJudgesWhatIsSentAgain(t *testing.T) {
	refuse := func(st *stage, m simulator.Message) {
		st.api.refuse(st.t, "copyMessage", obj{"chat_id": st.anna.ID(), "from_chat_id": m.Chat, "message_id": m.ID}, 400, "Bad Request: the message can't be copied")
	}
	send := func(st *stage, to *simulator.Customer, text string) {
		st.api.must(st.t, "sendMessage", obj{"chat_id": to.ID(), "text": text})
	}
	held := func(st *stage) simulator.Message {
		m := st.op.SendIn(st.at, simulator.Text("held").CopyRefused())
		refuse(st, m)
		return m
	}
	judge(t, []misdeed{
		{"refused, not sent again", func(st *stage) { held(st) }, none(), is(simulator.Lost)},
		{"sent again", func(st *stage) { held(st); send(st, st.anna, "held") }, none(), nil},
		{"sent twice again", func(st *stage) { held(st); send(st, st.anna, "held"); send(st, st.anna, "held") }, none(), is(simulator.Duplicate)},
		{"two alike", func(st *stage) { held(st); held(st); send(st, st.anna, "held"); send(st, st.anna, "held") }, none(), nil},
		{"to the wrong customer", func(st *stage) { held(st); send(st, st.ben, "held") }, none(), is(simulator.CrossLeak, simulator.Lost)},
		{"something else", func(st *stage) { held(st); send(st, st.anna, "another text") }, none(), is(simulator.Lost)},
		{"in disorder", func(st *stage) {
			held(st)
			st.write("later")
			send(st, st.anna, "held")
		}, none(), is(simulator.Disorder)},
		{"a live location of a customer", func(st *stage) {
			m := st.anna.Send(simulator.LiveLocation(1, 2))
			st.anna.Edit(m.ID, simulator.LiveLocation(1, 3))
			st.api.must(st.t, "sendLocation", obj{"chat_id": st.group.ID(), "message_thread_id": st.at, "latitude": 1, "longitude": 2, "live_period": 3600})
		}, none(), nil},
		{"protected, from the start", func(st *stage) {
			st.anna.Send(simulator.Text("secret").Protected())
			st.say(st.at, "secret", 0)
		}, none(), nil},
	})
}

// TestTheCheckFollowsAMigration lets a desk go on in a new topic of the new group.
func TestTheCheckFollowsAMigration(t *testing.T) {
	st := newStage(t)
	q := st.in(st.anna, st.at, "before")
	st.group = st.group.Migrate()
	st.at = st.topic("Anna")
	st.copyIn(st.anna.Reply(q.ID, simulator.Text("after")), st.at) // what it answers has no copy here
	st.copyOut(st.op.SendIn(st.at, simulator.Text("hello again")), st.anna)
	if v := st.s.Check(simulator.CheckOptions{}); len(v) != 0 {
		t.Fatal(v)
	}
	st.in(st.anna, st.topic("Anna"), "twin")
	if got := kindsOf(st.s.Check(simulator.CheckOptions{})); len(got) != 1 || got[0] != simulator.TwinTopics {
		t.Fatal(got)
	}
}
