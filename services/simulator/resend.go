package simulator

import "slices"

// What Telegram does not copy, a desk may send again by its content. The copy of
// such a message carries no trace of its original but what it says; the records
// here lead back to it, so that it is judged as a copy.

// resend is a person's message that may be sent again.
type resend struct {
	m    *message
	done bool // it was
}

const maxResend = 4096

// mayBeResent records what a desk may send by content from the start: live
// locations, and what is protected.
func (s *Server) mayBeResent(m *message) {
	if m.c.Kind == KindLiveLocation || m.protected || m.chat.protected {
		s.refusedCopy(m)
	}
}

// refusedCopy records a message that Telegram would not copy, or may not.
func (s *Server) refusedCopy(m *message) {
	if m == nil || m.again || m.from.bot && m.sender == nil {
		return
	}
	m.again = true
	s.again = append(s.again, &resend{m: m})
	if len(s.again) > 2*maxResend {
		s.again = slices.Clone(s.again[maxResend:])
	}
}

// resent finds what m, in a bot's own words, says again: the first message of the
// other side with this content that was not sent again yet, or else the last.
func (s *Server) resent(m *message) Ref {
	var found *resend
	for _, r := range s.again {
		if r.m.chat.group() == m.chat.group() || !r.m.said(m.c) {
			continue
		}
		if found = r; !r.done {
			break
		}
	}
	if found == nil {
		return Ref{}
	}
	found.done = true
	return Ref{found.m.chat.id, found.m.id}
}

// said tells whether m says or said the same as c.
func (m *message) said(c *Content) bool {
	place := func(k Kind) bool { return k == KindLocation || k == KindLiveLocation }
	as := func(v *Content) bool {
		return (v.Kind == c.Kind || place(v.Kind) && place(c.Kind)) && v.sameWords(c)
	}
	return as(m.c) || slices.ContainsFunc(m.past, as)
}
