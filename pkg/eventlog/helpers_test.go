package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/natsd"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir, os.Getenv(childDurability))
	}
	goleak.VerifyTestMain(m)
}

// node is an embedded server that a test can stop and start again on the same directory.
type node struct {
	t      testing.TB
	cfg    natsd.Config
	server *natsd.Server
	conns  []*nats.Conn
}

func newNode(t testing.TB) *node {
	t.Helper()
	n := &node{t: t, cfg: natsd.Config{Dir: t.TempDir(), Durability: natsd.Interval}}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *node) start() {
	n.t.Helper()
	server, err := natsd.Start(context.Background(), n.cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	n.server = server
}

func (n *node) conn() *nats.Conn {
	n.t.Helper()
	nc, err := n.server.Connect(n.t.Name())
	if err != nil {
		n.t.Fatal(err)
	}
	n.conns = append(n.conns, nc)
	return nc
}

func (n *node) open() *Log {
	n.t.Helper()
	return openOn(n.t, n.conn(), 1)
}

func (n *node) stop() {
	for _, nc := range n.conns {
		nc.Close()
	}
	n.conns = nil
	n.server.Stop()
}

func openOn(t testing.TB, nc *nats.Conn, replicas int) *Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := Open(ctx, nc, Options{Replicas: replicas})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func newLog(t testing.TB) *Log { return newNode(t).open() }

// eventually polls until ok, or fails the test.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-ticker.C
	}
}

// running runs f until the test ends or stop is called, and fails the test on any error but the context's.
func running(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("does not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

func messageFact(connection string, chat, message int64) *eventv1.Fact {
	return &eventv1.Fact{
		Connection: connection,
		Cause:      &eventv1.Cause{Kind: eventv1.Cause_KIND_MESSAGE, Chat: chat, Message: message},
		At:         timestamppb.Now(),
		Body:       &eventv1.Fact_CustomerMessage{CustomerMessage: &eventv1.CustomerMessage{Customer: chat, Message: message}},
	}
}

func publish(t testing.TB, l *Log, connection string, chat, message int64) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	seq, err := l.PublishFact(ctx, messageFact(connection, chat, message), fmt.Sprint(chat))
	if err != nil {
		t.Fatal(err)
	}
	return seq
}
