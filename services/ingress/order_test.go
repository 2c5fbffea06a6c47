package ingress

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// causes names the facts in the log in their order.
func (l *fakeLog) causes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, f := range l.facts {
		out = append(out, causeOf(f))
	}
	return out
}

func causeOf(f *eventv1.Fact) string {
	kinds := map[eventv1.Cause_Kind]string{
		eventv1.Cause_KIND_MESSAGE: "message", eventv1.Cause_KIND_EDIT: "edit", eventv1.Cause_KIND_REACTION: "reaction",
		eventv1.Cause_KIND_MIGRATION: "migration",
	}
	return fmt.Sprint(kinds[f.GetCause().GetKind()], " ", f.GetCause().GetMessage())
}

func inOrder(t *testing.T, got []string, want ...string) {
	t.Helper()
	last := -1
	for _, w := range want {
		i := slices.Index(got, w)
		if i < 0 || i < last {
			t.Errorf("%s is out of place in %q", w, got)
		}
		last = i
	}
}

// holdUp keeps one fact from being published until the returned function is called.
func (l *fakeLog) holdUp(cause string) (release func()) {
	gate := make(chan struct{})
	l.gate = func(ctx context.Context, f *eventv1.Fact) error {
		if causeOf(f) != cause {
			return nil
		}
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return sync.OnceFunc(func() { close(gate) })
}

// Edits and reactions of one batch wait for their message; those of other topics and messages do not.
func TestEditsAndReactionsFollowTheirMessage(t *testing.T) {
	r := newRig(t, Config{})
	release := r.log.holdUp("message 10")
	defer release()
	r.api.add(
		reacted(testGroup, 5, "🔥"), // to a message of an earlier batch
		inTopic("message", testGroup, 55, 10, `"text":"canary"`),
		inTopic("message", testGroup, 66, 11, `"text":"canary"`),
		inTopic("edited_message", testGroup, 55, 10, `"text":"canary 2"`),
		inTopic("edited_message", testGroup, 66, 11, `"text":"canary 2"`),
		reacted(testGroup, 10, "👍"), reacted(testGroup, 11, "👍"), reacted(testGroup, 10, "🔥"),
		written(5, 20, "canary"), edited(5, 20, "canary 2"),
	)
	r.start(t, polling)
	eventually(t, "all that need not wait", func() bool { return r.log.count() == 6 })
	for _, c := range r.log.causes() {
		if slices.Contains([]string{"message 10", "edit 10", "reaction 10"}, c) {
			t.Errorf("%s did not wait", c)
		}
	}
	release()
	eventually(t, "the rest", func() bool { return r.log.count() == 10 })
	got := r.log.causes()
	inOrder(t, got, "message 10", "edit 10", "reaction 10")
	inOrder(t, got, "message 11", "edit 11", "reaction 11")
	inOrder(t, got, "message 20", "edit 20")
	var last uint32
	for _, f := range r.all() {
		if f.GetCause().GetMessage() == 10 && f.GetMessageReaction() != nil {
			last = f.GetMessageReaction().GetReaction()
		}
	}
	if last != 4 { // 🔥
		t.Errorf("the last reaction is number %d", last)
	}
}

// Telegram sends a chat's messages and edits one after the other; ours take turns even when it does not.
func TestWebhookEditFollowsItsMessage(t *testing.T) {
	h := newHookRig(t)
	release := h.log.holdUp("message 10")
	defer release()
	h.open(t)
	var both sync.WaitGroup
	post := func(raw string) {
		both.Go(func() {
			if resp, err := h.post(t.Context(), h.path, h.secret, fmt.Sprintf(raw, 1)); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	waiting := func() int {
		h.hooks.turns.mu.Lock()
		defer h.hooks.turns.mu.Unlock()
		return len(h.hooks.turns.lines[testConnection+"/"+fmt.Sprint(testGroup)])
	}
	post(inTopic("message", testGroup, 55, 10, `"text":"canary"`))
	eventually(t, "the message", func() bool { return waiting() == 1 })
	post(inTopic("edited_message", testGroup, 55, 10, `"text":"canary 2"`))
	eventually(t, "the edit", func() bool { return waiting() == 2 })
	if n := h.log.count(); n != 0 {
		t.Errorf("%d facts did not wait", n)
	}
	release()
	both.Wait()
	inOrder(t, h.log.causes(), "message 10", "edit 10")
}

const movedGroup = testGroup - 5

// moves is the group's last message, or the first of the one that it became.
func moves(from, to int64, first bool) string {
	chat, field, other := from, "migrate_to_chat_id", to
	if first {
		chat, field, other = to, "migrate_from_chat_id", from
	}
	return fmt.Sprintf(`{"update_id":%%d,"message":{"message_id":3,"date":1,"from":{"id":99,"is_bot":false,"first_name":"Canary"},`+
		`"chat":{"id":%d,"type":"supergroup"},%q:%d}}`, chat, field, other)
}

// groupFacts counts messages by group, and migrations.
func (r *rig) groupFacts() (messages map[int64][]int64, migrations int) {
	messages = map[int64][]int64{}
	for _, f := range r.all() {
		if m := f.GetGroupMessage(); m != nil {
			messages[m.GetChat()] = append(messages[m.GetChat()], m.GetMessage())
		}
		if m := f.GetGroupMigration(); m.GetFrom() == testGroup && m.GetTo() == movedGroup {
			migrations++
		}
	}
	return messages, migrations
}

// The new group is the backend group as soon as the log knows, in the same batch, and whatever the log refuses meanwhile.
func TestGroupMoves(t *testing.T) {
	r := newRig(t, Config{})
	var mu sync.Mutex
	refused := map[string]bool{}
	r.log.gate = func(_ context.Context, f *eventv1.Fact) error {
		mu.Lock()
		defer mu.Unlock()
		if id := causeOf(f); f.GetCause().GetKind() == eventv1.Cause_KIND_MIGRATION || f.GetCause().GetMessage() == 12 {
			if !refused[id] {
				refused[id] = true
				return fmt.Errorf("append: %w", es.ErrUnavailable)
			}
		}
		return nil
	}
	r.api.add(
		inTopic("message", movedGroup, 55, 9, `"text":"canary"`), // before: somebody else's group
		inTopic("message", testGroup, 55, 10, `"text":"canary"`),
		moves(testGroup, movedGroup, false),
		moves(testGroup, movedGroup, true),
		inTopic("message", movedGroup, 55, 12, `"text":"canary"`),
		reacted(movedGroup, 12, "👍"),
		inTopic("message", testGroup, 55, 11, `"text":"canary, late"`),
		written(5, 20, "canary"),
	)
	r.start(t, polling)
	eventually(t, "the end of the queue", func() bool { return r.api.forgotten() == 1008 })
	messages, migrations := r.groupFacts()
	if !slices.Contains(messages[movedGroup], 12) || slices.Contains(messages[movedGroup], 9) ||
		!slices.Contains(messages[testGroup], 10) || !slices.Contains(messages[testGroup], 11) || migrations == 0 {
		t.Errorf("messages %v, %d migrations", messages, migrations)
	}
	inOrder(t, r.log.causes(), "message 10", "migration 0", "message 12", "reaction 12")
	if n := r.logged.FilterField(zap.Int64("group", movedGroup)).Len(); n != 1 {
		t.Errorf("told %d times", n)
	}
	// The record follows, and nothing changes.
	says := record(polling, 9)
	says.Configured.Group = movedGroup
	r.log.records <- says
	eventually(t, "a new start", func() bool { return len(r.api.of("getMe")) == 2 })
	r.api.add(inTopic("message", movedGroup, 55, 30, `"text":"canary"`), inTopic("message", testGroup, 55, 31, `"text":"canary, later"`))
	eventually(t, "both groups", func() bool {
		messages, _ := r.groupFacts()
		return slices.Contains(messages[movedGroup], 30) && slices.Contains(messages[testGroup], 31)
	})
	// Another group is another group.
	says = record(polling, 10)
	says.Configured.Group = testGroup - 100
	r.log.records <- says
	eventually(t, "another start", func() bool { return len(r.api.of("getMe")) == 3 })
	r.api.add(inTopic("message", movedGroup, 55, 40, `"text":"canary"`), written(5, 41, "canary"))
	eventually(t, "the message after", func() bool { return slices.Contains(r.log.kept()[5], 41) })
	if messages, _ := r.groupFacts(); slices.Contains(messages[movedGroup], 40) {
		t.Error("the group is still read")
	}
}

func TestGroupMovesByWebhook(t *testing.T) {
	h := newHookRig(t)
	h.open(t)
	post := func(raw string) int { t.Helper(); return h.send(t, fmt.Sprintf(raw, 1)) }
	h.log.setDown(es.ErrUnavailable)
	if status := post(moves(testGroup, movedGroup, true)); status != http.StatusServiceUnavailable {
		t.Errorf("status %d without a log", status)
	}
	h.log.setDown(nil)
	for _, raw := range []string{
		inTopic("message", movedGroup, 55, 9, `"text":"canary"`), // Telegram would not have sent it yet
		moves(testGroup, movedGroup, true),
		inTopic("message", movedGroup, 55, 12, `"text":"canary"`),
		inTopic("message", testGroup, 55, 10, `"text":"canary, from the old queue"`),
		moves(testGroup, movedGroup, false),
	} {
		if status := post(raw); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	messages, migrations := h.groupFacts()
	if !slices.Equal(messages[movedGroup], []int64{12}) || !slices.Equal(messages[testGroup], []int64{10}) || migrations != 2 {
		t.Errorf("messages %v, %d migrations", messages, migrations)
	}
}

// Malformed edits and reactions are counted, each by its type, and stop nothing.
func TestMalformedAreCountedByType(t *testing.T) {
	r := newRig(t, Config{})
	want := map[string]float64{}
	for _, s := range samples(t, "odd.json") {
		read := testLens().read(s.Update, received)
		if read.result == resultMalformed {
			want[read.kind]++
		}
		if err := r.intake.take(t.Context(), read, received); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	for _, kind := range []string{typeMessage, typeEdit, typeMembership, typeReaction, typeOther} {
		n := r.metric(t, "hotline_ingress_updates_total", map[string]string{"type": kind, "result": string(resultMalformed)})
		if n != want[kind] || n == 0 {
			t.Errorf("%v malformed of type %s, want %v", n, kind, want[kind])
		}
	}
}
