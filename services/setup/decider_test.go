package setup

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func drawConfigure(t *rapid.T) Configure {
	return Configure{
		Configured: &eventv1.ConnectionConfigured{
			Bot: rapid.Int64Range(1, 2).Draw(t, "bot"), Group: rapid.Int64Range(-2, -1).Draw(t, "group"),
			Owner: rapid.Int64Range(0, 1).Draw(t, "owner"), Source: rapid.SampledFrom([]string{"polling", "webhook"}).Draw(t, "source"),
		},
		Parameters: &eventv1.Parameters{
			Welcome:     rapid.SampledFrom([]string{"", "Hi"}).Draw(t, "welcome"),
			IgnoreChats: rapid.SliceOfN(rapid.Int64Range(1, 3), 0, 2).Draw(t, "ignore"),
			IconColor:   rapid.Int32Range(0, 2).Draw(t, "color"),
		},
	}
}

// TestLaws: after a configuration the state is the configuration, what is configured already commits nothing, and the
// fold comes back as it was.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := State{}
		for range rapid.IntRange(1, 10).Draw(t, "configurations") {
			c := drawConfigure(t)
			before := state
			events, err := Decide(state, c)
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range events {
				state = Evolve(state, event)
			}
			if !proto.Equal(state.Configured, c.Configured) || !proto.Equal(state.Parameters, c.Parameters) {
				t.Fatalf("%+v after %+v", state, c)
			}
			if before.Configured != nil && proto.Equal(before.Parameters, c.Parameters) {
				for _, event := range events {
					if event.GetParametersSet() != nil {
						t.Fatal("the same parameters were committed again")
					}
				}
			}
			if again, err := Decide(state, c); err != nil || len(again) != 0 {
				t.Fatalf("configured again: %v, %v", again, err)
			}
			raw, err := encodeState(state)
			if err != nil {
				t.Fatal(err)
			}
			back, err := decodeState(raw)
			if err != nil || !proto.Equal(back.Configured, state.Configured) || !proto.Equal(back.Parameters, state.Parameters) {
				t.Fatalf("decoded %+v, %v", back, err)
			}
		}
	})
}
