package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// recorder is a service that notes what it is handed, and fails where told to.
type recorder struct {
	mu   sync.Mutex
	seen map[string][]int64 // by connection/chat: messages handled, without repetitions
	done map[string]bool
	all  int
	fail func(d Delivered) error
}

func newRecorder() *recorder {
	return &recorder{seen: map[string][]int64{}, done: map[string]bool{}}
}

func (r *recorder) handle(_ context.Context, d Delivered) error {
	r.mu.Lock()
	fail := r.fail
	r.mu.Unlock()
	if fail != nil {
		if err := fail(d); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := d.Fact.GetCustomerMessage()
	place := fmt.Sprintf("%s/%d", d.Fact.GetConnection(), m.GetCustomer())
	id := fmt.Sprintf("%s/%d", place, m.GetMessage())
	if !r.done[id] {
		r.done[id] = true
		r.all++
		r.seen[place] = append(r.seen[place], m.GetMessage())
	}
	return nil
}

func (r *recorder) failing(f func(d Delivered) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = f
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

func (r *recorder) of(connection string, chat int64) []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int64(nil), r.seen[fmt.Sprintf("%s/%d", connection, chat)]...)
}

func (r *recorder) consumer(service string) Consumer {
	return Consumer{Service: service, Handle: r.handle}
}

func (r *recorder) inOrder(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for place, messages := range r.seen {
		for i, m := range messages {
			if m != int64(i+1) {
				t.Fatalf("%s got %v", place, messages)
			}
		}
	}
}

func TestConsumeInOrderAcrossConnections(t *testing.T) {
	l := newLog(t)
	r := newRecorder()
	running(t, func(ctx context.Context) error { return l.Consume(ctx, r.consumer("dialog")) })
	for m := int64(1); m <= 30; m++ {
		for p := range 10 {
			publish(t, l, fmt.Sprintf("c_%d", p), 7, m)
		}
	}
	eventually(t, "all facts", func() bool { return r.count() == 300 })
	r.inOrder(t)
	eventually(t, "no lag", func() bool {
		lag, err := l.InboxLag(t.Context())
		return err == nil && lag == 0
	})
}

func TestPublishingTheSameCauseAgainIsOneFact(t *testing.T) {
	l := newLog(t)
	first := publish(t, l, "c_1", 7, 1)
	if again := publish(t, l, "c_1", 7, 1); again != first {
		t.Errorf("the same fact lies at %d and %d", first, again)
	}
	if _, err := l.PublishFact(t.Context(), messageFact("c.1", 7, 1), "7"); err == nil {
		t.Error("a connection of two tokens was taken")
	}
}

// While one dialog's fact cannot be decided, others go on, and that dialog's facts wait in order.
func TestParkedFactsWaitAloneAndInOrder(t *testing.T) {
	n := newNode(t)
	l := n.open()
	r := newRecorder()
	r.failing(func(d Delivered) error {
		if d.Fact.GetCustomerMessage().GetCustomer() == 13 {
			return errors.New("cannot be decided")
		}
		return nil
	})
	stop := running(t, func(ctx context.Context) error { return l.Consume(ctx, r.consumer("dialog")) })
	for m := int64(1); m <= 5; m++ {
		publish(t, l, "c_1", 13, m)
		publish(t, l, "c_1", 7, m)
	}
	eventually(t, "the other chat", func() bool { return len(r.of("c_1", 7)) == 5 })
	eventually(t, "all parked", func() bool {
		parked, err := l.Parked(t.Context(), "c_1")
		return err == nil && len(parked) == 5
	})
	parked, err := l.Parked(t.Context(), "")
	if err != nil || len(parked) != 5 {
		t.Fatal(parked, err)
	}
	for i, p := range parked {
		m := p.Parked.GetFact().GetCustomerMessage().GetMessage()
		if m != int64(i+1) || p.Key != "13" || p.Service != "dialog" || p.Parked.GetReason() == "" || p.Parked.GetSequence() == 0 {
			t.Errorf("%d-th parked: message %d, %+v", i, m, p)
		}
	}
	if got := r.of("c_1", 13); len(got) != 0 {
		t.Errorf("handled in spite of its failing: %v", got)
	}

	// It survives a restart: the next process parks the next one too, instead of handling it out of turn.
	stop()
	n.stop()
	n.start()
	l = n.open()
	running(t, func(ctx context.Context) error { return l.Consume(ctx, r.consumer("dialog")) })
	publish(t, l, "c_1", 13, 6)
	publish(t, l, "c_1", 7, 6)
	eventually(t, "the other chat", func() bool { return len(r.of("c_1", 7)) == 6 })
	eventually(t, "the sixth parked", func() bool {
		parked, err := l.Parked(t.Context(), "c_1")
		return err == nil && len(parked) == 6
	})
	r.failing(nil)
	if err := l.Release(t.Context(), "c_1", "13"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "released", func() bool { return len(r.of("c_1", 13)) == 6 })
	r.inOrder(t)
	eventually(t, "nothing parked", func() bool {
		parked, err := l.Parked(t.Context(), "")
		return err == nil && len(parked) == 0
	})
	publish(t, l, "c_1", 13, 7)
	eventually(t, "the way is free", func() bool { return len(r.of("c_1", 13)) == 7 })
	r.inOrder(t)
}

