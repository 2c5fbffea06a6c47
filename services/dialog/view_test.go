package dialog

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/fault"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/pkg/view"
	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// dial serves a service's lookups on loopback, as a process does, and connects to them.
func (d *desk) dial(s *Service) (apiv1.DialogServiceClient, healthpb.HealthClient) {
	d.t.Helper()
	states := func() []run.State { return []run.State{{Name: ServiceName, Ready: s.Ready() == nil}} }
	server, err := run.NewGRPC("127.0.0.1:0", config.TLS{}, states, zaptest.NewLogger(d.t))
	if err != nil {
		d.t.Fatal(err)
	}
	s.Register(server.Registrar())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	conn, err := run.Dial(server.Addr(), config.TLS{})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			d.t.Errorf("close: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			d.t.Errorf("serve: %v", err)
		}
	})
	return apiv1.NewDialogServiceClient(conn), healthpb.NewHealthClient(conn)
}

func (d *desk) journal(records ...*eventv1.JournalRecord) {
	d.t.Helper()
	j := d.log.Journal(testConnection)
	last, _, err := j.Last(d.t.Context())
	if err != nil {
		last = 0
	}
	if _, err := j.Append(d.t.Context(), last, &eventv1.JournalEntry{Epoch: 1, Records: records}); err != nil {
		d.t.Fatal(err)
	}
}

func topicCreated(dialog string, thread int64) *eventv1.JournalRecord {
	return &eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicCreated{
		TopicCreated: &eventv1.TopicCreated{Dialog: dialog, Thread: thread},
	}}
}

func topicLost(dialog string, thread int64) *eventv1.JournalRecord {
	return &eventv1.JournalRecord{Body: &eventv1.JournalRecord_TopicLost{
		TopicLost: &eventv1.TopicLost{Dialog: dialog, Thread: thread},
	}}
}

// decideAll handles facts by hand and returns DESK's last sequence.
func (d *desk) decideAll(s *Service, facts ...*eventv1.Fact) uint64 {
	d.t.Helper()
	for _, f := range facts {
		if err := s.handle(d.t.Context(), delivered(f)); err != nil {
			d.t.Fatal(err)
		}
	}
	_, _, last, err := d.log.DeskSource().Info(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return last
}

func TestLookups(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{Welcome: "Hello"})
	s := d.running()
	client, health := d.dial(s)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d.mapTopic("77", 5)
	d.journal(topicCreated("77", 4))
	d.journal(topicLost("77", 4), topicCreated("77", 5), topicCreated("99", 8))
	comment := d.answered(5, 11)
	comment.GetGroupMessage().Comment, comment.GetGroupMessage().Album = true, "1"
	seq := d.decideAll(s, d.wrote(testCustomer, 1), d.wrote(testCustomer, 2), d.answered(5, 10), comment)

	byCustomer, err := client.GetDialogByCustomer(ctx, &apiv1.GetDialogByCustomerRequest{
		Connection: testConnection, Customer: testCustomer, MinSeq: seq,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := byCustomer.GetDialog()
	if got.GetId() != "77" || got.GetStatus() != eventv1.Status_STATUS_SUPPORT_ANSWERED || got.GetMessagesIn() != 2 ||
		got.GetMessagesOut() != 1 || got.GetBlocked() || got.GetSeq() != seq ||
		got.GetOpenedAt().GetSeconds() != 1_790_000_001 || got.GetLastAt().GetSeconds() != 1_790_000_010 {
		t.Errorf("dialog %v", got)
	}
	d.eventually("the journal's topic in the view", func() bool {
		byTopic, err := client.GetDialogByTopic(ctx, &apiv1.GetDialogByTopicRequest{Connection: testConnection, Thread: 5, MinSeq: seq})
		return err == nil && byTopic.GetDialog().GetId() == "77" && byTopic.GetDialog().GetThread() == 5
	})
	// The topic that was lost leads nowhere, nor does one whose dialog DESK does not know.
	for _, thread := range []int64{4, 8} {
		_, err = client.GetDialogByTopic(ctx, &apiv1.GetDialogByTopicRequest{Connection: testConnection, Thread: thread})
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("thread %d: %v", thread, err)
		}
	}
	d.eventually("serving", func() bool {
		status, err := health.Check(ctx, &healthpb.HealthCheckRequest{Service: "hotline.api.v1.DialogService"})
		return err == nil && status.GetStatus() == healthpb.HealthCheckResponse_SERVING
	})
}

func TestLookupsExplainErrors(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	client, _ := d.dial(d.running())
	list := func(req *apiv1.ListDialogsRequest) func(context.Context) error {
		return func(ctx context.Context) error { _, err := client.ListDialogs(ctx, req); return err }
	}
	topic := func(req *apiv1.GetDialogByTopicRequest) func(context.Context) error {
		return func(ctx context.Context) error { _, err := client.GetDialogByTopic(ctx, req); return err }
	}
	tests := []struct {
		name string
		call func(context.Context) error
		want fault.Code
	}{
		{"no connection", topic(&apiv1.GetDialogByTopicRequest{Thread: 1}), fault.Invalid},
		{"no thread", topic(&apiv1.GetDialogByTopicRequest{Connection: "c"}), fault.Invalid},
		{"no such topic", topic(&apiv1.GetDialogByTopicRequest{Connection: "c", Thread: 1}), fault.NotFound},
		{"not reached", topic(&apiv1.GetDialogByTopicRequest{Connection: "c", Thread: 1, MinSeq: 1 << 40}), fault.Unavailable},
		{"list without connection", list(&apiv1.ListDialogsRequest{}), fault.Invalid},
		{"list too long", list(&apiv1.ListDialogsRequest{Connection: "c", Limit: 1001}), fault.Invalid},
		{"list of no status", list(&apiv1.ListDialogsRequest{Connection: "c", Statuses: []eventv1.Status{9}}), fault.Invalid},
		{"list with a made-up cursor", list(&apiv1.ListDialogsRequest{Connection: "c", Cursor: "!"}), fault.Invalid},
	}
	d.eventually("view built", func() bool {
		return fault.Is(topic(&apiv1.GetDialogByTopicRequest{Connection: "c", Thread: 1})(t.Context()), fault.NotFound)
	})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := test.call(ctx); !fault.Is(err, test.want) {
				t.Errorf("%v, expected %s", err, test.want)
			}
		})
	}
}

