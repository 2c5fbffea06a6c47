package simulator

import (
	"context"
	"slices"
	"strconv"
	"time"
)

const (
	queueUpdates = 100_000
	queueBytes   = 128 << 20
	updateLife   = 24 * time.Hour
	queryLife    = 150 * time.Second
	maxReply     = 4 << 20
	maxTimeout   = 50 * time.Second
)

// update is one entry of a bot's queue, already encoded.
type update struct {
	id      int64
	data    []byte
	expires time.Time
	lane    laneKey
	msg     *message // what it tells of, for the load's clock
	done    bool     // delivered by webhook
}

// laneKey is what a webhook delivers in order: one chat's updates of one class.
type laneKey struct {
	chat  int64
	class int
}

// updateQueue holds the unconfirmed updates of a bot.
type updateQueue struct {
	items   []*update
	live    int
	bytes   int
	next    int64
	dropped int
	allowed map[string]bool // nil is the default set
	wake    chan struct{}
}

func (q *updateQueue) init(s *Server) {
	q.next = s.cfg.FirstUpdateID
	if q.next == 0 {
		q.next = 2_000_001 + s.rng.Int64N(1<<30-2_000_001)
	}
	q.wake = make(chan struct{})
}

func (q *updateQueue) pending() int { return q.live }

// allows applies allowed_updates, which Telegram does when an update arises.
func (q *updateQueue) allows(kind string) bool {
	if q.allowed == nil {
		return kind != "chat_member" && kind != "message_reaction" && kind != "message_reaction_count"
	}
	return q.allowed[kind]
}

// allow sets allowed_updates; an absent argument keeps the previous ones.
func (q *updateQueue) allow(p params) {
	raw, ok := p.get("allowed_updates")
	if !ok || len(raw) == 0 {
		return
	}
	set := map[string]bool{}
	for _, e := range p.array("allowed_updates") {
		if name := string(scalar(e)); updateClass(name) >= 0 {
			set[name] = true
		}
	}
	if len(set) == 0 {
		set = nil
	}
	q.allowed = set
}

// updateClass groups the kinds of updates into the classes that a webhook
// delivers one after another; -1 is an unknown kind.
func updateClass(kind string) int {
	switch kind {
	case "message", "edited_message":
		return 0
	case "channel_post", "edited_channel_post":
		return 1
	case "inline_query", "chosen_inline_result", "guest_message":
		return 2
	case "callback_query":
		return 3
	case "shipping_query", "pre_checkout_query", "purchased_paid_media", "subscription":
		return 4
	case "my_chat_member":
		return 5
	case "chat_member", "chat_join_request":
		return 6
	case "poll", "poll_answer":
		return 7
	case "message_reaction":
		return 8
	case "message_reaction_count":
		return 9
	case "business_connection":
		return 10
	case "business_message", "edited_business_message", "deleted_business_messages":
		return 11
	case "chat_boost", "removed_chat_boost", "managed_bot", "stopped_message_generation":
		return 12
	}
	return -1
}

// push encodes and queues an update for b, if b wants its kind.
func (s *Server) push(b *Bot, kind string, laneChat int64, life time.Duration, m *message, build func(*Bot) []byte) {
	if !b.queue.allows(kind) {
		return
	}
	if life == 0 {
		life = updateLife
	}
	s.pushRaw(b, laneKey{laneChat, updateClass(kind)}, life, m, build(b))
}

// pushRaw queues fields, the text of an update behind its id.
func (s *Server) pushRaw(b *Bot, lane laneKey, life time.Duration, m *message, fields []byte) {
	q := &b.queue
	id := q.next
	data := make([]byte, 0, len(fields)+32)
	data = strconv.AppendInt(append(data, `{"update_id":`...), id, 10)
	data = append(append(append(data, ','), fields...), '}')
	if q.live >= queueUpdates || q.bytes+len(data) > queueBytes {
		q.dropped++
		return
	}
	q.next++
	u := &update{id: id, data: data, expires: s.clock.Now().Add(life), lane: lane, msg: m}
	q.items = append(q.items, u)
	q.live++
	q.bytes += len(data)
	if b.hook.url != "" {
		s.enqueueWebhook(b, u)
		return
	}
	q.signal()
}

func (q *updateQueue) signal() {
	close(q.wake)
	q.wake = make(chan struct{})
}

// finish marks u as delivered and forgets what is.
func (q *updateQueue) finish(u *update) {
	if u.done {
		return
	}
	u.done = true
	q.live--
	q.bytes -= len(u.data)
	n := 0
	for n < len(q.items) && q.items[n].done {
		n++
	}
	q.drop(n)
	if len(q.items) > 64 && q.live < len(q.items)/2 {
		q.items = slices.DeleteFunc(q.items, func(u *update) bool { return u.done })
	}
}

func (q *updateQueue) drop(n int) {
	clear(q.items[:n])
	q.items = q.items[n:]
}

// confirm forgets updates before offset; a negative one keeps the last -offset.
func (q *updateQueue) confirm(offset int64, now time.Time) {
	switch {
	case offset < 0:
		if n := len(q.items) + int(offset); n > 0 {
			q.forget(n)
		}
	case offset > 0:
		n := 0
		for n < len(q.items) && q.items[n].id < offset {
			n++
		}
		q.forget(n)
	}
	for len(q.items) > 0 && now.After(q.items[0].expires) {
		q.forget(1)
	}
}

func (q *updateQueue) forget(n int) {
	for _, u := range q.items[:n] {
		if !u.done {
			q.live--
			q.bytes -= len(u.data)
		}
	}
	q.drop(n)
}

// read takes up to limit updates from the head.
func (q *updateQueue) read(limit int, now time.Time) []*update {
	var out []*update
	size := 0
	for _, u := range q.items {
		if len(out) == limit || size+len(u.data) > maxReply && len(out) > 0 {
			break
		}
		if u.done || now.After(u.expires) {
			continue
		}
		out = append(out, u)
		size += len(u.data)
	}
	return out
}

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
