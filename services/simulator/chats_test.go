package simulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestTopicLife(t *testing.T) {
	w := quiet(t, simulator.Config{})
	g := w.group.ID()
	r := w.api.must(t, "createForumTopic", obj{"chat_id": g, "name": strings.Repeat("é", 130), "icon_color": 7322096})
	topic := w.group.Topics()[0]
	if want := fmt.Sprintf(`{"message_thread_id":%d,"name":"%s","icon_color":7322096}`, topic.ID, strings.Repeat("é", 128)); string(r.Result) != want {
		t.Fatalf("%s", r.Result)
	}
	th := obj{"chat_id": g, "message_thread_id": topic.ID}
	with := func(k string, v any) obj { return obj{"chat_id": g, "message_thread_id": topic.ID, k: v} }
	w.api.must(t, "editForumTopic", with("name", "Anna"))
	w.api.refuse(t, "editForumTopic", with("name", "Anna"), 400, "Bad Request: TOPIC_NOT_MODIFIED")
	w.api.refuse(t, "editForumTopic", with("name", ""), 400, "Bad Request: TOPIC_NOT_MODIFIED")
	w.api.must(t, "closeForumTopic", th)
	w.api.refuse(t, "closeForumTopic", th, 400, "Bad Request: TOPIC_NOT_MODIFIED")
	if _, err := w.op.TrySendIn(topic.ID, simulator.Text("x")); err != simulator.ErrTopicClosed {
		t.Fatal(err)
	}
	w.api.must(t, "sendMessage", with("text", "a bot with the right may"))
	w.api.must(t, "reopenForumTopic", th)
	w.api.refuse(t, "reopenForumTopic", th, 400, "Bad Request: TOPIC_NOT_MODIFIED")
	w.api.refuse(t, "createForumTopic", obj{"chat_id": g, "name": ""}, 400, "Bad Request: name must be non-empty")

	ups := w.api.updates(t, obj{})
	if len(ups) != 4 || ups[0].Message.ID != topic.ID || ups[0].Message.Created == nil || ups[1].Message.Edited == nil || ups[2].Message.Closed == nil {
		t.Fatalf("service messages: %+v", ups)
	}
	m := w.op.SendIn(topic.ID, simulator.Text("hello"))
	last := w.api.updates(t, obj{"offset": -1})[0].Message
	if last.Reply == nil || last.Reply.ID != topic.ID || last.Reply.Created == nil || last.Thread != topic.ID || m.Topic != topic.ID {
		t.Fatalf("the implicit reply is missing: %+v", last)
	}
	w.op.Reply(m.ID, simulator.Text("again"))
	if last := w.api.updates(t, obj{"offset": -1})[0].Message; last.Reply == nil || last.Reply.ID != m.ID {
		t.Fatalf("%+v", last)
	}
	w.api.must(t, "deleteForumTopic", th)
	w.api.refuse(t, "sendMessage", with("text", "x"), 400, "Bad Request: message thread not found")
	w.api.must(t, "sendChatAction", with("action", "typing"))
	if got, _ := w.group.Topic(topic.ID); !got.Deleted || len(w.group.Messages(topic.ID)) != 0 {
		t.Fatalf("%+v", got)
	}
}

func TestDeletedTopicModes(t *testing.T) {
	for mode, want := range map[simulator.DeletedTopicMode]string{
		simulator.ThreadNotFound: "Bad Request: message thread not found",
		simulator.TopicDeleted:   "Bad Request: TOPIC_DELETED",
		simulator.TopicIgnored:   "",
	} {
		w := newWorld(t, simulator.Config{DeletedTopic: mode})
		topic := w.group.Owner().CreateTopic("Anna")
		w.group.DeleteTopic(topic.ID)
		args := obj{"chat_id": w.group.ID(), "message_thread_id": topic.ID, "text": "x"}
		if want != "" {
			w.api.refuse(t, "sendMessage", args, 400, want)
			continue
		}
		w.api.must(t, "sendMessage", args)
		if n := len(w.group.Messages(0)); n != 1 {
			t.Errorf("%d messages in General", n)
		}
		args["reply_parameters"] = obj{"message_id": topic.ID}
		w.api.refuse(t, "sendMessage", args, 400, "Bad Request: message to be replied not found")
	}
}

