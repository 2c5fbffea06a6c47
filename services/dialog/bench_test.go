package dialog

import (
	"strconv"
	"testing"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// BenchmarkDecide is the pure part of a customer's message.
func BenchmarkDecide(b *testing.B) {
	state := State{Opened: true, Customer: testCustomer, Status: eventv1.Status_STATUS_SUPPORT_ANSWERED}
	command := CustomerWrote{Source: &eventv1.MessageRef{Chat: testCustomer, Message: 1}, Kind: eventv1.Kind_KIND_TEXT}
	b.ReportAllocs()
	for b.Loop() {
		events, err := Decide(state, command)
		if err != nil || len(events) != 3 {
			b.Fatal(events, err)
		}
	}
}

// BenchmarkFact is a fact from delivery to commit, on an embedded log that syncs once a second.
func BenchmarkFact(b *testing.B) {
	for _, kind := range []string{"customer", "operator"} {
		b.Run(kind, func(b *testing.B) {
			d := newDesk(b, &eventv1.Parameters{})
			s := d.service()
			const dialogs = 100
			for customer := int64(1); customer <= dialogs; customer++ {
				d.mapTopic(strconv.FormatInt(customer, 10), 1000+customer)
				if _, err := s.decide(b.Context(), delivered(d.wrote(customer, 1))); err != nil {
					b.Fatal(err)
				}
			}
			message := int64(1)
			for b.Loop() {
				message++
				f := d.wrote(1+message%dialogs, message)
				if kind == "operator" {
					f = d.answered(1001+message%dialogs, message)
				}
				if out, err := s.decide(b.Context(), delivered(f)); err != nil || out != committed {
					b.Fatal(out, err)
				}
			}
		})
	}
}
