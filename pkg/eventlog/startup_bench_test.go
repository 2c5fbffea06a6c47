package eventlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/natsd"
)

// Startup: from nothing to an open log, over a directory of HOTLINE_BENCH_MESSAGES (100,000) messages of 300 bytes on a
// tenth as many subjects in each of INBOX, DESK and OUTBOX; after a stop, and after a loss of everything that a server
// writes only when it is stopped.
func BenchmarkStartup(b *testing.B) {
	messages := 100_000
	if text := os.Getenv("HOTLINE_BENCH_MESSAGES"); text != "" {
		var err error
		if messages, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	n := &node{t: b, cfg: natsd.Config{Dir: b.TempDir(), Durability: natsd.Interval}}
	n.start()
	l := n.open()
	for _, prefix := range []string{"in.%d.%s.%d", "desk.dialog.%d.%s.%d", "out.%d.%s.b.%d"} {
		generate(b, l, prefix, messages)
	}
	n.stop()
	for _, name := range []string{"clean", "killed"} {
		b.Run(name, func(b *testing.B) {
			var rss float64
			for range b.N {
				if name == "killed" {
					b.StopTimer()
					forget(b, n.cfg.Dir)
					b.StartTimer()
				}
				n.start()
				l := n.open()
				if _, err := l.Store().Last(context.Background(), es.Key{Aggregate: "dialog", Connection: "c_1", ID: "1"}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				rss = heap()
				n.stop()
				b.StartTimer()
			}
			b.ReportMetric(rss, "heap-MB")
		})
	}
}

// forget removes the snapshots of streams' states, so that they are read from the messages, the worst that a kill can do.
func forget(b *testing.B, dir string) {
	found, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", "msgs", "index.db"))
	if err != nil || len(found) == 0 {
		b.Fatal("no state found", err)
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			b.Fatal(err)
		}
	}
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse) / (1 << 20)
}

func generate(b *testing.B, l *Log, subject string, messages int) {
	js, err := jetstream.New(l.nc, jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		b.Fatal(err)
	}
	payload := []byte(strings.Repeat("x", 300))
	start := time.Now()
	for i := range messages {
		msg := &nats.Msg{Subject: fmt.Sprintf(subject, Partition("c_1"), "c_1", i%(messages/10)), Data: payload}
		if _, err := js.PublishMsgAsync(msg, jetstream.WithStallWait(30*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	b.Logf("%s: %d in %s", subject, messages, time.Since(start))
}
