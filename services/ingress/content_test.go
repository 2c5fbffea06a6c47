package ingress

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/fault"
	"github.com/hotline-desk/hotline/pkg/run"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// fakeClock stands still until it is told to go on.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time        { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *fakeClock) add(d time.Duration)   { c.mu.Lock(); c.now = c.now.Add(d); c.mu.Unlock() }
func keyOf(chat, message int64) contentKey { return contentKey{testConnection, chat, message} }

func held(s *contentStore, key contentKey) string {
	raw, ok := s.get(key)
	if !ok {
		return "nothing"
	}
	return string(raw)
}

func TestContentNewestWins(t *testing.T) {
	s := newContentStore((&fakeClock{now: received}).Now)
	raw := []byte("first")
	s.put(keyOf(5, 1), 100, raw)
	copy(raw, "xxxxx")
	if got := held(s, keyOf(5, 1)); got != "first" {
		t.Errorf("held: %s, what the caller made of it", got)
	}
	for _, c := range []struct {
		name string
		at   int64
		raw  string
		want string
	}{
		{"later", 200, "second", "second"},
		{"an older one again", 100, "first", "second"},
		{"in the same second", 200, "third", "third"},
	} {
		s.put(keyOf(5, 1), c.at, []byte(c.raw))
		if got := held(s, keyOf(5, 1)); got != c.want {
			t.Errorf("%s: held: %s", c.name, got)
		}
	}
	for _, other := range []contentKey{keyOf(5, 2), keyOf(6, 1), {"c_2", 5, 1}} {
		if got := held(s, other); got != "nothing" {
			t.Errorf("of %v is held: %s", other, got)
		}
	}
}

func TestContentGrowsOld(t *testing.T) {
	clock := &fakeClock{now: received}
	s := newContentStore(clock.Now)
	s.put(keyOf(5, 1), 1, []byte("first"))
	clock.add(contentTime / 2)
	s.put(keyOf(5, 2), 1, []byte("second"))
	clock.add(contentTime/2 - 1)
	if got := held(s, keyOf(5, 1)); got != "first" {
		t.Errorf("held: %s, before its time has passed", got)
	}
	clock.add(1)
	if got := held(s, keyOf(5, 1)) + ", " + held(s, keyOf(5, 2)); got != "nothing, second" {
		t.Errorf("held: %s", got)
	}
	s.put(keyOf(5, 2), 2, []byte("newer")) // lives from now on
	clock.add(contentTime - 1)
	if got := held(s, keyOf(5, 2)); got != "newer" {
		t.Errorf("held: %s", got)
	}
	clock.add(1)
	if n := s.held(); n != 0 || len(s.byKey) != 0 { // without another call
		t.Errorf("%d bytes, %d contents are left", n, len(s.byKey))
	}
}

func TestContentIsBounded(t *testing.T) {
	s := newContentStore((&fakeClock{now: received}).Now)
	if lost := s.put(keyOf(5, 1), 1, bytes.Repeat([]byte("x"), longestContent)); lost != 0 || held(s, keyOf(5, 1)) == "nothing" {
		t.Fatalf("the longest is not held, %d lost", lost)
	}
	if lost := s.put(keyOf(5, 1), 2, bytes.Repeat([]byte("x"), longestContent+1)); lost != 1 || held(s, keyOf(5, 1)) != "nothing" || s.held() != 0 {
		t.Errorf("after one that is too long %d bytes are held: an older content would be wrong", s.held())
	}
	const many = 2 * contentBytes / longestContent
	lost := 0
	for i := range int64(many) {
		lost += s.put(keyOf(5, i), 1, bytes.Repeat([]byte("x"), longestContent))
		if n := s.held(); n > contentBytes {
			t.Fatalf("%d bytes after %d contents", n, i+1)
		}
	}
	fit := contentBytes / (longestContent + len(testConnection) + contentEntry)
	if lost != many-fit || held(s, keyOf(5, many-int64(fit)-1)) != "nothing" || held(s, keyOf(5, many-int64(fit))) == "nothing" {
		t.Errorf("%d of %d lost, %d fit: the oldest goes first", lost, many, fit)
	}
	// Many small ones are bounded as well.
	for i := range int64(2 * contentBytes / contentEntry) {
		s.put(keyOf(6, i), 1, []byte("{}"))
	}
	if n := len(s.byKey); s.held() > contentBytes || n > contentBytes/contentEntry || n < contentBytes/contentEntry/2 {
		t.Errorf("%d bytes in %d contents", s.held(), n)
	}
}

