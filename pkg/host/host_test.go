package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings of a process on dir; more are laid over.
func settings(t *testing.T, dir string, more ...string) *config.Config {
	t.Helper()
	env := append([]string{"HOTLINE_DATA=" + dir, "HOTLINE_LISTEN=127.0.0.1:0", "HOTLINE_GRPC_LISTEN=127.0.0.1:0"}, more...)
	cfg, err := config.Load(nil, env, 0)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func open(t *testing.T, cfg *config.Config) *host.Host {
	t.Helper()
	h, err := host.Open(t.Context(), cfg, host.Options{Name: "test", Output: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// start runs h until stop is called, which returns what Run returned.
func start(t *testing.T, h *host.Host) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	eventually(t, "ready", func() bool {
		for _, s := range h.Ready() {
			if !s.Ready {
				return false
			}
		}
		return true
	})
	return stop
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("not %s in time", what)
		case <-tick.C:
		}
	}
}

func TestRunServesStopsAndOpensAgain(t *testing.T) {
	dir := t.TempDir()
	instance := ""
	for round := range 2 {
		h := open(t, settings(t, dir))
		order := make(chan string, 2)
		h.Add(run.Unit{Name: "unit", Run: func(ctx context.Context) error {
			<-ctx.Done()
			if err := h.Log.Ready(); err != nil {
				order <- "the log went before the unit: " + err.Error()
			}
			order <- "unit"
			return nil
		}})
		stop := start(t, h)
		res, err := http.Get("http://" + h.Ops.Addr() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		if res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"log"`) {
			t.Errorf("round %d: %d %s", round, res.StatusCode, body)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := <-order; got != "unit" {
			t.Error(got)
		}
		if instance == "" {
			instance = h.Instance
		}
		if h.Instance == "" || h.Instance != instance {
			t.Errorf("instance %q, was %q", h.Instance, instance)
		}
	}
}

func TestOneProcessForADataDirectory(t *testing.T) {
	dir := t.TempDir()
	h := open(t, settings(t, dir))
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err := host.Open(t.Context(), settings(t, dir), host.Options{Name: "test", Output: io.Discard})
	if !errors.Is(err, run.ErrData) || host.Code(err) != host.ExitUsage {
		t.Errorf("second process: %v", err)
	}
}

func TestAFailedOpenLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	for _, setting := range []string{"HOTLINE_LISTEN", "HOTLINE_GRPC_LISTEN"} {
		_, err = host.Open(t.Context(), settings(t, dir, setting+"="+taken.Addr().String()), host.Options{Name: "test", Output: io.Discard})
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s taken: %v", setting, err)
		}
	}
	if err := open(t, settings(t, dir)).Close(); err != nil {
		t.Error(err)
	}
}

func TestIntervalIsNamedInTheLog(t *testing.T) {
	var log bytes.Buffer
	for _, c := range []struct {
		durability string
		want       bool
	}{{"always", false}, {"interval", true}} {
		log.Reset()
		h, err := host.Open(t.Context(), settings(t, t.TempDir(), "HOTLINE_DURABILITY="+c.durability), host.Options{Name: "test", Output: &log})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if got := strings.Contains(log.String(), host.IntervalRisk); got != c.want {
			t.Errorf("%s: %s", c.durability, log.String())
		}
	}
}

func TestControl(t *testing.T) {
	dir := t.TempDir()
	if _, err := host.Dial(dir); !errors.Is(err, host.ErrNotRunning) {
		t.Errorf("before: %v", err)
	}
	h := open(t, settings(t, dir))
	h.AddView("dialogs", func(context.Context) (view.Report, error) {
		return view.Report{View: "dialogs", Documents: 7, Took: time.Second}, nil
	})
	h.AddView("links", func(context.Context) (view.Report, error) { return view.Report{}, errors.New("out of order") })
	stop := start(t, h)
	var client *host.Client
	eventually(t, "control file", func() (ok bool) {
		var err error
		client, err = host.Dial(dir)
		return err == nil
	})
	report, err := client.Rebuild(t.Context(), "dialogs")
	if err != nil || report.Documents != 7 || report.Took != time.Second {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
	if _, err := client.Rebuild(t.Context(), "links"); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("failed rebuild: %v", err)
	}
	if _, err := client.Rebuild(t.Context(), "wishes"); err == nil || !strings.Contains(err.Error(), "[dialogs links]") {
		t.Errorf("unknown view: %v", err)
	}
	if list, err := client.Parked(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("parked: %v, %v", list, err)
	}
	if err := client.Release(t.Context(), "c_1", "42"); err != nil {
		t.Errorf("release of nothing: %v", err)
	}
	if err := client.Release(t.Context(), "c_1", ""); err == nil {
		t.Error("release without a key was taken")
	}
	refuseStrangers(t, dir)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Dial(dir); !errors.Is(err, host.ErrNotRunning) {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := client.Parked(t.Context(), ""); !errors.Is(err, host.ErrNotRunning) {
		t.Errorf("call afterwards: %v", err)
	}
}

// refuseStrangers asks without the key, which only the owner of the directory can read.
func refuseStrangers(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "control.json")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var door struct{ Address string }
	if err := json.Unmarshal(raw, &door); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range []string{"/parked", "/nothing"} {
		res, err := client.Get("http://" + door.Address + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without the key: %s", path, res.Status)
		}
	}
}

func TestMainExplainsFaults(t *testing.T) {
	const secret = "123456789:AAE-never-to-be-printed-00000"
	failing := func(err error) func(context.Context, *host.Host) error {
		return func(context.Context, *host.Host) error { return err }
	}
	for name, c := range map[string]struct {
		args  []string
		need  config.Need
		build func(context.Context, *host.Host) error
		code  int
		says  string
	}{
		"help":            {args: []string{"--help"}, code: host.ExitOK, says: "HOTLINE_"},
		"unknown flag":    {args: []string{"--frob"}, code: host.ExitUsage, says: "frob"},
		"an argument":     {args: []string{secret}, code: host.ExitUsage, says: "takes no argument"},
		"missing setting": {need: config.NeedNATS, code: host.ExitUsage, says: "HOTLINE_NATS_URL"},
		"refused setting": {build: failing(fmt.Errorf("HOTLINE_GROUP: %s: %w", secret, host.ErrSetting)), code: host.ExitUsage, says: "test: HOTLINE_GROUP"},
		"failure":         {build: failing(errors.New("went wrong")), code: host.ExitFault, says: "test: went wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range config.Settings() {
				if !strings.Contains(s.Env, "<") {
					t.Setenv(s.Env, "")
				}
			}
			var stderr bytes.Buffer
			p := host.Program{Name: "test", About: "is tested", Need: c.need, Build: c.build}
			args := append([]string{"--data", t.TempDir(), "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"}, c.args...)
			if code := p.Main(t.Context(), args, io.Discard, &stderr); code != c.code {
				t.Errorf("code %d: %s", code, stderr.String())
			}
			if !strings.Contains(stderr.String(), c.says) || strings.Contains(stderr.String(), "never-to-be-printed") {
				t.Errorf("it says %s", stderr.String())
			}
		})
	}
}

func TestMainRunsUntilItIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := host.Program{Name: "test", Build: func(_ context.Context, h *host.Host) error {
		h.Add(run.Unit{Name: "unit", Run: func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return nil
		}})
		return nil
	}}
	args := []string{"--data", t.TempDir(), "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"}
	var stderr bytes.Buffer
	if code := p.Main(ctx, args, io.Discard, &stderr); code != host.ExitOK {
		t.Errorf("code %d: %s", code, stderr.String())
	}
}

func TestDatabaseThatIsAwayIsNamed(t *testing.T) {
	_, err := host.Open(t.Context(), settings(t, t.TempDir(), "HOTLINE_MONGODB_URI=mongodb://ada:countess@127.0.0.1:1/"),
		host.Options{Name: "test", Output: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "HOTLINE_MONGODB_URI") || strings.Contains(err.Error(), "countess") {
		t.Errorf("it says %v", err)
	}
}

func TestLogThatIsAwayIsNamed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := host.Open(ctx, settings(t, t.TempDir(), "HOTLINE_NATS_URL=nats://ada:countess@127.0.0.1:1"),
		host.Options{Name: "test", Output: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "HOTLINE_NATS_URL") || strings.Contains(err.Error(), "countess") {
		t.Errorf("it says %v", err)
	}
}