func TestParkedFactsAreRetriedByThemselves(t *testing.T) {
	l := newLog(t)
	r := newRecorder()
	var tries sync.Map
	r.failing(func(d Delivered) error {
		n, _ := tries.LoadOrStore(d.Seq, new(int))
		*n.(*int)++
		if *n.(*int) < 3 {
			return Park(errors.New("not yet"))
		}
		return nil
	})
	running(t, func(ctx context.Context) error { return l.Consume(ctx, r.consumer("dialog")) })
	for m := int64(1); m <= 3; m++ {
		publish(t, l, "c_1", 7, m)
	}
	eventually(t, "all handled", func() bool { return r.count() == 3 })
	r.inOrder(t)
}

func TestParkKeyIsWhatWaits(t *testing.T) {
	l := newLog(t)
	r := newRecorder()
	r.failing(func(d Delivered) error {
		if d.Fact.GetCustomerMessage().GetCustomer() == 1 {
			return Park(errors.New("no topic"))
		}
		return nil
	})
	c := r.consumer("dialog")
	c.ParkKey = func(f *eventv1.Fact) string {
		if f.GetCustomerMessage().GetCustomer() <= 2 {
			return "both"
		}
		return ""
	}
	running(t, func(ctx context.Context) error { return l.Consume(ctx, c) })
	publish(t, l, "c_1", 1, 1)
	publish(t, l, "c_1", 2, 1)
	publish(t, l, "c_1", 3, 1)
	eventually(t, "the third", func() bool { return len(r.of("c_1", 3)) == 1 })
	parked, err := l.Parked(t.Context(), "c_1")
	if err != nil || len(parked) != 2 || parked[0].Key != "both" || parked[1].Key != "both" {
		t.Errorf("%+v %v", parked, err)
	}
}

// An outage of what a service needs pauses it; nothing is parked, and nothing overtakes.
func TestOutagePauses(t *testing.T) {
	l := newLog(t)
	r := newRecorder()
	var attempts sync.Map
	r.failing(func(d Delivered) error {
		attempts.Store(d.Attempt, true)
		return fmt.Errorf("append: %w", es.ErrUnavailable)
	})
	running(t, func(ctx context.Context) error { return l.Consume(ctx, r.consumer("dialog")) })
	for m := int64(1); m <= 3; m++ {
		publish(t, l, "c_1", 7, m)
	}
	eventually(t, "a few attempts", func() bool { _, ok := attempts.Load(5); return ok })
	if r.count() != 0 {
		t.Error("handled during the outage")
	}
	r.failing(nil)
	eventually(t, "all handled", func() bool { return r.count() == 3 })
	r.inOrder(t)
	if parked, err := l.Parked(t.Context(), ""); err != nil || len(parked) != 0 {
		t.Errorf("parked %+v %v", parked, err)
	}
}
