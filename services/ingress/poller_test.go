package ingress

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const polling = "polling"

func TestPollingTakesWhatIsPending(t *testing.T) {
	r := newRig(t, Config{})
	for i := range int64(250) {
		r.api.add(written(1+i%7, 10+i, "canary"))
	}
	r.start(t, polling)
	eventually(t, "all facts", func() bool { return r.log.count() == 250 })
	eventually(t, "ready", func() bool { return r.Ready() == nil })
	r.api.add(written(1, 5000, "canary, later"))
	eventually(t, "the later fact", func() bool { return r.log.count() == 251 })
	for chat, ids := range r.log.kept() {
		if !slices.IsSorted(ids) {
			t.Errorf("chat %d: %v", chat, ids)
		}
	}
	for i, place := range r.log.places {
		if want := fmt.Sprint(r.log.facts[i].GetCause().GetChat()); place != want {
			t.Errorf("place %s of a fact of chat %s", place, want)
		}
	}
	first := r.api.of("getUpdates")[0]
	if first.int("offset") != 0 || !slices.Equal(first.params["allowed_updates"].([]any), []any{"message", "edited_message", "my_chat_member", "message_reaction"}) {
		t.Errorf("first call: %v", first)
	}
	for _, c := range r.api.of("deleteWebhook") {
		if c.params["drop_pending_updates"] == true {
			t.Error("pending updates are dropped")
		}
	}
	if n := r.metric(t, "hotline_ingress_updates_total", map[string]string{"type": "message", "result": "fact"}); n != 251 {
		t.Errorf("%v facts counted", n)
	}
}

