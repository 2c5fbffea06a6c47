package relay

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	desk     = eventv1.Lane_LANE_DESK
	customer = eventv1.Lane_LANE_CUSTOMER
)

func TestMessagesKeepOrderBothWays(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	for i := int64(1); i <= 100; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
		m.commit("dialog", "7", copyOf(customer, testGroup, i, ""))
	}
	eventually(t, "all copied", func() bool { return len(api.copies(testGroup, 7)) >= 100 && len(api.copies(7, testGroup)) >= 100 })
	sequence(t, api.copies(testGroup, 7), 100)
	sequence(t, api.copies(7, testGroup), 100)
	if n := api.count("createForumTopic"); n != 1 {
		t.Errorf("%d topics", n)
	}
	for _, sent := range api.messages() {
		if sent.chat == testGroup && (sent.thread == 0 || sent.reply != sent.thread) {
			t.Fatalf("copy outside its topic: %+v", sent)
		}
	}
}

func TestFiftyCustomersAtOnceHaveOneTopicEach(t *testing.T) {
	m, api := newMemory(), newTelegram()
	api.seen = func(thread int64) {
		m.commit("topic", strconv.FormatInt(thread, 10), &eventv1.Event{Body: &eventv1.Event_TopicSeen{
			TopicSeen: &eventv1.TopicSeen{Chat: testGroup, Thread: thread}}})
	}
	start(t, m, api)
	for c := int64(1); c <= 50; c++ {
		id := fmt.Sprint(c)
		m.commit("dialog", id, status(eventv1.Status_STATUS_USER_ANSWERED), copyOf(desk, c, 1, ""))
		m.commit("dialog", id, copyOf(desk, c, 2, ""))
	}
	for c := int64(1); c <= 50; c++ {
		eventually(t, "copies of a customer", func() bool { return len(api.copies(testGroup, c)) >= 2 })
		sequence(t, api.copies(testGroup, c), 2)
	}
	if n := api.count("createForumTopic"); n != 50 {
		t.Errorf("%d topics", n)
	}
	threads := map[int64]int64{}
	for _, sent := range api.messages() {
		if before, ok := threads[sent.from]; ok && before != sent.thread {
			t.Errorf("customer %d in two topics", sent.from)
		}
		threads[sent.from] = sent.thread
		if m.threads[sent.thread] != fmt.Sprint(sent.from) {
			t.Errorf("topic %d belongs to %s, holds %d", sent.thread, m.threads[sent.thread], sent.from)
		}
	}
}

// What waits beyond the first few of a lane is on disk only, and comes back in order.
func TestLongQueuesAreReadAgain(t *testing.T) {
	m, api := newMemory(), newTelegram()
	open := make(chan struct{})
	api.setFault(func(method string, _ params) error {
		if method == "createForumTopic" {
			<-open
		}
		return nil
	}, nil)
	r, stop := start(t, m, api)
	for i := int64(1); i <= 200; i++ {
		for c := int64(1); c <= 20; c++ {
			m.commit("dialog", fmt.Sprint(c), copyOf(desk, c, i, ""))
		}
	}
	eventually(t, "all read", func() bool {
		return testutil.ToFloat64(r.metrics.doubt.WithLabelValues(testConn)) == 4000
	})
	close(open)
	for c := int64(1); c <= 20; c++ {
		eventually(t, "all copied", func() bool { return len(api.copies(testGroup, c)) >= 200 })
		sequence(t, api.copies(testGroup, c), 200)
	}
	eventually(t, "nothing in doubt", func() bool {
		return testutil.ToFloat64(r.metrics.doubt.WithLabelValues(testConn)) == 0
	})
	stop()
	goleak.VerifyNone(t, goleak.IgnoreAnyFunction("github.com/hotline-desk/hotline/services/relay.(*killed).at"),
		goleak.IgnoreAnyFunction("sync.(*Cond).Wait"), goleak.IgnoreCurrent())
}
