package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	requestTimeout   = 2 * time.Second // of one request to the log
	openRetry        = 250 * time.Millisecond
	cachedParameters = 1024
)

// Options of a log.
type Options struct {
	Replicas int                   // 1 or 3; 0 = 1
	Logger   *zap.Logger           // nil = silent
	Metrics  prometheus.Registerer // nil = none
}

// Log is the event log. It is safe for concurrent use; its methods return es.ErrUnavailable while NATS does not answer.
type Log struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	log     *zap.Logger
	metrics *metrics
	streams map[string]jetstream.Stream
	params  *lru.Cache[uint64, *eventv1.Parameters]

	replicas int // of every stream

	mu      sync.Mutex
	readers map[*context.CancelCauseFunc]struct{} // readers to be restarted when the connection breaks
	status  chan nats.Status
	watch   sync.WaitGroup
}

// Open makes sure that all streams and buckets exist and returns the log. It never weakens a stream that is there; one
// that cannot be used is ErrStream. While NATS or its leader cannot be reached, it tries again until ctx ends.
func Open(ctx context.Context, nc *nats.Conn, opts Options) (*Log, error) {
	if opts.Replicas == 0 {
		opts.Replicas = 1
	}
	if opts.Replicas != 1 && opts.Replicas != 3 {
		return nil, fmt.Errorf("%d replicas: 1 or 3", opts.Replicas)
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return nil, fmt.Errorf("JetStream: %w", err)
	}
	params, err := lru.New[uint64, *eventv1.Parameters](cachedParameters)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(opts.Metrics)
	if err != nil {
		return nil, err
	}
	l := &Log{
		replicas: opts.Replicas, nc: nc, js: js, log: opts.Logger, metrics: m, params: params,
		streams: map[string]jetstream.Stream{}, readers: map[*context.CancelCauseFunc]struct{}{},
	}
	for _, want := range streams(opts.Replicas) {
		if err := l.openStream(ctx, want); err != nil {
			return nil, fmt.Errorf("open %s: %w", want.Name, err)
		}
	}
	l.status = nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	l.watch.Go(l.watchConnection)
	return l, nil
}

func (l *Log) openStream(ctx context.Context, want jetstream.StreamConfig) error {
	for warned := false; ; warned = true {
		attempt, cancel := context.WithTimeout(ctx, 5*requestTimeout) // making a replicated stream takes its time
		stream, err := provision(attempt, l.js, want)
		cancel()
		if err == nil {
			l.streams[want.Name] = stream
			return nil
		}
		if impossible(err) {
			return err
		}
		if !warned {
			l.log.Warn("event log not reachable yet", zap.String("stream", want.Name), zap.Error(err))
		}
		if wait(ctx, openRetry) != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// Close ends the log's own goroutine. The connection stays open, for its owner closes it; so do not Close before all
// calls have returned.
func (l *Log) Close() {
	l.nc.RemoveStatusListener(l.status)
	l.watch.Wait()
}

// Ready returns nil while the log answers, and es.ErrUnavailable otherwise, after at most two seconds.
func (l *Log) Ready() error {
	if l.nc.Status() != nats.CONNECTED {
		return fmt.Errorf("connection %s: %w", l.nc.Status(), es.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if _, err := l.js.Stream(ctx, streamDesk); err != nil {
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	return nil
}

var errReconnect = errors.New("connection was interrupted")

// watchConnection restarts readers when the connection breaks: what was on its way to them is lost.
func (l *Log) watchConnection() {
	for range l.status {
		l.mu.Lock()
		for cancel := range l.readers {
			(*cancel)(errReconnect)
		}
		l.mu.Unlock()
	}
}

// connected returns a context that ends with ctx, and earlier when the connection breaks.
func (l *Log) connected(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.mu.Lock()
	l.readers[&cancel] = struct{}{}
	l.mu.Unlock()
	return ctx, func() {
		l.mu.Lock()
		delete(l.readers, &cancel)
		l.mu.Unlock()
		cancel(nil)
	}
}

// wait waits for d or until ctx ends, whose error it returns.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// backoff doubles from low to high.
type backoff struct{ low, high, next time.Duration }

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) wait(ctx context.Context) error {
	b.next = min(max(b.low, 2*b.next), b.high)
	return wait(ctx, b.next)
}
