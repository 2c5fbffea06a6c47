package dialog

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestConversation(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{Welcome: "Hello"})
	s := d.running()
	d.publish(d.wrote(testCustomer, 101), d.topicMade(5, true))
	d.mapTopic("77", 5)
	failure := d.fact(&eventv1.Cause{Kind: eventv1.Cause_KIND_DELIVERY, Key: "77/2/2/REFUSED"})
	failure.Body = &eventv1.Fact_DeliveryFailed{DeliveryFailed: &eventv1.DeliveryFailed{
		Dialog: "77", Lane: eventv1.Lane_LANE_CUSTOMER, LaneNo: 2, Class: eventv1.FailureClass_FAILURE_CLASS_REFUSED,
		Source: &eventv1.MessageRef{Chat: testGroup, Message: 6}, Kind: eventv1.Kind_KIND_TEXT,
	}}
	blocked := d.fact(&eventv1.Cause{Kind: eventv1.Cause_KIND_MEMBERSHIP, Chat: testCustomer, Key: "1/true"})
	blocked.Body = &eventv1.Fact_CustomerMembership{CustomerMembership: &eventv1.CustomerMembership{Customer: testCustomer, Blocked: true}}
	d.publish(d.answered(5, 6), failure, blocked)

	commits := d.commits(dialogKey("77"), 4)
	want := []string{
		"opened for 77", "status UNSPECIFIED → USER_ANSWERED", "accepted IN TEXT 77/101 from customer 77",
		"desk 1: copy of TEXT 77/101", "customer 1: welcome",
		"status USER_ANSWERED → SUPPORT_ANSWERED", "accepted OUT TEXT group/6 from operator 9", "customer 2: copy of TEXT group/6",
		"failure of customer 2 noted: REFUSED", "desk 2: notice NOT_DELIVERED kind TEXT failure REFUSED lane CUSTOMER reply to group/6",
		"blocked", "desk 3: notice CUSTOMER_BLOCKED",
	}
	if got := said(commits); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	first := commits[0].Commit
	if first.GetParamsSeq() != d.params || first.GetActor().GetUser() != testCustomer || first.GetVersion() != 1 {
		t.Errorf("first commit: %v", first)
	}
	topic := d.commits(es.Key{Aggregate: TopicAggregate, Connection: testConnection, ID: "5"}, 1)
	if e := topic[0].Commit.GetEvents()[0].GetTopicSeen(); e.GetThread() != 5 || e.GetChat() != testGroup {
		t.Errorf("topic: %v", topic[0].Commit)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	d.eventually("accepted messages counted", func() bool {
		return testutil.ToFloat64(s.metrics.accepted.WithLabelValues("in")) == 1 &&
			testutil.ToFloat64(s.metrics.accepted.WithLabelValues("out")) == 1
	})
}

func delivered(f *eventv1.Fact) eventlog.Delivered { return eventlog.Delivered{Fact: f, Attempt: 1} }

// handled gives a fact to a service by hand.
func handled(t *testing.T, s *Service, f *eventv1.Fact, attempt int) (outcome, error) {
	t.Helper()
	d := delivered(f)
	d.Attempt = attempt
	return s.decide(t.Context(), d)
}

func expect(t *testing.T, s *Service, f *eventv1.Fact, want outcome) {
	t.Helper()
	if got, err := handled(t, s, f, 1); err != nil || got != want {
		t.Fatalf("%v: %s, %v; want %s", f.GetBody(), got, err, want)
	}
}

func TestFactsComeTwice(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	s := d.service()
	d.mapTopic("77", 5)
	membership := d.fact(&eventv1.Cause{Kind: eventv1.Cause_KIND_MEMBERSHIP, Chat: testCustomer, Key: "1/true"})
	membership.Body = &eventv1.Fact_CustomerMembership{CustomerMembership: &eventv1.CustomerMembership{Customer: testCustomer, Blocked: true}}
	facts := []*eventv1.Fact{d.wrote(testCustomer, 1), d.topicMade(5, true), d.answered(5, 6), membership}
	for _, f := range facts {
		expect(t, s, f, committed)
	}
	for _, s := range []*Service{s, d.service()} { // from memory, and from the log
		for _, f := range facts {
			expect(t, s, f, duplicate)
		}
	}
}

func TestTopicsAreResolved(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	s := d.service()
	expect(t, s, d.wrote(testCustomer, 1), committed)
	expect(t, s, d.answered(5, 6), foreign)
	expect(t, s, d.topicMade(7, false), nothing)
	expect(t, s, d.answered(7, 8), foreign)
	// The bot made this one, and relay is not done yet: tried in place first, then parked.
	expect(t, s, d.topicMade(9, true), committed)
	for attempt := 1; attempt <= settleAttempts+1; attempt++ {
		got, err := handled(t, s, d.answered(9, 10), attempt)
		if got != unsettled || !errors.Is(err, errUnsettled) {
			t.Fatalf("attempt %d: %s, %v", attempt, got, err)
		}
	}
	d.mapTopic("77", 9)
	expect(t, s, d.answered(9, 10), committed)
}

