package relay

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// killed makes an owner that stops at a step for ever, as a killed process does: what it was doing is never finished.
type killed struct {
	api   Caller
	calls sync.RWMutex // held by calls under way, so that none goes on after death
	mu    sync.Mutex
	step  string
	left  int
	dead  chan struct{}
}

// Travel is nothing here.
func (k *killed) Travel() time.Duration { return 0 }

// Call is a call of the process that will be killed.
func (k *killed) Call(ctx context.Context, method string, params, result any) error {
	k.calls.RLock()
	defer k.calls.RUnlock()
	select {
	case <-k.dead:
		return errLost // nobody will hear it
	default:
		return k.api.Call(ctx, method, params, result)
	}
}

func (k *killed) at(step string) {
	k.mu.Lock()
	if step == k.step {
		if k.left--; k.left == 0 {
			k.calls.Lock()
			close(k.dead)
			k.calls.Unlock()
		}
	}
	k.mu.Unlock()
	select {
	case <-k.dead:
		select {} // nothing of a killed process goes on
	default:
	}
}

func TestKilledAtEveryStep(t *testing.T) {
	steps := []string{"before_claim", "after_claim", "before_call", "after_call", "before_done", "after_done",
		"topic_before_claim", "topic_after_claim", "topic_before_call", "topic_after_call", "topic_before_done", "topic_after_done", "topic_after_put"}
	for _, step := range steps {
		for _, nth := range []int{1, 2} {
			t.Run(fmt.Sprint(step, nth), func(t *testing.T) {
				t.Parallel()
				killAt(t, step, nth)
			})
		}
	}
}

func killAt(t *testing.T, step string, nth int) {
	m, api := newMemory(), newTelegram()
	api.seen = func(thread int64) {
		m.commit("topic", fmt.Sprint(thread), &eventv1.Event{Body: &eventv1.Event_TopicSeen{
			TopicSeen: &eventv1.TopicSeen{Chat: testGroup, Thread: thread}}})
	}
	k := &killed{api: api, step: step, left: nth, dead: make(chan struct{})}
	abandonRelay(t, m, k)
	for i := int64(1); i <= 5; i++ {
		for c := int64(1); c <= 3; c++ {
			m.commit("dialog", fmt.Sprint(c), copyOf(desk, c, i, ""), copyOf(customer, testGroup, c*100+i, ""))
		}
	}
	select {
	case <-k.dead:
	case <-time.After(10 * time.Second):
		t.Fatal("the step was never reached")
	}
	start(t, m, api)
	extra := 0
	for c := int64(1); c <= 3; c++ {

		eventually(t, "everything", func() bool {
			return slices.Contains(api.copies(testGroup, c), 5) && slices.Contains(api.copies(c, testGroup), c*100+5)
		})
		extra += inOrder(t, api.copies(testGroup, c), 1) + inOrder(t, api.copies(c, testGroup), c*100+1)
	}
	if extra > 6 { // six lanes, so six calls in flight
		t.Errorf("%d messages twice", extra)
	}
	checkTopics(t, m, api)
}

// inOrder checks that all five messages are there in order, and counts those that are there twice.
func inOrder(t *testing.T, got []int64, first int64) (extra int) {
	t.Helper()
	next := first
	for i, message := range got {
		switch {
		case message == next:
			next++
		case i > 0 && message == got[i-1]:
			extra++
		default:
			t.Fatalf("out of order: %v", got)
		}
	}
	if next != first+5 {
		t.Fatalf("missing: %v", got)
	}
	return extra
}

func checkTopics(t *testing.T, m *memory, api *telegram) {
	t.Helper()
	api.mu.Lock()
	made := len(api.topics)
	api.mu.Unlock()
	if made != 3 {
		t.Errorf("%d topics for 3 customers", made)
	}
	of := map[int64]int64{}
	for _, sent := range api.messages() {
		if sent.chat != testGroup || sent.source == 0 {
			continue
		}
		if before, ok := of[sent.from]; ok && before != sent.thread {
			t.Errorf("customer %d in topics %d and %d", sent.from, before, sent.thread)
		}
		of[sent.from] = sent.thread
	}
}

// abandonRelay runs an owner that nobody ever stops.
func abandonRelay(t *testing.T, m *memory, k *killed, change ...func(*Config, *Deps)) {
	t.Helper()
	started := make(chan struct{})
	go func() {
		close(started)
		cfg, deps := Config{CrashAt: k.at}, testDeps(m, k)
		for _, f := range change {
			f(&cfg, &deps)
		}
		r, err := New(cfg, deps)
		if err != nil {
			t.Error(err)
			return
		}
		_ = r.Run(context.Background())
	}()
	<-started
}

func TestZombieCannotWriteAndStops(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	eventually(t, "first owner", func() bool { return len(api.copies(testGroup, 7)) == 1 })
	start(t, m, api) // takes over while the first believes to own
	eventually(t, "second owner", func() bool {
		_, entry, err := m.Last(context.Background())
		return err == nil && entry.Epoch >= 2
	})
	for i := int64(2); i <= 20; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
	}
	eventually(t, "all", func() bool { return slices.Contains(api.copies(testGroup, 7), 20) })
	claims := map[uint64]uint64{}
	m.mu.Lock()
	for _, e := range m.entries {
		for _, record := range e.GetRecords() {
			if s := record.GetStarted(); s != nil && s.GetAttempt() == 1 {
				if by, twice := claims[s.Delivery.FirstNo]; twice {
					t.Errorf("%d claimed under epochs %d and %d", s.Delivery.FirstNo, by, e.Epoch)
				}
				claims[s.Delivery.FirstNo] = e.Epoch
			}
		}
	}
	m.mu.Unlock()
}

func TestJournalOutagePausesAndLosesNothing(t *testing.T) {
	m, api := newMemory(), newTelegram()
	start(t, m, api)
	m.commit("dialog", "7", copyOf(desk, 7, 1, ""))
	eventually(t, "first", func() bool { return len(api.copies(testGroup, 7)) == 1 })
	m.mu.Lock()
	m.broken = es.ErrUnavailable
	m.mu.Unlock()
	for i := int64(2); i <= 10; i++ {
		m.commit("dialog", "7", copyOf(desk, 7, i, ""))
	}
	m.mu.Lock()
	m.broken = nil
	m.mu.Unlock()
	eventually(t, "all", func() bool { return len(api.copies(testGroup, 7)) == 10 })
	sequence(t, api.copies(testGroup, 7), 10)
}

func TestCleanStopLosesAndDoublesNothing(t *testing.T) {
	m, api := newMemory(), newTelegram()
	for i := int64(1); i <= 300; i++ {
		m.commit("dialog", fmt.Sprint(i%7+1), copyOf(desk, i%7+1, i, ""))
	}
	for round := 0; round < 5; round++ {
		_, stop := start(t, m, api)
		want := min(60*(round+1), 300)
		eventually(t, "some", func() bool { return total(api) >= want })
		stop()
	}
	_, stop := start(t, m, api)
	eventually(t, "all", func() bool { return total(api) >= 300 })
	stop()
	if n := total(api); n != 300 {
		t.Errorf("%d copies", n)
	}
	for _, record := range m.records() {
		if record.GetUnknown() != nil {
			t.Error("a clean stop left a claim in doubt")
		}
	}
}

func total(api *telegram) int {
	n := 0
	for _, sent := range api.messages() {
		if sent.source != 0 {
			n++
		}
	}
	return n
}
