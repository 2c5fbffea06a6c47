package simulator

import (
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
