package simulator

import (
	"context"
	"time"
)

// pollState is the bot's open long poll and what the last one asked.
type pollState struct {
	open      chan *apiError // ends the waiting poll
	offset    int64
	started   time.Time
	finished  time.Time
	conflicts time.Time
}

func (p *pollState) cancel(err *apiError) {
	if p.open != nil {
		p.open <- err // buffered, and emptied by one send only
		p.open = nil
	}
}

func errTerminated() *apiError {
	return conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
}

func getUpdates(c *call) ([]byte, *apiError) {
	b, s := c.b, c.s
	if b.hook.url != "" {
		return nil, conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	}
	b.queue.allow(c.p)
	offset := c.p.int64("offset")
	limit := int(c.p.int64("limit"))
	if limit < 1 || limit > 100 {
		limit = 100
	}
	timeout := min(max(time.Duration(c.p.int64("timeout"))*time.Second, 0), maxTimeout)
	now := time.Now()
	if offset == b.poll.offset {
		if timeout < 3*time.Second && now.Sub(b.poll.started) < 3*time.Second && offset > 0 {
			timeout = 3 * time.Second
		}
		if now.Sub(b.poll.finished) < time.Second/2 && offset > 0 {
			limit = 1
		}
	}
	b.poll.offset, b.poll.started = offset, now
	b.queue.confirm(offset, s.clock.Now())
	if ups := b.queue.read(limit, s.clock.Now()); len(ups) > 0 || timeout == 0 {
		b.poll.finished = now
		return s.handOver(ups), nil
	}
	delay := b.interrupt(now, s.cfg.RetryUnit)
	me := make(chan *apiError, 1)
	b.poll.open = me
	c.wait = func(ctx context.Context) ([]byte, *apiError) { return b.await(ctx, me, limit, timeout, delay) }
	return nil, nil
}

// interrupt ends the poll that waits. After a first conflict, the next ones are
// held up for three seconds.
func (b *Bot) interrupt(now time.Time, unit time.Duration) time.Duration {
	if b.poll.open == nil {
		return 0
	}
	b.poll.cancel(errTerminated())
	again := now.Sub(b.poll.conflicts) < 3*unit
	b.poll.conflicts = now
	if again {
		return 3 * unit
	}
	return 0
}

// await waits for an update, the timeout, another poll, or the end.
func (b *Bot) await(ctx context.Context, me chan *apiError, limit int, timeout, delay time.Duration) ([]byte, *apiError) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	if delay > 0 {
		hold := time.NewTimer(delay)
		defer hold.Stop()
		select {
		case err := <-me:
			return nil, err
		case <-ctx.Done():
			return b.endPoll(me, 0), nil
		case <-hold.C:
		}
	}
	for {
		b.s.mu.Lock()
		wake := b.queue.wake
		ready := len(b.queue.read(1, b.s.clock.Now())) > 0
		b.s.mu.Unlock()
		if ready {
			return b.endPoll(me, limit), nil
		}
		select {
		case err := <-me:
			return nil, err
		case <-wake:
		case <-timer.C:
			return b.endPoll(me, limit), nil
		case <-ctx.Done():
			return b.endPoll(me, 0), nil
		}
	}
}

// endPoll answers a poll with what there is; limit 0 takes nothing, for a caller
// that is gone.
func (b *Bot) endPoll(me chan *apiError, limit int) []byte {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if b.poll.open == me {
		b.poll.open = nil
	}
	b.poll.finished = time.Now()
	if limit == 0 {
		return []byte("[]")
	}
	return b.s.handOver(b.queue.read(limit, b.s.clock.Now()))
}

// handOver is the JSON array of ups, and the moment from which the load counts.
func (s *Server) handOver(ups []*update) []byte {
	size := 2
	for _, u := range ups {
		size += len(u.data) + 1
	}
	b := append(make([]byte, 0, size), '[')
	for i, u := range ups {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, u.data...)
		if s.load != nil && u.msg != nil {
			s.load.handed(u.msg)
		}
	}
	return append(b, ']')
}
