package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const farGroup = -1005555555555

// telegram answers healthily about every group, except that it tells of those that moved.
type telegram struct {
	mu    sync.Mutex
	moved map[int64]int64
	asked []int64
}

// Call implements Caller.
func (b *telegram) Call(_ context.Context, method string, params, result any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := params.(map[string]any); ok {
		group := p["chat_id"].(int64)
		b.asked = append(b.asked, group)
		if to := b.moved[group]; to != 0 {
			return &tg.Error{Method: method, Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat", MigrateTo: to, Chat: group}
		}
	}
	var envelope struct{ Result json.RawMessage }
	if err := json.Unmarshal([]byte(healthy()[method].body), &envelope); err != nil {
		return err
	}
	return json.Unmarshal(envelope.Result, result)
}

// groupEvents commits to the aggregate of a group as dialog does, a commit an event.
func (w *world) groupEvents(group int64, events ...*eventv1.Event) {
	w.t.Helper()
	reader := groupReader()
	writer := es.NewHandler("dialog", w.log.Store(), es.Decider[movedTo, *eventv1.Event]{
		Schema: reader.Schema, Initial: reader.Initial, Evolve: reader.Evolve, Encode: reader.Encode, Decode: reader.Decode,
		Decide: func(_ movedTo, e *eventv1.Event) ([]*eventv1.Event, error) { return []*eventv1.Event{e}, nil },
	}, 1)
	key := es.Key{Aggregate: "group", Connection: "c_123456789", ID: strconv.FormatInt(group, 10)}
	_, before, err := writer.State(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, event := range events {
		_, err := writer.Handle(w.t.Context(), key, es.Command[*eventv1.Event]{
			Cause: &eventv1.Cause{Kind: eventv1.Cause_KIND_REACTION, Chat: group, Key: fmt.Sprint(before, i)}, At: time.Unix(1_790_000_000, 0), Body: event,
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func migration(from, to int64) *eventv1.Event {
	return &eventv1.Event{Body: &eventv1.Event_GroupMigrated{GroupMigrated: &eventv1.GroupMigrated{From: from, To: to}}}
}

func someReactions(n int) []*eventv1.Event {
	return slices.Repeat([]*eventv1.Event{{Body: &eventv1.Event_ReactionChanged{ReactionChanged: &eventv1.ReactionChanged{Reaction: 1}}}}, n)
}

// warned returns what the log says of moves, in order.
func (w *world) warned() []string {
	var said []string
	for _, entry := range w.logs.FilterLevelExact(zapcore.WarnLevel).All() {
		said = append(said, entry.Message)
	}
	return said
}

func newFollowing(t *testing.T, moved map[int64]int64) (*world, *telegram) {
	t.Helper()
	w, bot := newWorld(t, healthyScript), &telegram{moved: moved}
	w.bot = bot
	return w, bot
}

func TestStartFollowsTelegram(t *testing.T) {
	w, _ := newFollowing(t, map[int64]int64{testGroup: upgradedGroup, upgradedGroup: farGroup})
	w.setUp(configuration(nil))
	first := w.record()
	if got := first.GetConfigured(); got.GetGroup() != farGroup || got.GetBot() != testBot || got.GetOwner() != 9 {
		t.Fatalf("record %v", first)
	}
	want := []string{
		"the group -1001234567890 became -1009876543210: set HOTLINE_GROUP to it",
		"the group -1009876543210 became -1005555555555: set HOTLINE_GROUP to it",
	}
	if got := w.warned(); !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
	w.setUp(configuration(nil))
	if again := w.record(); !proto.Equal(again, first) {
		t.Errorf("set up again: %v, was %v", again, first)
	}
	w.setUp(configuration(func(c *Config) { c.Group = farGroup }))
	if again := w.record(); !proto.Equal(again, first) {
		t.Errorf("set as told: %v, was %v", again, first)
	}
}

// TestStartExplainsWhatItCannotFollow: groups that are said to have become each other.
func TestStartExplainsWhatItCannotFollow(t *testing.T) {
	w, _ := newFollowing(t, map[int64]int64{testGroup: upgradedGroup, upgradedGroup: testGroup})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := w.service(configuration(nil)).Run(ctx)
	var faults config.Faults
	if !errors.As(err, &faults) || !strings.Contains(err.Error(), "HOTLINE_GROUP: the group -1009876543210 was upgraded and has the id -1001234567890 now") {
		t.Errorf("error %v", err)
	}
}

// TestStartRemembersMoves: Telegram says nothing of them any more.
func TestStartRemembersMoves(t *testing.T) {
	tests := map[string]struct {
		prepare func(w *world)
		want    int64
	}{
		"no move": {func(w *world) { w.groupEvents(testGroup, someReactions(40)...) }, testGroup},
		"the last": {func(w *world) {
			w.groupEvents(testGroup, append(someReactions(3), migration(testGroup, upgradedGroup))...)
		}, upgradedGroup},
		"long past": {func(w *world) {
			w.groupEvents(testGroup, append(append(someReactions(20), migration(testGroup, upgradedGroup)), someReactions(40)...)...)
		}, upgradedGroup},
		"two": {func(w *world) {
			w.groupEvents(testGroup, migration(testGroup, upgradedGroup))
			w.groupEvents(upgradedGroup, migration(upgradedGroup, farGroup))
		}, farGroup},
		"in circles": {func(w *world) {
			w.groupEvents(testGroup, migration(testGroup, upgradedGroup))
			w.groupEvents(upgradedGroup, migration(upgradedGroup, testGroup))
		},
			upgradedGroup},
		"of another group": {func(w *world) { w.groupEvents(farGroup, migration(farGroup, upgradedGroup)) }, testGroup},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w, bot := newFollowing(t, nil)
			test.prepare(w)
			w.setUp(configuration(nil))
			if got := w.record().GetConfigured().GetGroup(); got != test.want {
				t.Errorf("group %d, want %d", got, test.want)
			}
			for _, asked := range bot.asked {
				if asked != test.want {
					t.Errorf("asked Telegram about %d", asked)
				}
			}
		})
	}
}

// TestRunningFollowsTheGroup: what dialog commits of the connection's group becomes the connection's, move after move, and
// a restart with the former setting does not go back.
func TestRunningFollowsTheGroup(t *testing.T) {
	w, _ := newFollowing(t, nil)
	s := w.service(configuration(nil))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	w.groupBecomes(s, testGroup)
	first := w.record()
	w.groupEvents(testGroup, someReactions(2)...)
	w.groupEvents(-1, migration(-1, -2)) // not this connection's
	w.groupEvents(testGroup, migration(testGroup, upgradedGroup))
	w.groupBecomes(s, upgradedGroup)
	w.groupEvents(testGroup, migration(testGroup, farGroup)) // left already
	w.groupEvents(upgradedGroup, migration(upgradedGroup, testGroup), migration(upgradedGroup, farGroup))
	w.groupBecomes(s, farGroup)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	last := w.record()
	if last.GetParamsSeq() != first.GetParamsSeq() || last.GetSeq() <= first.GetSeq() || last.GetConfigured().GetOwner() != 9 {
		t.Errorf("record %v, was %v", last, first)
	}
	w.setUp(configuration(nil))
	if again := w.record().GetConfigured().GetGroup(); again != farGroup {
		t.Errorf("group %d after a restart", again)
	}
}

// groupBecomes waits until the others see this group and the service is ready.
func (w *world) groupBecomes(s *Service, group int64) {
	w.t.Helper()
	deadline, tick := time.NewTimer(patience), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for s.Ready() != nil || w.record().GetConfigured().GetGroup() != group {
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("group %v (%v), want %d", w.record().GetConfigured(), s.Ready(), group)
		}
	}
}
