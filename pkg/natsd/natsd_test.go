package natsd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatWasStoredIsThereAfterARestart(t *testing.T) {
	for _, durability := range []string{"", Always, Interval} {
		dir := filepath.Join(t.TempDir(), "made", "when missing")
		for round := range 3 {
			s, err := Start(t.Context(), Config{Dir: dir, Durability: durability})
			if err != nil {
				t.Fatal(err)
			}
			if want := durability; want != "" && s.Durability() != want || want == "" && s.Durability() != Always {
				t.Errorf("durability %q became %q", want, s.Durability())
			}
			nc, err := s.Connect("test")
			if err != nil {
				t.Fatal(err)
			}
			if got := store(t, nc); got != uint64(round+1) {
				t.Errorf("round %d: sequence %d", round, got)
			}
			nc.Close()
			s.Stop()
			s.Stop()
		}
	}
}

// store adds a message and returns its sequence.
func store(t *testing.T, nc *nats.Conn) uint64 {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	ack, err := js.Publish(t.Context(), "s", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func TestStartRefuses(t *testing.T) {
	if _, err := Start(t.Context(), Config{Dir: t.TempDir(), Durability: "sometimes"}); !errors.Is(err, ErrDurability) {
		t.Error(err)
	}
	dir := t.TempDir()
	s, err := Start(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	s.Stop()
	s, err = Start(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatalf("after the first one stopped: %v", err)
	}
	s.Stop()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: file}); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// A server that cannot use its directory says so instead of ending the process.
func TestFatalErrorsAreReturned(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil {
		t.Error("started without a store")
	}
}

func TestConnectWaitsForALateServerAndReconnects(t *testing.T) {
	opts := &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true}
	serve := func() *server.Server {
		s, err := server.NewServer(opts)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("no server")
		}
		return s
	}
	first := serve()
	address, err := url.Parse(first.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(address.Port(), &opts.Port); err != nil {
		t.Fatal(err)
	}
	first.Shutdown()
	first.WaitForShutdown()

	connected := make(chan *nats.Conn, 1)
	go func() {
		nc, err := Connect(t.Context(), address.String(), "", "late")
		if err != nil {
			t.Error(err)
		}
		connected <- nc
	}()
	for range 2 {
		s := serve()
		if nc := <-connected; nc != nil {
			for deadline := time.Now().Add(10 * time.Second); nc.FlushTimeout(time.Second) != nil; {
				if time.Now().After(deadline) {
					t.Fatal("not connected again")
				}
			}
			connected <- nc
		}
		s.Shutdown()
		s.WaitForShutdown()
	}
	(<-connected).Close()
}

func TestErrorsNameNoPassword(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for _, address := range []string{"nats://user:hunter2@127.0.0.1:1", "nats://user:hunter2@bad host:1", "://hunter2"} {
		_, err := Connect(ctx, address, "", "test")
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

func TestServerLogsToZap(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	s, err := Start(t.Context(), Config{Dir: t.TempDir(), Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if lines.Len() == 0 {
		t.Error("silent")
	}
	for _, line := range lines.All() {
		if line.Level > zap.InfoLevel {
			t.Errorf("%s: %s", line.Level, line.Message)
		}
	}
}
