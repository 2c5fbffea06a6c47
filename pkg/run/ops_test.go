package run

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestOps(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	defer http.DefaultClient.CloseIdleConnections()
	var ready atomic.Bool
	states := func() []State {
		return []State{{Name: "relay", Ready: ready.Load(), Why: "dial bot123456:AAEhBP0av28fTnQ7bLwKjq9Yb3Zx5cVd1mN"}, {Name: "ops", Ready: true}}
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hotline_up 1") })
	o, err := NewOps("127.0.0.1:0", states, metrics, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	o.Handle("POST /telegram", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		io.WriteString(w, "taken")
	}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()

	base := "http://" + o.Addr()
	if code, body := get(t, base+"/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("healthz %d %q", code, body)
	}
	if code, body := get(t, base+"/metrics"); code != 200 || body != "hotline_up 1" {
		t.Errorf("metrics %d %q", code, body)
	}
	code, body := get(t, base+"/readyz")
	var r readiness
	if err := json.Unmarshal([]byte(body), &r); err != nil || code != 503 || r.Ready || len(r.Components) != 2 {
		t.Errorf("readyz %d %q, %v", code, body, err)
	}
	if strings.Contains(body, "AAEhBP0") || !strings.Contains(body, "dial bot123456:***") {
		t.Errorf("readyz shows a token: %s", body)
	}
	ready.Store(true)
	if code, body := get(t, base+"/readyz"); code != 200 || !strings.Contains(body, `"ready": true`) {
		t.Errorf("readyz %d %q", code, body)
	}

	// A request under way is finished after the stop began.
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Post(base+"/telegram", "application/json", strings.NewReader("{}"))
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answer <- string(b)
	}()
	<-entered
	cancel()
	close(leave)
	if got := <-answer; got != "taken" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestInsideIsShownNearbyOnly(t *testing.T) {
	h := nearby(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "inside") })
	for _, c := range []struct {
		from, header string
		want         int
	}{
		{"127.0.0.1:1", "", 200}, {"[::1]:1", "", 200}, {"172.17.0.1:1", "", 200}, {"[::ffff:10.0.0.1]:1", "", 200},
		{"149.154.167.1:1", "", 404}, {"[2001:67c:4e8::1]:1", "", 404}, {"nonsense", "", 404},
		{"127.0.0.1:1", "X-Forwarded-For", 404}, {"127.0.0.1:1", "Forwarded", 404},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = c.from
		if c.header != "" {
			r.Header.Set(c.header, "149.154.167.1")
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("from %s with %q: %d, want %d", c.from, c.header, w.Code, c.want)
		}
	}
}

func TestOpsAddressInUse(t *testing.T) {
	one, err := NewOps("127.0.0.1:0", nil, http.NotFoundHandler(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	_, err = NewOps(one.Addr(), nil, http.NotFoundHandler(), zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), "HOTLINE_LISTEN") {
		t.Errorf("got %v", err)
	}
}