func TestRights(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	g := w.group.ID()
	topic := w.group.Owner().CreateTopic("by hand")
	m := w.op.SendIn(topic.ID, simulator.Text("x"))
	w.group.SetRights(w.bot, simulator.Rights{})
	th := obj{"chat_id": g, "message_thread_id": topic.ID, "name": "n", "text": "t", "message_id": m.ID}
	for method, want := range map[string]string{
		"createForumTopic": "not enough rights to create a topic",
		"editForumTopic":   "not enough rights to edit the topic",
		"closeForumTopic":  "not enough rights to close or open the topic",
		"deleteForumTopic": "not enough rights to delete the topic",
		"deleteMessage":    "message can't be deleted",
		"pinChatMessage":   "not enough rights to manage pinned messages in the chat",
	} {
		w.api.refuse(t, method, th, 400, "Bad Request: "+want)
	}
	w.group.Owner().CloseTopic(topic.ID)
	w.api.refuse(t, "sendMessage", th, 400, "Bad Request: TOPIC_CLOSED")
	w.group.SetWritable(w.bot, false)
	w.api.refuse(t, "sendMessage", th, 400, "Bad Request: have no write access to the chat")
	w.group.Kick(w.bot)
	w.api.refuse(t, "sendMessage", th, 403, "Forbidden: bot was kicked from the supergroup chat")
	w.group.Add(w.bot, simulator.AllRights())
	w.api.must(t, "leaveChat", th)
	w.api.refuse(t, "sendMessage", th, 403, "Forbidden: bot is not a member of the supergroup chat")
	n := 0
	for _, u := range w.api.updates(t, obj{}) {
		if u.Mine != nil {
			n++
		}
	}
	if n != 5 { // added, demoted, kicked, added, left
		t.Errorf("%d my_chat_member updates", n)
	}
}

func TestNoForumAndMigration(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	plain := w.s.NewGroup(simulator.GroupOptions{NoForum: true, Bots: []*simulator.Bot{w.bot}})
	w.api.refuse(t, "createForumTopic", obj{"chat_id": plain.ID(), "name": "x"}, 400, "Bad Request: the chat is not a forum")
	anna := w.s.NewCustomer("Anna")
	anna.Start()
	w.api.refuse(t, "closeForumTopic", obj{"chat_id": anna.ID(), "message_thread_id": 5}, 400, "Bad Request: the chat is not a supergroup forum")
	basic := w.s.NewGroup(simulator.GroupOptions{Basic: true, Bots: []*simulator.Bot{w.bot}})
	w.api.must(t, "sendMessage", obj{"chat_id": basic.ID(), "text": "x"})
	to := basic.Migrate()
	r := w.api.refuse(t, "sendMessage", obj{"chat_id": basic.ID(), "text": "x"}, 400, "Bad Request: group chat was upgraded to a supergroup chat")
	if r.Parameters.Migrate != to.ID() {
		t.Fatalf("%+v", r.Parameters)
	}
	w.api.must(t, "createForumTopic", obj{"chat_id": to.ID(), "name": "x"})
}

func TestUnreachableCustomers(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	args := obj{"chat_id": anna.ID(), "text": "x"}
	w.api.refuse(t, "sendMessage", args, 400, "Bad Request: chat not found")
	anna.Start()
	w.api.must(t, "sendMessage", args)
	anna.Block()
	w.api.refuse(t, "sendMessage", args, 403, "Forbidden: bot was blocked by the user")
	if m := anna.Send(simulator.Text("x")); m.ID != 0 {
		t.Fatal("a customer wrote to the bot they blocked")
	}
	anna.Unblock()
	w.api.must(t, "sendMessage", args)
	anna.Unstart()
	w.api.refuse(t, "sendMessage", args, 403, "Forbidden: bot can't initiate conversation with a user")
	anna.Start()
	w.api.must(t, "sendMessage", args)
	anna.Deactivate()
	w.api.refuse(t, "sendMessage", args, 403, "Forbidden: user is deactivated")
}

