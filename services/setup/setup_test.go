package setup

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/natsd"
	"github.com/hotline-desk/hotline/pkg/seal"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLog(t *testing.T) *eventlog.Log {
	t.Helper()
	server, err := natsd.Start(t.Context(), natsd.Config{Dir: filepath.Join(t.TempDir(), "log"), Durability: natsd.Interval})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log, err := eventlog.Open(t.Context(), nc, eventlog.Options{Replicas: 1, Logger: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

func newSealer(t *testing.T) *seal.Sealer {
	t.Helper()
	s, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func configuration(change func(*Config)) Config {
	c := Config{
		Token: testToken(), Group: testGroup, Owner: 9, Source: "polling",
		Parameters: map[string]string{"WELCOME": "Hi {title}"},
	}
	if change != nil {
		change(&c)
	}
	return c
}

type world struct {
	t      *testing.T
	log    *eventlog.Log
	sealer *seal.Sealer
	bot    Caller
	logs   *observer.ObservedLogs
	logger *zap.Logger
}

func newWorld(t *testing.T, script func(method string) answer) *world {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	return &world{t: t, log: newLog(t), sealer: newSealer(t), bot: client(t, botAPI(t, script)), logs: logs, logger: zap.New(core)}
}

func (w *world) service(c Config) *Service {
	w.t.Helper()
	s, err := New(c, Deps{
		Bot: w.bot, Store: w.log.Store(), Connections: w.log, Tokens: w.log.Secrets(w.sealer), Logger: w.logger,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// setUp runs a service until it is ready, and ends it.
func (w *world) setUp(c Config) {
	w.t.Helper()
	s := w.service(c)
	ctx, stop := context.WithTimeout(w.t.Context(), patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.Ready() != nil {
		select {
		case err := <-ended:
			w.t.Fatalf("ended before it was ready: %v (%v)", err, s.Ready())
		case <-tick.C:
		}
	}
	stop()
	if err := <-ended; err != nil {
		w.t.Fatal(err)
	}
}

// record is what the other services see.
func (w *world) record() *eventv1.ConnectionRecord {
	w.t.Helper()
	var found *eventv1.ConnectionRecord
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	err := w.log.WatchConnections(ctx, func(r *eventv1.ConnectionRecord) error {
		found = r
		return nil
	}, cancel)
	if err != nil && !errors.Is(err, context.Canceled) {
		w.t.Fatal(err)
	}
	return found
}

func healthyScript(method string) answer { return healthy()[method] }

func TestConnectionIsSetUpOnce(t *testing.T) {
	w := newWorld(t, healthyScript)
	w.setUp(configuration(nil))
	first := w.record()
	want := Defaults()
	want.Welcome = "Hi {title}"
	if first.GetConnection() != "c_123456789" || !proto.Equal(first.GetParameters(), want) || first.GetParamsSeq() != first.GetSeq() ||
		!proto.Equal(first.GetConfigured(), &eventv1.ConnectionConfigured{Bot: testBot, Group: testGroup, Owner: 9, Source: "polling"}) {
		t.Fatalf("record %v", first)
	}
	if p, err := w.log.ParametersAt(t.Context(), first.GetParamsSeq()); err != nil || !proto.Equal(p, want) {
		t.Errorf("parameters at %d: %v, %v", first.GetParamsSeq(), p, err)
	}
	if token, err := w.log.Secrets(w.sealer).Token(t.Context(), "c_123456789"); err != nil || token.Reveal() != testToken().Reveal() {
		t.Errorf("token: %v", err)
	}
	w.setUp(configuration(nil))
	if again := w.record(); !proto.Equal(again, first) {
		t.Errorf("set up again: %v, was %v", again, first)
	}
}

func TestChangesAreCommitted(t *testing.T) {
	w := newWorld(t, healthyScript)
	off := func(c *Config) { c.Parameters = map[string]string{"WELCOME": "OFF"} }
	w.setUp(configuration(nil))
	first := w.record()
	w.setUp(configuration(off))
	second := w.record()
	if second.GetParamsSeq() <= first.GetParamsSeq() || second.GetParameters().GetWelcome() != "" {
		t.Fatalf("parameters changed: %v", second)
	}
	// Back to a former configuration: that is a change too.
	w.setUp(configuration(nil))
	third := w.record()
	if third.GetParamsSeq() <= second.GetParamsSeq() || !proto.Equal(third.GetParameters(), first.GetParameters()) {
		t.Fatalf("parameters changed back: %v", third)
	}
	w.setUp(configuration(func(c *Config) { c.Source, c.Owner = "webhook", 10 }))
	fourth := w.record()
	if fourth.GetParamsSeq() != third.GetParamsSeq() || fourth.GetSeq() <= third.GetSeq() || fourth.GetConfigured().GetSource() != "webhook" {
		t.Fatalf("configuration changed: %v", fourth)
	}
}

// TestLostRecordComesBack: the read model is made of the log alone, over more commits than a fold spans.
func TestLostRecordComesBack(t *testing.T) {
	w := newWorld(t, healthyScript)
	for range es.FoldEvery + 2 {
		w.setUp(configuration(func(c *Config) { c.Source = "webhook" }))
		w.setUp(configuration(nil))
	}
	before := w.record()
	if err := w.log.Bucket("connections").Delete(t.Context(), "c_123456789"); err != nil {
		t.Fatal(err)
	}
	w.setUp(configuration(nil))
	if after := w.record(); !proto.Equal(after, before) {
		t.Errorf("came back as %v, was %v", after, before)
	}
}

func TestTokenIsReplaced(t *testing.T) {
	w := newWorld(t, healthyScript)
	secrets := w.log.Secrets(w.sealer)
	for name, prepare := range map[string]func() error{
		"another token": func() error {
			return secrets.PutToken(t.Context(), "c_123456789", config.NewSecret("123456789:"+strings.Repeat("B", 35)))
		},
		"sealed under a lost key": func() error { return w.log.Secrets(newSealer(t)).PutToken(t.Context(), "c_123456789", testToken()) },
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		w.setUp(configuration(nil))
		if token, err := secrets.Token(t.Context(), "c_123456789"); err != nil || token.Reveal() != testToken().Reveal() {
			t.Errorf("%s: token not replaced: %v", name, err)
		}
	}
}

func TestFaultsEndTheRun(t *testing.T) {
	w := newWorld(t, func(method string) answer {
		if method == "getMe" {
			return refused(http.StatusUnauthorized, "Unauthorized", "")
		}
		return healthy()[method]
	})
	s := w.service(configuration(nil))
	err := s.Run(t.Context())
	var faults config.Faults
	if !errors.Is(err, host.ErrSetting) || !errors.As(err, &faults) || !strings.HasPrefix(err.Error(), "HOTLINE_BOT_TOKEN: ") {
		t.Fatalf("error %v", err)
	}
	if s.Ready() == nil {
		t.Error("ready all the same")
	}
	if r := w.record(); r != nil {
		t.Errorf("committed all the same: %v", r)
	}
}

func TestUnreachableTelegramIsWaitedFor(t *testing.T) {
	var calls atomic.Int32
	w := newWorld(t, func(method string) answer {
		if calls.Add(1) == 1 {
			return answer{status: http.StatusBadGateway, body: "<html>502</html>"}
		}
		return healthy()[method]
	})
	w.setUp(configuration(nil))
	if w.record() == nil {
		t.Error("not set up")
	}
	waits := w.logs.FilterMessage("waiting").All()
	if len(waits) != 1 || !strings.Contains(waits[0].ContextMap()["error"].(string), ErrUnreachable.Error()) {
		t.Errorf("said %v", waits)
	}
	for _, entry := range w.logs.All() {
		for _, value := range entry.ContextMap() {
			if text, ok := value.(string); ok && strings.Contains(text, testSecret) {
				t.Errorf("the token is in the log: %v", entry)
			}
		}
	}
}

func TestNewExplainsSettings(t *testing.T) {
	w := newWorld(t, healthyScript)
	deps := w.service(configuration(nil)).deps
	for name, c := range map[string]Config{
		"HOTLINE_BOT_TOKEN":       configuration(func(c *Config) { c.Token = config.NewSecret("12:" + testSecret[:5]) }),
		"HOTLINE_PARAM_AUTOCLOSE": configuration(func(c *Config) { c.Parameters = map[string]string{"AUTOCLOSE": "1"} }),
	} {
		_, err := New(c, deps)
		var faults config.Faults
		if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Setting != name {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), testSecret[:5]) {
			t.Errorf("%s: shows the token: %v", name, err)
		}
	}
}
