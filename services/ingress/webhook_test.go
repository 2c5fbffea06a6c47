package ingress

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// hookRig is a rig behind a web server.
type hookRig struct {
	*rig
	server *httptest.Server
	path   string
	secret string
}

func newHookRig(t *testing.T) *hookRig {
	t.Helper()
	mux := http.NewServeMux()
	h := &hookRig{server: httptest.NewServer(mux)}
	t.Cleanup(h.server.Close)
	h.rig = newRig(t, Config{WebhookURL: h.server.URL + "/"})
	mux.Handle(HookPattern, h.Handler())
	return h
}

// open starts the service and learns what it told Telegram.
func (h *hookRig) open(t *testing.T) {
	t.Helper()
	h.start(t, sourceWebhook)
	eventually(t, "ready", func() bool { return h.Ready() == nil })
	set := h.api.of("setWebhook")[0]
	target, err := url.Parse(set.params["url"].(string))
	if err != nil || !strings.HasPrefix(target.String(), h.server.URL+hookPrefix) {
		t.Fatalf("webhook at %v: %v", set.params["url"], err)
	}
	h.path, h.secret = target.Path, set.params["secret_token"].(string)
}

func (h *hookRig) post(ctx context.Context, path, secret, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.server.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set(secretHeader, secret)
	resp, err := h.server.Client().Do(req)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp, err
}

func (h *hookRig) send(t *testing.T, body string) int {
	t.Helper()
	resp, err := h.post(t.Context(), h.path, h.secret, body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func sent(id, chat, message int64) string { return fmt.Sprintf(written(chat, message, "canary"), id) }

func TestWebhook(t *testing.T) {
	h := newHookRig(t)
	h.open(t)
	set := h.api.of("setWebhook")[0]
	if set.params["drop_pending_updates"] != false || set.int("max_connections") == 0 ||
		!slices.Equal(set.params["allowed_updates"].([]any), []any{"message", "edited_message", "my_chat_member", "message_reaction"}) {
		t.Errorf("setWebhook with %v", set.params)
	}
	for name, value := range map[string]string{"path": h.path, "secret": h.secret} {
		if strings.Contains(value, secretPart) || strings.Contains(value, "123456") {
			t.Errorf("the token is in the %s %s", name, value)
		}
	}
	if len(h.secret) < 32 || strings.Trim(h.secret, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		t.Errorf("secret %q", h.secret)
	}
	if status := h.send(t, sent(1, 5, 10)); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if f := h.log.facts; len(f) != 1 || f[0].GetCustomerMessage().GetMessage() != 10 {
		t.Fatalf("facts %v", f)
	}
	if n := len(h.api.of("getUpdates")) + len(h.api.of("deleteWebhook")); n != 0 {
		t.Error("a webhook connection polls")
	}
	h.halt(t)
	if status := h.send(t, sent(2, 5, 11)); status != http.StatusServiceUnavailable {
		t.Errorf("status %d after the end", status)
	}
}

func TestWebhookRefuses(t *testing.T) {
	h := newHookRig(t)
	if resp, err := h.post(t.Context(), hookPrefix+hookPath(config.NewSecret(testToken)), "", ""); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("before the start: %v, %v", resp, err)
	}
	h.open(t)
	for _, c := range []struct {
		name, path, secret string
		want               int
	}{
		{"no secret", h.path, "", http.StatusForbidden},
		{"wrong secret", h.path, h.secret + "x", http.StatusForbidden},
		{"another path", hookPrefix + "0123", h.secret, http.StatusNotFound},
		{"the path of another token", hookPrefix + hookPath(config.NewSecret("1:x")), h.secret, http.StatusNotFound},
	} {
		if resp, err := h.post(t.Context(), c.path, c.secret, sent(1, 5, 10)); err != nil || resp.StatusCode != c.want {
			t.Errorf("%s: %v, %v", c.name, resp, err)
		}
	}
	if h.log.count() != 0 {
		t.Error("a refused call left a fact")
	}
}

func TestWebhookOddBodies(t *testing.T) {
	h := newHookRig(t)
	h.open(t)
	for _, s := range samples(t, "odd.json") {
		if status := h.send(t, string(s.Update)); status != http.StatusOK {
			t.Errorf("%s: status %d", s.Name, status)
		}
	}
	for _, body := range []string{"", "not JSON", `{"update_id":1,"message":`} {
		if status := h.send(t, body); status != http.StatusOK {
			t.Errorf("%q: status %d", body, status)
		}
	}
	huge := fmt.Sprintf(written(5, 1, strings.Repeat("canary", maxUpdate/5)), 7)
	if status := h.send(t, huge); status != http.StatusOK {
		t.Errorf("huge: status %d", status)
	}
	if n := h.metric(t, "hotline_ingress_updates_total", map[string]string{"result": "oversize"}); n != 1 {
		t.Errorf("%v oversize counted", n)
	}
	if n := h.metric(t, "hotline_ingress_updates_total", map[string]string{"result": "malformed"}); n < 10 {
		t.Errorf("%v malformed counted", n)
	}
	if status := h.send(t, sent(9, 5, 10)); status != http.StatusOK || !slices.Contains(h.log.kept()[5], 10) {
		t.Error("the flow has stopped")
	}
}

func TestWebhookWithoutLog(t *testing.T) {
	h := newHookRig(t)
	h.open(t)
	h.log.setDown(es.ErrUnavailable)
	resp, err := h.post(t.Context(), h.path, h.secret, sent(1, 5, 10))
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%v, %v", resp, err)
	}
	h.log.setDown(nil)
	if status := h.send(t, sent(1, 5, 10)); status != http.StatusOK || h.log.count() != 1 {
		t.Fatalf("status %d, %d facts", status, h.log.count())
	}
	if h.Ready() != nil {
		t.Errorf("not ready: %v", h.Ready())
	}
}

