package dialog

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

var update = flag.Bool("update", false, "rewrite the scripts in testdata from what the decider says")

// TestScripts plays every script of testdata: lines that are not indented are commands, the indented ones below them
// the events that they must yield, one conversation a file.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: %v %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(raw); got != want {
				t.Errorf("decided otherwise\n--- got\n%s--- want\n%s", got, want)
			}
		})
	}
}

func play(t *testing.T, script string) string {
	t.Helper()
	var out strings.Builder
	state := State{}
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		events, err := Decide(state, parseCommand(t, line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, event := range events {
			out.WriteString("  " + say(event) + "\n")
			state = Evolve(state, event)
		}
		if len(events) == 0 {
			out.WriteString("  nothing\n")
		}
	}
	return out.String()
}

func drawCommand(t *rapid.T) Command {
	kinds := []eventv1.Kind{eventv1.Kind_KIND_UNSPECIFIED, eventv1.Kind_KIND_TEXT, eventv1.Kind_KIND_PHOTO, eventv1.Kind_KIND_QUIZ, eventv1.Kind_KIND_SERVICE}
	message := rapid.Int64Range(1, 1<<40).Draw(t, "message")
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	album := rapid.SampledFrom([]string{"", "", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}).Draw(t, "album")
	switch rapid.IntRange(0, 4).Draw(t, "fact") {
	case 0:
		return CustomerWrote{Source: &eventv1.MessageRef{Chat: testCustomer, Message: message}, Kind: kind, Album: album,
			Welcome: rapid.Bool().Draw(t, "welcome"), Reply: rapid.Int64Range(0, 2).Draw(t, "reply")}
	case 1:
		c := OperatorWrote{Source: &eventv1.MessageRef{Chat: testGroup, Message: message}, Kind: kind, Album: album,
			Actor:   &eventv1.Actor{Type: eventv1.Actor_Type(rapid.Int32Range(2, 3).Draw(t, "actor")), User: 9},
			Comment: rapid.Bool().Draw(t, "comment"), Reply: rapid.Int64Range(0, 2).Draw(t, "reply")}
		if rapid.Bool().Draw(t, "isCommand") {
			c.Command = &eventv1.Command{WithArguments: rapid.Bool().Draw(t, "arguments"),
				Name: rapid.SampledFrom([]string{"", "close", "hold", "wait", "open", "help", "del", "trace", "info"}).Draw(t, "name")}
		}
		return c
	case 2:
		return MembershipChanged{Blocked: rapid.Bool().Draw(t, "blocked")}
	case 3:
		return drawMirrored(t, message, kind)
	}
	c := DeliveryFell{Lane: eventv1.Lane(rapid.Int32Range(1, 2).Draw(t, "lane")), LaneNo: 1, Kind: kind,
		Class: eventv1.FailureClass(rapid.Int32Range(1, 10).Draw(t, "class"))}
	if rapid.Bool().Draw(t, "hasSource") {
		c.Source = &eventv1.MessageRef{Chat: testGroup, Message: message}
	}
	return c
}

func drawMirrored(t *rapid.T, message int64, kind eventv1.Kind) Command {
	switch rapid.IntRange(0, 3).Draw(t, "mirrored") {
	case 0:
		return CustomerEdited{Source: &eventv1.MessageRef{Chat: testCustomer, Message: message}, Kind: kind,
			Mode: eventv1.EditsCustomer(rapid.Int32Range(0, 3).Draw(t, "mode"))}
	case 1:
		return OperatorEdited{Source: &eventv1.MessageRef{Chat: testGroup, Message: message}, Kind: kind, Slash: rapid.Bool().Draw(t, "slash")}
	case 2:
		return CustomerReacted{Message: &eventv1.MessageRef{Chat: testCustomer, Message: message}, Reaction: rapid.Uint32Range(0, 9).Draw(t, "reaction")}
	}
	return TopicTouched{Thread: 5, Type: eventv1.TopicService_Type(rapid.Int32Range(0, 4).Draw(t, "type")), Named: rapid.Bool().Draw(t, "named")}
}

// TestLaws checks what holds for every conversation.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var history []*eventv1.Event
		state := State{}
		lanes := map[eventv1.Lane]uint64{}
		for range rapid.IntRange(0, 40).Draw(t, "commands") {
			command := drawCommand(t)
			before := state
			events := decide(t, state, command)
			if again := decide(t, state, command); !equal(events, again) {
				t.Fatalf("decided twice, differently: %v, %v", events, again)
			}
			if !reflect.DeepEqual(before, state) {
				t.Fatalf("Decide changed its argument")
			}
			for _, event := range events {
				checkEvent(t, state, lanes, event)
				state = Evolve(state, event)
			}
			checkDecision(t, before, command, events)
			history = append(history, events...)
		}
		checkReplay(t, history, state)
	})
}