// Telegram forgets an update when a later one is asked for: not before its fact is in the log.
func TestOffsetFollowsTheLog(t *testing.T) {
	r := newRig(t, Config{})
	entered, release := make(chan struct{}, 1), make(chan struct{})
	r.log.gate = func(ctx context.Context, _ *eventv1.Fact) error {
		entered <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.api.add(written(5, 1, "canary"))
	r.start(t, polling)
	<-entered
	if got := r.api.forgotten(); got != 0 || len(r.api.of("getUpdates")) != 1 {
		t.Fatalf("confirmed up to %d before the log had it", got)
	}
	close(release)
	eventually(t, "confirmation", func() bool { return r.api.forgotten() == 1001 })
}

// A fact that the log refuses comes again, with all that followed it in its chat; other chats go on.
func TestPublishFailure(t *testing.T) {
	r := newRig(t, Config{})
	var mu sync.Mutex
	refuse := 3
	r.log.gate = func(_ context.Context, f *eventv1.Fact) error {
		mu.Lock()
		defer mu.Unlock()
		if f.GetCause().GetChat() == 7 && f.GetCause().GetMessage() == 2 && refuse > 0 {
			refuse--
			return fmt.Errorf("append: %w", es.ErrUnavailable)
		}
		return nil
	}
	r.api.add(written(7, 1, "a"), written(8, 1, "b"), written(7, 2, "c"), written(8, 2, "d"), written(7, 3, "e"))
	r.start(t, polling)
	eventually(t, "the end of the queue", func() bool { return r.api.forgotten() == 1005 })
	kept := r.log.kept()
	if !slices.Equal(kept[7], []int64{1, 2, 3}) || !slices.Equal(kept[8], []int64{1, 2}) {
		t.Fatalf("kept %v", kept)
	}
	again := 0
	for _, c := range r.api.of("getUpdates") {
		if c.int("offset") == 1002 {
			again++
		}
	}
	if again < 3 {
		t.Errorf("the refused update was asked for %d times", again)
	}
	eventually(t, "ready again", func() bool { return r.Ready() == nil })
}

func TestLogOutageIsNotReady(t *testing.T) {
	r := newRig(t, Config{})
	r.log.setDown(es.ErrUnavailable)
	r.api.add(written(7, 1, "a"))
	r.start(t, polling)
	eventually(t, "trouble", func() bool { return r.Ready() != nil && strings.Contains(r.Ready().Error(), "does not take facts") })
	r.log.setDown(nil)
	eventually(t, "recovery", func() bool { return r.Ready() == nil && r.log.count() == 1 && r.api.forgotten() == 1001 })
}

func TestOddUpdatesDoNotStopTheFlow(t *testing.T) {
	r := newRig(t, Config{})
	r.api.add(written(5, 1, "before"))
	for _, s := range samples(t, "odd.json") {
		r.api.add(string(s.Update))
	}
	r.api.add(`{"update_id":%d,"x":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`}`, `{"update_id":"ten"}`, `{"update_id":%d}`)
	r.api.add(written(5, 2, strings.Repeat("canary", 200_000)), written(5, 3, "after"))
	r.start(t, polling)
	eventually(t, "the message after", func() bool { return slices.Contains(r.log.kept()[5], 3) })
	if got := r.log.kept()[5]; !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("kept %v", got)
	}
	eventually(t, "the count of malformed updates", func() bool {
		return r.metric(t, "hotline_ingress_updates_total", map[string]string{"result": "malformed"}) >= 10
	})
}

// Updates without ids, with nothing behind them, are stepped over one by one.
func TestOnlyOddUpdates(t *testing.T) {
	r := newRig(t, Config{})
	r.api.add(written(5, 1, "before"))
	r.start(t, polling)
	eventually(t, "the first", func() bool { return r.log.count() == 1 })
	r.api.add(`{}`, `"nothing"`)
	eventually(t, "the end of the queue", func() bool { return r.api.forgotten() >= 1003 })
	r.api.add(written(5, 2, "after"))
	eventually(t, "the message after", func() bool { return r.log.count() == 2 })
}

func TestTroubleWithTelegram(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		says   string // what Ready must name
	}{
		{"another poller", 409, `{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}`, "another program polls"},
		{"a webhook", 409, `{"ok":false,"error_code":409,"description":"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}`, "HOTLINE_SOURCE=webhook"},
		{"restart", 500, `{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}`, "HOTLINE_TELEGRAM_API"},
		{"gateway page", 502, `<html>canary</html>`, "no usable answer"},
		{"page with 200", 200, `<html>canary</html>`, "no usable answer"},
		{"refusal", 400, `{"ok":false,"error_code":400,"description":"Bad Request: no"}`, "refuses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			healed := make(chan struct{})
			r.api.answer = func(got call, _ int) (int, string, bool) {
				select {
				case <-healed:
					return 0, "", false
				default:
					return c.status, c.body, got.method == "getUpdates"
				}
			}
			r.api.add(written(5, 1, "canary"))
			r.start(t, polling)
			eventually(t, c.says, func() bool { err := r.Ready(); return err != nil && strings.Contains(err.Error(), c.says) })
			if r.logged.FilterField(zapReason(r.Ready().Error())).Len() != 1 {
				t.Errorf("said %d times", r.logged.FilterField(zapReason(r.Ready().Error())).Len())
			}
			close(healed)
			eventually(t, "recovery", func() bool { return r.Ready() == nil && r.log.count() == 1 })
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	r := newRig(t, Config{})
	var mu sync.Mutex
	var times []time.Time
	r.api.answer = func(c call, nth int) (int, string, bool) {
		if c.method != "getUpdates" {
			return 0, "", false
		}
		mu.Lock()
		times = append(times, time.Now())
		mu.Unlock()
		return 429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}`, nth == 1
	}
	r.start(t, polling)
	eventually(t, "ready", func() bool { return r.Ready() == nil })
	mu.Lock()
	defer mu.Unlock()
	if pause := times[1].Sub(times[0]); pause < time.Second {
		t.Errorf("asked again after %v", pause)
	}
}

// The token is read anew after a refusal, so that a new one works without a restart.
func TestRefusedToken(t *testing.T) {
	r := newRig(t, Config{})
	r.secrets.set("")
	r.start(t, polling)
	eventually(t, "no token", func() bool { return r.Ready() != nil && strings.Contains(r.Ready().Error(), "not stored") })
	r.secrets.set("123456:" + strings.Repeat("x", 35))
	eventually(t, "refusal", func() bool { return r.Ready() != nil && strings.Contains(r.Ready().Error(), "@BotFather") })
	r.secrets.set(testToken)
	eventually(t, "ready", func() bool { return r.Ready() == nil })
}

// A token revoked while polling ends in the same way.
func TestRevokedToken(t *testing.T) {
	r := newRig(t, Config{})
	r.start(t, polling)
	eventually(t, "ready", func() bool { return r.Ready() == nil })
	r.api.mu.Lock()
	r.api.token = "123456:" + strings.Repeat("y", 35)
	r.api.mu.Unlock()
	r.api.add(written(5, 1, "one more poll"), written(5, 2, "canary"))
	eventually(t, "refusal", func() bool { return r.Ready() != nil && strings.Contains(r.Ready().Error(), "@BotFather") })
	r.secrets.set("123456:" + strings.Repeat("y", 35))
	eventually(t, "ready", func() bool { return r.Ready() == nil && r.log.count() >= 2 })
}

func TestTokenOfAnotherBot(t *testing.T) {
	r := newRig(t, Config{})
	other := record(polling, 5)
	other.Configured.Bot = 654321
	r.log.records <- other
	r.start(t, polling) // with an older record
	eventually(t, "refusal", func() bool { return r.Ready() != nil && strings.Contains(r.Ready().Error(), "another bot") })
	if n := len(r.api.of("getUpdates")); n != 0 {
		t.Errorf("%d polls", n)
	}
}

// What is in hand at the end is published, and Telegram told so: the next start gets nothing twice.
func TestStopFinishesTheBatch(t *testing.T) {
	r := newRig(t, Config{})
	entered, release := make(chan struct{}, 8), make(chan struct{})
	r.log.gate = func(ctx context.Context, _ *eventv1.Fact) error {
		entered <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.api.add(written(5, 1, "a"), written(5, 2, "b"), written(6, 3, "c"))
	r.start(t, polling)
	<-entered
	r.stop()
	close(release)
	r.halt(t)
	if r.log.count() != 3 || r.api.forgotten() != 1003 {
		t.Fatalf("%d facts, confirmed up to %d", r.log.count(), r.api.forgotten())
	}
	calls := r.api.of("getUpdates")
	if last := calls[len(calls)-1]; last.int("offset") != 1003 || last.int("limit") != 1 || last.int("timeout") != 0 {
		t.Errorf("last call %v", last)
	}
}

// A stop while nothing is in hand needs no last word.
func TestStopWhileIdle(t *testing.T) {
	r := newRig(t, Config{})
	r.start(t, polling)
	eventually(t, "a long poll", func() bool {
		c := r.api.of("getUpdates")
		return len(c) > 0 && c[len(c)-1].int("timeout") == pollSeconds
	})
	polls := len(r.api.of("getUpdates"))
	r.halt(t)
	if n := len(r.api.of("getUpdates")); n != polls {
		t.Errorf("%d more polls", n-polls)
	}
}

// Parameters count from the next update on; another group begins the source anew.
func TestNewRecords(t *testing.T) {
	r := newRig(t, Config{})
	r.start(t, polling)
	eventually(t, "ready", func() bool { return r.Ready() == nil })
	ignoring := record(polling, 9)
	ignoring.Parameters.IgnoreChats = []int64{6}
	r.log.records <- ignoring
	r.log.records <- record(polling, 3) // late: an older one changes nothing
	eventually(t, "the records are read", func() bool { return len(r.log.records) == 0 })
	r.api.add(written(6, 1, "a"), written(5, 2, "b"))
	eventually(t, "the admitted message", func() bool { return r.log.count() == 1 })
	if f := r.log.facts[0]; f.GetCause().GetChat() != 5 || f.GetParamsSeq() != 9 || f.GetUpdate() != 1001 {
		t.Errorf("fact %v", f)
	}
	if n := len(r.api.of("getMe")); n != 1 {
		t.Errorf("%d starts", n)
	}
	moved := record(polling, 10)
	moved.Configured.Group--
	r.log.records <- moved
	eventually(t, "a new start", func() bool { return len(r.api.of("getMe")) == 2 })
	r.api.add(written(6, 3, "c"))
	eventually(t, "the message after", func() bool { return r.log.count() == 2 })
}

// Chats are published side by side, each in its order.
func TestChatsInParallel(t *testing.T) {
	r := newRig(t, Config{})
	together := make(chan struct{})
	var once sync.Once
	r.log.gate = func(ctx context.Context, _ *eventv1.Fact) error {
		r.log.mu.Lock()
		all := r.log.current == 10
		r.log.mu.Unlock()
		if all {
			once.Do(func() { close(together) })
		}
		select {
		case <-together:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for i := range int64(50) {
		r.api.add(written(1+i%10, 100+i, "x"))
	}
	r.start(t, polling)
	eventually(t, "all facts", func() bool { return r.log.count() == 50 })
	if r.log.most != 1 {
		t.Errorf("%d facts of one chat at once", r.log.most)
	}
}
