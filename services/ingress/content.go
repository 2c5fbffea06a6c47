package ingress

import (
	"bytes"
	"container/list"
	"sync"
	"time"
)

// Bounds of the content that is held.
const (
	contentTime    = time.Minute // from the moment it came
	contentBytes   = 16 << 20    // in all
	longestContent = 256 << 10   // of one message; Telegram's own are far below
	contentEntry   = 256         // what an entry costs beside its message, roughly
)

// contentKey names a message.
type contentKey struct {
	connection    string
	chat, message int64
}

// content is one message as Telegram handed it over.
type content struct {
	key  contentKey
	at   int64 // of the message or its edit, Unix seconds
	came time.Time
	raw  []byte // never changed
}

func (c *content) size() int { return len(c.raw) + len(c.key.connection) + contentEntry }

// contentStore holds what messages say for as long as relay may need to ask: a log must not have it. It is bounded in bytes and in
// time, the oldest goes first, and a message has one content, its newest. It is safe for concurrent use and runs nothing of
// its own: what is too old goes when somebody calls.
type contentStore struct {
	now func() time.Time

	mu    sync.Mutex
	line  *list.List // of *content, oldest first
	byKey map[contentKey]*list.Element
	bytes int
}

func newContentStore(now func() time.Time) *contentStore {
	return &contentStore{now: now, line: list.New(), byKey: map[contentKey]*list.Element{}}
}

// put keeps what a message says since at, and takes a copy of raw; it returns how many contents had to go before their time. An
// update that comes again does not bring back what was changed since. One that is too long leaves none: an older one would be
// wrong.
func (s *contentStore) put(key contentKey, at int64, raw []byte) (lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.expire(now)
	if old := s.byKey[key]; old != nil {
		if old.Value.(*content).at > at {
			return 0
		}
		s.remove(old)
	}
	if len(raw) > longestContent {
		return 1
	}
	c := &content{key: key, at: at, came: now, raw: bytes.Clone(raw)}
	for s.bytes+c.size() > contentBytes {
		s.remove(s.line.Front())
		lost++
	}
	s.byKey[key] = s.line.PushBack(c)
	s.bytes += c.size()
	return lost
}

// get returns what a message says, which the caller must not change; false when that is not, or no longer, held.
func (s *contentStore) get(key contentKey) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(s.now())
	e := s.byKey[key]
	if e == nil {
		return nil, false
	}
	return e.Value.(*content).raw, true
}

// held is how many bytes are taken.
func (s *contentStore) held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(s.now())
	return s.bytes
}

func (s *contentStore) expire(now time.Time) {
	for e := s.line.Front(); e != nil && now.Sub(e.Value.(*content).came) >= contentTime; e = s.line.Front() {
		s.remove(e)
	}
}

func (s *contentStore) remove(e *list.Element) {
	c := s.line.Remove(e).(*content)
	delete(s.byKey, c.key)
	s.bytes -= c.size()
}
