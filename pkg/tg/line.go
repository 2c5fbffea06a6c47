package tg

import (
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// What measuring may be wrong by, at least, where the machine is busy or the way changes.
const (
	lineGuard = 10 * time.Millisecond
	lineShare = 10 // of the time itself, one part
)

// line measures the way to the server and back. Making a connection takes one round trip and nothing else; so does at
// least every call.
type line struct {
	connected atomic.Int64 // shortest, in nanoseconds; 0: none was measured
	called    atomic.Int64
}

// travel is how long every call is on its way at least; 0 until that is known.
func (l *line) travel() time.Duration {
	connected, called := l.connected.Load(), l.called.Load()
	if connected == 0 || called == 0 {
		return 0
	}
	shortest := time.Duration(min(connected, called))
	return max(0, shortest-max(lineGuard, shortest/lineShare))
}

func shorten(shortest *atomic.Int64, took time.Duration) {
	for {
		known := shortest.Load()
		if known > 0 && int64(took) >= known || shortest.CompareAndSwap(known, max(1, int64(took))) {
			return
		}
	}
}

// trace measures the connections that are made for a request.
func (l *line) trace(into *httptrace.ClientTrace) {
	var mu sync.Mutex
	began := map[string]time.Time{}
	into.ConnectStart = func(network, address string) {
		mu.Lock()
		defer mu.Unlock()
		began[network+address] = time.Now()
	}
	into.ConnectDone = func(network, address string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if at, ok := began[network+address]; ok && err == nil {
			shorten(&l.connected, time.Since(at))
		}
	}
}
