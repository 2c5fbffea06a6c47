package hotline_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/view"
	"github.com/hotline-desk/hotline/services/hotline"
)

// settledLine is how the log says that what could wait begins.
const settledLine = "settled: "

// lines is a log that is searched while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) say(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text.Bytes(), []byte(what))
}

// begun returns which views somebody has begun to build, looking from outside: their documents hold what the indexes
// are over.
func begun(t *testing.T, desk *hotline.Desk) map[string]func(context.Context) (map[string]uint64, error) {
	t.Helper()
	store, err := view.Open(t.Context(), view.Config{Path: filepath.Join(desk.Data(), "views.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Errorf("close views: %v", err)
		}
	})
	dialogs, err := view.NewCollection[struct {
		Connection string      `json:"connection"`
		Customer   int64       `json:"customer"`
		Thread     int64       `json:"thread"`
		Status     int32       `json:"status"`
		LastAt     view.Millis `json:"last_at"`
	}](store, view.Schema{Name: "dialogs", Version: 1, Indexes: []view.Index{
		{"connection", "thread"}, {"connection", "customer"}, {"connection", "last_at"}, {"connection", "status", "last_at"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	links, err := view.NewCollection[struct {
		Copy string `json:"copy"`
	}](store, view.Schema{Name: "links", Version: 2, Indexes: []view.Index{{"copy"}}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]func(context.Context) (map[string]uint64, error){"dialogs": dialogs.Position, "links": links.Position}
}

// Whatever keeps messages from flowing, views are built only when they flow, or when they have been waited for long enough.
func TestViewsAreBuiltOnceTheDeskHasSettled(t *testing.T) {
	for name, more := range map[string][]string{
		"Telegram answers": nil,
		"Telegram is away": {"HOTLINE_TELEGRAM_API=http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			w, log := newWorld(t), &lines{}
			desk := w.openWith(t, hotline.Options{Log: log}, more...)
			views := begun(t, desk)
			ctx, cancel := context.WithTimeout(t.Context(), run.SettleTime+time.Minute)
			defer cancel()
			running, end := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- desk.Run(running) }()
			stop := sync.OnceValue(func() error {
				end()
				return <-ended
			})
			t.Cleanup(func() { _ = stop() })
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for len(views) > 0 {
				for name, position := range views {
					switch _, err := position(ctx); {
					case err == nil && !log.say(settledLine):
						t.Fatalf("%s is being built while the desk still starts", name)
					case err == nil:
						delete(views, name)
					case !errors.Is(err, view.ErrNotReady):
						t.Fatal(err)
					}
				}
				select {
				case err := <-ended:
					ended <- err
					t.Fatalf("it ended: %v", err)
				case <-ctx.Done():
					t.Fatalf("never built: %d views", len(views))
				case <-tick.C:
				}
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
