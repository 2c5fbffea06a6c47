package relay

import (
	"time"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	albumSize  = 10          // what Telegram puts into one album at most
	noticeSize = 10          // notices in one message: well below the length that Telegram takes
	mergeAfter = time.Second // of waiting, from which on notices go together
	quiet      = time.Second // after which an album is taken to be complete
)

// turn is what a lane can do next.
type turn struct {
	size int       // requests of the next call; 0: not yet
	more bool      // the lane has to be read on before that can be said
	due  time.Time // when an album is complete, if nothing else comes
}

// next decides how many requests the lane's next call carries. Single messages never wait; consecutive ones of one album
// go together when the album is complete: something else follows, it is full, or it has been quiet for a second since
// its last item. opened is when requests began to come as they were made: what was there before counts as come then.
func (l *lane) next(opened, now time.Time) turn {
	if len(l.head) == 0 {
		return turn{more: l.spill != 0}
	}
	if l.again != nil {
		n := int(l.again.GetLastNo() - l.again.GetFirstNo() + 1)
		if n > len(l.head) && l.spill != 0 {
			return turn{more: true}
		}
		return turn{size: min(n, len(l.head))}
	}
	if l.head[0].notice != nil {
		return turn{size: l.notices(now)}
	}
	if l.head[0].album() == "" {
		return turn{size: 1}
	}
	n := l.run()
	if n == albumSize || n < len(l.head) {
		return turn{size: n}
	}
	if l.spill != 0 {
		return turn{more: true}
	}
	due := l.head[n-1].came
	if due.Before(opened) {
		due = opened
	}
	if due = due.Add(quiet); !due.After(now) {
		return turn{size: n}
	}
	return turn{due: due}
}

// notices counts the notices at the head that one message says. Each is a message of its own, as a reply to what it is
// about, unless they have to wait for Telegram's limits: then they go together. Long answers never do.
func (l *lane) notices(now time.Time) int {
	n := 1
	if now.Sub(l.head[0].came) < mergeAfter {
		return n
	}
	for n < min(len(l.head), noticeSize) && mergeable(l.head[n-1].notice) && mergeable(l.head[n].notice) {
		n++
	}
	return n
}

func mergeable(n *eventv1.Notice) bool {
	return n != nil && n.GetCode() != eventv1.Notice_CODE_TRACE && n.GetCode() != eventv1.Notice_CODE_COMMAND_HELP
}

// run counts the requests at the head that one copyMessages can carry: of one album and chat, message ids increasing.
func (l *lane) run() int {
	n := 1
	for n < min(len(l.head), albumSize) {
		before, r := l.head[n-1].copy, l.head[n].copy
		if r.GetAlbum() != before.GetAlbum() || r.GetSource().GetChat() != before.GetSource().GetChat() ||
			r.GetSource().GetMessage() <= before.GetSource().GetMessage() {
			break
		}
		n++
	}
	return n
}
