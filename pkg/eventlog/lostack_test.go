package eventlog

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/es/estest"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// deafProxy forwards to a server; while deaf, the client hears nothing of it, though the server hears the client.
type deafProxy struct {
	listener net.Listener
	target   string
	deaf     atomic.Bool
	mu       sync.Mutex
	conns    []net.Conn
	done     sync.WaitGroup
}

func newDeafProxy(t *testing.T, target string) *deafProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &deafProxy{listener: listener, target: target}
	p.done.Go(p.accept)
	t.Cleanup(func() { listener.Close(); p.cut(); p.done.Wait() })
	return p
}

func (p *deafProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.done.Go(func() { io.Copy(server, client); server.Close() })
		p.done.Go(func() { io.Copy(&ear{p, client}, server); client.Close() })
	}
}

type ear struct {
	proxy  *deafProxy
	client net.Conn
}

func (e *ear) Write(b []byte) (int, error) {
	if e.proxy.deaf.Load() {
		return len(b), nil
	}
	return e.client.Write(b)
}

// cut ends all connections; what was swallowed is gone for good.
func (p *deafProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// The acknowledgement of a write is lost: the caller learns the sequence all the same, and the write is there once. A
// single server checks the expectation first and a cluster checks the id first, so both are tried.
func TestLostAcknowledgement(t *testing.T) {
	for name, size := range map[string]int{"single": 1, "cluster": 3} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, size)
			witness := openOn(t, c.conn(0), size)
			lostAcknowledgement(t, witness, newDeafProxy(t, c.node[0].Addr().String()), size)
		})
	}
}

func lostAcknowledgement(t *testing.T, witness *Log, proxy *deafProxy, replicas int) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// It must not learn of ways around the proxy.
	nc, err := nats.Connect("nats://"+proxy.listener.Addr().String(), nats.IgnoreDiscoveredServers(),
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	l := openOn(t, nc, replicas)
	key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: "7"}
	handler := es.NewHandler("lost", l.Store(), estest.Counter(1), 10)
	if _, _, err := handler.State(ctx, key); err != nil { // in memory, so that the command's only traffic is the append
		t.Fatal(err)
	}
	journal := l.Journal("c_1")
	var entry uint64
	writes := map[string]struct {
		write func() error
		last  func() uint64 // 0: nothing there
	}{
		"commit": {
			func() error { _, err := handler.Handle(ctx, key, estest.AddCommand("first", 5)); return err },
			func() uint64 { r, _ := witness.Store().Last(ctx, key); return r.Seq },
		},
		"fact": {
			func() error { _, err := l.PublishFact(ctx, messageFact("c_1", 7, 1), "7"); return err },
			func() uint64 {
				msg, err := witness.last(ctx, streamInbox, inboxSubject("c_1", "7"))
				if err != nil {
					return 0
				}
				return msg.Sequence
			},
		},
		"entry": {
			func() (err error) { entry, err = journal.Append(ctx, 0, &eventv1.JournalEntry{Epoch: 1}); return err },
			func() uint64 { seq, _, _ := witness.Journal("c_1").Last(ctx); return seq },
		},
	}
	for name, w := range writes {
		proxy.deaf.Store(true)
		done := make(chan error, 1)
		go func() { done <- w.write() }()
		eventually(t, name+" is written", func() bool { return w.last() != 0 })
		select {
		case err := <-done:
			t.Fatalf("%s: answered without an answer: %v", name, err)
		default:
		}
		first := w.last()
		proxy.deaf.Store(false)
		proxy.cut()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w.last() != first {
			t.Errorf("%s: written at %d and again at %d", name, first, w.last())
		}
	}
	if seq, _, err := witness.Journal("c_1").Last(ctx); err != nil || seq != entry {
		t.Errorf("journal ends at %d, its owner thinks %d: %v", seq, entry, err)
	}
	if result, err := handler.Handle(ctx, key, estest.AddCommand("first", 5)); err != nil || !result.Duplicate {
		t.Errorf("the same cause again: %+v %v", result, err)
	}
	if _, err := handler.Handle(ctx, key, estest.AddCommand("second", 6)); err != nil {
		t.Error(err)
	}
	state, _, err := es.NewHandler("lost", witness.Store(), estest.Counter(1), 1).State(ctx, key)
	if err != nil || state != (estest.Count{Notes: 2, Sum: 11}) {
		t.Errorf("%+v %v", state, err)
	}
}
