package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// due collects timers and checks that none is early.
type due struct {
	t     *testing.T
	mu    sync.Mutex
	times map[string]int
	fails int // times to refuse first
}

func (d *due) handle(_ context.Context, timer *eventv1.Timer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if early := time.Until(timer.GetDue().AsTime()); early > 0 {
		d.t.Errorf("timer %s is %s early", timer.GetId(), early)
	}
	if d.fails > 0 {
		d.fails--
		return errors.New("not now")
	}
	d.times[timer.GetKind()+"/"+timer.GetId()]++
	return nil
}

func (d *due) count(id string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.times["autoclose/"+id]
}

func setTimer(t *testing.T, l *Log, id string, after time.Duration) {
	t.Helper()
	timer := &eventv1.Timer{Kind: "autoclose", Connection: "c_1", Id: id, Due: timestamppb.New(time.Now().Add(after))}
	if err := l.Timers().Set(t.Context(), timer); err != nil {
		t.Fatal(err)
	}
}

func TestTimers(t *testing.T) {
	l := newLog(t)
	d := &due{t: t, times: map[string]int{}}
	running(t, func(ctx context.Context) error { return l.Timers().Consume(ctx, "autoclose", d.handle) })
	for i := range 20 {
		setTimer(t, l, fmt.Sprint("soon", i), 300*time.Millisecond+time.Duration(i)*37*time.Millisecond)
	}
	setTimer(t, l, "past", -time.Hour)
	setTimer(t, l, "cancelled", 900*time.Millisecond)
	setTimer(t, l, "replaced", 700*time.Millisecond)
	setTimer(t, l, "replaced", time.Hour)
	setTimer(t, l, "nearer", time.Hour)
	setTimer(t, l, "nearer", 500*time.Millisecond)
	if err := l.Timers().Cancel(t.Context(), "autoclose", "c_1", "cancelled"); err != nil {
		t.Fatal(err)
	}
	if err := l.Timers().Cancel(t.Context(), "autoclose", "c_1", "never set"); err == nil {
		t.Error("an id that is no token was taken")
	}
	if err := l.Timers().Cancel(t.Context(), "autoclose", "c_1", "unknown"); err != nil {
		t.Error(err)
	}
	for i := range 20 {
		eventually(t, "timer", func() bool { return d.count(fmt.Sprint("soon", i)) == 1 })
	}
	eventually(t, "past", func() bool { return d.count("past") == 1 })
	eventually(t, "nearer", func() bool { return d.count("nearer") == 1 })
	setTimer(t, l, "last", time.Second)
	eventually(t, "last", func() bool { return d.count("last") == 1 })
	if d.count("cancelled") != 0 || d.count("replaced") != 0 {
		t.Errorf("cancelled %d, replaced %d", d.count("cancelled"), d.count("replaced"))
	}
	for i := range 20 {
		if n := d.count(fmt.Sprint("soon", i)); n != 1 {
			t.Errorf("timer %d came %d times", i, n)
		}
	}
}

func TestTimersSurviveRestartsAndFailures(t *testing.T) {
	n := newNode(t)
	l := n.open()
	setTimer(t, l, "missed", 200*time.Millisecond)
	setTimer(t, l, "later", 2500*time.Millisecond)
	n.stop()
	missed := time.Now().Add(300 * time.Millisecond)
	eventually(t, "the first timer's time", func() bool { return time.Now().After(missed) })
	n.start()
	l = n.open()
	d := &due{t: t, times: map[string]int{}, fails: 1}
	running(t, func(ctx context.Context) error { return l.Timers().Consume(ctx, "autoclose", d.handle) })
	eventually(t, "missed", func() bool { return d.count("missed") == 1 })
	eventually(t, "later", func() bool { return d.count("later") == 1 })
}
