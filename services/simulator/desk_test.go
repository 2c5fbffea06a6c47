package simulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestDeskRelaysBothWays(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	w.start(t)
	ctx := within(t, 10*time.Second)
	anna := w.s.NewCustomer("Anna")
	anna.Start()
	anna.Send(simulator.Text("where is my order?"))
	topic, err := w.group.WaitTopic(ctx, anna)
	if err != nil {
		t.Fatal(err)
	}
	w.op.SendIn(topic.ID, simulator.Text("on its way"))
	w.op.SendIn(topic.ID, simulator.Text("/ nobody at home"))
	w.op.SendIn(topic.ID, simulator.Photo("see"))
	if err := w.s.WaitFor(ctx, func() bool { return anna.Received("see") }); err != nil {
		t.Fatalf("%v: %v", err, anna.Inbox())
	}
	if anna.Received("/ nobody at home") || !anna.Received("on its way") {
		t.Fatalf("inbox: %v", anna.Inbox())
	}
	if v := w.s.Settle(ctx, simulator.CheckOptions{TopicNames: true}); len(v) > 0 {
		t.Fatal(v)
	}
}

func TestDeskBurst(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	w.start(t)
	ctx := within(t, 20*time.Second)
	var people []*simulator.Customer
	for i := range 50 {
		people = append(people, w.s.NewCustomer(fmt.Sprintf("Customer %02d", i)))
	}
	for n := range 5 {
		for i, c := range people {
			c.Send(simulator.Text(fmt.Sprintf("message %d of %d", n, i)))
		}
	}
	for _, c := range people {
		topic, err := w.group.WaitTopic(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		w.op.SendIn(topic.ID, simulator.Text("hello "+c.Name()))
	}
	if v := w.s.Settle(ctx, simulator.CheckOptions{}); len(v) > 0 {
		t.Fatal(v)
	}
	if n := len(w.group.Topics()); n != 50 {
		t.Fatalf("%d topics", n)
	}
}
