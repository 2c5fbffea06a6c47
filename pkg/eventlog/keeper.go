package eventlog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	retryFirst  = time.Second
	retryLast   = time.Minute
	retryAtOnce = 8 // keys retried concurrently
	keeperTTL   = 10 * time.Second
)

// keeper retries a service's parked facts, each key's in order. Every replica has one and knows where the facts are; the
// one with the lease retries them.
type keeper struct {
	log   *Log
	c     Consumer
	lease *Lease
	wake  chan struct{}

	mu    sync.Mutex
	keys  map[string]*parkedKey // by subject
	total int
}

type parkedKey struct {
	seqs  []uint64 // of PARKED, ascending
	tries int      // of the first one
	due   time.Time
	busy  bool
}

func newKeeper(l *Log, c Consumer) *keeper {
	return &keeper{
		log: l, c: c, lease: l.Lease("parked."+c.Service, uuid.NewString(), keeperTTL),
		wake: make(chan struct{}, 1), keys: map[string]*parkedKey{},
	}
}

func (k *keeper) run(ctx context.Context) error {
	wishes, err := k.log.nc.Subscribe(releaseSubject, func(msg *nats.Msg) {
		connection, key, _ := strings.Cut(string(msg.Data), "\n")
		k.release(connection, key)
	})
	if err != nil {
		return err
	}
	defer func() {
		if err := wishes.Unsubscribe(); err != nil {
			k.log.log.Debug("subscription ended before", zap.Error(err))
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return k.log.read(ctx, reading{
			stream: streamParked, filters: []string{"parked.*.*." + k.c.Service + ".>"}, from: 1,
			each: func(r record) error { k.add(r.subject, r.seq); return nil },
		})
	})
	group.Go(func() error {
		for {
			if err := k.something(ctx); err != nil {
				return err
			}
			if err := k.lease.Run(ctx, k.drain); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
		}
	})
	return group.Wait()
}

// add notes a parked fact; the same one may be added twice.
func (k *keeper) add(subject string, seq uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.keys[subject]
	if key == nil {
		key = &parkedKey{due: time.Now().Add(retryFirst)}
		k.keys[subject] = key
	}
	at, known := slices.BinarySearch(key.seqs, seq)
	if known {
		return
	}
	key.seqs = slices.Insert(key.seqs, at, seq)
	k.count(1)
	k.poke()
}

func (k *keeper) count(n int) {
	k.total += n
	k.log.metrics.parked.WithLabelValues(k.c.Service).Set(float64(k.total))
}

func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// release makes keys due now.
func (k *keeper) release(connection, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for subject, parked := range k.keys {
		parts := strings.Split(subject, ".")
		if len(parts) == 5 && (connection == "" || parts[2] == connection) && (key == "" || parts[4] == key) {
			parked.due = time.Now()
		}
	}
	k.poke()
}

// something waits until a fact is parked.
func (k *keeper) something(ctx context.Context) error {
	for {
		k.mu.Lock()
		any := len(k.keys) > 0
		k.mu.Unlock()
		if any {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.wake:
		}
	}
}

// drain retries keys when they are due, until none is left or ctx ends.
func (k *keeper) drain(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(retryAtOnce)
	for {
		subject, next, left := k.pick()
		switch {
		case !left:
			return group.Wait()
		case subject != "":
			group.Go(func() error {
				defer k.finish(subject)
				return k.retry(ctx, subject)
			})
			continue
		}
		timer := time.NewTimer(max(time.Until(next), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), group.Wait())
		case <-timer.C:
		case <-k.wake:
			timer.Stop()
		}
	}
}

// pick takes a key that is due, or tells when the next one is.
func (k *keeper) pick() (subject string, next time.Time, left bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next = time.Now().Add(retryLast)
	for s, key := range k.keys {
		if key.busy {
			continue
		}
		if !key.due.After(time.Now()) {
			key.busy = true
			return s, time.Time{}, true
		}
		if key.due.Before(next) {
			next = key.due
		}
	}
	return "", next, len(k.keys) > 0
}

func (k *keeper) finish(subject string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[subject]; key != nil {
		key.busy = false
		if len(key.seqs) == 0 {
			delete(k.keys, subject)
		}
	}
	k.poke()
}

// retry handles a key's facts in order until one fails. It fails itself only when ctx ends.
func (k *keeper) retry(ctx context.Context, subject string) error {
	for {
		seq, tries := k.head(subject)
		if seq == 0 {
			return nil
		}
		err := k.one(ctx, seq, tries)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			k.later(subject)
			return nil
		}
		k.pop(subject, seq)
	}
}

func (k *keeper) head(subject string) (seq uint64, tries int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.keys[subject]
	if key == nil || len(key.seqs) == 0 {
		return 0, 0
	}
	return key.seqs[0], key.tries
}

func (k *keeper) later(subject string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.keys[subject]
	key.due = time.Now().Add(min(retryFirst<<min(key.tries, 10), retryLast))
	key.tries++
}

func (k *keeper) pop(subject string, seq uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.keys[subject]
	if at, ok := slices.BinarySearch(key.seqs, seq); ok {
		key.seqs = slices.Delete(key.seqs, at, at+1)
		key.tries = 0
		k.count(-1)
	}
}

// one handles a parked fact and takes it out of PARKED.
func (k *keeper) one(ctx context.Context, seq uint64, tries int) error {
	msg, err := k.log.get(ctx, streamParked, seq)
	if errors.Is(err, es.ErrNotFound) {
		return nil // another replica was here
	}
	if err != nil {
		return err
	}
	parked := &eventv1.Parked{}
	if err := proto.Unmarshal(msg.Data, parked); err != nil {
		return err
	}
	ctx = telemetry.Extract(ctx, telemetry.Carrier(msg.Header))
	err = k.c.Handle(ctx, Delivered{
		Fact: parked.GetFact(), Subject: parked.GetSubject(), Seq: parked.GetSequence(), Time: parked.GetParkedAt().AsTime(),
		Attempt: tries + 2,
	})
	if err != nil {
		k.log.log.Debug("parked fact fails again", zap.String("service", k.c.Service), zap.Uint64("seq", seq), zap.Error(err))
		return err
	}
	return k.log.remove(ctx, streamParked, seq, false)
}
