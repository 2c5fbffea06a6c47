package simulator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// edition is what an edited_message says.
type edition struct {
	ID       int64           `json:"message_id"`
	Date     int64           `json:"date"`
	EditDate int64           `json:"edit_date"`
	Text     string          `json:"text"`
	Caption  string          `json:"caption"`
	Sender   *struct{}       `json:"sender_chat"`
	Video    json.RawMessage `json:"video"`
	Photo    []struct {
		ID     string `json:"file_id"`
		Unique string `json:"file_unique_id"`
	} `json:"photo"`
	Location *struct {
		Lat  float64 `json:"latitude"`
		Lon  float64 `json:"longitude"`
		Live int64   `json:"live_period"`
	} `json:"location"`
}

// editions are the pending updates about messages; edited tells which are edits.
func (w *world) editions(t *testing.T) (list []edition, edited []bool) {
	t.Helper()
	var ups []struct {
		Message *edition `json:"message"`
		Edited  *edition `json:"edited_message"`
	}
	if err := json.Unmarshal(w.api.must(t, "getUpdates", nil).Result, &ups); err != nil {
		t.Fatal(err)
	}
	for _, u := range ups {
		if u.Message != nil {
			list, edited = append(list, *u.Message), append(edited, false)
		}
		if u.Edited != nil {
			list, edited = append(list, *u.Edited), append(edited, true)
		}
	}
	return list, edited
}

func TestEditsReachTheBot(t *testing.T) {
	clock := simulator.NewManualClock(time.Unix(1_800_000_000, 0))
	w := quiet(t, simulator.Config{Clock: clock})
	anna := w.s.NewCustomer("Anna")
	text, photo := anna.Send(simulator.Text("one")), anna.Send(simulator.Photo("see"))
	place := anna.Send(simulator.LiveLocation(1, 2))
	clock.Advance(time.Minute)
	anna.Edit(text.ID, simulator.Text("two"))
	anna.Edit(photo.ID, simulator.Photo("look"))
	anna.Edit(photo.ID, simulator.Photo("look").WithFile("better.jpg"))
	anna.Edit(photo.ID, simulator.Video("look"))
	anna.Edit(place.ID, simulator.LiveLocation(1.5, 2))
	anna.Edit(place.ID, simulator.Location(1.5, 2.5))
	anna.Edit(text.ID, simulator.Text("two")) // no edit
	anna.Edit(4711, simulator.Text("two"))
	list, edited := w.editions(t)
	if len(list) != 9 || slices.Index(edited, true) != 3 {
		t.Fatalf("%v %+v", edited, list)
	}
	for _, e := range list[3:] {
		if e.EditDate != e.Date+60 {
			t.Errorf("dates: %+v", e)
		}
	}
	first, caption, file := list[1].Photo[0], list[4].Photo[0], list[5].Photo[0]
	switch {
	case list[3].ID != text.ID || list[3].Text != "two":
		t.Errorf("text: %+v", list[3])
	case list[4].Caption != "look" || caption != first:
		t.Errorf("caption: %+v, had %+v", list[4], first)
	case file.ID == first.ID || file.Unique == first.Unique:
		t.Errorf("another file: %+v", list[5])
	case list[6].Video == nil || list[6].Photo != nil:
		t.Errorf("another kind: %+v", list[6])
	case list[7].Location.Lat != 1.5 || list[7].Location.Live != 3600:
		t.Errorf("moved: %+v", list[7].Location)
	case list[8].Location.Lon != 2.5 || list[8].Location.Live != 0:
		t.Errorf("stopped: %+v", list[8].Location)
	}
	if m, _ := anna.Message(photo.ID); m.Edits != 3 || m.Kind != simulator.KindVideo {
		t.Errorf("%+v", m)
	}
	anna.Block()
	anna.Edit(text.ID, simulator.Text("three"))
	if m, _ := anna.Message(text.ID); m.Text != "two" {
		t.Error("edited in a blocked chat")
	}
}

