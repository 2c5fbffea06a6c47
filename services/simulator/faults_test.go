package simulator_test

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestFaults(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	send := obj{"chat_id": w.group.ID(), "text": "x"}
	count := func() int { return len(w.group.Messages(0)) }

	w.s.AddFault(simulator.Fault{Kind: simulator.FaultTooMany, Method: "SendMessage", Nth: 2, RetryAfter: 7})
	w.api.must(t, "sendMessage", send)
	if r := w.api.refuse(t, "sendMessage", send, 429, tooMany(7)); r.Header.Get("Retry-After") != "7" {
		t.Fatalf("%+v", r)
	}
	w.api.must(t, "sendMessage", send)
	w.s.ClearFaults()

	for _, executed := range []bool{false, true} {
		before := count()
		id := w.s.AddFault(simulator.Fault{Kind: simulator.FaultStatus, Method: "sendMessage", Status: 504, Executed: executed})
		got := get(t, w.api.root+"sendMessage?text=x&chat_id="+strconv.FormatInt(w.group.ID(), 10))
		if !strings.HasPrefix(got, "504 <html>") || (count() > before) != executed {
			t.Fatalf("executed %v: %s, %d → %d", executed, got, before, count())
		}
		w.s.RemoveFault(id)
	}

	for kind, executed := range map[simulator.FaultKind]bool{simulator.FaultDrop: false, simulator.FaultExecuteDrop: true} {
		before := count()
		w.s.AddFault(simulator.Fault{Kind: kind, Method: "sendMessage", Times: 1})
		if _, err := w.api.try(t.Context(), "sendMessage", send); !errors.Is(err, io.EOF) {
			t.Fatalf("%s: %v", kind, err)
		}
		if (count() > before) != executed {
			t.Fatalf("%s: %d → %d", kind, before, count())
		}
		w.api.must(t, "sendMessage", send) // spent
		w.s.ClearFaults()
	}

	for _, kind := range []simulator.FaultKind{simulator.FaultLatency, simulator.FaultSlow} {
		w.s.AddFault(simulator.Fault{Kind: kind, Delay: 60 * time.Millisecond, Chat: w.group.ID()})
		start := time.Now()
		w.api.must(t, "sendMessage", send)
		if d := time.Since(start); d < 60*time.Millisecond {
			t.Fatalf("%s: %v", kind, d)
		}
		w.s.ClearFaults()
	}
	w.s.AddFault(simulator.Fault{Kind: simulator.FaultError, Status: 403, Text: "Forbidden: bot was blocked by the user", Chat: 1234})
	w.api.must(t, "sendMessage", send)
	w.api.refuse(t, "sendMessage", obj{"chat_id": 1234, "text": "x"}, 403, "Forbidden: bot was blocked by the user")
	if n := w.s.FaultHits(); n != 8 {
		t.Errorf("%d hits", n)
	}
}

func TestProbabilityIsSeeded(t *testing.T) {
	outcome := func(seed uint64) string {
		w := newWorld(t, simulator.Config{Seed: seed})
		w.s.AddFault(simulator.Fault{Kind: simulator.FaultTooMany, Probability: 0.5})
		out := ""
		for range 60 {
			if w.api.call(t, "getMe", nil).OK {
				out += "o"
			} else {
				out += "x"
			}
		}
		return out
	}
	a, b, c := outcome(5), outcome(5), outcome(6)
	if a != b || a == c || strings.Count(a, "x") < 15 || strings.Count(a, "o") < 15 {
		t.Fatalf("%s\n%s\n%s", a, b, c)
	}
}

func TestPartialAlbum(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	anna := w.s.NewCustomer("Anna")
	album := anna.SendAlbum(simulator.Photo("1"), simulator.Photo("2"), simulator.Photo("3"))
	topic := w.group.Owner().CreateTopic("Anna")
	w.s.AddFault(simulator.Fault{Kind: simulator.FaultPartial, Method: "copyMessages", Nth: 3})
	w.api.refuse(t, "copyMessages", obj{"chat_id": w.group.ID(), "message_thread_id": topic.ID, "from_chat_id": anna.ID(),
		"message_ids": []int64{album[0].ID, album[1].ID, album[2].ID}}, 400,
		`Bad Request: Failed to send message #3 with the error message "Internal Server Error"`)
	if n := len(w.group.Messages(topic.ID)); n != 3 { // the root and two items
		t.Fatalf("%d messages", n)
	}
}
