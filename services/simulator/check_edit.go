package simulator

import (
	"slices"
	"strings"
)

// deskEdits asks, for EditsShown, that the topic has what a customer's edited
// message says now.
func (k *checker) deskEdits(c *chat, copies map[int32][]deskCopy) {
	if !k.o.EditsShown {
		return
	}
	for i := range c.led.originals {
		o := &c.led.originals[i]
		if o.edits == 0 {
			continue
		}
		var list []*message
		for _, r := range copies[o.id] {
			list = append(list, r.to.find(int64(r.dst)))
		}
		if m := c.find(int64(o.id)); stale(m, list) && !k.excusedAfter(c, m.editSeq) {
			r := copies[o.id][0]
			k.report(StaleEdit, c, topicKey{r.to, int64(r.thread)}, Ref{c.id, int64(o.id)}, "no copy says what it says since its edit")
		}
	}
}

// excusedAfter tells whether a notice in the customer's topic came after a moment.
func (k *checker) excusedAfter(c *chat, seq uint32) bool {
	for key, owners := range k.owners {
		if slices.Contains(owners, c) && slices.ContainsFunc(k.said[key], func(n notice) bool { return n.seq > seq }) {
			return true
		}
	}
	return false
}

// answerEdit asks, for EditsMirrored, that the customer has what an operator's
// edited message says now.
func (k *checker) answerEdit(a *answer, key topicKey, owner *chat, got []delivery) {
	if !k.o.EditsMirrored || a.edits == 0 {
		return
	}
	var list []*message
	for _, d := range got {
		if d.to == owner {
			list = append(list, owner.find(int64(d.dst)))
		}
	}
	m := key.group.find(int64(a.id))
	if stale(m, list) && !strings.HasPrefix(m.c.Text, "/") && !k.told(a, key, m.editSeq) {
		k.report(StaleEdit, owner, key, Ref{key.group.id, int64(a.id)}, "no copy says what it says since its edit")
	}
}

// stale tells whether none of the copies that are left says what m says. A
// deleted or uncopyable message, and one without copies, is not judged.
func stale(m *message, copies []*message) bool {
	if m == nil || !m.copyable() {
		return false
	}
	left := 0
	for _, c := range copies {
		if c == nil {
			continue
		}
		if left++; m.shows(c.c) {
			return false
		}
	}
	return left > 0
}

// shows tells whether c says what m says now.
func (m *message) shows(c *Content) bool {
	same := m.c.Kind == c.Kind || m.c.Kind == KindLiveLocation && c.Kind == KindLocation
	return same && m.c.sameWords(c)
}
