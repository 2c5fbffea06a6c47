package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/es"
)

const (
	kvOperation = "KV-Operation"
	kvDeleted   = "DEL"
)

// Bucket is a key-value bucket: the newest value of each key, with revisions for conditional writes. Everything is read
// from the leader, so a bucket serves its own writes. It is safe for concurrent use. Keys are tokens joined by dots.
type Bucket struct {
	log    *Log
	name   string
	stream string
}

// Bucket returns one of the buckets named by the Bucket constants; it panics on any other name.
func (l *Log) Bucket(name string) *Bucket {
	if l.streams[kvStream(name)] == nil {
		panic("eventlog: no bucket " + name)
	}
	return &Bucket{log: l, name: name, stream: kvStream(name)}
}

// Get returns a value and its revision; es.ErrNotFound, es.ErrUnavailable.
func (b *Bucket) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	msg, err := b.log.last(ctx, b.stream, kvSubject(b.name, key))
	if err != nil {
		return nil, 0, err
	}
	if deleted(msg.Header) {
		return nil, 0, es.ErrNotFound
	}
	return msg.Data, msg.Sequence, nil
}

// Put writes a value whatever is there, and returns its revision; es.ErrUnavailable.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	return b.log.publishSurely(ctx, b.message(ctx, key, value))
}

// Update writes a value if the key still has the revision, 0 meaning that it must not exist, and returns the new
// revision; es.ErrConflict, es.ErrUnavailable.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.swap(ctx, b.message(ctx, key, value), revision)
}

func (b *Bucket) swap(ctx context.Context, msg *nats.Msg, revision uint64) (uint64, error) {
	next, err := b.log.append(ctx, b.stream, revision, msg)
	if revision != 0 || !errors.Is(err, es.ErrConflict) {
		return next, err
	}
	// A deleted key leaves a marker behind, which has a revision too.
	marker, readErr := b.log.last(ctx, b.stream, msg.Subject)
	if readErr != nil || !deleted(marker.Header) {
		return 0, err
	}
	return b.log.append(ctx, b.stream, marker.Sequence, msg)
}

// Delete removes a key; one that does not exist is no error. The former value stays on disk until the space is used
// again. es.ErrUnavailable.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.log.publishSurely(ctx, b.marker(ctx, key))
	return err
}

// Watch hands over all keys as they are, then every change as it happens, until ctx ends or each fails, whose error it
// returns. A deleted key has a nil value. caught (may be nil) is called once, when all that was there at the start has been
// handed over. A key that changes meanwhile is handed over with its newest value only.
func (b *Bucket) Watch(ctx context.Context, each func(key string, value []byte, revision uint64) error, caught func()) error {
	prefix := len(kvSubject(b.name, ""))
	return b.log.read(ctx, reading{stream: b.stream, from: 1, caught: caught, each: func(r record) error {
		value := r.data
		if deleted(r.header) {
			value = nil
		} else if value == nil {
			value = []byte{}
		}
		return each(r.subject[prefix:], value, r.seq)
	}})
}

func (b *Bucket) message(ctx context.Context, key string, value []byte) *nats.Msg {
	return message(ctx, kvSubject(b.name, key), uuid.NewString(), value)
}

func (b *Bucket) marker(ctx context.Context, key string) *nats.Msg {
	msg := b.message(ctx, key, nil)
	msg.Header.Set(kvOperation, kvDeleted)
	return msg
}

func deleted(h nats.Header) bool {
	return h.Get(kvOperation) != "" || h.Get(jetstream.MarkerReasonHeader) != ""
}

// keyOf joins tokens to a key.
func keyOf(parts ...string) (string, error) {
	if err := tokens(parts...); err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	key := parts[0]
	for _, part := range parts[1:] {
		key += "." + part
	}
	return key, nil
}
