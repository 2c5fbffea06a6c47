package simulator

import (
	"strings"
)

// customer judges how the messages of one customer arrived.
func (k *checker) customer(c *chat) {
	copies := make(map[int32][]deskCopy, len(c.led.desk))
	for _, r := range c.led.desk {
		copies[r.src] = append(copies[r.src], r)
	}
	k.customerTopics(c)
	k.leaks(c)
	if k.ignore[c.id] {
		return
	}
	k.arrivals(c, copies)
	k.albums(c, copies)
	k.notices(c, copies)
	k.deskReplies(c, copies)
	k.deskEdits(c, copies)
}

// customerTopics asks for at most one living topic, and for none but topics.
func (k *checker) customerTopics(c *chat) {
	var living []topicKey
	seen := map[topicKey]bool{}
	for _, r := range c.led.desk {
		key := topicKey{r.to, int64(r.thread)}
		if seen[key] {
			continue
		}
		seen[key] = true
		t := r.to.topics[key.thread]
		switch {
		case t == nil:
			k.report(WrongTopic, c, key, Ref{c.id, int64(r.src)}, "the copy %d is in no topic", r.dst)
		case !t.deleted && r.to.migratedTo == nil:
			living = append(living, key)
			if k.o.TopicNames && !strings.Contains(t.name, c.user.name()) {
				k.report(TopicName, c, key, Ref{}, "the topic %q does not name %q", t.name, c.user.name())
			}
		}
	}
	if len(living) > 1 {
		k.report(TwinTopics, c, living[1], Ref{}, "copies are in the topics %d and %d", living[0].thread, living[1].thread)
	}
}

// arrivals asks that every message arrived once, in order. An album that came more than once is one thing too many, not as many as
// it has items.
func (k *checker) arrivals(c *chat, copies map[int32][]deskCopy) {
	var last deskCopy
	spare := map[uint32]int{} // surplus copies of albums that are reported already
	for i := range c.led.originals {
		o := &c.led.originals[i]
		src, got := Ref{c.id, int64(o.id)}, copies[o.id]
		if len(got) == 0 {
			if o.flags&(flagUncopyable|flagOptional|flagUnseen) == 0 && !k.excused(c, o) {
				k.report(Lost, c, topicKey{}, src, "no copy, and no notice of a failure")
			}
			continue
		}
		first := got[0]
		key := topicKey{first.to, int64(first.thread)}
		newest := got[len(got)-1] // where it is said that there may be more: the former topic may be gone
		for range surplus(spare, o.album, len(got)-1-int(o.edits)) {
			k.report(Duplicate, c, topicKey{newest.to, int64(newest.thread)}, src, "%d copies after %d edits", len(got), o.edits)
		}
		if first.seq < last.seq {
			k.report(Disorder, c, key, src, "its copy %d came before the copy %d of the earlier message %d", first.dst, last.dst, last.src)
			continue
		}
		last = first
	}
}

// surplus is how many copies too many are still to be reported, of a message that belongs to an album or (0) not.
func surplus(reported map[uint32]int, album uint32, n int) int {
	if album == 0 {
		return n
	}
	rest := n - reported[album]
	reported[album] = max(reported[album], n)
	return max(rest, 0)
}

// excused accepts a missing copy that Telegram refused, if somebody was told.
func (k *checker) excused(c *chat, o *original) bool {
	if o.flags&flagRefused == 0 {
		return false
	}
	for key, owners := range k.owners {
		for _, owner := range owners {
			if owner != c {
				continue
			}
			for _, n := range k.said[key] {
				if n.seq > o.seq {
					return true
				}
			}
		}
	}
	return false
}

// albums asks that the copies of an album are an album, in one piece.
func (k *checker) albums(c *chat, copies map[int32][]deskCopy) {
	if k.o.AllowSplitAlbums {
		return
	}
	list := c.led.originals
	for i := 0; i < len(list); {
		j := i + 1
		for list[i].album != 0 && j < len(list) && list[j].album == list[i].album {
			j++
		}
		if j-i > 1 {
			k.albumWhole(c, list[i:j], copies)
		}
		i = j
	}
}

func (k *checker) albumWhole(c *chat, items []original, copies map[int32][]deskCopy) {
	var first *deskCopy
	for _, o := range items {
		got := copies[o.id]
		if len(got) == 0 {
			continue
		}
		r := &got[0]
		if first == nil {
			first = r
			continue
		}
		if r.album == 0 || r.album != first.album {
			k.report(AlbumSplit, c, topicKey{r.to, int64(r.thread)}, Ref{c.id, int64(o.id)}, "its copy %d is not in the album of the copy %d", r.dst, first.dst)
			return
		}
	}
}

// notices asks for a word of the bot about everything that cannot be copied:
// between the copies of the messages around it. A notice may tell of several
// messages, one with each line that begins with ⚠️.
func (k *checker) notices(c *chat, copies map[int32][]deskCopy) {
	var from uint32
	missing := 0
	var at original
	for _, o := range c.led.originals {
		if o.flags&flagUncopyable != 0 && o.flags&flagUnseen == 0 {
			missing++
			if missing == 1 {
				from = max(from, o.seq)
			}
			at = o
			continue
		}
		if got := copies[o.id]; len(got) > 0 {
			k.noticed(c, at, missing, from, got[0].seq)
			missing, from = 0, got[0].seq
		}
	}
	k.noticed(c, at, missing, from, ^uint32(0))
}

func (k *checker) noticed(c *chat, at original, missing int, from, to uint32) {
	if missing == 0 {
		return
	}
	for key, said := range k.said {
		if key.thread == 0 || !k.mayBeOf(key, c) {
			continue
		}
		n := 0
		for _, s := range said {
			if s.seq > from && s.seq < to {
				n += s.lines
			}
		}
		if n >= missing {
			return
		}
	}
	k.report(NoNotice, c, topicKey{}, Ref{c.id, int64(at.id)}, "%d message(s) that cannot be copied, without as many notices, or lines ⚠️ of one, in the topic", missing)
}

// mayBeOf tells whether a topic is the customer's, or nobody's so far.
func (k *checker) mayBeOf(key topicKey, c *chat) bool {
	owners := k.owners[key]
	if len(owners) == 0 {
		return true
	}
	for _, o := range owners {
		if o == c {
			return true
		}
	}
	return false
}
