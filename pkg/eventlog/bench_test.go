package eventlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/es/estest"
	"github.com/hotline-desk/hotline/pkg/natsd"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func bothDurabilities(b *testing.B, run func(*testing.B, *Log)) {
	for _, durability := range []string{natsd.Always, natsd.Interval} {
		b.Run(durability, func(b *testing.B) {
			n := &node{t: b, cfg: natsd.Config{Dir: b.TempDir(), Durability: durability}}
			n.start()
			b.Cleanup(n.stop)
			run(b, n.open())
		})
	}
}

func perSecond(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s") }

// Fsync is the yardstick of this moment's disk: what an append cannot be faster than under durability always.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 300)
	b.ResetTimer()
	for range b.N {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b)
}

func BenchmarkAppend(b *testing.B) {
	bothDurabilities(b, func(b *testing.B, l *Log) {
		key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}
		var at uint64
		b.ResetTimer()
		for i := range b.N {
			at = appendDesk(b, l, key, at, &eventv1.Commit{Id: fmt.Sprint(i), PrevSeq: at, Cause: "1/7/8/0/"})
		}
		perSecond(b)
	})
}

func BenchmarkPublishFact(b *testing.B) {
	bothDurabilities(b, func(b *testing.B, l *Log) {
		b.ResetTimer()
		for i := range b.N {
			publish(b, l, "c_1", 7, int64(i+1))
		}
		perSecond(b)
	})
}

// Handle: cached aggregates, so one decision is one append.
func BenchmarkHandle(b *testing.B) {
	bothDurabilities(b, func(b *testing.B, l *Log) {
		h := es.NewHandler("bench", l.Store(), estest.Counter(1), 1000)
		b.ResetTimer()
		for i := range b.N {
			key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: fmt.Sprint(i % 100)}
			if _, err := h.Handle(context.Background(), key, estest.AddCommand(fmt.Sprint(i), 1)); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b)
	})
}

// Load: an aggregate that is not in memory, with up to fifteen commits behind its fold.
func BenchmarkLoad(b *testing.B) {
	l := benchLog(b, natsd.Interval)
	h := es.NewHandler("bench", l.Store(), estest.Counter(1), 1)
	key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}
	for i := range 31 {
		if _, err := h.Handle(context.Background(), key, estest.AddCommand(fmt.Sprint(i), 1)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for range b.N {
		h.Forget(key)
		if _, _, err := h.State(context.Background(), key); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b)
}

func benchLog(b *testing.B, durability string) *Log {
	n := &node{t: b, cfg: natsd.Config{Dir: b.TempDir(), Durability: durability}}
	n.start()
	b.Cleanup(n.stop)
	return n.open()
}

// Consume: facts that are waiting, one connection, a handler that does nothing; double acknowledgement.
func BenchmarkConsume(b *testing.B) {
	consumeBacklog(b, func(*Log) func(Delivered) error { return nil })
}

// Decide: the same with one decision and its append for each fact, of 100 dialogs of one connection.
func BenchmarkDecide(b *testing.B) {
	consumeBacklog(b, func(l *Log) func(Delivered) error {
		h := es.NewHandler("bench", l.Store(), estest.Counter(1), 1000)
		return func(d Delivered) error {
			key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: fmt.Sprint(d.Seq % 100)}
			_, err := h.Handle(context.Background(), key, estest.AddCommand(fmt.Sprint(d.Seq), 1))
			return err
		}
	})
}

func consumeBacklog(b *testing.B, handler func(*Log) func(Delivered) error) {
	bothDurabilities(b, func(b *testing.B, l *Log) {
		handle := handler(l)
		fill(b, l, b.N)
		var n atomic.Int64
		done := make(chan struct{})
		b.ResetTimer()
		stop := running(b, func(ctx context.Context) error {
			return l.Consume(ctx, Consumer{Service: "bench", Handle: func(_ context.Context, d Delivered) error {
				if handle != nil {
					if err := handle(d); err != nil {
						return err
					}
				}
				if n.Add(1) == int64(b.N) {
					close(done)
				}
				return nil
			}})
		})
		<-done
		b.StopTimer()
		perSecond(b)
		stop()
	})
}

func fill(b *testing.B, l *Log, n int) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range 8 {
		all.Go(func() {
			for m := next.Add(1); m <= int64(n); m = next.Add(1) {
				publish(b, l, "c_1", 7, m)
			}
		})
	}
	all.Wait()
}

// Latency: from the call of PublishFact to the handler's start, one fact at a time, 200 a second.
func BenchmarkLatency(b *testing.B) {
	bothDurabilities(b, func(b *testing.B, l *Log) {
		arrived := make(chan time.Time, 1)
		stop := running(b, func(ctx context.Context) error {
			return l.Consume(ctx, Consumer{Service: "bench", Handle: func(context.Context, Delivered) error {
				arrived <- time.Now()
				return nil
			}})
		})
		publish(b, l, "c_1", 7, 1)
		<-arrived
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		var took []time.Duration
		b.ResetTimer()
		for i := range b.N {
			<-pace.C
			start := time.Now()
			publish(b, l, "c_1", 7, int64(i+2))
			took = append(took, (<-arrived).Sub(start))
		}
		b.StopTimer()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		stop()
	})
}
