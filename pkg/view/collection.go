package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// Collection reads the current version of a view. T is a struct; the id of a document is not part of T unless the
// projection puts it there. It is safe for concurrent use. Every method returns ErrNotReady while the version it was
// made for is not current.
type Collection[T any] struct {
	store   *Store
	schema  Schema
	binding binding
}

// NewCollection checks schema against T; it does no input or output. Faults are ErrInvalid.
func NewCollection[T any](s *Store, schema Schema) (*Collection[T], error) {
	b, err := bind(schema, reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return &Collection[T]{store: s, schema: schema, binding: b}, nil
}

// Name of the view.
func (c *Collection[T]) Name() string { return c.schema.Name }

// read runs f on the current collection, a second time if the first met one that was just dropped.
func (c *Collection[T]) read(ctx context.Context, f func(collection string) error) error {
	for again := true; ; again = false {
		gen, err := c.store.resolve(ctx, c.schema.Name)
		if err == nil && !c.matches(gen) {
			c.store.forget(c.schema.Name)
			err = fmt.Errorf("view %s is at version %d, not %d: %w", c.schema.Name, gen.version, c.schema.Version, ErrNotReady)
		}
		if err != nil {
			return err
		}
		if err = f(gen.collection); err == nil {
			return nil
		}
		if !errors.Is(err, errGone) {
			return fmt.Errorf("view %s: %w", c.schema.Name, err)
		}
		c.store.forget(c.schema.Name)
		if !again {
			return fmt.Errorf("view %s: %w", c.schema.Name, ErrNotReady)
		}
	}
}

// matches reports whether gen has the schema of c.
func (c *Collection[T]) matches(gen generation) bool {
	return gen.version == c.schema.Version && gen.shape.String() == c.binding.shape.String()
}

// Get returns a document, or ErrNotFound.
func (c *Collection[T]) Get(ctx context.Context, id string) (T, error) {
	var doc T
	if err := checkID(id); err != nil {
		return doc, err
	}
	err := c.read(ctx, func(collection string) error {
		found, err := c.store.backend.load(ctx, collection, []string{id})
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].doc == nil {
			return fmt.Errorf("document %s: %w", id, ErrNotFound)
		}
		return decode(found[0], &doc)
	})
	return doc, err
}

// GetMany returns the documents that exist, by id.
func (c *Collection[T]) GetMany(ctx context.Context, ids []string) (map[string]T, error) {
	out := make(map[string]T, len(ids))
	err := c.read(ctx, func(collection string) error {
		found, err := c.store.backend.load(ctx, collection, ids)
		if err != nil {
			return err
		}
		for _, s := range found {
			if s.doc == nil {
				continue
			}
			var doc T
			if err := decode(s, &doc); err != nil {
				return err
			}
			out[s.id] = doc
		}
		return nil
	})
	return out, err
}

// Find returns one page. A field no index declares is ErrUndeclared; a value of the wrong kind, a foreign cursor or
// an impossible limit is ErrInvalid.
func (c *Collection[T]) Find(ctx context.Context, q Query) (Page[T], error) {
	p, err := page(c.binding.shape, q)
	if err != nil {
		return Page[T]{}, fmt.Errorf("view %s: %w", c.schema.Name, err)
	}
	var out Page[T]
	err = c.read(ctx, func(collection string) error {
		out = Page[T]{}
		if p.none {
			return nil
		}
		ask := p
		ask.limit++ // one more tells whether there is a next page
		found, err := c.store.backend.find(ctx, collection, ask)
		if err != nil {
			return err
		}
		if len(found) > p.limit {
			found = found[:p.limit]
			if out.Next, err = sealCursor(p, found[p.limit-1]); err != nil {
				return err
			}
		}
		out.Docs = make([]T, len(found))
		for i, s := range found {
			if err := decode(s, &out.Docs[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Each calls f for every document of q from q.After on, page by page, so that memory stays bounded; q.Limit is the
// size of a page. Documents that change their place meanwhile may be seen twice or not at all. An error of f ends it.
func (c *Collection[T]) Each(ctx context.Context, q Query, f func(doc T) error) error {
	if q.Limit == 0 {
		q.Limit = MaxLimit
	}
	for {
		p, err := c.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, doc := range p.Docs {
			if err := f(doc); err != nil {
				return err
			}
		}
		if p.Next == "" {
			return nil
		}
		q.After = p.Next
	}
}

// Count returns the number of documents that meet all conditions.
func (c *Collection[T]) Count(ctx context.Context, where ...Cond) (int64, error) {
	p, err := compile(c.binding.shape, where)
	if err != nil {
		return 0, fmt.Errorf("view %s: %w", c.schema.Name, err)
	}
	var n int64
	err = c.read(ctx, func(collection string) error {
		if p.none {
			return nil
		}
		n, err = c.store.backend.count(ctx, collection, p)
		return err
	})
	return n, err
}

// GroupCount counts the documents that meet all conditions by the values of a declared field, ordered by value.
func (c *Collection[T]) GroupCount(ctx context.Context, name string, where ...Cond) ([]Group, error) {
	p, err := compile(c.binding.shape, where)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", c.schema.Name, err)
	}
	f, err := c.binding.shape.field(name)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", c.schema.Name, err)
	}
	var out []Group
	err = c.read(ctx, func(collection string) error {
		if p.none {
			return nil
		}
		out, err = c.store.backend.group(ctx, collection, f, p)
		return err
	})
	return out, err
}

func decode[T any](s stored, doc *T) error {
	if err := json.Unmarshal(s.doc, doc); err != nil {
		return fmt.Errorf("decode document %s: %w", s.id, err)
	}
	return nil
}
