package ingress

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testConnection = "c_123456"
	testGroup      = int64(-1001234567890)
	secretPart     = "AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
	testToken      = "123456:" + secretPart
)

// fakeLog keeps facts in memory; gate may hold up or refuse one before it is kept.
type fakeLog struct {
	gate func(ctx context.Context, f *eventv1.Fact) error

	mu      sync.Mutex
	facts   []*eventv1.Fact
	places  []string
	down    error
	inside  map[string]int // publishing now, by place
	most    int            // at once, of one place
	across  int            // at once, over all places
	current int
	records chan *eventv1.ConnectionRecord
	topics  map[int64]string // dialogs by thread
	lookup  error            // of DialogOf
}

func (l *fakeLog) DialogOf(_ context.Context, connection string, thread int64) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch dialog, ours := l.topics[thread]; {
	case l.lookup != nil:
		return "", l.lookup
	case !ours || connection != testConnection:
		return "", fmt.Errorf("thread %d: %w", thread, es.ErrNotFound)
	default:
		return dialog, nil
	}
}

func (l *fakeLog) WatchConnections(ctx context.Context, each func(*eventv1.ConnectionRecord) error, caught func()) error {
	for told := false; ; {
		select {
		case r := <-l.records:
			if err := each(r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if !told {
			told = true
			caught()
		}
	}
}

func (l *fakeLog) PublishFact(ctx context.Context, f *eventv1.Fact, place string) (uint64, error) {
	l.mu.Lock()
	l.inside[place]++
	l.current++
	l.most, l.across = max(l.most, l.inside[place]), max(l.across, l.current)
	l.mu.Unlock()
	var err error
	if l.gate != nil {
		err = l.gate(ctx, f)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside[place]--
	l.current--
	if err == nil {
		err = l.down
	}
	if err != nil {
		return 0, err
	}
	l.facts, l.places = append(l.facts, f), append(l.places, place)
	return uint64(len(l.facts)), nil
}

func (l *fakeLog) Ready() error { l.mu.Lock(); defer l.mu.Unlock(); return l.down }

func (l *fakeLog) setTopic(thread int64, dialog string) {
	l.mu.Lock()
	l.topics[thread] = dialog
	l.mu.Unlock()
}

func (l *fakeLog) setDown(err error) { l.mu.Lock(); l.down = err; l.mu.Unlock() }

// kept returns the message ids that are in the log, once each, by chat, in order of their first coming.
func (l *fakeLog) kept() map[int64][]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[int64][]int64{}
	for _, f := range l.facts {
		c := f.GetCause()
		if !slices.Contains(out[c.GetChat()], c.GetMessage()) {
			out[c.GetChat()] = append(out[c.GetChat()], c.GetMessage())
		}
	}
	return out
}

func (l *fakeLog) count() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.facts) }

type fakeProfiles struct {
	gate func() // holds up the answer of Get

	mu     sync.Mutex
	stored map[int64]*eventv1.Profile
	puts   int
	gets   int
	fail   error
}

func (p *fakeProfiles) Get(_ context.Context, _ string, user int64) (*eventv1.Profile, error) {
	if p.gate != nil {
		defer p.gate()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gets++
	if s := p.stored[user]; s != nil {
		return proto.CloneOf(s), nil
	}
	return nil, es.ErrNotFound
}

func (p *fakeProfiles) of(user int64) *eventv1.Profile {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stored[user]
}

func (p *fakeProfiles) Put(_ context.Context, _ string, user int64, profile *eventv1.Profile) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.puts++
	p.stored[user] = proto.CloneOf(profile)
	return nil
}

type fakeSecrets struct {
	mu    sync.Mutex
	token string
}

func (s *fakeSecrets) Token(context.Context, string) (config.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == "" {
		return config.Secret{}, es.ErrNotFound
	}
	return config.NewSecret(s.token), nil
}

func (s *fakeSecrets) set(token string) { s.mu.Lock(); s.token = token; s.mu.Unlock() }

// call is one request that the scripted Bot API got.
type call struct {
	method string
	params map[string]any
}

func (c call) int(key string) int64 { n, _ := c.params[key].(float64); return int64(n) }

// script is a Bot API with a queue of updates; answer may replace what it would say to a call.
type script struct {
	answer func(c call, nth int) (status int, body string, replaced bool)

	mu        sync.Mutex
	token     string
	updates   []scripted
	confirmed int64 // ids below it are forgotten
	calls     []call
	wake      chan struct{}
	server    *httptest.Server
}

type scripted struct {
	id  int64
	raw string
}

