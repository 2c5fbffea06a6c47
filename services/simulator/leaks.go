package simulator

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Comments must not leak in any form: not as a copy, and not as the text of
// another message, sent or edited.

// comment is a text that is for the group only.
type comment struct {
	text string
	of   *message
}

// leak is a message of a bot at a customer with the text of a comment.
type leak struct {
	of  Ref
	key topicKey
	dst int32
}

const (
	maxComments = 4096
	// telling is how long a text must be to give itself away inside of another.
	telling = 8
)

// overhear records what m says if that is for the group only: m begins with a
// slash now, or did when it was written, or is of an album that does.
func (s *Server) overhear(m *message) {
	if !m.chat.group() || m.c.Text == "" || !strings.HasPrefix(m.c.Text, "/") && !m.chat.aside(m) {
		return
	}
	s.comments = append(s.comments, comment{m.c.Text, m})
	if len(s.comments) > 2*maxComments {
		s.comments = slices.Clone(s.comments[maxComments:])
	}
}

// aside tells whether m was a comment or command from the start.
func (c *chat) aside(m *message) bool {
	for _, a := range slices.Backward(c.groupLed.answers) {
		if int64(a.id) == m.id || a.album != 0 && a.album == uint32(m.album) {
			if a.flags&flagSlash != 0 {
				return true
			}
		} else if int64(a.id) < m.id-100 {
			return false
		}
	}
	return false
}

// overheard records which comments a bot's message at a customer tells.
func (s *Server) overheard(m *message) {
	if m.chat.kind != chatPrivate || m.c.Text == "" {
		return
	}
	src := s.lookup(m)
	for _, c := range s.comments {
		if c.toldBy(m.c.Text) && !c.public(src) {
			m.chat.led.leaks = append(m.chat.led.leaks, leak{Ref{c.of.chat.id, c.of.id}, topicKey{c.of.chat, c.of.thread}, int32(m.id)})
			return
		}
	}
}

func (c comment) toldBy(text string) bool {
	return text == c.text || utf8.RuneCountInString(c.text) >= telling && strings.Contains(text, c.text)
}

// public tells whether somebody wrote the same for the customer: src, of which
// the message is a copy.
func (c comment) public(src *message) bool {
	return src != nil && src != c.of && !src.chat.aside(src) && (c.openly(src.c) || slices.ContainsFunc(src.past, c.openly))
}

// openly tells whether v says the same without being a comment.
func (c comment) openly(v *Content) bool { return !strings.HasPrefix(v.Text, "/") && c.toldBy(v.Text) }

// leaks reports what was overheard.
func (k *checker) leaks(c *chat) {
	for _, l := range c.led.leaks {
		if !k.free[l.of] {
			k.report(CommentLeak, c, l.key, l.of, "the message %d at the customer says it", l.dst)
		}
	}
}
