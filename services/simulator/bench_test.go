package simulator_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/services/simulator"
)

// sink is a ResponseWriter that keeps nothing.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkCopyMessage is the simulator's own cost of a copy, without sockets.
func BenchmarkCopyMessage(b *testing.B) {
	s := simulator.New(simulator.Config{Retention: 10_000})
	bot := s.NewBot("desk")
	g := s.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{bot}})
	c := s.NewCustomer("Anna")
	m := c.Send(simulator.Text("a question"))
	topic := g.Owner().CreateTopic("Anna")
	body := fmt.Sprintf(`{"chat_id":%d,"message_thread_id":%d,"from_chat_id":%d,"message_id":%d,"reply_parameters":{"message_id":%d}}`, g.ID(), topic.ID, c.ID(), m.ID, topic.ID)
	url := "http://127.0.0.1/bot" + bot.Token() + "/copyMessage"
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(&sink{http.Header{}}, r)
	}
	if n := len(g.Messages(topic.ID)); n < 2 {
		b.Fatalf("%d messages in the topic", n)
	}
}

// BenchmarkCopyOverHTTP is a copy call over loopback, client included.
func BenchmarkCopyOverHTTP(b *testing.B) {
	s := simulator.ForTest(b, simulator.Config{Retention: 10_000})
	bot := s.NewBot("desk")
	g := s.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{bot}})
	c := s.NewCustomer("Anna")
	m := c.Send(simulator.Text("a question"))
	topic := g.Owner().CreateTopic("Anna")
	body := fmt.Appendf(nil, `{"chat_id":%d,"message_thread_id":%d,"from_chat_id":%d,"message_id":%d}`, g.ID(), topic.ID, c.ID(), m.ID)
	url := s.URL() + "/bot" + bot.Token() + "/copyMessage"
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		tr := &http.Transport{MaxIdleConnsPerHost: 4}
		defer tr.CloseIdleConnections()
		cl := &http.Client{Transport: tr}
		for pb.Next() {
			resp, err := cl.Post(url, "application/json", bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}

// BenchmarkUpdate is the cost of a customer's message until it is queued.
func BenchmarkUpdate(b *testing.B) {
	s := simulator.New(simulator.Config{Retention: 1000})
	s.NewBot("desk")
	c := s.NewCustomer("Anna")
	b.ReportAllocs()
	for b.Loop() {
		c.Send(simulator.Text("a question"))
	}
}
