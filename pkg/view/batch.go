package view

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
)

// Batch is what a projection writes to. It shows every document as the records up to this one left it – pending
// changes first, then a bounded cache, then the database – and it remembers per document which record of which stream
// was applied last, so that applying a record again changes nothing. Documents it hands out must not be modified except
// in Update. It may be used only during the call of Project that it was given to.
type Batch[T any] struct {
	c       *Collection[T]
	gen     generation
	streams []string
	cache   *cache[T]
	pending map[string]*entry[T]
	order   []string
	fresh   *bloom // set while the collection holds nothing but what this pass wrote
	now     recordID
	tally   int64 // documents this pass made minus those it deleted
}

func newBatch[T any](c *Collection[T], gen generation, streams []string, cacheBytes int, fresh bool) (*Batch[T], error) {
	lru, err := newCache[T](cacheBytes)
	if err != nil {
		return nil, err
	}
	b := &Batch[T]{c: c, gen: gen, streams: streams, cache: lru, pending: map[string]*entry[T]{}}
	if fresh {
		b.fresh = newBloom()
	}
	return b, nil
}

// Get returns the document as it is now, or ErrNotFound.
func (b *Batch[T]) Get(ctx context.Context, id string) (T, error) {
	e, err := b.entry(ctx, id)
	if err != nil {
		var none T
		return none, err
	}
	if !e.exists {
		return e.doc, fmt.Errorf("document %s: %w", id, ErrNotFound)
	}
	return e.doc, nil
}

// Put makes doc the document, whatever was there.
func (b *Batch[T]) Put(ctx context.Context, id string, doc T) error {
	return b.change(ctx, id, func(e *entry[T]) error {
		e.doc, e.exists = doc, true
		return nil
	})
}

// Update calls f with the document, or with a zero one when there is none (exists is false), and keeps what f made
// of it. An error of f is returned and ends the projector like any error of Project.
func (b *Batch[T]) Update(ctx context.Context, id string, f func(doc *T, exists bool) error) error {
	return b.change(ctx, id, func(e *entry[T]) error {
		err := f(&e.doc, e.exists)
		e.exists = true
		return err
	})
}

// Delete removes the document; deleting what is not there is no error.
func (b *Batch[T]) Delete(ctx context.Context, id string) error {
	return b.change(ctx, id, func(e *entry[T]) error {
		var none T
		e.doc, e.exists = none, false
		return nil
	})
}

// change applies f unless the document has this record already.
func (b *Batch[T]) change(ctx context.Context, id string, f func(*entry[T]) error) error {
	e, err := b.entry(ctx, id)
	if err != nil {
		return err
	}
	if e.pos[b.now.source] >= b.now.seq && e.by != b.now {
		return nil
	}
	if err := f(e); err != nil {
		return err
	}
	e.pos[b.now.source] = b.now.seq
	e.by = b.now
	if !e.dirty {
		e.dirty = true
		b.pending[id] = e
		b.order = append(b.order, id)
	}
	return nil
}

// entry finds the state of a document.
func (b *Batch[T]) entry(ctx context.Context, id string) (*entry[T], error) {
	if e, ok := b.pending[id]; ok {
		return e, nil
	}
	if e, ok := b.cache.get(id); ok {
		return e, nil
	}
	if err := checkID(id); err != nil {
		return nil, err
	}
	e := &entry[T]{pos: make([]uint64, len(b.streams))}
	size := 0
	if b.fresh == nil || b.fresh.add(id) {
		found, err := b.c.store.backend.load(ctx, b.gen.collection, []string{id})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", id, err)
		}
		if len(found) == 1 {
			if err := b.restore(e, found[0]); err != nil {
				return nil, err
			}
			size = len(found[0].doc)
		}
	}
	b.cache.put(id, e, size)
	return e, nil
}

// restore fills e from the database.
func (b *Batch[T]) restore(e *entry[T], s stored) error {
	for i, stream := range b.streams {
		e.pos[i] = s.pos[stream]
	}
	if s.doc == nil {
		return nil
	}
	e.exists, e.live = true, true
	return decode(s, &e.doc)
}

// writes encodes what is pending, in the order of first change.
func (b *Batch[T]) writes() ([]write, error) {
	out := make([]write, 0, len(b.order))
	for _, id := range b.order {
		e := b.pending[id]
		w := write{id: id, pos: make(map[string]uint64, len(b.streams))}
		for i, stream := range b.streams {
			// Every component only grows under the one writer, so the sum orders a document's states.
			w.seq += e.pos[i]
			if e.pos[i] > 0 {
				w.pos[stream] = e.pos[i]
			}
		}
		if e.exists {
			var err error
			if w.doc, err = json.Marshal(&e.doc); err != nil {
				return nil, fmt.Errorf("encode document %s: %w: %w", id, ErrInvalid, err)
			}
			if len(w.doc) > MaxDocument {
				return nil, fmt.Errorf("document %s of %d bytes: %w", id, len(w.doc), ErrTooBig)
			}
			if w.values, err = b.c.binding.values(reflect.ValueOf(&e.doc).Elem()); err != nil {
				return nil, fmt.Errorf("document %s: %w", id, err)
			}
		}
		out = append(out, w)
	}
	return out, nil
}

// flushed turns pending entries into cached ones after their commit.
func (b *Batch[T]) flushed(ws []write) {
	for _, w := range ws {
		e := b.pending[w.id]
		e.dirty = false
		if e.exists && !e.live {
			b.tally++
		}
		if !e.exists && e.live {
			b.tally--
		}
		e.live = e.exists
		b.cache.put(w.id, e, len(w.doc))
	}
	clear(b.pending)
	b.order = b.order[:0]
}
