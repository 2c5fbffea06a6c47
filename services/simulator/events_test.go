package simulator_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestEventsTellTheStory(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	var mu sync.Mutex
	var story []string
	w.s.OnEvent(func(e simulator.Event) {
		mu.Lock()
		defer mu.Unlock()
		story = append(story, string(e.Kind)+":"+e.Who+":"+e.TopicName+":"+e.Text)
	})
	w.start(t)
	ctx := within(t, 10*time.Second)
	anna := w.s.NewCustomer("Anna")
	anna.Send(simulator.Text("help"))
	topic, err := w.group.WaitTopic(ctx, anna)
	if err != nil {
		t.Fatal(err)
	}
	w.op.SendIn(topic.ID, simulator.Text("sure"))
	if err := w.s.WaitFor(ctx, func() bool { return anna.Received("sure") }); err != nil {
		t.Fatal(err)
	}
	w.group.Owner().RenameTopic(topic.ID, "🟨 Anna")
	w.group.Owner().CloseTopic(topic.ID)
	anna.Block()
	want := []string{"customer_wrote:Anna::help", "topic_created:desk:🟪 Anna:🟪 Anna", "copy_arrived:Anna:🟪 Anna:help", "operator_wrote:Olga:🟪 Anna:sure",
		"customer_received:Anna::sure", "topic_renamed:Owner:🟨 Anna:🟨 Anna", "topic_closed:Owner:🟨 Anna:🟨 Anna", "customer_blocked:Anna::"}
	err = poll4(ctx, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(story) >= len(want)
	})
	mu.Lock()
	defer mu.Unlock()
	if err != nil || strings.Join(story, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%v\n%s", err, strings.Join(story, "\n"))
	}
}

func TestWaitForEndsWithItsContext(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	if err := w.s.WaitFor(within(t, 20*time.Millisecond), func() bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestCloseEndsOpenPolls(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	w.api.updates(t, obj{"offset": -1})
	done := make(chan error, 1)
	go func() {
		for { // the first answers at once, with what is there
			r, err := w.api.try(t.Context(), "getUpdates", obj{"timeout": 50, "offset": 1 << 40})
			if err != nil || !r.OK {
				done <- err
				return
			}
		}
	}()
	waitPoll(t, w)
	start := time.Now()
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	if d := time.Since(start); d > 5*time.Second {
		t.Fatal(d)
	}
}

func TestResetStartsAfresh(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	w.s.NewCustomer("Anna").Send(simulator.Text("x"))
	w.s.Reset()
	w.api.refuse(t, "getMe", nil, 401, "Unauthorized")
	if v := w.s.Check(simulator.CheckOptions{}); len(v) != 0 {
		t.Fatal(v)
	}
	bot := w.s.NewBot("again")
	newClient(t, w.s, bot).must(t, "getMe", nil)
}
