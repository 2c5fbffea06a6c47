package relay

import (
	"sync"

	apiv1 "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// recentLinks is how many links are kept in memory.
const recentLinks = 65_536

// place is a message of a connection.
type place struct {
	connection    string
	chat, message int64
}

// recent is the last links between originals and copies, so that a reply finds its counterpart before any view knows of
// it. It is safe for concurrent use and of bounded size.
type recent struct {
	mu    sync.RWMutex
	to    map[place][]place // original → copies
	from  map[place]place   // copy → original
	ring  []place           // originals, oldest first from next on
	next  int
	limit int
}

func newRecent(limit int) *recent {
	return &recent{to: map[place][]place{}, from: map[place]place{}, limit: limit}
}

func (r *recent) add(connection string, original, copied *eventv1.MessageRef) {
	if original.GetMessage() == 0 || copied.GetMessage() == 0 {
		return
	}
	a := place{connection, original.GetChat(), original.GetMessage()}
	b := place{connection, copied.GetChat(), copied.GetMessage()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < r.limit {
		r.ring = append(r.ring, a)
	} else {
		r.drop(r.ring[r.next])
		r.ring[r.next] = a
		r.next = (r.next + 1) % r.limit
	}
	r.to[a] = append(r.to[a], b)
	r.from[b] = a
}

func (r *recent) drop(a place) {
	for _, b := range r.to[a] {
		delete(r.from, b)
	}
	delete(r.to, a)
}

// forget drops the copies of a message that were deleted: an edit must not bring them back.
func (r *recent) forget(connection string, original *eventv1.MessageRef) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(place{connection, original.GetChat(), original.GetMessage()})
}

// learn takes the links of a delivery in.
func (r *recent) learn(connection string, d *eventv1.Done) {
	for i, source := range d.GetDelivery().GetSources() {
		if d.GetDelivery().GetEffect() == eventv1.Effect_EFFECT_DELETE {
			r.forget(connection, source)
		} else if i < len(d.GetCopies()) {
			r.add(connection, source, &eventv1.MessageRef{Chat: d.GetChat(), Message: d.GetCopies()[i]})
		}
	}
}

// find is the counterpart of a message in a chat, the newest of several copies; 0 when none is known.
func (r *recent) find(connection string, ref *eventv1.MessageRef, chat int64) int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	asked := place{connection, ref.GetChat(), ref.GetMessage()}
	if a, ok := r.from[asked]; ok && a.chat == chat {
		return a.message
	}
	copies := r.to[asked]
	for i := len(copies) - 1; i >= 0; i-- {
		if copies[i].chat == chat {
			return copies[i].message
		}
	}
	return 0
}

// knows tells whether memory holds the message, as an original or as a copy.
func (r *recent) knows(connection string, ref *eventv1.MessageRef) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	asked := place{connection, ref.GetChat(), ref.GetMessage()}
	_, copied := r.from[asked]
	return copied || len(r.to[asked]) > 0
}

// original is what a message was copied from, nil when memory does not know it as a copy.
func (r *recent) original(connection string, ref *eventv1.MessageRef) *eventv1.MessageRef {
	r.mu.RLock()
	defer r.mu.RUnlock()
	from, ok := r.from[place{connection, ref.GetChat(), ref.GetMessage()}]
	if !ok {
		return nil
	}
	return &eventv1.MessageRef{Chat: from.chat, Message: from.message}
}

// copies are the copies of a message in a chat, oldest first.
func (r *recent) copies(connection string, ref *eventv1.MessageRef, chat int64) []int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var found []int64
	for _, b := range r.to[place{connection, ref.GetChat(), ref.GetMessage()}] {
		if b.chat == chat {
			found = append(found, b.message)
		}
	}
	return found
}

// links is the whole relation a message belongs to, nil when memory does not hold it.
func (r *recent) links(connection string, ref *eventv1.MessageRef) *apiv1.GetLinksResponse {
	asked := place{connection, ref.GetChat(), ref.GetMessage()}
	r.mu.RLock()
	defer r.mu.RUnlock()
	original := asked
	if first, ok := r.from[asked]; ok {
		original = first
	}
	copies := r.to[original]
	if len(copies) == 0 {
		return nil
	}
	answer := &apiv1.GetLinksResponse{Original: &eventv1.MessageRef{Chat: original.chat, Message: original.message}}
	for _, c := range copies {
		answer.Copies = append(answer.Copies, &eventv1.MessageRef{Chat: c.chat, Message: c.message})
	}
	return answer
}
