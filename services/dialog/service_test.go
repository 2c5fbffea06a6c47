package dialog

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/natsd"
	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	testConnection = "c_1"
	patience       = 20 * time.Second
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is an event log with one connection, its parameters committed.
type desk struct {
	t      testing.TB
	log    *eventlog.Log
	views  *view.Store
	params uint64
}

func newDesk(t testing.TB, parameters *eventv1.Parameters) *desk {
	t.Helper()
	server, err := natsd.Start(t.Context(), natsd.Config{Dir: filepath.Join(t.TempDir(), "log"), Durability: natsd.Interval})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log, err := eventlog.Open(t.Context(), nc, eventlog.Options{Replicas: 1, Logger: zaptest.NewLogger(t), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	views, err := view.Open(t.Context(), view.Config{Path: filepath.Join(t.TempDir(), "views.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := views.Close(context.Background()); err != nil {
			t.Errorf("close views: %v", err)
		}
	})
	d := &desk{t: t, log: log, views: views}
	d.params, err = log.Store().Append(t.Context(), es.Key{Aggregate: "connection", Connection: testConnection, ID: testConnection}, 0,
		&eventv1.Commit{Id: "parameters", Version: 1, Events: []*eventv1.Event{{Body: &eventv1.Event_ParametersSet{
			ParametersSet: &eventv1.ParametersSet{Parameters: parameters},
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// service makes one, not running.
func (d *desk) service() *Service {
	d.t.Helper()
	s, err := New(Config{}, Deps{
		Inbox: d.log, Lookup: d.log, Store: d.log.Store(), Desk: d.log.DeskSource(), Outbox: d.log.OutboxSource(),
		Views: d.views, Logger: zaptest.NewLogger(d.t), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// running makes a service that runs until the test ends.
func (d *desk) running() *Service {
	d.t.Helper()
	s := d.service()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	d.t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				d.t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			d.t.Error("Run did not end")
		}
	})
	return s
}

func (d *desk) publish(facts ...*eventv1.Fact) {
	d.t.Helper()
	for _, f := range facts {
		place := strconv.FormatInt(f.GetCause().GetChat(), 10)
		if f.GetDeliveryFailed() != nil {
			place = "relay"
		}
		if _, err := d.log.PublishFact(d.t.Context(), f, place); err != nil {
			d.t.Fatal(err)
		}
	}
}

// commits waits until an aggregate has n commits and returns them.
func (d *desk) commits(key es.Key, n int) []eventlog.Committed {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	var all []eventlog.Committed
	enough := errors.New("enough")
	err := d.log.ReadDesk(ctx, key.Connection, 1, func(c eventlog.Committed) error {
		if c.Key != key {
			return nil
		}
		if all = append(all, c); len(all) == n {
			return enough
		}
		return nil
	}, nil)
	if !errors.Is(err, enough) {
		d.t.Fatalf("%d of %d commits of %s: %v", len(all), n, key, err)
	}
	return all
}

func dialogKey(id string) es.Key {
	return es.Key{Aggregate: Aggregate, Connection: testConnection, ID: id}
}

func said(commits []eventlog.Committed) []string {
	var lines []string
	for _, c := range commits {
		for _, event := range c.Commit.GetEvents() {
			lines = append(lines, say(event))
		}
	}
	return lines
}

func (d *desk) fact(cause *eventv1.Cause) *eventv1.Fact {
	at := time.Unix(1_790_000_000+cause.GetMessage(), 0)
	return &eventv1.Fact{Connection: testConnection, Cause: cause, At: timestamppb.New(at), ParamsSeq: d.params}
}

func messageCause(chat, message int64) *eventv1.Cause {
	return &eventv1.Cause{Kind: eventv1.Cause_KIND_MESSAGE, Chat: chat, Message: message}
}

func (d *desk) wrote(customer, message int64) *eventv1.Fact {
	f := d.fact(messageCause(customer, message))
	f.Body = &eventv1.Fact_CustomerMessage{CustomerMessage: &eventv1.CustomerMessage{
		Customer: customer, Message: message, Kind: eventv1.Kind_KIND_TEXT,
	}}
	return f
}

func (d *desk) answered(thread, message int64) *eventv1.Fact {
	f := d.fact(messageCause(testGroup, message))
	f.Body = &eventv1.Fact_GroupMessage{GroupMessage: &eventv1.GroupMessage{
		Chat: testGroup, Thread: thread, Message: message, Kind: eventv1.Kind_KIND_TEXT,
		Actor: &eventv1.Actor{Type: eventv1.Actor_TYPE_OPERATOR, User: 9},
	}}
	return f
}

func (d *desk) topicMade(thread int64, own bool) *eventv1.Fact {
	f := d.fact(&eventv1.Cause{Kind: eventv1.Cause_KIND_TOPIC, Chat: testGroup, Message: thread})
	f.Body = &eventv1.Fact_TopicService{TopicService: &eventv1.TopicService{
		Chat: testGroup, Thread: thread, Message: thread, Type: eventv1.TopicService_TYPE_CREATED, Own: own,
	}}
	return f
}

func (d *desk) mapTopic(dialog string, thread int64) {
	d.t.Helper()
	if err := d.log.PutTopic(d.t.Context(), testConnection, dialog, &eventv1.TopicRecord{Thread: thread}); err != nil {
		d.t.Fatal(err)
	}
}

// eventually polls, for what no event announces.
func (d *desk) eventually(what string, done func() bool) {
	d.t.Helper()
	deadline, tick := time.NewTimer(patience), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			d.t.Fatalf("not in time: %s", what)
		}
	}
}