func TestChatsAndMembers(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	g := obj{"chat_id": w.group.ID()}
	if s := string(w.api.must(t, "getChat", g).Result); !strings.Contains(s, `"type":"supergroup","title":"Support team","is_forum":true`) {
		t.Fatal(s)
	}
	for id, want := range map[int64]string{
		w.group.Owner().ID(): `{"status":"creator"`,
		w.op.ID():            `{"status":"member"`,
		w.bot.ID():           `"can_manage_topics":true`,
	} {
		if s := string(w.api.must(t, "getChatMember", obj{"chat_id": w.group.ID(), "user_id": id}).Result); !strings.Contains(s, want) {
			t.Errorf("%d: %s", id, s)
		}
	}
	w.op.Leave()
	if s := string(w.api.must(t, "getChatMember", obj{"chat_id": w.group.ID(), "user_id": w.op.ID()}).Result); !strings.Contains(s, `{"status":"left"`) {
		t.Error(s)
	}
	if s := string(w.api.must(t, "getChatAdministrators", g).Result); strings.Count(s, `"status"`) != 2 {
		t.Error(s)
	}
	w.api.refuse(t, "getChat", obj{"chat_id": 42}, 400, "Bad Request: chat not found")
	w.api.refuse(t, "getChat", nil, 400, "Bad Request: chat_id is empty")
}

func TestPrivacyModeAndAnonymous(t *testing.T) {
	w := quiet(t, simulator.Config{})
	shy := w.s.NewBot("shy")
	w.group.AddMember(shy)
	api := newClient(t, w.s, shy)
	w.op.SendIn(0, simulator.Text("hidden"))
	w.op.SendIn(0, simulator.Text("/seen"))
	if got := texts(api.updates(t, obj{})); got != "/seen" {
		t.Fatal(got)
	}
	shy.SetPrivacy(false)
	w.op.SendIn(0, simulator.Text("shown"))
	if got := texts(api.updates(t, obj{})); got != "/seen shown" {
		t.Fatal(got)
	}
	w.group.Owner().Anonymous().SendIn(0, simulator.Text("who am I"))
	ups := string(w.api.must(t, "getUpdates", obj{"offset": -1}).Result)
	if !strings.Contains(ups, `"from":{"id":1087968824,"is_bot":true`) || !strings.Contains(ups, fmt.Sprintf(`"sender_chat":{"id":%d,`, w.group.ID())) {
		t.Fatal(ups)
	}
}

