package hotline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/services/hotline"
	"github.com/hotline-desk/hotline/services/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a simulated Telegram, and the settings of a desk on it.
type world struct {
	*simulator.Server
	bot   *simulator.Bot
	group *simulator.Group
	env   []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{Server: simulator.ForTest(t, simulator.Config{})}
	w.bot = w.NewBot("desk")
	w.group = w.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{w.bot}})
	w.env = []string{
		"HOTLINE_TELEGRAM_API=" + w.URL(), "HOTLINE_TELEGRAM_LIMITS=off",
		"HOTLINE_BOT_TOKEN=" + w.bot.Token(), fmt.Sprintf("HOTLINE_GROUP=%d", w.group.ID()),
		"HOTLINE_DATA=" + t.TempDir(), "HOTLINE_LISTEN=127.0.0.1:0", "HOTLINE_GRPC_LISTEN=127.0.0.1:0",
	}
	return w
}

// open opens a desk; more settings are laid over.
func (w *world) open(t testing.TB, more ...string) *hotline.Desk {
	t.Helper()
	return w.openWith(t, hotline.Options{Log: io.Discard}, more...)
}

func (w *world) openWith(t testing.TB, o hotline.Options, more ...string) *hotline.Desk {
	t.Helper()
	cfg, err := config.Load(nil, append(w.env, more...), config.NeedBot)
	if err != nil {
		t.Fatal(err)
	}
	desk, err := hotline.Open(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	return desk
}

// start runs the desk until stop is called, which returns what Run returned and how long the stop took.
func start(t testing.TB, desk *hotline.Desk) (stop func() (time.Duration, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- desk.Run(ctx) }()
	stop = sync.OnceValues(func() (time.Duration, error) {
		begin := time.Now()
		cancel()
		err := <-ended
		return time.Since(begin), err
	})
	t.Cleanup(func() { _, _ = stop() })
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ready(desk) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("ended early: %v", err)
		case <-limit.C:
			t.Fatalf("not ready: %+v", desk.Ready())
		case <-tick.C:
		}
	}
	return stop
}

func ready(desk *hotline.Desk) bool {
	for _, s := range desk.Ready() {
		if !s.Ready {
			return false
		}
	}
	return true
}

func TestOneConversationAcrossARestart(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ada := w.NewCustomer("Ada Lovelace")
	operator := w.group.NewOperator("Grace")
	for round := range 2 {
		desk := w.open(t)
		stop := start(t, desk)
		ada.Send(simulator.Text(fmt.Sprintf("question %d", round)))
		topic, err := w.group.WaitTopic(ctx, ada)
		if err != nil {
			t.Fatal(err)
		}
		answer := fmt.Sprintf("answer %d", round)
		operator.SendIn(topic.ID, simulator.Text(answer))
		if err := w.WaitFor(ctx, func() bool { return ada.Received(answer) }); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if v := w.Settle(ctx, simulator.CheckOptions{TopicNames: true}); len(v) > 0 {
			t.Fatal(v)
		}
		took, err := stop()
		if err != nil || took > 15*time.Second {
			t.Fatalf("round %d stopped after %v: %v", round, took, err)
		}
	}
	if n := len(w.group.Topics()); n != 1 {
		t.Errorf("%d topics of one customer", n)
	}
}

func TestReadinessAndMetricsAreServed(t *testing.T) {
	w := newWorld(t)
	desk := w.open(t)
	start(t, desk)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for path, want := range map[string][]string{
		"/healthz": {"ok"},
		"/readyz":  {`"setup"`, `"relay"`, `"dialog"`, `"ingress"`, `"log"`},
		"/metrics": {"hotline_build_info", "hotline_eventlog_append_seconds_count"},
	} {
		res, err := client.Get("http://" + desk.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %v", path, res.Status, err)
		}
		for _, part := range want {
			if !strings.Contains(string(body), part) {
				t.Errorf("%s does not say %s", path, part)
			}
		}
	}
	client2, err := host.Dial(desk.Data())
	if err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"dialogs", "links"} {
		if r, err := client2.Rebuild(t.Context(), view); err != nil || r.View != view {
			t.Errorf("rebuild %s: %+v, %v", view, r, err)
		}
	}
}

func TestAGroupWithoutTopicsEndsTheDeskWithTheRemedy(t *testing.T) {
	w := newWorld(t)
	w.group.SetForum(false)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := w.open(t).Run(ctx)
	if !errors.Is(err, host.ErrSetting) || host.Code(err) != host.ExitUsage || !strings.Contains(err.Error(), "HOTLINE_GROUP") {
		t.Errorf("it ended with %v", err)
	}
	if err != nil && strings.Contains(err.Error(), w.bot.Token()) {
		t.Error("the token is in the error")
	}
}

func TestTelegramAwayIsWaitedForAndSaid(t *testing.T) {
	w := newWorld(t)
	desk := w.open(t, "HOTLINE_TELEGRAM_API=http://127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- desk.Run(ctx) }()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for said := false; !said; {
		for _, s := range desk.Ready() {
			said = said || s.Name == "setup" && strings.Contains(s.Why, "Telegram")
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-limit.C:
			t.Fatalf("nobody says that Telegram is away: %+v", desk.Ready())
		case <-tick.C:
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