func TestOperatorsEdits(t *testing.T) {
	w := quiet(t, simulator.Config{})
	topic := w.group.Owner().CreateTopic("Anna")
	m := w.op.SendIn(topic.ID, simulator.Photo("a"))
	w.op.Edit(m.ID, simulator.Photo("b"))
	anon := w.group.Owner().Anonymous()
	n := anon.SendIn(topic.ID, simulator.Text("c"))
	anon.Edit(n.ID, simulator.Text("d"))
	w.group.NewOperator("Otto").Edit(m.ID, simulator.Photo("not his"))
	w.op.Leave()
	w.op.Edit(m.ID, simulator.Photo("gone"))
	list, edited := w.editions(t)
	if len(list) != 5 || !edited[2] || list[2].Caption != "b" || list[2].ID != m.ID || !edited[4] || list[4].Text != "d" || list[4].Sender == nil {
		t.Fatalf("%v %+v", edited, list)
	}
}

func TestLiveLocationsOfBots(t *testing.T) {
	clock := simulator.NewManualClock(time.Unix(1_800_000_000, 0))
	w := newWorld(t, simulator.Config{Clock: clock})
	anna := w.s.NewCustomer("Anna")
	hers := anna.Send(simulator.LiveLocation(1, 2))
	g := w.group.ID()
	live := w.api.must(t, "sendLocation", obj{"chat_id": g, "latitude": 1, "longitude": 2, "live_period": 600}).id(t)
	static := w.api.must(t, "copyMessage", obj{"chat_id": g, "from_chat_id": anna.ID(), "message_id": hers.ID}).id(t)
	at := func(id int64) obj {
		return obj{"chat_id": g, "message_id": id, "latitude": 1.25, "longitude": 2}
	}
	if m, _ := w.group.Message(static); m.Kind != simulator.KindLocation {
		t.Fatalf("a copy moves: %+v", m)
	}
	r := w.api.must(t, "editMessageLiveLocation", at(live))
	if !strings.Contains(string(r.Result), `"location":{"latitude":1.250000,"longitude":2.000000,"live_period":600}`) {
		t.Fatal(string(r.Result))
	}
	const none = "Bad Request: there is no live location in the message to edit"
	const never = "Bad Request: message can't be edited"
	if r := w.api.call(t, "editMessageLiveLocation", at(live)); !strings.HasPrefix(r.Description, "Bad Request: message is not modified") {
		t.Fatalf("%+v", r)
	}
	w.api.refuse(t, "editMessageLiveLocation", at(static), 400, none)
	w.api.refuse(t, "editMessageLiveLocation", obj{"chat_id": anna.ID(), "message_id": hers.ID, "latitude": 1, "longitude": 1}, 400, never)
	w.api.refuse(t, "editMessageLiveLocation", obj{"chat_id": g, "message_id": live}, 400, "Bad Request: invalid live location specified")
	w.api.refuse(t, "editMessageLiveLocation", at(4711), 400, "Bad Request: message to edit not found")
	w.api.refuse(t, "sendLocation", obj{"chat_id": g, "latitude": 1, "longitude": 2, "live_period": 59}, 400, "Bad Request: wrong live location period specified")
	w.api.must(t, "stopMessageLiveLocation", at(live))
	w.api.refuse(t, "editMessageLiveLocation", at(live), 400, none)
	w.api.refuse(t, "stopMessageLiveLocation", at(live), 400, none)
	short := w.api.must(t, "sendLocation", obj{"chat_id": g, "latitude": 1, "longitude": 2, "live_period": 60}).id(t)
	long := w.api.must(t, "sendLocation", obj{"chat_id": g, "latitude": 1, "longitude": 2, "live_period": 0x7FFFFFFF}).id(t)
	clock.Advance(time.Minute)
	w.api.refuse(t, "editMessageLiveLocation", at(short), 400, never)
	w.api.must(t, "editMessageLiveLocation", at(long))
}

