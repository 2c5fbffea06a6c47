package view

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
)

// Probe writes a view below the projector. It exists for the conformance suite, which has to see what the guard and
// the checkpoints do when writers misbehave; no service needs it.
type Probe[T any] struct {
	c           *Collection[T]
	gen         generation
	stream      string
	incarnation string
}

// Change is one guarded change of a Probe; a nil Doc deletes.
type Change[T any] struct {
	ID  string
	Seq uint64
	Doc *T
}

// NewProbe makes the first collection of a view that has none, with one stream at position 0.
func NewProbe[T any](ctx context.Context, c *Collection[T], stream, incarnation string) (*Probe[T], error) {
	start, err := c.first(ctx, []tail{{stream: stream, incarnation: incarnation}})
	if err != nil {
		return nil, err
	}
	return &Probe[T]{c: c, gen: start.gen, stream: stream, incarnation: incarnation}, nil
}

// Write applies changes, each id at most once, and moves the checkpoint. With from equal to to the checkpoint stays,
// as after a crash between the two on an adapter without transactions. It returns ErrFenced when the checkpoint is
// not at from.
func (p *Probe[T]) Write(ctx context.Context, from, to uint64, changes ...Change[T]) error {
	ws := make([]write, len(changes))
	for i, ch := range changes {
		ws[i] = write{id: ch.ID, seq: ch.Seq, pos: map[string]uint64{p.stream: ch.Seq}}
		if ch.Doc == nil {
			continue
		}
		var err error
		if ws[i].doc, err = json.Marshal(ch.Doc); err != nil {
			return fmt.Errorf("encode document %s: %w", ch.ID, err)
		}
		if ws[i].values, err = p.c.binding.values(reflect.ValueOf(ch.Doc).Elem()); err != nil {
			return fmt.Errorf("document %s: %w", ch.ID, err)
		}
	}
	var as []advance
	if from != to {
		as = append(as, advance{p.stream, p.incarnation, from, to})
	}
	return p.c.store.backend.commit(ctx, p.gen, ws, as)
}