func decide(t *rapid.T, s State, c Command) []*eventv1.Event {
	events, err := Decide(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func checkEvent(t *rapid.T, s State, lanes map[eventv1.Lane]uint64, event *eventv1.Event) {
	if r := event.GetDeliveryRequested(); r != nil {
		if lanes[r.GetLane()]++; r.GetLaneNo() != lanes[r.GetLane()] {
			t.Fatalf("lane %s jumps to %d, expected %d", r.GetLane(), r.GetLaneNo(), lanes[r.GetLane()])
		}
		if r.GetNotice() != nil && r.GetLane() != eventv1.Lane_LANE_DESK {
			t.Fatalf("a notice to the customer: %v", r)
		}
	}
	if c := event.GetStatusChanged(); c != nil && (c.GetFrom() != s.Status || c.GetTo() == c.GetFrom()) {
		t.Fatalf("status %v while it was %v", c, s.Status)
	}
}

// checkDecision: whatever is accepted in a direction is answered by exactly one request; what is no message of an
// operator never reaches the customer.
func checkDecision(t *rapid.T, before State, command Command, events []*eventv1.Event) {
	accepted, copies, welcomes, notices := 0, 0, 0, 0
	for _, event := range events {
		if m := event.GetMessageAccepted(); m != nil {
			accepted++
		}
		if r := event.GetDeliveryRequested(); r != nil {
			switch {
			case r.GetCopy() != nil:
				copies++
			case r.GetWelcome() != nil:
				welcomes++
			default:
				notices++
			}
		}
	}
	switch c := command.(type) {
	case CustomerWrote:
		if accepted != 1 || copies+notices != 1 || welcomes > 0 && !c.Welcome {
			t.Fatalf("%+v: accepted %d, copies %d, notices %d, welcomes %d", c, accepted, copies, notices, welcomes)
		}
	case OperatorWrote:
		if (c.Comment || c.Command != nil) && copies > 0 {
			t.Fatalf("%+v was sent", c)
		}
		if copies > accepted || accepted > copies+notices || welcomes > 0 {
			t.Fatalf("%+v: accepted %d, copies %d, notices %d", c, accepted, copies, notices)
		}
	case DeliveryFell:
		if c.Source == nil && len(events) > 1 || copies > 0 {
			t.Fatalf("%+v: %v", c, events)
		}
	}
	if _, ok := command.(CustomerWrote); !ok && !before.Opened && len(events) > 0 {
		t.Fatalf("%+v without a dialog: %v", command, events)
	}
}

// checkReplay: folding is deterministic, folds from a shared prefix do not disturb each other, and what is encoded
// comes back.
func checkReplay(t *rapid.T, history []*eventv1.Event, state State) {
	if again := fold(State{}, history); !reflect.DeepEqual(again, state) {
		t.Fatalf("replayed to %+v, was %+v", again, state)
	}
	cut := rapid.IntRange(0, len(history)).Draw(t, "cut")
	prefix := fold(State{}, history[:cut])
	kept, err := encodeState(prefix)
	if err != nil {
		t.Fatal(err)
	}
	one, two := fold(prefix, history[cut:]), fold(prefix, history[cut:])
	other := fold(prefix, history[:cut])
	if !reflect.DeepEqual(one, two) || !reflect.DeepEqual(one, state) {
		t.Fatalf("folds of one prefix differ: %+v, %+v, beside %+v", one, two, other)
	}
	if now, err := encodeState(prefix); err != nil || string(now) != string(kept) {
		t.Fatalf("folding on changed the prefix (%v)", err)
	}
	raw, err := encodeState(state)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := decodeState(raw); err != nil || !reflect.DeepEqual(back, state) {
		t.Fatalf("decoded %+v (%v), encoded %+v", back, err, state)
	}
}

func fold(s State, events []*eventv1.Event) State {
	for _, event := range events {
		s = Evolve(s, event)
	}
	return s
}

func equal(a, b []*eventv1.Event) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !proto.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func TestTopicIsSeenOnce(t *testing.T) {
	d := TopicDecider()
	state := d.Initial(es.Key{})
	events, err := d.Decide(state, SeeTopic{Chat: testGroup, Thread: 5})
	if err != nil || len(events) != 1 {
		t.Fatalf("first: %v, %v", events, err)
	}
	state = d.Evolve(state, events[0])
	if state != (Topic{Chat: testGroup, Thread: 5}) || !state.Seen() {
		t.Fatalf("state %+v", state)
	}
	if events, err = d.Decide(state, SeeTopic{Chat: testGroup, Thread: 5}); err != nil || len(events) != 0 {
		t.Fatalf("second: %v, %v", events, err)
	}
	raw, err := d.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := d.Decode(raw); err != nil || back != state {
		t.Fatalf("decoded %+v, %v", back, err)
	}
}