func TestEditMessageMedia(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	photo, sticker, sound := anna.Send(simulator.Photo("p")), anna.Send(simulator.Sticker("😀")), anna.Send(simulator.Audio("Song", ""))
	var ups []struct{ Message *edition }
	if err := json.Unmarshal(w.api.must(t, "getUpdates", nil).Result, &ups); err != nil {
		t.Fatal(err)
	}
	file := ups[len(ups)-3].Message.Photo[0].ID
	to := func(m simulator.Message) int64 {
		return w.api.must(t, "copyMessage", obj{"chat_id": w.group.ID(), "from_chat_id": anna.ID(), "message_id": m.ID}).id(t)
	}
	edit := func(id int64) obj {
		return obj{"chat_id": w.group.ID(), "message_id": id, "media": obj{"type": "photo", "media": file, "caption": "new"}}
	}
	id := to(photo)
	w.api.must(t, "editMessageMedia", edit(id))
	if m, _ := w.group.Message(id); m.Text != "new" || m.Kind != simulator.KindPhoto || m.Edits != 1 {
		t.Fatalf("%+v", m)
	}
	if r := w.api.call(t, "editMessageMedia", edit(id)); !strings.HasPrefix(r.Description, "Bad Request: message is not modified") {
		t.Fatalf("%+v", r)
	}
	w.api.refuse(t, "editMessageMedia", edit(to(sticker)), 400, "Bad Request: there is no media in the message to edit")
	text := w.api.must(t, "sendMessage", obj{"chat_id": w.group.ID(), "text": "x"}).id(t)
	w.api.must(t, "editMessageMedia", edit(text)) // media can be added to a text
	w.api.must(t, "editMessageMedia", edit(to(sound)))
	songs := anna.SendAlbum(simulator.Audio("1", ""), simulator.Audio("2", ""))
	var out []struct {
		ID int64 `json:"message_id"`
	}
	r := w.api.must(t, "copyMessages", obj{"chat_id": w.group.ID(), "from_chat_id": anna.ID(), "message_ids": []int64{songs[0].ID, songs[1].ID}})
	if err := json.Unmarshal(r.Result, &out); err != nil {
		t.Fatal(err)
	}
	w.api.refuse(t, "editMessageMedia", edit(out[0].ID), 400, "Bad Request: message can't be edited")
}

func TestDeletionEndsAfterTwoDays(t *testing.T) {
	clock := simulator.NewManualClock(time.Unix(1_800_000_000, 0))
	w := newWorld(t, simulator.Config{Clock: clock})
	anna := w.s.NewCustomer("Anna")
	hers := anna.Send(simulator.Text("hers"))
	dice := w.api.must(t, "sendDice", obj{"chat_id": anna.ID()}).id(t)
	var own []int64
	for range 3 {
		own = append(own, w.api.must(t, "sendMessage", obj{"chat_id": anna.ID(), "text": "own"}).id(t))
	}
	inGroup := w.op.SendIn(0, simulator.Text("old"))
	del := func(id int64) obj { return obj{"chat_id": anna.ID(), "message_id": id} }
	const late, none = "Bad Request: message can't be deleted", "Bad Request: message to delete not found"
	w.api.refuse(t, "deleteMessage", del(dice), 400, late)
	clock.Advance(48*time.Hour - time.Second)
	w.api.must(t, "deleteMessage", del(dice))
	w.api.must(t, "deleteMessage", del(own[0]))
	w.api.refuse(t, "deleteMessage", del(own[0]), 400, none)
	if m, ok := anna.Message(own[0]); !ok || !m.Deleted {
		t.Fatalf("%+v", m)
	}
	clock.Advance(time.Second)
	w.api.refuse(t, "deleteMessage", del(own[1]), 400, late)
	w.api.refuse(t, "deleteMessage", del(hers.ID), 400, late)
	w.api.must(t, "deleteMessages", obj{"chat_id": anna.ID(), "message_ids": own}) // skips them
	if n := len(anna.Inbox()); n != 2 {
		t.Fatalf("%d messages are left", n)
	}
	w.api.must(t, "deleteMessage", obj{"chat_id": w.group.ID(), "message_id": inGroup.ID}) // the right has no end
}
