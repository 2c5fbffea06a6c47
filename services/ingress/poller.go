package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	pollLimit   = 100
	pollSeconds = 50 // Telegram waits no longer
	// pollParallel bounds how many chats' facts of a batch are published at once: enough for the log to write them together.
	pollParallel = 64
	publishGrace = 4 * time.Second // for the batch in hand, after the end
	confirmGrace = 2 * time.Second // for telling Telegram so
)

// errNoID: Telegram handed over updates that cannot be counted.
var errNoID = errors.New("updates without ids")

// poller asks for updates. It confirms them, by asking for later ones, only when their facts are in the log.
type poller struct {
	source
	offset  int64 // first update not taken yet; 0 before the first
	asked   int64 // the offset that Telegram knows
	settled bool  // the last answer was good: the next may take its time
}

type pollParams struct {
	Offset  int64    `json:"offset,omitempty"`
	Limit   int      `json:"limit"`
	Timeout int      `json:"timeout"`
	Allowed []string `json:"allowed_updates"`
}

// run polls until ctx ends or the token is refused.
func (p *poller) run(ctx context.Context) error {
	// Pending updates stay: drop_pending_updates is false.
	if err := p.repeat(ctx, func() error { return p.caller.Call(ctx, "deleteWebhook", struct{}{}, nil) }); err != nil {
		return err
	}
	for ctx.Err() == nil {
		batch, err := p.fetch(ctx)
		if err == nil {
			p.settled = true
			if err = p.deliver(ctx, batch, time.Now()); err == nil {
				p.works()
				continue
			}
			if ctx.Err() == nil {
				p.settled = false
				p.link.health.trouble(notTaken(err), false)
				wait(ctx, p.rest.next(nil))
			}
			continue
		}
		p.settled = false
		if !p.failed(ctx, err) && ctx.Err() == nil {
			return err
		}
	}
	p.confirm(ctx)
	return ctx.Err()
}

func notTaken(err error) string {
	if errors.Is(err, errNoID) {
		return err.Error()
	}
	return "the event log does not take facts: " + err.Error()
}

// repeat calls until it works, ctx ends or the token is refused.
func (s *source) repeat(ctx context.Context, call func() error) error {
	for {
		err := call()
		if err == nil {
			return nil
		}
		if !s.failed(ctx, err) {
			return err
		}
	}
}

// fetch asks for the next batch. Until an answer was good it asks without waiting, so that readiness does not depend on
// somebody writing.
func (p *poller) fetch(ctx context.Context) ([]json.RawMessage, error) {
	params := pollParams{Offset: p.offset, Limit: pollLimit, Allowed: wanted()}
	if p.settled {
		params.Timeout = pollSeconds
	}
	var batch []json.RawMessage
	err := p.caller.Call(ctx, "getUpdates", params, &batch)
	if ctx.Err() == nil {
		p.link.service.intake.metrics.poll(err)
	}
	if err == nil || ctx.Err() != nil {
		p.asked = p.offset // a poll that the end interrupts has told Telegram already
	}
	return batch, err
}

// deliver takes a batch. The end of ctx gives it a grace, so that a stop doubles nothing.
func (p *poller) deliver(ctx context.Context, batch []json.RawMessage, received time.Time) error {
	ctx, cancel := graceful(ctx, publishGrace)
	defer cancel()
	for len(batch) > 0 {
		readings := p.read(batch, received)
		if err := p.publish(ctx, readings, received); err != nil {
			return err
		}
		batch = batch[len(readings):]
	}
	return nil
}

// read reads a batch up to a change of the group: what comes behind it is read with the new one.
func (p *poller) read(batch []json.RawMessage, received time.Time) []reading {
	l := p.lens()
	readings := make([]reading, 0, len(batch))
	for _, raw := range batch {
		r := l.read(raw, received)
		if readings = append(readings, r); r.fact.GetGroupMigration() != nil {
			break
		}
	}
	return readings
}

// publish moves the offset behind all that is done without a gap.
func (p *poller) publish(ctx context.Context, readings []reading, received time.Time) error {
	done := make([]bool, len(readings))
	var group errgroup.Group
	group.SetLimit(pollParallel)
	for _, line := range lines(readings) {
		group.Go(func() error {
			for _, i := range line {
				if err := p.take(ctx, readings[i], received); err != nil {
					return err
				}
				done[i] = true
			}
			return nil
		})
	}
	err := group.Wait()
	return errors.Join(err, p.advance(readings, done))
}

// lines groups readings by order. A reaction does not know its message's topic: it follows the message if that is in the same
// batch, else the message is in the log.
func lines(readings []reading) map[string][]int {
	type message struct{ chat, id int64 }
	orders := map[message]string{}
	out := map[string][]int{}
	for i, r := range readings {
		c, order := r.fact.GetCause(), r.order
		about := message{c.GetChat(), c.GetMessage()}
		switch c.GetKind() {
		case eventv1.Cause_KIND_MESSAGE:
			orders[about] = order
		case eventv1.Cause_KIND_REACTION:
			if of, here := orders[about]; here {
				order = of
			}
		}
		out[order] = append(out[order], i)
	}
	return out
}

// advance moves the offset. An update whose id cannot be read goes with its neighbours; alone it is stepped over, for ids
// follow one another.
func (p *poller) advance(readings []reading, done []bool) error {
	last := int64(0)
	for i, r := range readings {
		if !done[i] {
			break
		}
		last = max(last, r.update)
	}
	switch {
	case last > 0:
		p.offset = max(p.offset, last+1)
	case done[0] && p.offset > 0:
		p.offset++
	case done[0]:
		return errNoID
	}
	return nil
}

// confirm tells Telegram what is taken, without waiting for more: a restart then gets nothing twice.
func (p *poller) confirm(ctx context.Context) {
	if p.offset == p.asked {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmGrace)
	defer cancel()
	params := pollParams{Offset: p.offset, Limit: 1, Allowed: wanted()}
	if err := p.caller.Call(ctx, "getUpdates", params, nil); err != nil {
		reason, _ := explain(err)
		p.link.service.deps.Logger.Sugar().Infow("the last updates could not be confirmed; they come again and are recognised", "reason", reason)
	}
}

// graceful returns a context that outlives the end of ctx by a grace.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		wait(out, grace)
		cancel()
	})
	return out, func() { stop(); cancel() }
}
