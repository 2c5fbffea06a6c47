package relay

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// connection is one connection as long as this process knows it; now and then this process owns it.
type connection struct {
	*Relay
	id     string
	record atomic.Pointer[eventv1.ConnectionRecord]
	state  atomic.Int32
	still  atomic.Pointer[standstill] // what keeps this owner from sending; nil: nothing
	rewire chan struct{}              // the bot or the group is another one now
}

const (
	stateStandby int32 = iota // somebody else is the owner, or soon this process
	stateTaking               // this process is catching up
	stateLeading
)

func newConnection(r *Relay, record *eventv1.ConnectionRecord) *connection {
	c := &connection{Relay: r, id: record.GetConnection(), rewire: make(chan struct{}, 1)}
	c.record.Store(record)
	return c
}

func (c *connection) update(record *eventv1.ConnectionRecord) {
	before := c.record.Swap(record).GetConfigured()
	if after := record.GetConfigured(); before.GetGroup() != after.GetGroup() || before.GetBot() != after.GetBot() {
		select {
		case c.rewire <- struct{}{}:
		default:
		}
	}
}

// run competes for the lease, and owns the connection while it is held.
func (c *connection) run(ctx context.Context) error {
	lease := c.deps.Lease("relay."+c.id, c.cfg.LeaseTTL)
	return lease.Run(ctx, func(ctx context.Context) error {
		for ctx.Err() == nil {
			err := c.own(ctx, lease)
			switch {
			case ctx.Err() != nil:
			case errors.Is(err, errFenced):
				c.logger.Warn("another owner took the connection over", zap.String("connection", c.id))
			case err != nil:
				c.logger.Error("owner ended, another try follows", zap.String("connection", c.id), zap.Error(err))
			default:
				continue
			}
			if pause(ctx, time.Second) != nil {
				break
			}
		}
		c.state.Store(stateStandby)
		return nil
	})
}

// own is one life of an owner. It ends with the lease, with another owner, or with another bot or group.
func (c *connection) own(ctx context.Context, lease Lease) error {
	c.state.Store(stateTaking)
	token, err := c.deps.Secrets.Token(ctx, c.id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer func() { <-done }()
	defer cancel()
	go func() {
		defer close(done)
		select {
		case <-c.rewire:
			cancel()
		case <-ctx.Done():
		}
	}()
	return newOwner(c, c.deps.Caller(token), lease).run(ctx)
}

func (c *connection) leading() { c.state.Store(stateLeading) }

func (c *connection) released() {
	c.state.Store(stateTaking)
	c.halted(nil)
}

// ready is nil when the connection is served and messages flow. Standing by counts once the lease had time to fall free.
func (c *connection) ready(up time.Duration) error {
	switch c.state.Load() {
	case stateLeading:
		return c.flowing()
	case stateTaking:
		return errors.New("is catching up")
	}
	if up < 2*c.cfg.LeaseTTL {
		return errors.New("waits for its former owner")
	}
	return nil
}

// flowing is nil while nothing keeps messages back for longer than a hiccup.
func (c *connection) flowing() error {
	still := c.still.Load()
	if still == nil || still.reason == reasonUnreachable && c.now().Sub(still.since) < hiccup {
		return nil
	}
	return errors.New(still.reason.remedy())
}

func (c *connection) crash(step string) { c.cfg.CrashAt(step) }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
