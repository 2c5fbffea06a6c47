package simulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

// reactionsOf are the pending message_reaction updates.
func (w *world) reactionsOf(t *testing.T) (out []string) {
	t.Helper()
	for _, u := range w.api.updates(t, obj{}) {
		if u.Reaction != nil {
			out = append(out, string(u.Reaction))
		}
	}
	return out
}

func asking(t *testing.T, cfg simulator.Config) *world {
	w := quiet(t, cfg)
	w.api.updates(t, obj{"allowed_updates": []string{"message", "message_reaction"}})
	return w
}

func TestReactionsOfCustomers(t *testing.T) {
	w := asking(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	m := anna.Send(simulator.Text("x"))
	anna.React(m.ID, "👍 custom:55 🔥 paid")
	anna.React(m.ID, "👍 custom:55 🔥 paid") // nothing changes
	anna.React(m.ID, "")
	got := w.reactionsOf(t)
	if len(got) != 2 || !strings.Contains(got[0], `"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"👍"},{"type":"custom_emoji","custom_emoji_id":"55"},{"type":"emoji","emoji":"🔥"},{"type":"paid"}]`) ||
		!strings.Contains(got[0], fmt.Sprintf(`"user":{"id":%d,`, anna.ID())) || !strings.Contains(got[1], `"new_reaction":[]`) {
		t.Fatalf("%v", got)
	}
	anna.React(m.ID, "🔥")
	if m, _ := anna.Message(m.ID); !slices.Equal(m.Reactions, []simulator.Reaction{{From: anna.ID(), Emoji: "🔥"}}) || m.Reaction != "" {
		t.Fatalf("%+v", m)
	}
	w = asking(t, simulator.Config{NoPrivateReactions: true})
	anna = w.s.NewCustomer("Anna")
	m = anna.Send(simulator.Text("x"))
	anna.React(m.ID, "👍")
	if seen, _ := anna.Message(m.ID); len(w.reactionsOf(t)) != 0 || len(seen.Reactions) != 1 {
		t.Fatalf("%+v", seen)
	}
}

func TestReactionsInTheGroup(t *testing.T) {
	w := asking(t, simulator.Config{})
	member := w.s.NewBot("member")
	w.group.AddMember(member)
	api := newClient(t, w.s, member)
	api.updates(t, obj{"allowed_updates": []string{"message_reaction"}})
	m := w.op.SendIn(0, simulator.Text("x"))
	w.op.React(m.ID, "👍")
	w.group.Owner().Anonymous().React(m.ID, "🔥")
	w.op.React(m.ID, "👀")
	w.api.must(t, "setMessageReaction", obj{"chat_id": w.group.ID(), "message_id": m.ID, "reaction": []obj{{"type": "emoji", "emoji": "👌"}}})
	got := w.reactionsOf(t)
	if len(got) != 3 || !strings.Contains(got[1], fmt.Sprintf(`"actor_chat":{"id":%d,`, w.group.ID())) || strings.Contains(got[1], `"user"`) ||
		!strings.Contains(got[2], `"old_reaction":[{"type":"emoji","emoji":"👍"}]`) {
		t.Fatalf("%v", got)
	}
	want := []simulator.Reaction{{From: w.group.ID(), Emoji: "🔥"}, {From: w.op.ID(), Emoji: "👀"}}
	if seen, _ := w.group.Message(m.ID); !slices.Equal(seen.Reactions, want) || seen.Reaction != "👌" {
		t.Fatalf("%+v", seen)
	}
	for _, u := range api.updates(t, obj{}) {
		if u.Reaction != nil {
			t.Fatal("a bot that is no administrator got a reaction")
		}
	}
	w.group.SetRights(w.bot, simulator.Rights{}) // still an administrator
	w.op.React(m.ID, "")
	w.op.Leave()
	w.op.React(m.ID, "👎")
	if got := w.reactionsOf(t); len(got) != 4 {
		t.Fatalf("%v", got)
	}
}

func TestReactionsOnAnAlbumAreOnItsFirstMessage(t *testing.T) {
	w := asking(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	anna.SendAlbum(simulator.Photo("0"), simulator.Photo("0"))
	album := anna.SendAlbum(simulator.Photo("1"), simulator.Photo("2"), simulator.Photo("3"))
	set := func(emoji string) {
		w.api.must(t, "setMessageReaction", obj{"chat_id": anna.ID(), "message_id": album[2].ID, "reaction": []obj{{"type": "emoji", "emoji": emoji}}})
	}
	set("👀")
	anna.React(album[1].ID, "👍")
	if m, _ := anna.Message(album[0].ID); m.Reaction != "👀" || len(m.Reactions) != 1 {
		t.Fatalf("%+v", m)
	}
	if got := w.reactionsOf(t); len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf(`"message_id":%d,`, album[0].ID)) {
		t.Fatal(got)
	}
	anna.Delete(album[0].ID)
	set("🔥")
	if m, _ := anna.Message(album[1].ID); m.Reaction != "🔥" {
		t.Fatalf("%+v", m)
	}
}