// Whatever happens in whatever order, the count of bytes is true.
func TestContentCounts(t *testing.T) {
	clock := &fakeClock{now: received}
	s := newContentStore(clock.Now)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(g, 1))
			for range 2000 {
				key := keyOf(dice.Int64N(4), dice.Int64N(40))
				switch dice.IntN(4) {
				case 0:
					s.get(key)
				case 1:
					clock.add(time.Duration(dice.Int64N(int64(contentTime / 100))))
				default:
					s.put(key, dice.Int64N(10), make([]byte, dice.IntN(longestContent+longestContent/10)))
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for key, e := range s.byKey {
		c := e.Value.(*content)
		if sum += c.size(); c.key != key {
			t.Errorf("%v is found as %v", c.key, key)
		}
	}
	if sum != s.bytes || len(s.byKey) != s.line.Len() || sum > contentBytes {
		t.Errorf("%d bytes counted, %d held; %d found, %d in line", s.bytes, sum, len(s.byKey), s.line.Len())
	}
}

// dial serves a service on loopback, as a process does, and connects to it.
func dial(t *testing.T, s *Service) apiv1.IngressServiceClient {
	t.Helper()
	server, err := run.NewGRPC("127.0.0.1:0", config.TLS{}, func() []run.State { return nil }, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	s.Register(server.Registrar())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	conn, err := run.Dial(server.Addr(), config.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return apiv1.NewIngressServiceClient(conn)
}

func TestGetContent(t *testing.T) {
	r, clock := newRig(t, Config{}), &fakeClock{now: received}
	r.intake.contents.now = clock.Now
	client := dial(t, r.Service)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, file := range []string{"edits", "customer", "odd"} {
		for _, s := range samples(t, file+".json") {
			if err := r.intake.take(ctx, testLens().read(s.Update, received), received); err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
		}
	}
	ask := func(connection string, chat, message int64) (string, error) {
		resp, err := client.GetContent(ctx, &apiv1.GetContentRequest{
			Connection: connection, Message: &eventv1.MessageRef{Chat: chat, Message: message},
		})
		return string(resp.GetMessage()), err
	}
	raw, err := ask(testConnection, 4711, 303)
	m, ok := parseObject([]byte(raw))
	if err != nil || !ok || m.int("message_id") != 303 || !m.has("document") {
		t.Errorf("%s, %v", raw, err)
	}
	for _, c := range []struct {
		name       string
		connection string
		chat       int64
		message    int64
		want       fault.Code
	}{
		{"unknown message", testConnection, 4711, 1_000_000, fault.NotFound},
		{"unknown chat", testConnection, 4712, 303, fault.NotFound},
		{"another connection", "c_2", 4711, 303, fault.NotFound},
		{"an ordinary message", testConnection, 4711, 101, fault.NotFound},
		{"not admitted", testConnection, 666, 311, fault.NotFound},
		{"a comment now", testConnection, -1001234567890, 402, fault.NotFound},
		{"a live location from the start", testConnection, 4711, 304, ""},
		{"no connection", "", 4711, 303, fault.Invalid},
		{"no chat", testConnection, 0, 303, fault.Invalid},
		{"no message", testConnection, 4711, 0, fault.Invalid},
	} {
		if raw, err := ask(c.connection, c.chat, c.message); fault.CodeOf(err) != c.want || (raw != "") != (c.want == "") {
			t.Errorf("%s: %s, %v", c.name, raw, err)
		}
	}
	if _, err := client.GetContent(ctx, &apiv1.GetContentRequest{Connection: testConnection}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a message: %v", err)
	}
	clock.add(contentTime)
	if raw, err := ask(testConnection, 4711, 303); !fault.Is(err, fault.NotFound) {
		t.Errorf("after its time: %s, %v", raw, err)
	}
	for result, want := range map[string]float64{"hit": 2, "miss": 7, "lost": 0} {
		if n := r.metric(t, "hotline_ingress_content_total", map[string]string{"result": result}); n != want {
			t.Errorf("%v counted as %s", n, result)
		}
	}
}

// What is held is told in bytes, and lost content is counted.
func TestContentMetrics(t *testing.T) {
	r, clock := newRig(t, Config{}), &fakeClock{now: received}
	r.intake.contents.now = clock.Now
	edit := func(message int64, text string) {
		t.Helper()
		read := testLens().read(fmt.Appendf(nil, edited(5, message, text), 1), received)
		if err := r.intake.take(t.Context(), read, received); err != nil || read.content == nil {
			t.Fatal(err)
		}
	}
	edit(1, "canary")
	one := r.gauge(t, "hotline_ingress_content_bytes")
	edit(2, "canary")
	if two := r.gauge(t, "hotline_ingress_content_bytes"); one < contentEntry || two != 2*one {
		t.Errorf("%v bytes, then %v", one, two)
	}
	edit(3, string(bytes.Repeat([]byte("canary"), longestContent/6)))
	if n := r.metric(t, "hotline_ingress_content_total", map[string]string{"result": "lost"}); n != 1 {
		t.Errorf("%v counted as lost", n)
	}
	if clock.add(contentTime); r.gauge(t, "hotline_ingress_content_bytes") != 0 {
		t.Error("bytes are held after their time")
	}
}

// Relay may ask as soon as it reads the fact.
func TestContentComesBeforeTheFact(t *testing.T) {
	r := newRig(t, Config{})
	seen := make(chan string, 8)
	r.log.gate = func(_ context.Context, f *eventv1.Fact) error {
		seen <- held(r.intake.contents, keyOf(f.GetCause().GetChat(), f.GetCause().GetMessage()))
		return nil
	}
	r.start(t, polling)
	r.api.add(edited(5, 1, "canary"))
	select {
	case got := <-seen:
		if got == "nothing" {
			t.Error("the fact came first")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no fact")
	}
}
