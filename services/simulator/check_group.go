package simulator

import (
	"context"
	"time"
)

// answers judges what became of the operators' messages in g.
func (k *checker) answers(g *chat) {
	last := map[*chat]delivery{}
	k.spare = map[uint32]int{}
	aside := map[uint32]bool{} // albums whose caption made them comments: the items behind it have none
	for i := range g.groupLed.answers {
		a := &g.groupLed.answers[i]
		src := Ref{g.id, int64(a.id)}
		got := k.sent[src]
		delete(k.sent, src)
		if k.free[src] {
			continue
		}
		key := topicKey{g, int64(a.thread)}
		if a.album != 0 && a.flags&flagSlash != 0 {
			aside[a.album] = true
		}
		if k.private(a) || aside[a.album] {
			if len(got) > 0 {
				k.report(CommentLeak, got[0].to, key, src, "it was not meant for customers")
			}
			continue
		}
		owner := k.owner(key, got)
		if owner == nil || k.ignore[owner.id] && len(got) == 0 {
			continue
		}
		k.delivered(a, key, owner, got, last)
	}
	// what is left was copied to customers without an operator having written it
	for src, got := range k.sent {
		if src.Chat == g.id && !k.free[src] {
			k.report(CommentLeak, got[0].to, topicKey{g, 0}, src, "a message that no operator wrote in a topic")
		}
	}
}

// private tells what must stay in the group.
func (k *checker) private(a *answer) bool {
	return a.thread == 0 || a.flags&flagSlash != 0 || k.o.ReplyOnly && a.flags&flagReply == 0
}

// owner is the customer of a topic: by the copies in it, or else by where the
// first message from it went.
func (k *checker) owner(key topicKey, got []delivery) *chat {
	if owners := k.owners[key]; len(owners) > 0 {
		return owners[0]
	}
	if len(got) > 0 {
		k.own(key, got[0].to)
		return got[0].to
	}
	return nil
}

func (k *checker) delivered(a *answer, key topicKey, owner *chat, got []delivery, last map[*chat]delivery) {
	src := Ref{key.group.id, int64(a.id)}
	n := 0
	var first delivery
	for _, d := range got {
		if d.to != owner {
			k.report(CrossLeak, d.to, key, src, "the topic is that of customer %d", owner.id)
			continue
		}
		if n++; n == 1 {
			first = d
		}
	}
	switch {
	case n == 0:
		k.undelivered(a, key, owner, src)
		return
	case n > 1+int(a.edits):
		for range surplus(k.spare, a.album, n-1-int(a.edits)) {
			k.report(Duplicate, owner, key, src, "%d copies after %d edits", n, a.edits)
		}
	}
	k.answerAlbum(a, key, owner, first)
	k.answerReplies(a, key, owner, got)
	k.answerEdit(a, key, owner, got)
	if prev := last[owner]; first.seq < prev.seq {
		k.report(Disorder, owner, key, src, "its copy %d came before the copy %d of an earlier message", first.dst, prev.dst)
		return
	}
	last[owner] = first
}

// answerAlbum asks that the copies of an operator's album are an album.
func (k *checker) answerAlbum(a *answer, key topicKey, owner *chat, d delivery) {
	if a.album == 0 || k.o.AllowSplitAlbums {
		return
	}
	head, ok := k.heads[a.album]
	if !ok {
		k.heads[a.album] = d
		return
	}
	if d.album == 0 || d.album != head.album {
		k.report(AlbumSplit, owner, key, Ref{key.group.id, int64(a.id)}, "its copy %d is not in the album of the copy %d", d.dst, head.dst)
	}
}

func (k *checker) undelivered(a *answer, key topicKey, owner *chat, src Ref) {
	if key.deleted() || a.flags&flagUnseen != 0 {
		return
	}
	told := k.told(a, key, a.seq)
	reason := a.flags&(flagUncopyable|flagRefused) != 0 || owner.led.blocked || owner.user.deactivated
	switch {
	case reason && told:
	case a.flags&flagUncopyable != 0:
		k.report(NoNotice, owner, key, src, "it cannot be copied, and no notice says so")
	case reason:
		k.report(Lost, owner, key, src, "Telegram refused it, and no notice says so")
	default:
		k.report(Lost, owner, key, src, "the customer never got it")
	}
}

// told tells whether the group was told after a moment that an operator's message
// failed: by a notice that answers it, or by the bot's 💔 at the message, or at
// the first one of its album, with any notice in the topic after it. So one
// notice may tell of several failures.
func (k *checker) told(a *answer, key topicKey, after uint32) bool {
	broken := a.flags&flagBroken != 0 || a.album != 0 && k.broken[a.album]
	for _, n := range k.said[key] {
		if n.seq > after && (n.replyTo == a.id || broken) {
			return true
		}
	}
	return false
}

// Settle waits until Check finds nothing, and returns what it still finds when
// ctx ends. It asks at most fifty times a second.
func (s *Server) Settle(ctx context.Context, o CheckOptions) []Violation {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		v := s.Check(o)
		if len(v) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return v
		case <-tick.C:
		}
	}
}
