package simulator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// kinds is every content there is.
func kinds() []simulator.Content {
	return []simulator.Content{
		simulator.Text("text"), simulator.Photo("p"), simulator.Video("v"), simulator.Animation("g"), simulator.Audio("Song", "a"),
		simulator.Document("f.pdf", "d"), simulator.Sticker("😀"), simulator.Voice("o"), simulator.VideoNote(), simulator.Location(1, 2),
		simulator.LiveLocation(3, 4), simulator.Contact("+34600", "Ann"), simulator.Venue("Bar", "Street 1"), simulator.Poll("q?", "a", "b"),
		simulator.Quiz("q?", "a", "b"), simulator.Dice("🎲"), simulator.Game("chess"), simulator.Checklist("todo", "x"), simulator.Story(),
		simulator.PaidMedia("pay"), simulator.Giveaway(), simulator.GiveawayWinners(), simulator.Invoice("bill"), simulator.Unsupported(),
		simulator.Service("message_auto_delete_timer_changed", `{"message_auto_delete_time":86400}`),
		simulator.Text("fwd").Forwarded("Hidden"), simulator.Text("via").ViaBot("gif"), simulator.Text("buttons").WithButtons("Go", "https://example.org"),
		simulator.Text("protected").Protected(), simulator.Text("bold").WithEntities(`[{"type":"bold","offset":0,"length":4}]`),
	}
}

func TestCopyMatrix(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	topic := w.group.Owner().CreateTopic("Anna")
	refused := map[simulator.Kind]bool{}
	for _, c := range kinds() {
		m := anna.Send(c)
		args := obj{"chat_id": w.group.ID(), "message_thread_id": topic.ID, "from_chat_id": anna.ID(), "message_id": m.ID}
		if !c.Copyable() {
			refused[c.Kind] = true
			w.api.refuse(t, "copyMessage", args, 400, "Bad Request: the message can't be copied")
			continue
		}
		got, ok := w.group.Message(w.api.must(t, "copyMessage", args).id(t))
		want := c.Kind
		if want == simulator.KindLiveLocation {
			want = simulator.KindLocation
		}
		if !ok || got.Kind != want || got.Text != c.Text || got.Source != (simulator.Ref{Chat: anna.ID(), ID: m.ID}) || got.Topic != topic.ID || got.Buttons != "" || got.Protected {
			t.Errorf("%s: %+v", c.Kind, got)
		}
	}
	if len(refused) != 7 {
		t.Errorf("refused %v", refused)
	}
}

func TestCopyErrors(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna, ben := w.s.NewCustomer("Anna"), w.s.NewCustomer("Ben")
	m := anna.Send(simulator.Photo("caption"))
	topic := w.group.Owner().CreateTopic("Anna")
	args := func(change obj) obj {
		a := obj{"chat_id": w.group.ID(), "message_thread_id": topic.ID, "from_chat_id": anna.ID(), "message_id": m.ID}
		for k, v := range change {
			a[k] = v
		}
		return a
	}
	for _, tc := range []struct {
		change obj
		want   string
	}{
		{obj{"message_id": 999}, "message to copy not found"},
		{obj{"from_chat_id": 12345}, "chat not found"},
		{obj{"chat_id": -100}, "chat not found"},
		{obj{"chat_id": ben.ID()}, "chat not found"}, // never wrote: unknown to the bot
		{obj{"message_thread_id": 1}, "message thread not found"},
		{obj{"message_thread_id": 4711}, "message thread not found"},
		{obj{"reply_parameters": obj{"message_id": 4711}}, "message to be replied not found"},
		{obj{"caption": strings.Repeat("x", 1025)}, "message caption is too long"},
	} {
		w.api.refuse(t, "copyMessage", args(tc.change), 400, "Bad Request: "+tc.want)
	}
	op := w.group.Owner().SendIn(topic.ID, simulator.Text("to an operator"))
	w.api.updates(t, obj{})
	w.api.refuse(t, "sendMessage", obj{"chat_id": op.From, "text": "x"}, 403, "Forbidden: bot can't initiate conversation with a user")

	for _, tc := range []struct {
		change obj
		want   string
	}{{obj{}, "caption"}, {obj{"caption": ""}, ""}, {obj{"caption": "<b>new</b>", "parse_mode": "HTML"}, "new"}, {obj{"reply_parameters": obj{"message_id": 4711, "allow_sending_without_reply": true}}, "caption"}} {
		got, _ := w.group.Message(w.api.must(t, "copyMessage", args(tc.change)).id(t))
		if got.Text != tc.want {
			t.Errorf("%v: %+v", tc.change, got)
		}
	}
	anna.Delete(m.ID)
	w.api.refuse(t, "copyMessage", args(nil), 400, "Bad Request: message to copy not found")
}

