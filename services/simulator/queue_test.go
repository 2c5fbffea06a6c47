package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func texts(ups []tgUpdate) string {
	var out []string
	for _, u := range ups {
		if u.Message != nil {
			out = append(out, u.Message.Text)
		}
	}
	return strings.Join(out, " ")
}

// quiet is a world whose my_chat_member updates are already read.
func quiet(t *testing.T, cfg simulator.Config) *world {
	w := newWorld(t, cfg)
	ups := w.api.updates(t, obj{})
	w.api.updates(t, obj{"offset": ups[len(ups)-1].ID + 1})
	return w
}

func TestUpdatesStayUntilConfirmed(t *testing.T) {
	w := quiet(t, simulator.Config{FirstUpdateID: 100})
	anna := w.s.NewCustomer("Anna")
	for i := range 5 {
		anna.Send(simulator.Text(fmt.Sprint(i)))
	}
	first := w.api.updates(t, obj{"limit": 2})
	if texts(first) != "0 1" || texts(w.api.updates(t, obj{"limit": 3})) != "0 1 2" {
		t.Fatal("unconfirmed updates are not repeated")
	}
	if got := texts(w.api.updates(t, obj{"offset": first[1].ID + 1})); got != "2 3 4" {
		t.Fatal(got)
	}
	if n := w.bot.Pending(); n != 3 {
		t.Fatalf("%d pending", n)
	}
	if got := texts(w.api.updates(t, obj{"offset": -2})); got != "3 4" {
		t.Fatalf("negative offset: %s", got)
	}
	if got := texts(w.api.updates(t, obj{})); got != "3 4" {
		t.Fatalf("after a negative offset: %s", got)
	}
	if got := w.api.updates(t, obj{"offset": "999999"}); len(got) != 0 || w.bot.Pending() != 0 {
		t.Fatalf("%v", got)
	}
	for i := range 120 {
		anna.Send(simulator.Text(fmt.Sprint(i)))
	}
	if got := w.api.updates(t, obj{"limit": 5000}); len(got) != 100 {
		t.Fatalf("%d updates at once", len(got))
	}
}

func TestLongPollWakesAtOnce(t *testing.T) {
	w := quiet(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	got := make(chan string, 1)
	go func() {
		r, err := w.api.try(t.Context(), "getUpdates", obj{"timeout": 30})
		got <- fmt.Sprint(err, string(r.Result))
	}()
	waitPoll(t, w)
	start := time.Now()
	anna.Send(simulator.Text("wake up"))
	if s := <-got; !strings.Contains(s, "wake up") || time.Since(start) > 5*time.Second {
		t.Fatal(s, time.Since(start))
	}
}

// waitPoll waits until a getUpdates call is being served.
func waitPoll(t *testing.T, w *world) {
	t.Helper()
	ctx := within(t, 5*time.Second)
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		calls := w.s.Calls("getUpdates")
		if n := len(calls); n > 0 && calls[n-1].Code == 0 {
			tick.Stop()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("no poll came")
		case <-tick.C:
		}
	}
}

func TestConflicts(t *testing.T) {
	w := quiet(t, simulator.Config{RetryUnit: time.Millisecond})
	poll := func() chan reply {
		c := make(chan reply, 1)
		n := len(w.s.Calls("getUpdates"))
		go func() {
			r, err := w.api.try(t.Context(), "getUpdates", obj{"timeout": 30})
			if err != nil {
				r.Description = err.Error()
			}
			c <- r
		}()
		ctx := within(t, 5*time.Second)
		if err := poll4(ctx, func() bool { return len(w.s.Calls("getUpdates")) > n }); err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := poll()
	waitPoll(t, w)
	second := poll()
	const terminated = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
	if r := <-first; r.Code != 409 || r.Status != 409 || r.Description != terminated {
		t.Fatalf("%+v", r)
	}
	w.api.must(t, "setWebhook", obj{"url": "http://127.0.0.1:9/hook"})
	if r := <-second; r.Code != 409 || r.Description != "Conflict: terminated by setWebhook request" {
		t.Fatalf("%+v", r)
	}
	w.api.refuse(t, "getUpdates", nil, 409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	w.api.must(t, "deleteWebhook", nil)
	w.api.must(t, "getUpdates", nil)
}

// poll4 waits for cond without the simulator's help.
func poll4(ctx context.Context, cond func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func TestAllowedUpdates(t *testing.T) {
	w := quiet(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	m := anna.Send(simulator.Text("one"))
	anna.React(m.ID, "👍") // not in the default set
	w.api.updates(t, obj{"allowed_updates": []string{"message_reaction", "edited_message"}})
	anna.Send(simulator.Text("two"))
	anna.React(m.ID, "🔥")
	anna.Edit(m.ID, simulator.Text("one, edited"))
	anna.Edit(m.ID, simulator.Text("one, edited")) // unchanged: no update
	ups := w.api.updates(t, obj{})
	if len(ups) != 3 || ups[0].Message == nil || ups[1].Reaction == nil || ups[2].Edited == nil {
		t.Fatalf("%+v", ups)
	}
	if want := `"old_reaction":[{"type":"emoji","emoji":"👍"}],"new_reaction":[{"type":"emoji","emoji":"🔥"}]`; !strings.Contains(string(ups[1].Reaction), want) {
		t.Fatal(string(ups[1].Reaction))
	}
	w.api.updates(t, obj{"allowed_updates": []string{}}) // the default again
	anna.Send(simulator.Text("three"))
	if ups := w.api.updates(t, obj{}); len(ups) != 4 {
		t.Fatalf("%+v", ups)
	}
}

func TestUpdatesExpire(t *testing.T) {
	clock := simulator.NewManualClock(time.Unix(1_800_000_000, 0))
	w := quiet(t, simulator.Config{Clock: clock})
	anna := w.s.NewCustomer("Anna")
	anna.Send(simulator.Text("old"))
	clock.Advance(23 * time.Hour)
	anna.Send(simulator.Text("new"))
	if got := texts(w.api.updates(t, obj{})); got != "old new" {
		t.Fatal(got)
	}
	clock.Advance(2 * time.Hour)
	if got := texts(w.api.updates(t, obj{})); got != "new" {
		t.Fatal(got)
	}
}

func TestQueueIsBounded(t *testing.T) {
	w := quiet(t, simulator.Config{Retention: 10})
	for range 100_050 {
		w.s.Inject(w.bot, `"x":1`)
	}
	if n, d := w.bot.Pending(), w.bot.Dropped(); n != 100_000 || d != 50 {
		t.Fatalf("%d pending, %d dropped", n, d)
	}
}

func TestPoisonIsServedAsItIs(t *testing.T) {
	w := quiet(t, simulator.Config{})
	n := w.s.Poison(w.bot)
	var ups []json.RawMessage
	if err := json.Unmarshal(w.api.must(t, "getUpdates", nil).Result, &ups); err != nil {
		t.Fatal(err)
	}
	if len(ups) != n || !strings.Contains(string(ups[0]), "unheard_of") {
		t.Fatalf("%d of %d", len(ups), n)
	}
}
