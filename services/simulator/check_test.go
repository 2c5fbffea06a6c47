package simulator_test

import (
	"slices"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

// stage is a world in which the test itself plays the desk, well or badly.
type stage struct {
	*world
	t         *testing.T
	anna, ben *simulator.Customer
	at, bt    int64 // their topics
}

func newStage(t *testing.T) *stage {
	w := newWorld(t, simulator.Config{})
	st := &stage{world: w, t: t, anna: w.s.NewCustomer("Anna"), ben: w.s.NewCustomer("Ben")}
	st.at, st.bt = st.topic("Anna"), st.topic("Ben")
	st.in(st.anna, st.at, "a0")
	st.in(st.ben, st.bt, "b0")
	return st
}

func (st *stage) topic(name string) int64 {
	st.t.Helper()
	st.api.must(st.t, "createForumTopic", obj{"chat_id": st.group.ID(), "name": name})
	topics := st.group.Topics()
	return topics[len(topics)-1].ID
}

// in lets c write and copies it to a topic.
func (st *stage) in(c *simulator.Customer, topic int64, text string) simulator.Message {
	st.t.Helper()
	m := c.Send(simulator.Text(text))
	st.copyIn(m, topic)
	return m
}

func (st *stage) copyIn(m simulator.Message, topic int64, replyTo ...int64) int64 {
	st.t.Helper()
	args := obj{"chat_id": st.group.ID(), "from_chat_id": m.Chat, "message_id": m.ID}
	if topic != 0 {
		args["message_thread_id"] = topic
	}
	if len(replyTo) > 0 {
		args["reply_parameters"] = obj{"message_id": replyTo[0]}
	}
	return st.api.must(st.t, "copyMessage", args).id(st.t)
}

// copyOut copies m to a customer, as an answer to a message there if one is given.
func (st *stage) copyOut(m simulator.Message, to *simulator.Customer, replyTo ...int64) int64 {
	st.t.Helper()
	args := obj{"chat_id": to.ID(), "from_chat_id": m.Chat, "message_id": m.ID}
	if len(replyTo) > 0 {
		args["reply_parameters"] = obj{"message_id": replyTo[0]}
	}
	return st.api.must(st.t, "copyMessage", args).id(st.t)
}

func (st *stage) say(topic int64, text string, replyTo int64) {
	st.t.Helper()
	args := obj{"chat_id": st.group.ID(), "message_thread_id": topic, "text": text}
	if replyTo != 0 {
		args["reply_parameters"] = obj{"message_id": replyTo}
	}
	st.api.must(st.t, "sendMessage", args)
}

func (st *stage) album(c *simulator.Customer) []simulator.Message {
	return c.SendAlbum(simulator.Photo("1"), simulator.Photo("2"))
}

// misdeed is something a desk does, and what the checker says to it.
type misdeed struct {
	name string
	do   func(st *stage)
	opts simulator.CheckOptions
	want []simulator.ViolationKind
}

func kindsOf(vs []simulator.Violation) []simulator.ViolationKind {
	var out []simulator.ViolationKind
	for _, v := range vs {
		if !slices.Contains(out, v.Kind) {
			out = append(out, v.Kind)
		}
	}
	slices.Sort(out)
	return out
}

func judge(t *testing.T, list []misdeed) {
	for _, m := range list {
		t.Run(m.name, func(t *testing.T) {
			st := newStage(t)
			m.do(st)
			got := st.s.Check(m.opts)
			if !slices.Equal(kindsOf(got), m.want) {
				t.Fatalf("want %v, got %v", m.want, got)
			}
			for _, v := range got {
				if v.String() == "" || v.Detail == "" {
					t.Errorf("a violation without words: %+v", v)
				}
			}
		})
	}
}

func is(k ...simulator.ViolationKind) []simulator.ViolationKind { return k }

func TestCheckJudgesTheDeskSide(t *testing.T) {
	judge(t, []misdeed{
		{"faultless", func(st *stage) { st.in(st.anna, st.at, "a1") }, simulator.CheckOptions{TopicNames: true}, nil},
		{"lost", func(st *stage) { st.anna.Send(simulator.Text("gone")) }, simulator.CheckOptions{}, is(simulator.Lost)},
		{"lost though something was said", func(st *stage) { st.anna.Send(simulator.Text("gone")); st.say(st.at, "sorry", 0) }, simulator.CheckOptions{}, is(simulator.Lost)},
		{"/start may stay away", func(st *stage) { st.anna.Start("promo") }, simulator.CheckOptions{}, nil},
		{"duplicate", func(st *stage) { st.copyIn(st.in(st.anna, st.at, "x"), st.at) }, simulator.CheckOptions{}, is(simulator.Duplicate)},
		{"a duplicate too many", func(st *stage) {
			m := st.in(st.anna, st.at, "x")
			st.copyIn(m, st.at)
			st.copyIn(m, st.at)
		}, simulator.CheckOptions{MaxDuplicates: 1}, is(simulator.Duplicate)},
		{"a duplicate allowed", func(st *stage) { st.copyIn(st.in(st.anna, st.at, "x"), st.at) }, simulator.CheckOptions{MaxDuplicates: 1}, nil},
		{"a duplicate announced", func(st *stage) { st.copyIn(st.in(st.anna, st.at, "x"), st.at); st.say(st.at, "↻ sent once more", 0) }, simulator.CheckOptions{}, nil},
		{"announced elsewhere", func(st *stage) { st.copyIn(st.in(st.anna, st.at, "x"), st.at); st.say(st.bt, "↻", 0) }, simulator.CheckOptions{}, is(simulator.Duplicate)},
		{"a copy for an edit", func(st *stage) {
			m := st.in(st.anna, st.at, "x")
			st.anna.Edit(m.ID, simulator.Text("y"))
			st.copyIn(m, st.at)
		}, simulator.CheckOptions{}, nil},
		{"disorder", func(st *stage) {
			a, b := st.anna.Send(simulator.Text("1")), st.anna.Send(simulator.Text("2"))
			st.copyIn(b, st.at)
			st.copyIn(a, st.at)
		}, simulator.CheckOptions{}, is(simulator.Disorder)},
		{"in another's topic", func(st *stage) { st.in(st.anna, st.bt, "x") }, simulator.CheckOptions{}, is(simulator.CrossLeak, simulator.TwinTopics)},
		{"in General", func(st *stage) { st.in(st.anna, 0, "x") }, simulator.CheckOptions{}, is(simulator.WrongTopic)},
		{"twin topics", func(st *stage) { st.in(st.anna, st.topic("Anna"), "x") }, simulator.CheckOptions{}, is(simulator.TwinTopics)},
		{"a new topic after deletion", func(st *stage) {
			st.group.DeleteTopic(st.at)
			st.in(st.anna, st.topic("Anna"), "x")
		}, simulator.CheckOptions{}, nil},
		{"an empty topic", func(st *stage) { st.topic("Carl") }, simulator.CheckOptions{}, is(simulator.OrphanTopic)},
		{"an album in pieces", func(st *stage) {
			for _, m := range st.album(st.anna) {
				st.copyIn(m, st.at)
			}
		}, simulator.CheckOptions{}, is(simulator.AlbumSplit)},
		{"an album whole", func(st *stage) {
			a := st.album(st.anna)
			st.api.must(st.t, "copyMessages", obj{"chat_id": st.group.ID(), "message_thread_id": st.at, "from_chat_id": st.anna.ID(), "message_ids": []int64{a[0].ID, a[1].ID}})
		}, simulator.CheckOptions{}, nil},
		{"half an album", func(st *stage) { st.copyIn(st.album(st.anna)[0], st.at) }, simulator.CheckOptions{}, is(simulator.Lost)},
		{"uncopyable, not a word", func(st *stage) { st.anna.Send(simulator.Quiz("?", "a", "b")) }, simulator.CheckOptions{}, is(simulator.NoNotice)},
		{"uncopyable, said", func(st *stage) { st.anna.Send(simulator.Quiz("?", "a", "b")); st.say(st.at, "a quiz", 0) }, simulator.CheckOptions{}, nil},
		{"uncopyable, said once for two", func(st *stage) {
			st.anna.Send(simulator.Giveaway())
			st.anna.Send(simulator.Quiz("?", "a", "b"))
			st.say(st.at, "a quiz", 0)
		}, simulator.CheckOptions{}, is(simulator.NoNotice)},
		{"uncopyable, said too late", func(st *stage) {
			st.anna.Send(simulator.Giveaway())
			st.in(st.anna, st.at, "next")
			st.say(st.at, "a giveaway", 0)
		}, simulator.CheckOptions{}, is(simulator.NoNotice)},
		{"uncopyable, said to another", func(st *stage) { st.anna.Send(simulator.Giveaway()); st.say(st.bt, "a giveaway", 0) }, simulator.CheckOptions{}, is(simulator.NoNotice)},
		{"never seen", func(st *stage) { st.anna.Send(simulator.SelfDestruct()) }, simulator.CheckOptions{}, nil},
		{"ignored", func(st *stage) { st.anna.Send(simulator.Text("spam")) }, simulator.CheckOptions{Ignore: []int64{500000001}}, nil},
		{"a wrong name", func(st *stage) {
			st.api.must(st.t, "editForumTopic", obj{"chat_id": st.group.ID(), "message_thread_id": st.at, "name": "Someone"})
		}, simulator.CheckOptions{TopicNames: true}, is(simulator.TopicName)},
	})
}

func TestCheckJudgesTheAnswers(t *testing.T) {
	write := func(st *stage, text string) simulator.Message { return st.op.SendIn(st.at, simulator.Text(text)) }
	judge(t, []misdeed{
		{"faultless", func(st *stage) { st.copyOut(write(st, "x"), st.anna); st.copyOut(write(st, "y"), st.anna) }, simulator.CheckOptions{}, nil},
		{"lost", func(st *stage) { write(st, "x") }, simulator.CheckOptions{}, is(simulator.Lost)},
		{"to the wrong customer", func(st *stage) { st.copyOut(write(st, "x"), st.ben) }, simulator.CheckOptions{}, is(simulator.CrossLeak, simulator.Lost)},
		{"to both", func(st *stage) { m := write(st, "x"); st.copyOut(m, st.anna); st.copyOut(m, st.ben) }, simulator.CheckOptions{}, is(simulator.CrossLeak)},
		{"twice", func(st *stage) { m := write(st, "x"); st.copyOut(m, st.anna); st.copyOut(m, st.anna) }, simulator.CheckOptions{}, is(simulator.Duplicate)},
		{"twice, announced", func(st *stage) {
			m := write(st, "x")
			st.copyOut(m, st.anna)
			st.copyOut(m, st.anna)
			st.say(st.at, "↻", m.ID)
		}, simulator.CheckOptions{}, nil},
		{"disorder", func(st *stage) {
			a, b := write(st, "x"), write(st, "y")
			st.copyOut(b, st.anna)
			st.copyOut(a, st.anna)
		}, simulator.CheckOptions{}, is(simulator.Disorder)},
		{"a comment stays", func(st *stage) { write(st, "/ psst"); write(st, "/hold") }, simulator.CheckOptions{}, nil},
		{"a comment leaks", func(st *stage) { st.copyOut(write(st, "/ psst"), st.anna) }, simulator.CheckOptions{}, is(simulator.CommentLeak)},
		{"General leaks", func(st *stage) { st.copyOut(st.op.SendIn(0, simulator.Text("x")), st.anna) }, simulator.CheckOptions{}, is(simulator.CommentLeak)},
		{"a template", func(st *stage) { st.copyOut(st.op.SendIn(0, simulator.Text("x")), st.anna) }, simulator.CheckOptions{Templates: []simulator.Ref{{Chat: -1002000000001, ID: 6}}}, nil},
		{"one customer to another", func(st *stage) {
			st.copyOut(st.anna.Send(simulator.Text("/start")), st.ben)
		}, simulator.CheckOptions{}, is(simulator.CrossLeak)},
		{"a copy shown to another", func(st *stage) {
			copied, _ := st.group.Message(st.copyIn(st.anna.Send(simulator.Text("x")), st.at))
			st.copyOut(copied, st.ben)
		}, simulator.CheckOptions{}, is(simulator.CommentLeak)},
		{"uncopyable, said", func(st *stage) { st.say(st.at, "cannot be sent", st.op.SendIn(st.at, simulator.Giveaway()).ID) }, simulator.CheckOptions{}, nil},
		{"uncopyable, said to nobody", func(st *stage) { st.op.SendIn(st.at, simulator.Giveaway()); st.say(st.at, "hm", 0) }, simulator.CheckOptions{}, is(simulator.NoNotice)},
		{"blocked, said", func(st *stage) { st.anna.Block(); st.say(st.at, "blocked", write(st, "x").ID) }, simulator.CheckOptions{}, nil},
		{"blocked, not a word", func(st *stage) { st.anna.Block(); write(st, "x") }, simulator.CheckOptions{}, is(simulator.Lost)},
		{"said without a reason", func(st *stage) { st.say(st.at, "lazy", write(st, "x").ID) }, simulator.CheckOptions{}, is(simulator.Lost)},
		{"refused, said", func(st *stage) {
			m := write(st, "x")
			st.api.call(st.t, "copyMessage", obj{"chat_id": 4711, "from_chat_id": m.Chat, "message_id": m.ID})
			st.say(st.at, "refused", m.ID)
		}, simulator.CheckOptions{}, nil},
		{"in nobody's topic", func(st *stage) { st.op.SendIn(st.group.Owner().CreateTopic("talk").ID, simulator.Text("x")) }, simulator.CheckOptions{}, nil},
		{"reply only", func(st *stage) {
			write(st, "a comment")
			q := st.anna.Send(simulator.Text("q"))
			st.copyOut(st.op.Reply(st.copyIn(q, st.at), simulator.Text("an answer")), st.anna, q.ID)
		}, simulator.CheckOptions{ReplyOnly: true}, nil},
		{"reply only, leaks", func(st *stage) { st.copyOut(write(st, "a comment"), st.anna) }, simulator.CheckOptions{ReplyOnly: true}, is(simulator.CommentLeak)},
		{"an album in pieces", func(st *stage) {
			for _, m := range st.op.SendAlbum(st.at, simulator.Photo("1"), simulator.Photo("2")) {
				st.copyOut(m, st.anna)
			}
		}, simulator.CheckOptions{}, is(simulator.AlbumSplit)},
		{"an album whole", func(st *stage) {
			a := st.op.SendAlbum(st.at, simulator.Photo("1"), simulator.Photo("2"))
			st.api.must(st.t, "copyMessages", obj{"chat_id": st.anna.ID(), "from_chat_id": st.group.ID(), "message_ids": []int64{a[0].ID, a[1].ID}})
		}, simulator.CheckOptions{}, nil},
	})
}

func TestCheckJudgesByProvenance(t *testing.T) {
	st := newStage(t)
	a := st.anna.Send(simulator.Text("same words"))
	b := st.ben.Send(simulator.Text("same words"))
	st.copyIn(b, st.at) // looks right, is Ben's
	st.copyIn(a, st.bt)
	got := kindsOf(st.s.Check(simulator.CheckOptions{}))
	if !slices.Equal(got, is(simulator.CrossLeak, simulator.TwinTopics)) {
		t.Fatal(got)
	}
}
