package tg_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/tg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secretPart = "AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
	tokenText  = "123456:" + secretPart
)

var token = config.NewSecret(tokenText)

func client(t *testing.T, handler http.HandlerFunc, opts ...tg.Option) *tg.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	c := tg.NewClient(server.URL+"/", token, opts...)
	t.Cleanup(func() { c.Close(); server.CloseClientConnections(); server.Close() })
	return c
}

func noSecret(t *testing.T, err error) {
	t.Helper()
	for unwrapped := err; unwrapped != nil; unwrapped = errors.Unwrap(unwrapped) {
		if text := fmt.Sprintf("%v %+v", unwrapped, unwrapped); strings.Contains(text, secretPart) {
			t.Fatalf("the token is in an error: %s", text)
		}
	}
}

func TestCall(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/bot"+tokenText+"/copyMessage" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		fmt.Fprintf(w, `{"ok":true,"result":%s}`, body)
	})
	params := map[string]int64{"chat_id": group, "message_id": 7}
	var got map[string]int64
	if err := c.Call(t.Context(), "copyMessage", params, &got); err != nil {
		t.Fatal(err)
	}
	if got["chat_id"] != group || got["message_id"] != 7 {
		t.Fatalf("result %v", got)
	}
	if err := c.Call(t.Context(), "copyMessage", nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestCallRefused(t *testing.T) {
	for _, r := range refusals {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(r.code)
			answer, _ := json.Marshal(map[string]any{"ok": false, "error_code": r.code, "description": r.text,
				"parameters": map[string]any{"retry_after": 17}})
			w.Write(answer)
		})
		err := c.Call(t.Context(), "sendMessage", map[string]any{"chat_id": r.chat}, nil)
		answered, ok := errors.AsType[*tg.Error](err)
		if !ok || answered.Code != r.code || answered.Description != r.text || answered.Chat != r.chat || answered.Method != "sendMessage" {
			t.Fatalf("%#v", err)
		}
		if tg.Classify(err) != r.want {
			t.Errorf("%v: %v, want %v", err, tg.Classify(err), r.want)
		}
		if wait := answered.RetryAfter; (r.code == 429) != (wait == 17*time.Second) || r.code != 429 && wait != 0 {
			t.Errorf("%v: wait %v", err, wait)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		header, body string
		want         time.Duration
	}{
		{"9", `{"ok":false,"error_code":429,"description":"Too Many Requests"}`, 9 * time.Second},
		{"", `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":3}}`, 3 * time.Second},
		{"", `{"ok":false,"error_code":429,"description":"Too Many Requests"}`, time.Second},
		{"5", `<html>slow down</html>`, 5 * time.Second},
	} {
		cl := client(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, c.body)
		})
		answered, ok := errors.AsType[*tg.Error](cl.Call(t.Context(), "sendMessage", nil, nil))
		if !ok || answered.RetryAfter != c.want || tg.Classify(answered) != tg.ClassWait {
			t.Errorf("%+v: %#v", c, answered)
		}
	}
}

func TestMigrated(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":%d}}`, group)
	})
	err := c.Call(t.Context(), "sendMessage", nil, nil)
	if e, ok := errors.AsType[*tg.Error](err); !ok || e.MigrateTo != group || tg.Classify(err) != tg.ClassMigrated {
		t.Fatalf("%#v", err)
	}
}

// Whatever answers without being the Bot API leaves open what happened.
func TestAnswersOfOthers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
	}{
		{"gateway page", 502, "<html>Bad Gateway</html>"},
		{"page with 200", 200, "<html>hello</html>"},
		{"empty", 200, ""},
		{"cut short", 200, `{"ok":true,"resu`},
		{"other JSON", 200, `{"status":"fine"}`},
		{"redirect", 302, ""},
		{"huge", 200, `{"ok":true,"result":"` + strings.Repeat("x", 17<<20) + `"}`},
		{"result of another type", 200, `{"ok":true,"result":"` + secretPart + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			cl := client(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				w.Header().Set("Location", r.URL.Path)
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			var result struct{ ID int }
			err := cl.Call(t.Context(), "sendMessage", nil, &result)
			lost, ok := errors.AsType[*tg.TransportError](err)
			if !ok || !lost.Sent || tg.Classify(err) != tg.ClassUnknown || calls.Load() != 1 {
				t.Fatalf("%#v after %d calls", err, calls.Load())
			}
			noSecret(t, err)
		})
	}
}

func TestNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String()
	listener.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name, root string
		ctx        context.Context
	}{
		{"refused", "http://" + free, t.Context()},
		{"no such host", "http://host.invalid", t.Context()},
		{"ended before", "http://" + free, ended},
		{"no URL", "::bad::", t.Context()},
		{"no host", "https://", t.Context()},
		{"wrong scheme", "ftp://host", t.Context()},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := tg.NewClient(c.root, token)
			defer cl.Close()
			err := cl.Call(c.ctx, "sendMessage", nil, nil)
			if lost, ok := errors.AsType[*tg.TransportError](err); !ok || lost.Sent || tg.Classify(err) != tg.ClassNotSent {
				t.Fatalf("%#v", err)
			}
			noSecret(t, err)
		})
	}
}

// hang answers nothing until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestTimeoutIsUnknown(t *testing.T) {
	c := client(t, hang, tg.WithTimeout(50*time.Millisecond))
	err := c.Call(t.Context(), "sendMessage", nil, nil)
	if !errors.Is(err, context.DeadlineExceeded) || tg.Classify(err) != tg.ClassUnknown {
		t.Fatalf("%#v", err)
	}
	noSecret(t, err)
}

// getUpdates waits as long as the server was asked to, whatever the timeout of other calls.
func TestPollOutlastsTimeout(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(200 * time.Millisecond):
			io.WriteString(w, `{"ok":true,"result":[]}`)
		case <-r.Context().Done():
		}
	}, tg.WithTimeout(20*time.Millisecond))
	var updates []json.RawMessage
	if err := c.Call(t.Context(), "getUpdates", map[string]int{"timeout": 1}, &updates); err != nil {
		t.Fatal(err)
	}
}

// A connection that breaks after the request was read: the call may have been carried out, and is not repeated – neither on
// a new connection nor on one kept alive.
func TestDroppedAfterRequest(t *testing.T) {
	var calls atomic.Int32
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if calls.Add(1) == 1 {
			io.WriteString(w, `{"ok":true,"result":true}`)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})
	if err := c.Call(t.Context(), "sendMessage", nil, nil); err != nil {
		t.Fatal(err)
	}
	err := c.Call(t.Context(), "sendMessage", nil, nil)
	if lost, ok := errors.AsType[*tg.TransportError](err); !ok || !lost.Sent || tg.Classify(err) != tg.ClassUnknown {
		t.Fatalf("%#v", err)
	}
	if n := calls.Load(); n != 2 {
		t.Fatalf("%d calls, want 2", n)
	}
	noSecret(t, err)
}

func TestDescriptionsAreRedacted(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		fmt.Fprintf(w, `{"ok":false,"error_code":404,"description":"no such path %s"}`, r.URL.Path)
	})
	noSecret(t, c.Call(t.Context(), "sendMessage", nil, nil))
}

func TestParseToken(t *testing.T) {
	if id, err := tg.ParseToken(token); err != nil || id != 123456 {
		t.Fatal(id, err)
	}
	for _, bad := range []string{"", "123456", ":" + secretPart, "12a:" + secretPart, "123456:short", "123456:" + secretPart + " ",
		"99999999999999999999:" + secretPart, "0:" + secretPart, "-5:" + secretPart} {
		id, err := tg.ParseToken(config.NewSecret(bad))
		if !errors.Is(err, tg.ErrToken) || id != 0 {
			t.Errorf("%q: %d, %v", bad, id, err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"ok":true,"result":{"message_id":7}}`)
	}))
	defer server.Close()
	c := tg.NewClient(server.URL, token)
	defer c.Close()
	params := map[string]int64{"chat_id": group, "from_chat_id": customer, "message_id": 7}
	b.ReportAllocs()
	for b.Loop() {
		var id struct {
			MessageID int64 `json:"message_id"`
		}
		if err := c.Call(b.Context(), "copyMessage", params, &id); err != nil {
			b.Fatal(err)
		}
	}
}
