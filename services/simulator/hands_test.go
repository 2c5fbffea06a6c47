package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// TestTopicsByHand plays what people do to topics, in their name and in the group's.
func TestTopicsByHand(t *testing.T) {
	for name, anonymous := range map[string]bool{"named": false, "anonymous": true} {
		t.Run(name, func(t *testing.T) {
			w := quiet(t, simulator.Config{})
			who, from := w.group.Owner(), w.group.Owner().ID()
			if anonymous {
				who, from = who.Anonymous(), 1087968824
			}
			topic := who.CreateTopic("Anna")
			who.CloseTopic(topic.ID)
			who.CloseTopic(topic.ID) // is closed
			who.ReopenTopic(topic.ID)
			who.ReopenTopic(topic.ID) // is open
			who.RenameTopic(topic.ID, "🟪 VIP")
			who.RenameTopic(topic.ID, "🟪 VIP") // has that name
			who.SetTopicIcon(topic.ID, "5312536423851630001")
			var ups []struct{ Message map[string]json.RawMessage }
			if err := json.Unmarshal(w.api.must(t, "getUpdates", nil).Result, &ups); err != nil {
				t.Fatal(err)
			}
			want := []string{"forum_topic_created", "forum_topic_closed", "forum_topic_reopened", "forum_topic_edited", "forum_topic_edited"}
			if len(ups) != len(want) {
				t.Fatalf("%d updates", len(ups))
			}
			for i, u := range ups {
				if u.Message[want[i]] == nil || !strings.Contains(string(u.Message["from"]), fmt.Sprintf(`"id":%d,`, from)) || (u.Message["sender_chat"] != nil) != anonymous {
					t.Errorf("%s: %v", want[i], u.Message)
				}
			}
			if name, icon := string(ups[3].Message[want[3]]), string(ups[4].Message[want[4]]); name != `{"name":"🟪 VIP"}` || icon != `{"icon_custom_emoji_id":"5312536423851630001"}` {
				t.Errorf("%s %s", name, icon)
			}
			if v := w.s.Check(simulator.CheckOptions{}); len(v) != 0 {
				t.Error(v) // a topic by hand is nobody's orphan
			}
			w.op.Leave()
			w.op.CloseTopic(topic.ID)
			if got, _ := w.group.Topic(topic.ID); got.Closed {
				t.Error("closed by somebody who left")
			}
		})
	}
}

func TestMigration(t *testing.T) {
	for name, o := range map[string]simulator.GroupOptions{"basic group": {Basic: true}, "with topics": {}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, simulator.Config{})
			o.Bots = []*simulator.Bot{w.bot}
			old := w.s.NewGroup(o)
			op, anna := old.NewOperator("Otto"), w.s.NewCustomer("Anna")
			left := op.SendIn(0, simulator.Text("left behind"))
			skip := w.api.updates(t, obj{})
			w.api.updates(t, obj{"offset": skip[len(skip)-1].ID + 1})
			to := old.Migrate()
			if again := old.Migrate(); again.ID() != to.ID() || to.ID() == old.ID() {
				t.Fatal(again.ID(), to.ID())
			}
			m := op.SendIn(0, simulator.Text("goes on"))
			var ups []struct {
				Message struct {
					Chat struct{ ID int64 }
					To   int64 `json:"migrate_to_chat_id"`
					From int64 `json:"migrate_from_chat_id"`
					Text string
				}
			}
			if err := json.Unmarshal(w.api.must(t, "getUpdates", nil).Result, &ups); err != nil || len(ups) != 3 {
				t.Fatal(err, ups)
			}
			if a, b, c := ups[0].Message, ups[1].Message, ups[2].Message; a.Chat.ID != old.ID() || a.To != to.ID() || b.Chat.ID != to.ID() || b.From != old.ID() ||
				c.Chat.ID != to.ID() || c.Text != "goes on" || m.Chat != to.ID() {
				t.Fatalf("%+v", ups)
			}
			args := obj{"chat_id": old.ID(), "text": "x", "name": "x", "message_id": 1, "user_id": w.bot.ID(), "from_chat_id": w.group.ID()}
			for _, method := range []string{"sendMessage", "createForumTopic", "getChat", "getChatMember", "copyMessage", "editMessageText", "deleteMessage", "setMessageReaction", "sendChatAction"} {
				r := w.api.refuse(t, method, args, 400, "Bad Request: group chat was upgraded to a supergroup chat")
				if r.Parameters.Migrate != to.ID() {
					t.Errorf("%s: %+v", method, r.Parameters)
				}
			}
			r := w.api.refuse(t, "copyMessage", obj{"chat_id": anna.ID(), "from_chat_id": old.ID(), "message_id": left.ID}, 400, "Bad Request: group chat was upgraded to a supergroup chat")
			if r.Parameters.Migrate != to.ID() {
				t.Errorf("%+v", r.Parameters)
			}
			if s := string(w.api.must(t, "getChat", obj{"chat_id": to.ID()}).Result); !strings.Contains(s, `"type":"supergroup"`) || !strings.Contains(s, `"is_forum":true`) {
				t.Error(s)
			}
			if s := string(w.api.must(t, "getChatMember", obj{"chat_id": to.ID(), "user_id": w.bot.ID()}).Result); !strings.Contains(s, `"status":"administrator"`) || !strings.Contains(s, `"can_manage_topics":true`) {
				t.Error(s)
			}
			w.api.must(t, "createForumTopic", obj{"chat_id": to.ID(), "name": "x"})
			topic := op.CreateTopic("by hand")
			if got, ok := to.Topic(topic.ID); !ok || got.Name != "by hand" {
				t.Errorf("%+v", got)
			}
			old.SetWritable(w.bot, false)
			w.api.must(t, "sendMessage", obj{"chat_id": to.ID(), "text": "x"})
		})
	}
}

