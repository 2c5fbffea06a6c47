package simulator

import "slices"

// A copy answers what its original answers: the counterpart, on its own side, of
// the message answered. Without a counterpart it answers nothing. Left alone are
// copies in albums, which cannot answer anything, messages that Telegram refused
// to copy at first, and answers to what is deleted by now. A further copy of the
// same message (a newer version) may answer an earlier one instead.

// deskOrigin is whose message a copy in a group is a copy of.
type deskOrigin struct {
	cust *chat
	src  int32
}

// origins are what the bots' copies in groups are copies of, by the copies. They
// are indexed when they are first asked for.
func (k *checker) origins() map[Ref]deskOrigin {
	if k.shown != nil {
		return k.shown
	}
	k.shown = map[Ref]deskOrigin{}
	for _, b := range k.s.bots {
		for _, c := range b.order {
			for _, r := range c.led.desk {
				k.shown[Ref{r.to.id, int64(r.dst)}] = deskOrigin{c, r.src}
			}
		}
	}
	return k.shown
}

// targets are the messages that a copy may answer.
type targets struct {
	live, dead []int32
	free       bool // it may answer anything
}

// add enters a message of c, by whether it is still there.
func (t *targets) add(c *chat, id int32) {
	if c.find(int64(id)) != nil {
		t.live = append(t.live, id)
	} else {
		t.dead = append(t.dead, id)
	}
}

// wrong tells whether a copy that answers re breaks the rule. earlier are the
// copies of the same message before it.
func (t *targets) wrong(re int32, earlier []int32) bool {
	switch {
	case t.free || slices.Contains(t.live, re) || slices.Contains(t.dead, re):
		return false
	case re == 0:
		return len(t.live) > 0
	}
	return !slices.Contains(earlier, re)
}

func (k *checker) judgeReply(cust *chat, key topicKey, src Ref, dst, re int32, t *targets, earlier []int32) {
	switch {
	case !t.wrong(re, earlier):
	case re == 0:
		k.report(WrongReply, cust, key, src, "its copy %d answers nothing, not %v", dst, t.live)
	case len(t.live) == 0:
		k.report(WrongReply, cust, key, src, "its copy %d answers %d, and it has nothing to answer", dst, re)
	default:
		k.report(WrongReply, cust, key, src, "its copy %d answers %d, not %v", dst, re, t.live)
	}
}

// deskReplies judges what the copies of a customer's messages answer.
func (k *checker) deskReplies(c *chat, copies map[int32][]deskCopy) {
	for i := range c.led.originals {
		o := &c.led.originals[i]
		if o.flags&flagRefused != 0 {
			continue
		}
		var earlier []int32
		for _, r := range copies[o.id] {
			if r.album == 0 {
				t := k.deskTargets(c, o, &r, copies)
				k.judgeReply(c, topicKey{r.to, int64(r.thread)}, Ref{c.id, int64(o.id)}, r.dst, r.re, &t, earlier)
			}
			earlier = append(earlier, r.dst)
		}
	}
}

func (k *checker) deskTargets(c *chat, o *original, r *deskCopy, copies map[int32][]deskCopy) (t targets) {
	if o.to == 0 {
		return t
	}
	if c.find(int64(o.to)) == nil {
		t.free = true
		return t
	}
	for _, d := range copies[o.to] {
		if d.to == r.to && d.thread == r.thread && d.seq < r.seq {
			t.add(d.to, d.dst)
		}
	}
	a := search(c.led.answers, int64(o.to), func(a *answerCopy) int32 { return a.dst })
	if a == nil || a.from != r.to {
		return t
	}
	if w := a.from.answer(int64(a.src)); w != nil && w.thread == r.thread {
		t.add(a.from, a.src)
	} else {
		t.dead = append(t.dead, a.src) // a template from elsewhere: it may be answered
	}
	return t
}

// answerReplies judges what the copies of an operator's message answer.
func (k *checker) answerReplies(a *answer, key topicKey, owner *chat, got []delivery) {
	if a.flags&flagRefused != 0 {
		return
	}
	var earlier []int32
	for _, d := range got {
		if d.to != owner {
			continue
		}
		if d.album == 0 {
			t := k.answerTargets(a, key.group, &d)
			k.judgeReply(owner, key, Ref{key.group.id, int64(a.id)}, d.dst, d.re, &t, earlier)
		}
		earlier = append(earlier, d.dst)
	}
}

func (k *checker) answerTargets(a *answer, g *chat, d *delivery) (t targets) {
	if a.to == 0 {
		return t
	}
	if g.find(int64(a.to)) == nil {
		t.free = true
		return t
	}
	for _, e := range k.copies[Ref{g.id, int64(a.to)}] {
		if e.to == d.to && e.seq < d.seq {
			t.add(e.to, e.dst)
		}
	}
	if o, ok := k.origins()[Ref{g.id, int64(a.to)}]; ok && o.cust == d.to {
		t.add(o.cust, o.src)
	}
	return t
}
