package simulator_test

import (
	"testing"
	"time"

	"github.com/hotline-desk/hotline/services/simulator"
)

func TestLoadMeasures(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    simulator.LoadOptions
	}{
		{"flood", simulator.LoadOptions{Messages: 400, Customers: 10, Answers: 0.5, Window: 50}},
		{"paced", simulator.LoadOptions{Messages: 100, Customers: 5, Rate: 400, Answers: 1, Warm: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, simulator.Config{Retention: 500})
			w.start(t)
			if err := w.s.StartLoad(tc.o); err != nil {
				t.Fatal(err)
			}
			ctx := within(t, 20*time.Second)
			res, err := w.s.WaitLoad(ctx)
			if err != nil {
				t.Fatalf("%v: %+v", err, res)
			}
			answers := int(float64(tc.o.Messages) * tc.o.Answers)
			if !res.Done || res.Copied != tc.o.Messages || res.Lost != 0 || res.Duplicates != 0 || res.AnswersCopied != answers {
				t.Fatalf("%+v", res)
			}
			if res.Handed.N != tc.o.Messages || res.Scheduled.N != tc.o.Messages || res.Answer.N != answers {
				t.Fatalf("%+v", res)
			}
			if res.Scheduled.P99 < res.Scheduled.P50 || res.Handed.Max <= 0 || res.PerSecond <= 0 {
				t.Fatalf("%+v", res)
			}
			if v := w.s.Settle(ctx, simulator.CheckOptions{}); len(v) > 0 {
				t.Fatal(v)
			}
		})
	}
}

func TestLoadSeesLossAndDuplicates(t *testing.T) {
	w := newWorld(t, simulator.Config{})
	w.desk.bend = func(m *tgMessage, _ string, args obj) []obj {
		switch m.ID % 10 {
		case 3:
			return nil
		case 7:
			return []obj{args, args}
		}
		return []obj{args}
	}
	w.start(t)
	if err := w.s.StartLoad(simulator.LoadOptions{Messages: 100, Customers: 4, Patience: 300 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	res, err := w.s.WaitLoad(within(t, 20*time.Second))
	if err != nil || res.Lost != 10 || res.Duplicates != 10 {
		t.Fatalf("%v %+v", err, res)
	}
	if err := w.s.StartLoad(simulator.LoadOptions{}); err == nil {
		t.Fatal("an empty load was accepted")
	}
}