func newScript(t *testing.T) *script {
	s := &script{token: testToken, wake: make(chan struct{})}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

// add queues raw updates; %d stands for the id, which begins at 1000.
func (s *script) add(raw ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range raw {
		id := int64(1000 + len(s.updates))
		if strings.Contains(r, "%d") {
			r = fmt.Sprintf(r, id)
		}
		s.updates = append(s.updates, scripted{id, r})
	}
	close(s.wake)
	s.wake = make(chan struct{})
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := call{method: path.Base(r.URL.Path)}
	_ = json.Unmarshal(body, &c.params)
	s.mu.Lock()
	s.calls = append(s.calls, c)
	nth := 0
	for _, past := range s.calls {
		if past.method == c.method {
			nth++
		}
	}
	known := path.Base(path.Dir(r.URL.Path)) == "bot"+s.token
	s.mu.Unlock()
	if s.answer != nil {
		if status, text, replaced := s.answer(c, nth); replaced {
			w.WriteHeader(status)
			io.WriteString(w, text)
			return
		}
	}
	switch {
	case !known:
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"ok":false,"error_code":401,"description":"Unauthorized"}`)
	case c.method == "getMe":
		io.WriteString(w, `{"ok":true,"result":{"id":123456,"is_bot":true,"username":"desk_bot"}}`)
	case c.method == "getUpdates":
		fmt.Fprintf(w, `{"ok":true,"result":[%s]}`, strings.Join(s.poll(r.Context(), c), ","))
	default:
		io.WriteString(w, `{"ok":true,"result":true}`)
	}
}

func (s *script) poll(ctx context.Context, c call) []string {
	for {
		s.mu.Lock()
		s.confirmed = max(s.confirmed, c.int("offset"))
		var out []string
		for _, u := range s.updates {
			if u.id >= s.confirmed && int64(len(out)) < c.int("limit") {
				out = append(out, u.raw)
			}
		}
		wake := s.wake
		s.mu.Unlock()
		if len(out) > 0 || c.int("timeout") == 0 {
			return out
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// of returns the calls of a method so far.
func (s *script) of(method string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []call
	for _, c := range s.calls {
		if c.method == method {
			out = append(out, c)
		}
	}
	return out
}

func (s *script) forgotten() int64 { s.mu.Lock(); defer s.mu.Unlock(); return s.confirmed }

// written is a private message as Telegram hands it over, its update id left open.
func written(chat, message int64, text string) string {
	return fmt.Sprintf(`{"update_id":%%d,"message":{"message_id":%d,"date":1790000000,"from":{"id":%d,"is_bot":false,"first_name":"Canary"},`+
		`"chat":{"id":%d,"type":"private"},"text":%q}}`, message, chat, chat, text)
}

// edited is what a private message was changed to, its update id left open.
func edited(chat, message int64, text string) string {
	return fmt.Sprintf(`{"update_id":%%d,"edited_message":{"message_id":%d,"date":1790000000,"edit_date":1790000060,"from":{"id":%d,"is_bot":false,`+
		`"first_name":"Canary"},"chat":{"id":%d,"type":"private"},"text":%q}}`, message, chat, chat, text)
}

// inTopic is a message in a topic of a group, or what it was changed to.
func inTopic(kind string, group, thread, message int64, fields string) string {
	return fmt.Sprintf(`{"update_id":%%d,%q:{"message_id":%d,"date":1790000000,"edit_date":1790000060,"from":{"id":99,"is_bot":false,"first_name":"Canary"},`+
		`"chat":{"id":%d,"type":"supergroup"},"message_thread_id":%d,"is_topic_message":true,%s}}`, kind, message, group, thread, fields)
}

// reacted is an operator's reaction.
func reacted(group, message int64, emoji string) string {
	return fmt.Sprintf(`{"update_id":%%d,"message_reaction":{"message_id":%d,"date":1790000070,"user":{"id":99,"is_bot":false,"first_name":"Canary"},`+
		`"chat":{"id":%d,"type":"supergroup"},"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":%q}]}}`, message, group, emoji)
}

// rig is a Service on fakes.
type rig struct {
	*Service
	log      *fakeLog
	profiles *fakeProfiles
	secrets  *fakeSecrets
	api      *script
	logged   *observer.ObservedLogs
	registry *prometheus.Registry
	stop     context.CancelFunc
	ended    chan error
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	core, logged := observer.New(zap.DebugLevel)
	r := &rig{
		log:      &fakeLog{inside: map[string]int{}, records: make(chan *eventv1.ConnectionRecord, 8), topics: map[int64]string{}},
		profiles: &fakeProfiles{stored: map[int64]*eventv1.Profile{}}, secrets: &fakeSecrets{token: testToken},
		api: newScript(t), logged: logged, registry: prometheus.NewRegistry(), ended: make(chan error, 1),
	}
	if cfg.Retry == 0 {
		cfg.Retry = 5 * time.Millisecond
	}
	var err error
	r.Service, err = New(cfg, Deps{
		Log: r.log, Profiles: r.profiles, Secrets: r.secrets, Logger: zap.New(core), Metrics: r.registry,
		Dial: func(token config.Secret) Caller { return tg.NewClient(r.api.server.URL, token) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func record(source string, seq uint64) *eventv1.ConnectionRecord {
	return &eventv1.ConnectionRecord{
		Connection: testConnection, Seq: seq, ParamsSeq: seq, Parameters: &eventv1.Parameters{},
		Configured: &eventv1.ConnectionConfigured{Bot: 123456, Group: testGroup, Owner: 1, Source: source},
	}
}

// start runs the service with one connection until the test or halt ends it.
func (r *rig) start(t *testing.T, source string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	r.log.records <- record(source, 1)
	go func() { r.ended <- r.Run(ctx) }()
	t.Cleanup(func() { r.halt(t) })
}

// halt stops the service and waits for it; it may be called again.
func (r *rig) halt(t *testing.T) {
	t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(StopTime):
		t.Error("Run does not return")
	}
	for _, e := range r.logged.All() {
		if text := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(text, secretPart) || strings.Contains(strings.ToLower(text), canary) {
			t.Errorf("a secret or a body is in the log: %s", text)
		}
	}
}

// eventually polls until ok or five seconds have passed.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// gauge returns the value of a metric without labels.
func (r *rig) gauge(t *testing.T, name string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// metric sums a counter over the given label values, "" for any.
func (r *rig) metric(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			got := map[string]string{}
			for _, p := range m.GetLabel() {
				got[p.GetName()] = p.GetValue()
			}
			matches := true
			for k := range maps.Keys(labels) {
				matches = matches && got[k] == labels[k]
			}
			if matches {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