// TestTwoPollersOfOneToken lets two programs poll at once: each new poll ends the
// other's, and no update is lost to both.
func TestTwoPollersOfOneToken(t *testing.T) {
	w := quiet(t, simulator.Config{RetryUnit: time.Millisecond})
	const rounds = 6
	type outcome struct {
		conflicts int
		err       error
	}
	done := make(chan outcome, 2)
	for range 2 {
		go func() {
			var o outcome
			for o.conflicts < rounds {
				r, err := w.api.try(t.Context(), "getUpdates", obj{"timeout": 30})
				if err == nil && r.OK {
					break // the other one has had enough, and the update is here
				}
				if err != nil || r.Code != 409 || !strings.HasPrefix(r.Description, "Conflict: terminated by other getUpdates request") {
					o.err = fmt.Errorf("%w %+v", err, r)
					break
				}
				o.conflicts++
			}
			done <- o
		}()
	}
	first := <-done
	w.s.NewCustomer("Anna").Send(simulator.Text("still there"))
	second := <-done
	if first.err != nil || second.err != nil || first.conflicts != rounds || second.conflicts < rounds-2 {
		t.Fatalf("%+v %+v", first, second)
	}
	if got := texts(w.api.updates(t, obj{})); got != "still there" {
		t.Fatal(got)
	}
}

// TestWebhookClassesOfMirroring holds up a message: its edit waits behind it, a
// reaction does not.
func TestWebhookClassesOfMirroring(t *testing.T) {
	r := &receiver{}
	release := make(chan struct{})
	r.answer = func(_ int, u tgUpdate, _ http.ResponseWriter) {
		if u.Message != nil {
			<-release
		}
	}
	w, url := hooked(t, r)
	w.api.must(t, "setWebhook", obj{"url": url, "allowed_updates": []string{"message", "edited_message", "message_reaction"}})
	anna := w.s.NewCustomer("Anna")
	m := anna.Send(simulator.Text("held up"))
	anna.Edit(m.ID, simulator.Text("edited"))
	anna.Send(simulator.Text("next"))
	anna.React(m.ID, "👍")
	ctx := within(t, 10*time.Second)
	err := poll4(ctx, func() bool { return r.count() == 2 })
	r.mu.Lock()
	if err != nil || r.got[0].Edited != nil || r.got[1].Edited != nil || r.got[0].Reaction == nil && r.got[1].Reaction == nil {
		t.Errorf("%v %+v", err, r.got)
	}
	r.mu.Unlock()
	close(release)
	if err := w.s.WaitFor(ctx, func() bool { return w.bot.Pending() == 0 }); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) != 4 || r.got[2].Edited == nil || r.got[2].Edited.Text != "edited" || r.got[3].Message == nil || r.got[3].Message.Text != "next" {
		t.Fatalf("%+v", r.got)
	}
}
