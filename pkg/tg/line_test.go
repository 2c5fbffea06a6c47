package tg

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/config"
)

// The time on the way is never taken for longer than the quickest connection, or the quickest call, less what measuring may be
// wrong by.
func TestTravelIsTheShortestKnown(t *testing.T) {
	var l line
	for i, c := range []struct{ connected, called, want time.Duration }{
		{called: 80 * time.Millisecond},
		{connected: 50 * time.Millisecond, want: 40 * time.Millisecond},
		{connected: 60 * time.Millisecond, want: 40 * time.Millisecond},
		{called: 30 * time.Millisecond, want: 20 * time.Millisecond},
		{connected: 15 * time.Millisecond, want: 5 * time.Millisecond},
		{called: 9 * time.Millisecond},
	} {
		if c.connected > 0 {
			shorten(&l.connected, c.connected)
		}
		if c.called > 0 {
			shorten(&l.called, c.called)
		}
		if got := l.travel(); got != c.want {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
}

func TestConnectionsAreMeasured(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ok":true,"result":true}`) // an error shows in the call
	}))
	defer server.Close()
	c := NewClient(server.URL, config.NewSecret("1:secret"))
	defer c.Close()
	begin := time.Now()
	if err := c.Call(t.Context(), "getMe", nil, nil); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	connected, called := time.Duration(c.line.connected.Load()), time.Duration(c.line.called.Load())
	if connected <= 0 || connected > called || called > took || c.Travel() > connected {
		t.Errorf("connected in %v, called in %v, all in %v, travel %v", connected, called, took, c.Travel())
	}
}