// TestUnsettledTopicWaitsInOrder: messages from a topic whose dialog is not known wait, in order, and nobody else does.
func TestUnsettledTopicWaitsInOrder(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	d.running()
	d.mapTopic("88", 6)
	d.publish(d.wrote(testCustomer, 1), d.wrote(88, 1), d.topicMade(5, true))
	d.publish(d.answered(5, 10), d.answered(5, 11), d.answered(5, 12), d.answered(6, 13))
	d.commits(dialogKey("88"), 2)
	d.eventually("facts parked", func() bool {
		parked, err := d.log.Parked(t.Context(), testConnection)
		if err != nil {
			t.Fatal(err)
		}
		return len(parked) == 3 && parked[0].Key == "t5"
	})
	d.mapTopic("77", 5)
	if err := d.log.Release(t.Context(), testConnection, "t5"); err != nil {
		t.Fatal(err)
	}
	d.publish(d.answered(5, 14))
	commits := d.commits(dialogKey("77"), 5)
	for i, want := range []int64{1, 10, 11, 12, 14} {
		cause := es.CauseText(messageCause(testGroup, want))
		if i == 0 {
			cause = es.CauseText(messageCause(testCustomer, want))
		}
		if commits[i].Commit.GetCause() != cause {
			t.Errorf("commit %d is of %s, expected %s", i, commits[i].Commit.GetCause(), cause)
		}
	}
}

func TestParametersFilter(t *testing.T) {
	tests := []struct {
		name       string
		parameters *eventv1.Parameters
		want       outcome
	}{
		{"no lists", &eventv1.Parameters{}, committed},
		{"ignored", &eventv1.Parameters{IgnoreChats: []int64{1, testCustomer}}, filtered},
		{"another is ignored", &eventv1.Parameters{IgnoreChats: []int64{1}}, committed},
		{"white", &eventv1.Parameters{WhiteList: []int64{testCustomer}}, committed},
		{"not white", &eventv1.Parameters{WhiteList: []int64{1}}, filtered},
		{"white and ignored", &eventv1.Parameters{WhiteList: []int64{testCustomer}, IgnoreChats: []int64{testCustomer}}, filtered},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, test.parameters)
			expect(t, d.service(), d.wrote(testCustomer, 1), test.want)
		})
	}
}

func TestFactsThatCannotBeDecided(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	s := d.service()
	for name, f := range map[string]*eventv1.Fact{
		"no body":    d.fact(messageCause(testCustomer, 1)),
		"no message": {Connection: testConnection, Cause: messageCause(testCustomer, 1), ParamsSeq: d.params, Body: &eventv1.Fact_CustomerMessage{CustomerMessage: &eventv1.CustomerMessage{Customer: testCustomer}}},
		"no dialog":  {Connection: testConnection, Cause: messageCause(testCustomer, 1), Body: &eventv1.Fact_DeliveryFailed{DeliveryFailed: &eventv1.DeliveryFailed{}}},
	} {
		if got, err := handled(t, s, f, 1); got != failing || !errors.Is(err, errFact) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	early := d.wrote(testCustomer, 1)
	early.ParamsSeq = d.params + 1000
	if got, err := handled(t, s, early, 1); got != failing || !errors.Is(err, es.ErrNotFound) {
		t.Errorf("parameters that are not there: %s, %v", got, err)
	}
}

// TestReplicasAgree: two processes share the facts of many customers. Nothing is lost, doubled or out of order, whoever
// decided before.
func TestReplicasAgree(t *testing.T) {
	const customers, messages = 12, 10
	d := newDesk(t, &eventv1.Parameters{})
	d.running()
	d.running()
	for message := int64(1); message <= messages; message++ {
		for customer := int64(1); customer <= customers; customer++ {
			d.publish(d.wrote(customer, message))
		}
	}
	for customer := 1; customer <= customers; customer++ {
		commits := d.commits(dialogKey(strconv.Itoa(customer)), messages)
		for i, c := range commits {
			events := c.Commit.GetEvents()
			r := events[len(events)-1].GetDeliveryRequested()
			if r.GetLaneNo() != uint64(i+1) || r.GetCopy().GetSource().GetMessage() != int64(i+1) {
				t.Fatalf("customer %d, commit %d: %v", customer, i, r)
			}
		}
	}
}

// TestStaleMemory: what another process decided is seen even where nothing would be appended.
func TestStaleMemory(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	one, two := d.service(), d.service()
	d.mapTopic("77", 5)
	expect(t, one, d.answered(5, 1), nothing) // remembers that there is no dialog
	expect(t, two, d.wrote(testCustomer, 1), committed)
	expect(t, one, d.answered(5, 2), committed)
}

func TestRunEndsCleanly(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	s := d.service()
	if s.Ready() == nil {
		t.Error("ready before it runs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	d.eventually("ready", func() bool { return s.Ready() == nil })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s.Ready() == nil {
		t.Error("ready after its end")
	}
}

func TestNewRefusesMissingDependencies(t *testing.T) {
	d := newDesk(t, &eventv1.Parameters{})
	full := d.service().deps
	for i := range reflect.TypeFor[Deps]().NumField() {
		deps := full
		reflect.ValueOf(&deps).Elem().Field(i).SetZero()
		if _, err := New(Config{}, deps); err == nil {
			t.Errorf("accepted without %s", reflect.TypeFor[Deps]().Field(i).Name)
		}
	}
}
