package view_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/hotline-desk/hotline/pkg/view"
	"github.com/hotline-desk/hotline/pkg/view/viewtest"
)

// ticket resembles the document of a dialog: about 350 bytes of JSON.
type ticket struct {
	ID       string      `json:"id"`
	Conn     string      `json:"conn"`
	Status   string      `json:"status"`
	Updated  view.Millis `json:"updated"`
	Topic    int64       `json:"topic"`
	In       int         `json:"in"`
	Out      int         `json:"out"`
	Labels   []string    `json:"labels"`
	Operator int64       `json:"operator"`
	Note     string      `json:"note"`
}

var ticketSchema = view.Schema{Name: "tickets", Version: 1, Indexes: []view.Index{
	{"conn", "status", "updated"}, {"conn", "topic"},
}}

const padding = "a line of some two hundred bytes that stands for what a dialog has besides: timestamps, counters, " +
	"ids of messages and operators, flags, the history of its assignments, and whatever is shown in a list"

func projectTicket(ctx context.Context, b *view.Batch[ticket], r view.Record) error {
	var in struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(r.Data, &in); err != nil {
		return err
	}
	return b.Update(ctx, in.ID, func(d *ticket, exists bool) error {
		if !exists {
			*d = ticket{ID: in.ID, Conn: "c_1", Labels: []string{"vip", "paid"}, Operator: 123456789, Note: padding}
		}
		d.Status = []string{"open", "waiting", "closed"}[r.Seq%3]
		d.Updated = view.MillisOf(r.Time)
		d.Topic = int64(r.Seq)
		d.In++
		return nil
	})
}

// project runs events over so many documents through a projector and returns the store.
func projectTickets(b *testing.B, events, docs int) (*view.Store, *view.Collection[ticket]) {
	b.Helper()
	s := open(b)
	c, err := view.NewCollection[ticket](s, ticketSchema)
	if err != nil {
		b.Fatal(err)
	}
	log := viewtest.NewLog("DESK")
	for i := range events {
		// Steps of a large prime spread the documents, so that neighbours in the log are strangers in the view.
		log.Append("desk", fmt.Appendf(nil, `{"id":"c_1.%d"}`, i*7919%docs))
	}
	p, err := view.NewProjector(c, view.ProjectFunc[ticket](projectTicket), []view.Source{log}, view.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	b.StartTimer()
	go func() { done <- p.Run(ctx) }()
	if err := p.WaitReady(ctx); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return s, c
}

// BenchmarkProject measures events a second from an empty view to the tail, as in a rebuild.
func BenchmarkProject(b *testing.B) {
	for _, x := range []struct {
		name         string
		events, docs int
	}{{"hot", 200_000, 1_000}, {"spread", 200_000, 20_000}, {"new", 100_000, 100_000}} {
		b.Run(x.name, func(b *testing.B) {
			b.StopTimer()
			for range b.N {
				s, _ := projectTickets(b, x.events, x.docs)
				closed(b, s)
			}
			b.ReportMetric(float64(b.N*x.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkRead measures lookups in a view of 50,000 documents.
func BenchmarkRead(b *testing.B) {
	b.StopTimer()
	s, c := projectTickets(b, 50_000, 50_000)
	defer closed(b, s)
	ctx := b.Context()
	run := func(name string, f func(i int) error) {
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				if err := f(i); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
		})
	}
	run("get", func(i int) error {
		_, err := c.Get(ctx, fmt.Sprintf("c_1.%d", i*7919%50_000))
		return err
	})
	run("find one", func(i int) error {
		p, err := c.Find(ctx, view.Query{Where: []view.Cond{view.Eq("conn", "c_1"), view.Eq("topic", i%50_000+1)}, Limit: 1})
		if err == nil && len(p.Docs) != 1 {
			err = view.ErrNotFound
		}
		return err
	})
	run("page of 50", func(int) error {
		_, err := c.Find(ctx, view.Query{Where: []view.Cond{view.Eq("conn", "c_1"), view.Eq("status", "open")},
			Sort: "updated", Desc: true, Limit: 50})
		return err
	})
	run("group count", func(int) error {
		_, err := c.GroupCount(ctx, "status", view.Eq("conn", "c_1"))
		return err
	})
}