func TestCopyMessagesKeepsAlbumsAndSkips(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	album := anna.SendAlbum(simulator.Photo("1"), simulator.Video("2"), simulator.Photo("3"))
	single := anna.Send(simulator.Text("between"))
	quiz := anna.Send(simulator.Quiz("?", "a", "b"))
	lone := anna.SendAlbum(simulator.Photo("4"), simulator.Photo("5"))
	topic := w.group.Owner().CreateTopic("Anna")
	if album[0].Album == "" || album[0].Album != album[2].Album || album[0].Album == lone[0].Album {
		t.Fatalf("%+v", album)
	}
	ids := []int64{album[0].ID, album[1].ID, album[2].ID, single.ID, quiz.ID, lone[0].ID, 900}
	args := obj{"chat_id": w.group.ID(), "message_thread_id": topic.ID, "from_chat_id": anna.ID(), "message_ids": ids}
	var out []struct {
		ID int64 `json:"message_id"`
	}
	if err := json.Unmarshal(w.api.must(t, "copyMessages", args).Result, &out); err != nil || len(out) != 5 {
		t.Fatal(err, out)
	}
	var groups []string
	for i, o := range out {
		m, _ := w.group.Message(o.ID)
		groups = append(groups, m.Album)
		if i > 0 && o.ID != out[i-1].ID+1 {
			t.Errorf("ids are not in a row: %v", out)
		}
	}
	if groups[0] == "" || groups[0] == album[0].Album || groups[0] != groups[1] || groups[1] != groups[2] || groups[3] != "" || groups[4] != "" {
		t.Fatalf("albums of the copies: %q", groups)
	}

	ten := obj{"chat_id": w.group.ID(), "from_chat_id": anna.ID()}
	for ids, want := range map[string]string{
		`[]`:                                   "message identifiers are not specified",
		`[3,2]`:                                "message identifiers must be in a strictly increasing order",
		`[2,2]`:                                "message identifiers must be in a strictly increasing order",
		fmt.Sprintf("[%d]", quiz.ID):           "messages can't be forwarded",
		`[777,778]`:                            "there are no messages to forward",
		"[" + strings.Repeat("1,", 100) + "1]": "too many message identifiers specified",
	} {
		ten["message_ids"] = json.RawMessage(ids)
		w.api.refuse(t, "copyMessages", ten, 400, "Bad Request: "+want)
	}
	args["remove_caption"] = true
	args["message_ids"] = []int64{album[0].ID}
	if err := json.Unmarshal(w.api.must(t, "copyMessages", args).Result, &out); err != nil {
		t.Fatal(err)
	}
	if m, _ := w.group.Message(out[0].ID); m.Text != "" || m.Kind != simulator.KindPhoto {
		t.Fatalf("%+v", m)
	}
}

func TestForward(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	m, p := anna.Send(simulator.Text("mine")), anna.Send(simulator.Text("secret").Protected())
	args := obj{"chat_id": w.group.ID(), "from_chat_id": anna.ID(), "message_id": m.ID}
	if r := w.api.must(t, "forwardMessage", args); !strings.Contains(string(r.Result), `"forward_origin":{"type":"user","sender_user":{"id":500000001,`) {
		t.Fatal(string(r.Result))
	}
	args["message_id"] = p.ID
	w.api.refuse(t, "forwardMessage", args, 400, "Bad Request: message has protected content and can't be forwarded")
	w.api.must(t, "copyMessage", args)
	args["message_id"] = 99
	w.api.refuse(t, "forwardMessage", args, 400, "Bad Request: message to forward not found")
}

func TestFileIDsLeadBackToTheirMessage(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	m := anna.Send(simulator.Document("a.txt", "c"))
	var ups []struct {
		Message *struct {
			Document *struct {
				ID   string `json:"file_id"`
				Name string `json:"file_name"`
			}
		}
	}
	if err := json.Unmarshal(w.api.must(t, "getUpdates", nil).Result, &ups); err != nil {
		t.Fatal(err)
	}
	file := ups[len(ups)-1].Message.Document.ID
	r := w.api.must(t, "sendDocument", obj{"chat_id": w.group.ID(), "document": file})
	got, _ := w.group.Message(r.id(t))
	if got.Source != (simulator.Ref{Chat: anna.ID(), ID: m.ID}) || !strings.Contains(string(r.Result), `"file_name":"a.txt"`) {
		t.Fatalf("%+v", got)
	}
	w.api.refuse(t, "sendPhoto", obj{"chat_id": w.group.ID(), "photo": file}, 400, "Bad Request: type of file mismatch")
	w.api.refuse(t, "sendPhoto", obj{"chat_id": w.group.ID(), "photo": "BAACnonsense"}, 400, "Bad Request: wrong file identifier/HTTP URL specified")
	other := w.s.NewBot("other")
	w.group.Add(other, simulator.AllRights())
	newClient(t, w.s, other).refuse(t, "sendDocument", obj{"chat_id": w.group.ID(), "document": file}, 400, "Bad Request: wrong file identifier/HTTP URL specified")
}

func TestMessageIDSequences(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna, ben := w.s.NewCustomer("Anna"), w.s.NewCustomer("Ben")
	a, b := anna.Send(simulator.Text("a")), ben.Send(simulator.Text("b"))
	r := w.api.must(t, "sendMessage", obj{"chat_id": anna.ID(), "text": "r"}).id(t)
	if b.ID != a.ID+1 || r != b.ID+1 {
		t.Fatalf("private chats do not share a sequence: %d %d %d", a.ID, b.ID, r)
	}
	x, y := w.op.SendIn(0, simulator.Text("x")), w.op.SendIn(0, simulator.Text("y"))
	if y.ID != x.ID+1 {
		t.Fatalf("%d %d", x.ID, y.ID)
	}
}

func TestRetention(t *testing.T) {
	w := newWorld(t, simulator.Config{Retention: 10})
	anna := w.s.NewCustomer("Anna")
	first := anna.Send(simulator.Text("first"))
	for i := range 40 {
		anna.Send(simulator.Text(fmt.Sprint(i)))
	}
	if n := len(anna.Messages()); n > 20 {
		t.Fatalf("%d messages are remembered", n)
	}
	w.api.refuse(t, "copyMessage", obj{"chat_id": w.group.ID(), "from_chat_id": anna.ID(), "message_id": first.ID}, 400, "Bad Request: message to copy not found")
	if v := w.s.Check(simulator.CheckOptions{}); len(v) != 41 || v[0].Kind != simulator.Lost {
		t.Fatalf("%d violations", len(v))
	}
	if len(w.s.Settle(within(t, 50*time.Millisecond), simulator.CheckOptions{Max: 3})) != 3 {
		t.Fatal("Settle does not return what is left")
	}
}