// The answer waits for the log.
func TestWebhookAnswersAfterTheLog(t *testing.T) {
	h := newHookRig(t)
	release, entered := make(chan struct{}), make(chan struct{})
	h.log.gate = func(context.Context, *eventv1.Fact) error { close(entered); <-release; return nil }
	h.open(t)
	answered := make(chan error, 1)
	go func() {
		_, err := h.post(t.Context(), h.path, h.secret, sent(1, 5, 10))
		answered <- err
	}()
	<-entered
	select {
	case <-answered:
		t.Fatal("answered before the log had it")
	default:
	}
	close(release)
	if err := <-answered; err != nil || h.log.count() != 1 {
		t.Fatalf("%v, %d facts", err, h.log.count())
	}
}

// Calls for one chat take turns however many come at once, and other chats do not wait for them.
func TestWebhookTurns(t *testing.T) {
	h := newHookRig(t)
	blocked, together := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.log.gate = func(ctx context.Context, f *eventv1.Fact) error {
		if f.GetCause().GetChat() == 1 {
			<-blocked // holds up its own chat only
		}
		h.log.mu.Lock()
		defer h.log.mu.Unlock()
		if h.log.current >= 4 {
			once.Do(func() { close(together) })
		}
		return nil
	}
	h.open(t)
	var wg sync.WaitGroup
	for i := range int64(60) {
		wg.Go(func() {
			resp, err := h.post(t.Context(), h.path, h.secret, sent(i, 1+i%6, 100+i))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	eventually(t, "the other chats", func() bool { return h.log.count() == 50 })
	close(blocked)
	wg.Wait()
	if h.log.count() != 60 || h.log.most != 1 {
		t.Fatalf("%d facts, %d of one chat at once", h.log.count(), h.log.most)
	}
}

func TestTurnsAreFirstComeFirstServed(t *testing.T) {
	q := turns{lines: map[string][]chan struct{}{}}
	leave, err := q.enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []int
	var wg sync.WaitGroup
	impatient, cancel := context.WithCancel(t.Context())
	for i := range 20 {
		ctx := t.Context()
		if i == 7 {
			ctx = impatient
		}
		wg.Go(func() {
			leave, err := q.enter(ctx, "a")
			if err != nil {
				return
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			leave()
		})
		eventually(t, "its place in the line", func() bool { q.mu.Lock(); defer q.mu.Unlock(); return len(q.lines["a"]) == i+2 })
	}
	cancel()
	eventually(t, "the one who left", func() bool { q.mu.Lock(); defer q.mu.Unlock(); return len(q.lines["a"]) == 20 })
	other, err := q.enter(t.Context(), "b") // another line does not wait
	if err != nil {
		t.Fatal(err)
	}
	other()
	leave()
	wg.Wait()
	if want := []int{0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
	if len(q.lines) != 0 {
		t.Errorf("%d lines are left", len(q.lines))
	}
}

func TestWebhookRefusedByTelegram(t *testing.T) {
	h := newHookRig(t)
	h.api.answer = func(c call, nth int) (int, string, bool) {
		return 400, `{"ok":false,"error_code":400,"description":"Bad Request: bad webhook: HTTPS url must be provided for webhook"}`,
			c.method == "setWebhook" && nth < 3
	}
	h.start(t, sourceWebhook)
	eventually(t, "trouble", func() bool {
		err := h.Ready()
		return err != nil && strings.Contains(err.Error(), "HOTLINE_WEBHOOK_URL")
	})
	eventually(t, "recovery", func() bool { return h.Ready() == nil })
}

func TestWebhookWithoutURL(t *testing.T) {
	r := newRig(t, Config{})
	r.start(t, sourceWebhook)
	eventually(t, "trouble", func() bool {
		err := r.Ready()
		return err != nil && strings.Contains(err.Error(), "HOTLINE_WEBHOOK_URL")
	})
	if n := len(r.api.of("setWebhook")); n != 0 {
		t.Errorf("%d calls of setWebhook", n)
	}
}

// From polling to a webhook and back, nothing but the configuration changes.
func TestChangeOfSource(t *testing.T) {
	h := newHookRig(t)
	h.start(t, polling)
	eventually(t, "polling", func() bool { return h.Ready() == nil && len(h.api.of("getUpdates")) > 0 })
	h.log.records <- record(sourceWebhook, 2)
	eventually(t, "the webhook", func() bool { return len(h.api.of("setWebhook")) == 1 })
	h.log.records <- record(polling, 3)
	eventually(t, "polling again", func() bool { return len(h.api.of("deleteWebhook")) == 2 })
	h.api.add(written(5, 1, "canary"))
	eventually(t, "the fact", func() bool { return h.log.count() == 1 })
}

func TestGraceEnds(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	ctx, stop := graceful(parent, 20*time.Millisecond)
	defer stop()
	cancel()
	if ctx.Err() != nil {
		t.Fatal("ended with its parent")
	}
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("never ends")
	}
}

func hookMux(r *rig) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(HookPattern, r.Handler())
	return mux
}
