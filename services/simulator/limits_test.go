package simulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func limited(t *testing.T, l simulator.Limits) (*world, *simulator.ManualClock) {
	clock := simulator.NewManualClock(time.Unix(1_800_000_000, 0))
	return newWorld(t, simulator.Config{Clock: clock, Limits: l}), clock
}

func tooMany(n int) string { return fmt.Sprintf("Too Many Requests: retry after %d", n) }

func TestGroupLimitCountsEverything(t *testing.T) {
	w, clock := limited(t, simulator.Limits{GroupPerMinute: 20})
	anna := w.s.NewCustomer("Anna")
	album := anna.SendAlbum(simulator.Photo("1"), simulator.Photo("2"), simulator.Photo("3"), simulator.Photo("4"))
	g := w.group.ID()
	topic := w.api.must(t, "createForumTopic", obj{"chat_id": g, "name": "Anna"}) // 1
	_ = topic
	id := w.group.Topics()[0].ID
	w.api.must(t, "editForumTopic", obj{"chat_id": g, "message_thread_id": id, "name": "Ann"}) // 2
	w.api.must(t, "copyMessages", obj{"chat_id": g, "message_thread_id": id, "from_chat_id": anna.ID(), "message_ids": []int64{album[0].ID, album[1].ID, album[2].ID, album[3].ID}})
	m := w.api.must(t, "sendMessage", obj{"chat_id": g, "text": "x"}).id(t) // 7
	clock.Advance(10 * time.Second)
	for i := range 13 {
		w.api.must(t, "editMessageText", obj{"chat_id": g, "message_id": m, "text": fmt.Sprint(i)})
	}
	r := w.api.refuse(t, "sendMessage", obj{"chat_id": g, "text": "21st"}, 429, tooMany(50))
	if r.Parameters.RetryAfter != 50 || r.Header.Get("Retry-After") != "50" {
		t.Fatalf("%+v", r)
	}
	// private chats have a budget of their own
	w.api.must(t, "sendMessage", obj{"chat_id": anna.ID(), "text": "x"})
	// who does not wait is made to wait longer and longer
	clock.Advance(10 * time.Second)
	w.api.refuse(t, "sendMessage", obj{"chat_id": g, "text": "too early"}, 429, tooMany(40))
	w.api.refuse(t, "sendMessage", obj{"chat_id": g, "text": "too early"}, 429, tooMany(80))
	w.api.refuse(t, "closeForumTopic", obj{"chat_id": g, "message_thread_id": id}, 429, tooMany(320))
	st := w.s.LimitStats()
	if st.Hits != 4 || st.Ignored != 3 || st.Longest != 320 || st.ByChat[g] != 4 {
		t.Fatalf("%+v", st)
	}
	clock.Advance(321 * time.Second)
	w.api.must(t, "sendMessage", obj{"chat_id": g, "text": "patient"})
}

func TestPrivateLimitHasABurst(t *testing.T) {
	w, clock := limited(t, simulator.Limits{PrivatePerSecond: 1, PrivateBurst: 3})
	anna := w.s.NewCustomer("Anna")
	anna.Start()
	send := obj{"chat_id": anna.ID(), "text": "x"}
	for range 3 {
		w.api.must(t, "sendMessage", send)
	}
	w.api.refuse(t, "sendMessage", send, 429, tooMany(1))
	clock.Advance(time.Second)
	w.api.must(t, "sendMessage", send)
	w.api.refuse(t, "sendMessage", send, 429, tooMany(1))
	w.s.SetLimits(simulator.Limits{})
	for range 50 {
		w.api.must(t, "sendMessage", send)
	}
}

func TestOverallLimit(t *testing.T) {
	w, clock := limited(t, simulator.Limits{OverallPerSecond: 30})
	var people []*simulator.Customer
	for range 31 {
		c := w.s.NewCustomer("Someone")
		c.Start()
		people = append(people, c)
	}
	for i, c := range people {
		args := obj{"chat_id": c.ID(), "text": "x"}
		if i < 30 {
			w.api.must(t, "sendMessage", args)
		} else {
			w.api.refuse(t, "sendMessage", args, 429, tooMany(1))
		}
	}
	w.api.must(t, "getChat", obj{"chat_id": people[0].ID()})
	clock.Advance(time.Second)
	w.api.must(t, "sendMessage", obj{"chat_id": people[30].ID(), "text": "x"})
}

func TestTypingLimit(t *testing.T) {
	w, clock := limited(t, simulator.TelegramLimits())
	args := obj{"chat_id": w.group.ID(), "action": "typing"}
	for range 20 {
		w.api.must(t, "sendChatAction", args)
	}
	w.api.refuse(t, "sendChatAction", args, 429, tooMany(5))
	clock.Advance(5 * time.Second)
	for range 20 {
		w.api.must(t, "sendChatAction", args)
	}
	clock.Advance(5 * time.Second)
	w.api.refuse(t, "sendChatAction", args, 429, tooMany(20))
	w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "typing has a budget of its own"})
}

func TestLimitStatsCountWhatWasSpent(t *testing.T) {
	w, _ := limited(t, simulator.Limits{})
	anna := w.s.NewCustomer("Anna")
	album := anna.SendAlbum(simulator.Photo("1"), simulator.Photo("2"))
	private, group := obj{"chat_id": anna.ID(), "text": "x"}, obj{"chat_id": w.group.ID(), "text": "x"}
	w.api.must(t, "sendMessage", private) // without limits nothing is spent
	w.s.SetLimits(simulator.Limits{PrivatePerSecond: 1, GroupPerMinute: 3, Typing: true})
	w.api.must(t, "sendMessage", private)
	w.api.refuse(t, "sendMessage", private, 429, tooMany(1))
	w.api.must(t, "copyMessages", obj{"chat_id": w.group.ID(), "from_chat_id": anna.ID(), "message_ids": []int64{album[0].ID, album[1].ID}})
	w.api.must(t, "sendChatAction", obj{"chat_id": w.group.ID(), "action": "typing"})
	w.api.must(t, "sendMessage", group)
	w.api.refuse(t, "sendMessage", group, 429, tooMany(60))
	if st := w.s.LimitStats(); st.Counted != 4 || st.InGroups != 3 || st.Hits != 2 {
		t.Fatalf("%+v", st)
	}
	w.s.SetLimits(simulator.Limits{})
	w.api.must(t, "sendMessage", group)
	if st := w.s.LimitStats(); st.Counted != 4 || st.InGroups != 3 {
		t.Fatalf("the figures stay when the limits go: %+v", st)
	}
}
