package simulator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"

	"github.com/hotline-desk/hotline/services/simulator"
)

// TestUpdatesAreTelegrams decodes every kind of update with an independent
// library's types, and asks that no field is unknown to it.
func TestUpdatesAreTelegrams(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	w.api.updates(t, obj{"allowed_updates": []string{"message", "edited_message", "message_reaction", "my_chat_member", "chat_member", "callback_query"}})
	anna := w.s.NewCustomer("Anna Karenina")
	anna.SetUsername("anna")
	for _, c := range kinds() {
		anna.Send(c)
	}
	m := anna.Send(simulator.Text("a"))
	anna.Reply(m.ID, simulator.Text("b"))
	anna.Edit(m.ID, simulator.Text("c"))
	anna.React(m.ID, "👍 custom:5312536423851630001 paid")
	moving := anna.Send(simulator.LiveLocation(1, 2))
	anna.Edit(moving.ID, simulator.LiveLocation(1, 3))
	anna.Edit(anna.Send(simulator.Photo("1")).ID, simulator.Video("2").WithFile("other.mp4"))
	anna.SendAlbum(simulator.Photo("1"), simulator.Video("2"))
	topic := w.group.Owner().CreateTopic("Anna")
	w.op.SendIn(topic.ID, simulator.Text("in a topic"))
	w.group.Owner().RenameTopic(topic.ID, "Ann")
	w.group.Owner().SetTopicIcon(topic.ID, "5312536423851630001")
	w.group.Owner().Anonymous().React(w.op.SendIn(topic.ID, simulator.Text("x")).ID, "🔥")
	w.s.NewGroup(simulator.GroupOptions{Basic: true, Bots: []*simulator.Bot{w.bot}}).Migrate()
	w.group.Owner().CloseTopic(topic.ID)
	w.group.Owner().ReopenTopic(topic.ID)
	w.group.Owner().Anonymous().SendIn(0, simulator.Text("anonymous"))
	w.op.Press(w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "b"}).id(t), "data")
	anna.Block()
	w.op.Leave()
	w.group.SetRights(w.bot, simulator.Rights{})

	var raw []json.RawMessage
	if err := json.Unmarshal(w.api.must(t, "getUpdates", nil).Result, &raw); err != nil {
		t.Fatal(err)
	}
	if len(raw) < len(kinds())+24 {
		t.Fatalf("only %d updates", len(raw))
	}
	for _, r := range raw {
		var u telego.Update
		if err := json.Unmarshal(r, &u); err != nil {
			t.Errorf("%v: %s", err, r)
			continue
		}
		back, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		var in, out any
		if json.Unmarshal(r, &in) != nil || json.Unmarshal(back, &out) != nil {
			t.Fatal("no JSON")
		}
		if lost := missing("", in, out); len(lost) > 0 {
			t.Errorf("telego does not know %v of %s", lost, r)
		}
	}
}

// missing lists the fields of in that out lacks; empty values do not count.
func missing(path string, in, out any) []string {
	switch v := in.(type) {
	case map[string]any:
		o, _ := out.(map[string]any)
		var lost []string
		for k, e := range v {
			if _, ok := o[k]; !ok {
				if e == nil || e == false || e == 0.0 || e == "" {
					continue
				}
				if list, ok := e.([]any); ok && len(list) == 0 {
					continue
				}
				lost = append(lost, path+"."+k)
				continue
			}
			lost = append(lost, missing(path+"."+k, e, o[k])...)
		}
		slices.Sort(lost)
		return lost
	case []any:
		o, _ := out.([]any)
		var lost []string
		for i, e := range v {
			if i < len(o) {
				lost = append(lost, missing(path+"[]", e, o[i])...)
			}
		}
		return lost
	}
	return nil
}

// TestTelegoTalksToIt drives the server with an independent client.
func TestTelegoTalksToIt(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	bot, err := telego.NewBot(w.bot.Token(), telego.WithAPIServer(w.s.URL()), telego.WithHTTPClient(w.api.http), telego.WithDiscardLogger())
	if err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 10*time.Second)
	anna := w.s.NewCustomer("Anna")
	m := anna.Send(simulator.Text("hi"))
	me, err := bot.GetMe(ctx)
	if err != nil || me.ID != w.bot.ID() || me.Username != w.bot.Username() {
		t.Fatal(me, err)
	}
	ups, err := bot.GetUpdates(ctx, &telego.GetUpdatesParams{Timeout: 1})
	if err != nil || ups[len(ups)-1].Message.Text != "hi" {
		t.Fatal(ups, err)
	}
	topic, err := bot.CreateForumTopic(ctx, &telego.CreateForumTopicParams{ChatID: telego.ChatID{ID: w.group.ID()}, Name: "Anna"})
	if err != nil {
		t.Fatal(err)
	}
	cp, err := bot.CopyMessage(ctx, &telego.CopyMessageParams{ChatID: telego.ChatID{ID: w.group.ID()}, MessageThreadID: topic.MessageThreadID,
		FromChatID: telego.ChatID{ID: anna.ID()}, MessageID: int(m.ID), ReplyParameters: &telego.ReplyParameters{MessageID: topic.MessageThreadID}})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := w.group.Message(int64(cp.MessageID)); !ok || got.Topic != int64(topic.MessageThreadID) || got.ReplyTo != got.Topic {
		t.Fatalf("%+v", got)
	}
	members, err := bot.GetChatAdministrators(ctx, &telego.GetChatAdministratorsParams{ChatID: telego.ChatID{ID: w.group.ID()}})
	if err != nil || len(members) != 2 {
		t.Fatal(members, err)
	}
	icons, err := bot.GetForumTopicIconStickers(ctx)
	if err != nil || len(icons) == 0 || icons[0].CustomEmojiID == "" {
		t.Fatal(icons, err)
	}
	if _, err := bot.CopyMessage(ctx, &telego.CopyMessageParams{ChatID: telego.ChatID{ID: w.group.ID()}, FromChatID: telego.ChatID{ID: anna.ID()}, MessageID: 999}); err == nil || !strings.Contains(err.Error(), "message to copy not found") {
		t.Fatal(err)
	}
}