func TestEditsDeletesReactionsPins(t *testing.T) {
	clock := simulator.NewManualClock(time.Unix(1_800_000_000, 0))
	w := newWorld(t, simulator.Config{Clock: clock})
	anna := w.s.NewCustomer("Anna")
	hers := anna.Send(simulator.Text("hers"))
	chat := func(id int64, more obj) obj {
		o := obj{"chat_id": anna.ID(), "message_id": id}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	id := w.api.must(t, "sendMessage", obj{"chat_id": anna.ID(), "text": "one", "reply_markup": obj{"inline_keyboard": [][]obj{{{"text": "b", "callback_data": "x"}}}}}).id(t)
	const same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"
	w.api.must(t, "editMessageText", chat(id, obj{"text": "two"}))
	w.api.refuse(t, "editMessageText", chat(id, obj{"text": "two"}), 400, same)
	w.api.refuse(t, "editMessageText", chat(id, obj{"text": "  "}), 400, "Bad Request: message text is empty")
	w.api.refuse(t, "sendMessage", chat(0, obj{"text": strings.Repeat("😀", 2049)}), 400, "Bad Request: message is too long")
	w.api.refuse(t, "editMessageCaption", chat(id, obj{"caption": "x"}), 400, "Bad Request: there is no caption in the message to edit")
	w.api.refuse(t, "editMessageText", chat(hers.ID, obj{"text": "x"}), 400, "Bad Request: message can't be edited")
	w.api.refuse(t, "editMessageText", chat(99, obj{"text": "x"}), 400, "Bad Request: message to edit not found")
	w.api.must(t, "setMessageReaction", chat(hers.ID, obj{"reaction": []obj{{"type": "emoji", "emoji": "👀"}}}))
	if m, _ := anna.Message(hers.ID); m.Reaction != "👀" {
		t.Fatalf("%+v", m)
	}
	w.api.refuse(t, "setMessageReaction", chat(hers.ID, obj{"reaction": []obj{{"type": "emoji", "emoji": "↻"}}}), 400, "Bad Request: REACTION_INVALID")
	w.api.refuse(t, "setMessageReaction", chat(99, nil), 400, "Bad Request: message to react not found")
	w.api.must(t, "pinChatMessage", chat(id, nil))
	w.api.must(t, "unpinChatMessage", chat(id, nil))
	w.api.refuse(t, "deleteMessage", chat(99, nil), 400, "Bad Request: message to delete not found")
	w.api.must(t, "deleteMessages", obj{"chat_id": anna.ID(), "message_ids": []int64{id, 4711}})
	clock.Advance(49 * time.Hour)
	w.api.refuse(t, "deleteMessage", chat(hers.ID, nil), 400, "Bad Request: message can't be deleted")
	if len(anna.Inbox()) != 1 { // the pin's service message
		t.Fatalf("%+v", anna.Inbox())
	}
}

func TestCallbackQueries(t *testing.T) {
	clock := simulator.NewManualClock(time.Unix(1_800_000_000, 0))
	w := newWorld(t, simulator.Config{Clock: clock})
	id := w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "reopen?"}).id(t)
	q := w.op.Press(id, "reopen")
	ups := w.api.updates(t, obj{"offset": -1})
	if !strings.Contains(string(ups[0].Callback), `"data":"reopen"`) {
		t.Fatalf("%+v", ups)
	}
	w.api.must(t, "answerCallbackQuery", obj{"callback_query_id": q, "text": "done"})
	if a, ok := w.s.QueryAnswer(q); !ok || a != "done" {
		t.Fatal(a, ok)
	}
	const old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
	w.api.refuse(t, "answerCallbackQuery", obj{"callback_query_id": q}, 400, old)
	q = w.op.Press(id, "again")
	clock.Advance(151 * time.Second)
	w.api.refuse(t, "answerCallbackQuery", obj{"callback_query_id": q}, 400, old)
	if ups := w.api.updates(t, obj{"offset": -1}); len(ups) != 0 && ups[0].Callback != nil {
		t.Fatal("an expired query is still delivered")
	}
}

func TestParseModes(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	anna.Start()
	for _, tc := range []struct{ mode, text, plain, err string }{
		{"HTML", "<b>Hi</b> &lt;you&gt; <a href=\"https://e.org\">there</a>", "Hi <you> there", ""},
		{"HTML", "<b>Hi", "", `Can't find end tag corresponding to start tag "b"`},
		{"html", "<x>Hi</x>", "", `Unsupported start tag "x" at byte offset 0`},
		{"Markdown", "*Hi* _you_ `a*b` [l](https://e.org) \\*", "Hi you a*b l *", ""},
		{"Markdown", "say *Hi", "", "Can't find end of the entity starting at byte offset 4"},
		{"MarkdownV2", "*Hi* __u__ ||s|| a\\.b", "Hi u s a.b", ""},
		{"MarkdownV2", "a.b", "", `Character '.' is reserved and must be escaped with the preceding '\'`},
		{"nonsense", "x", "", ""},
	} {
		args := obj{"chat_id": anna.ID(), "text": tc.text, "parse_mode": tc.mode}
		switch {
		case tc.err != "":
			w.api.refuse(t, "sendMessage", args, 400, "Bad Request: can't parse entities: "+tc.err)
		case tc.plain == "":
			w.api.refuse(t, "sendMessage", args, 400, "Bad Request: unsupported parse_mode")
		default:
			w.api.must(t, "sendMessage", args)
			if !anna.Received(tc.plain) {
				t.Errorf("%q: %+v", tc.text, anna.Inbox())
			}
		}
	}
}
