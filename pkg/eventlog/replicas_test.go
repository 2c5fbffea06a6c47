package eventlog

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Two replicas share the work; when one vanishes, the other goes on in order.
func TestReplicasShareAndTakeOver(t *testing.T) {
	n := newNode(t)
	r := newRecorder()
	a, b := n.open(), n.open()
	var stuck sync.Map
	consume := func(l *Log, name string) Consumer {
		c := r.consumer("dialog")
		c.Handle = func(ctx context.Context, d Delivered) error {
			if _, ok := stuck.Load(name); ok {
				<-ctx.Done() // the replica hangs with a fact in its hands
				return ctx.Err()
			}
			return r.handle(ctx, d)
		}
		return c
	}
	stopA := running(t, func(ctx context.Context) error { return a.Consume(ctx, consume(a, "a")) })
	running(t, func(ctx context.Context) error { return b.Consume(ctx, consume(b, "b")) })
	for m := int64(1); m <= 40; m++ {
		publish(t, a, "c_1", 7, m)
		publish(t, a, "c_2", 7, m)
	}
	eventually(t, "the first facts", func() bool { return r.count() == 80 })
	stuck.Store("a", true)
	for m := int64(41); m <= 80; m++ {
		publish(t, a, "c_1", 7, m)
		publish(t, a, "c_2", 7, m)
	}
	stopA()
	eventually(t, "the rest", func() bool { return r.count() == 160 })
	r.inOrder(t)
}

// A replica that dies without a word holds up its facts until the acknowledgement's time is over, not longer.
func TestCrashedReplicaIsReplaced(t *testing.T) {
	n := newNode(t)
	r := newRecorder()
	dead := n.conn()
	a := openOn(t, dead, 1)
	holds := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Consume(ctx, Consumer{Service: "dialog", Handle: func(context.Context, Delivered) error {
			close(holds)
			<-ctx.Done()
			return ctx.Err()
		}})
	}()
	publish(t, n.open(), "c_1", 7, 1)
	<-holds
	dead.Close()
	cancel()
	<-ended
	b := n.open()
	start := time.Now()
	running(t, func(ctx context.Context) error { return b.Consume(ctx, r.consumer("dialog")) })
	publish(t, b, "c_1", 7, 2)
	eventually(t, "both facts", func() bool { return r.count() == 2 })
	r.inOrder(t)
	t.Logf("taken over after %s", time.Since(start))
}
