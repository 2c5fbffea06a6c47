package simulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

// receiver records what a webhook gets.
type receiver struct {
	mu     sync.Mutex
	got    []tgUpdate
	answer func(n int, u tgUpdate, w http.ResponseWriter)
	secret string
	busy   map[int64]int
	clash  bool
	most   int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var u tgUpdate
	if err := json.Unmarshal(body, &u); err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	var chat int64
	if u.Message != nil {
		chat = u.Message.Chat.ID
	}
	r.mu.Lock()
	r.secret = req.Header.Get("X-Telegram-Bot-Api-Secret-Token")
	r.got = append(r.got, u)
	n := len(r.got)
	if r.busy[chat]++; r.busy[chat] > 1 {
		r.clash = true
	}
	r.most = max(r.most, len(r.busy))
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(n, u, w)
	}
	r.mu.Lock()
	if r.busy[chat]--; r.busy[chat] == 0 {
		delete(r.busy, chat)
	}
	r.mu.Unlock()
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func hooked(t *testing.T, r *receiver) (*world, string) {
	t.Helper()
	r.busy = map[int64]int{}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	w := quiet(t, simulator.Config{RetryUnit: time.Millisecond})
	return w, srv.URL + "/hook"
}

func TestWebhookKeepsOrderPerChat(t *testing.T) {
	r := &receiver{}
	gate := make(chan struct{})
	r.answer = func(n int, _ tgUpdate, _ http.ResponseWriter) { <-gate }
	w, url := hooked(t, r)
	a, b := w.s.NewCustomer("Anna"), w.s.NewCustomer("Ben")
	a.Send(simulator.Text("a0")) // waits in the queue before there is a webhook
	w.api.must(t, "setWebhook", obj{"url": url, "secret_token": "s3cret_-"})
	for i := 1; i < 20; i++ {
		a.Send(simulator.Text(fmt.Sprintf("a%d", i)))
		b.Send(simulator.Text(fmt.Sprintf("b%d", i)))
	}
	ctx := within(t, 10*time.Second)
	if err := poll4(ctx, func() bool { return r.count() == 2 }); err != nil {
		t.Fatal(err, r.count())
	}
	close(gate)
	if err := w.s.WaitFor(ctx, func() bool { return w.bot.Pending() == 0 }); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clash || r.most < 2 || r.secret != "s3cret_-" {
		t.Fatalf("clash %v, %d chats at once, secret %q", r.clash, r.most, r.secret)
	}
	last := map[int64]int64{}
	for _, u := range r.got {
		if c := u.Message.Chat.ID; u.ID <= last[c] {
			t.Fatalf("update %d after %d", u.ID, last[c])
		}
		last[u.Message.Chat.ID] = u.ID
	}
}

func TestWebhookRepeatsUntilAccepted(t *testing.T) {
	r := &receiver{}
	var at []time.Time
	r.answer = func(n int, _ tgUpdate, w http.ResponseWriter) {
		r.mu.Lock()
		at = append(at, time.Now())
		r.mu.Unlock()
		switch n {
		case 1, 2, 3:
			w.WriteHeader(500)
		case 4:
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(302) // a redirect is a failure
		case 5:
			w.Header().Set("Retry-After", "60") // 60 units
			w.WriteHeader(429)
		}
	}
	w, url := hooked(t, r)
	w.api.must(t, "setWebhook", obj{"url": url, "max_connections": 1})
	anna := w.s.NewCustomer("Anna")
	anna.Send(simulator.Text("one"))
	anna.Send(simulator.Text("two"))
	if err := w.s.WaitFor(within(t, 10*time.Second), func() bool { return w.bot.Pending() == 0 }); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := texts(r.got); got != "one one one one one one two" {
		t.Fatal(got)
	}
	if d := at[5].Sub(at[4]); d < 60*time.Millisecond {
		t.Fatalf("Retry-After was not waited for: %v", d)
	}
	info := string(w.api.must(t, "getWebhookInfo", nil).Result)
	if !strings.Contains(info, `"url":"`+url+`"`) || !strings.Contains(info, `"pending_update_count":0`) || !strings.Contains(info, `"last_error_message":"Wrong response from the webhook: 429`) {
		t.Fatal(info)
	}
}

func TestWebhookClassesAreIndependent(t *testing.T) {
	r := &receiver{}
	release := make(chan struct{})
	r.answer = func(_ int, u tgUpdate, _ http.ResponseWriter) {
		if u.Message != nil {
			<-release
		}
	}
	w, url := hooked(t, r)
	w.api.must(t, "setWebhook", obj{"url": url})
	anna := w.s.NewCustomer("Anna")
	anna.Send(simulator.Text("held up"))
	anna.Block()
	err := poll4(within(t, 10*time.Second), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.got) == 2 && (r.got[0].Mine != nil || r.got[1].Mine != nil)
	})
	close(release)
	if err != nil {
		t.Fatal(err)
	}
}

func TestWebhookAnswerExecutesAMethod(t *testing.T) {
	r := &receiver{}
	r.answer = func(_ int, u tgUpdate, w http.ResponseWriter) {
		fmt.Fprintf(w, `{"method":"sendMessage","chat_id":%d,"text":"by reply"}`, u.Message.Chat.ID)
	}
	w, url := hooked(t, r)
	w.api.must(t, "setWebhook", obj{"url": url})
	anna := w.s.NewCustomer("Anna")
	anna.Send(simulator.Text("hi"))
	if err := w.s.WaitFor(within(t, 10*time.Second), func() bool { return anna.Received("by reply") }); err != nil {
		t.Fatal(err)
	}
}

func TestWebhookLeavesUndeliveredToPolling(t *testing.T) {
	w := quiet(t, simulator.Config{RetryUnit: time.Millisecond})
	w.api.must(t, "setWebhook", obj{"url": "http://127.0.0.1:1/nobody"})
	w.s.NewCustomer("Anna").Send(simulator.Text("kept"))
	r := w.api.must(t, "deleteWebhook", nil)
	if string(r.Result) != "true" || r.Description != "Webhook was deleted" {
		t.Fatalf("%+v", r)
	}
	if got := texts(w.api.updates(t, obj{})); got != "kept" {
		t.Fatal(got)
	}
	if n := len(w.api.updates(t, obj{"offset": -1})); n != 1 {
		t.Fatal(n)
	}
}

func TestSetWebhookRefuses(t *testing.T) {
	w := quiet(t, simulator.Config{RetryUnit: time.Hour})
	w.api.refuse(t, "setWebhook", obj{"url": "http://192.0.2.1/x"}, 400, "Bad Request: bad webhook: the simulator delivers to loopback only")
	w.api.refuse(t, "setWebhook", obj{"url": "http://127.0.0.1/x", "secret_token": "a b"}, 400, "Bad Request: secret token contains unallowed characters")
	if r := w.api.must(t, "setWebhook", obj{"url": "http://127.0.0.1:1/x"}); r.Description != "Webhook was set" {
		t.Fatalf("%+v", r)
	}
	if r := w.api.refuse(t, "setWebhook", obj{"url": "http://127.0.0.1:1/y"}, 429, "Too Many Requests: retry after 1"); r.Header.Get("Retry-After") != "1" || r.Parameters.RetryAfter != 1 {
		t.Fatalf("%+v", r)
	}
}
