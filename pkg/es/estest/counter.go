package estest

import (
	"encoding/binary"
	"errors"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Count is the state of the suite's aggregate: how many notes were taken, and the sum of their numbers.
type Count struct {
	Notes uint64
	Sum   uint64
}

// Note is the suite's command: add a number. Zero is refused with ErrZero; a number that makes the sum exceed Limit
// changes nothing.
type Note struct{ Number, Limit uint64 }

// ErrZero refuses a Note of zero.
var ErrZero = errors.New("nothing to add")

// Counter is the suite's decider, at a schema of states.
func Counter(schema uint32) es.Decider[Count, Note] {
	return es.Decider[Count, Note]{
		Schema:  schema,
		Initial: func(es.Key) Count { return Count{} },
		Decide: func(s Count, n Note) ([]*eventv1.Event, error) {
			if n.Number == 0 {
				return nil, ErrZero
			}
			if n.Limit > 0 && s.Sum+n.Number > n.Limit {
				return nil, nil
			}
			return []*eventv1.Event{noted(n.Number)}, nil
		},
		Evolve: func(s Count, e *eventv1.Event) Count {
			if f := e.GetFailureNoted(); f != nil {
				return Count{Notes: s.Notes + 1, Sum: s.Sum + f.GetLaneNo()}
			}
			return s
		},
		Encode: func(s Count) ([]byte, error) {
			return binary.AppendUvarint(binary.AppendUvarint(nil, s.Notes), s.Sum), nil
		},
		Decode: func(b []byte) (Count, error) {
			notes, n := binary.Uvarint(b)
			if n <= 0 {
				return Count{}, errors.New("bad state")
			}
			sum, m := binary.Uvarint(b[n:])
			if m <= 0 {
				return Count{}, errors.New("bad state")
			}
			return Count{Notes: notes, Sum: sum}, nil
		},
	}
}

func noted(number uint64) *eventv1.Event {
	return &eventv1.Event{Body: &eventv1.Event_FailureNoted{FailureNoted: &eventv1.FailureNoted{LaneNo: number}}}
}