func TestListPages(t *testing.T) {
	const customers = 7
	d := newDesk(t, &eventv1.Parameters{})
	s := d.running()
	client, _ := d.dial(s)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var seq uint64
	for customer := int64(1); customer <= customers; customer++ {
		seq = d.decideAll(s, d.wrote(customer, 100+customer))
	}
	d.mapTopic("3", 30)
	seq = max(seq, d.decideAll(s, d.answered(30, 1)))
	page := func(cursor string, statuses ...eventv1.Status) *apiv1.ListDialogsResponse {
		t.Helper()
		resp, err := client.ListDialogs(ctx, &apiv1.ListDialogsRequest{
			Connection: testConnection, Limit: 3, Cursor: cursor, Statuses: statuses, MinSeq: seq,
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	var ids string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		resp := page(cursor)
		for _, dialog := range resp.GetDialogs() {
			ids += dialog.GetId()
		}
		cursor = resp.GetCursor()
	}
	if ids != "7654321" {
		t.Errorf("listed %s, expected the latest first, each once", ids)
	}
	if got := page("", eventv1.Status_STATUS_SUPPORT_ANSWERED); len(got.GetDialogs()) != 1 || got.GetDialogs()[0].GetId() != "3" || got.GetCursor() != "" {
		t.Errorf("waiting: %v", got)
	}
	if got := page("", eventv1.Status_STATUS_CLOSED); len(got.GetDialogs()) != 0 {
		t.Errorf("closed: %v", got)
	}
}

// TestRebuild: what a rebuild makes from the log is what the live view holds.
func TestRebuild(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	s := d.running()
	var seq uint64
	for customer := int64(1); customer <= 40; customer++ {
		id := dialogID(customer)
		d.mapTopic(id, 100+customer)
		facts := []*eventv1.Fact{d.wrote(customer, 1), d.wrote(customer, 2)}
		if customer%3 == 0 {
			facts = append(facts, d.answered(100+customer, 1000+customer))
		}
		seq = d.decideAll(s, facts...)
		d.journal(topicCreated(id, 100+customer))
		if customer%5 == 0 {
			d.journal(topicLost(id, 100+customer))
		}
	}
	_, _, tail, err := d.log.OutboxSource().Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	snapshot := func() map[string]*apiv1.Dialog {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for stream, at := range map[string]uint64{deskStream: seq, "OUTBOX": tail} {
			if err := s.view.WaitFor(ctx, stream, at); err != nil {
				t.Fatal(err)
			}
		}
		all := map[string]*apiv1.Dialog{}
		if err := s.view.Each(ctx, view.Query{}, func(doc document) error {
			all[doc.ID] = doc.proto()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	live := snapshot()
	report, err := s.projector.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rebuilt := snapshot()
	if len(live) != 40 || len(rebuilt) != 40 || report.Documents != 40 {
		t.Fatalf("%d documents live, %d rebuilt, %d reported", len(live), len(rebuilt), report.Documents)
	}
	for id, doc := range live {
		if !proto.Equal(doc, rebuilt[id]) {
			t.Errorf("%s\nlive    %v\nrebuilt %v", id, doc, rebuilt[id])
		}
	}
	if got := fmt.Sprint(live["5"].GetThread(), live["3"].GetThread(), live["3"].GetMessagesOut()); got != "0 103 1" {
		t.Errorf("threads and answers: %s", got)
	}
}
