package ingress

import (
	"sync"
	"time"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	contentBytes   = 16 << 20  // of all messages together
	contentMessage = 256 << 10 // of one: Telegram's own limits are far below
	contentLife    = time.Minute
)

type contentKey struct {
	connection    string
	chat, message int64
}

type content struct {
	key   contentKey
	raw   []byte
	until time.Time
}

// contentStore is what messages say whose words have to move: in memory, for a minute, within a bound, and nowhere else. It is safe
// for concurrent use.
type contentStore struct {
	now     func() time.Time
	metrics *metrics

	mu    sync.Mutex
	line  []*content // oldest first; an entry that was replaced has no bytes
	by    map[contentKey]*content
	bytes int
}

func newContentStore(m *metrics) *contentStore {
	return &contentStore{now: time.Now, metrics: m, by: map[contentKey]*content{}}
}

// put keeps what a message says now. What is too large is not kept: its edit becomes another copy.
func (c *contentStore) put(connection string, chat, message int64, raw []byte) {
	if len(raw) > contentMessage {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := contentKey{connection, chat, message}
	c.drop(c.by[key])
	kept := &content{key: key, raw: append([]byte(nil), raw...), until: c.now().Add(contentLife)}
	c.by[key] = kept
	c.line = append(c.line, kept)
	c.bytes += len(kept.raw)
	c.expire()
}

// get is what a message says, nil when it is not known, or not any more.
func (c *contentStore) get(connection string, ref *eventv1.MessageRef) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	kept := c.by[contentKey{connection, ref.GetChat(), ref.GetMessage()}]
	if kept == nil {
		c.metrics.content("gone")
		return nil
	}
	c.metrics.content("given")
	return kept.raw
}

// expire drops what is too old, and the oldest beyond the bound.
func (c *contentStore) expire() {
	now, n := c.now(), 0
	for n < len(c.line) && (c.line[n].raw == nil || c.bytes > contentBytes || !now.Before(c.line[n].until)) {
		c.drop(c.line[n])
		c.line[n] = nil
		n++
	}
	if c.line = c.line[n:]; len(c.line) == 0 {
		c.line = nil
	}
	c.metrics.held.Set(float64(c.bytes))
}

func (c *contentStore) drop(old *content) {
	if old == nil || old.raw == nil {
		return
	}
	c.bytes -= len(old.raw)
	old.raw = nil
	if c.by[old.key] == old {
		delete(c.by, old.key)
	}
}
