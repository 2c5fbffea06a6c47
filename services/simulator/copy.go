package simulator

import (
	"strconv"
)

// source resolves the message that a copy or forward names.
func (c *call) sourceChat() (*chat, *apiError) {
	ch, err := c.b.resolveChat(c.p, "from_chat_id")
	if err != nil {
		if old := c.s.chats[c.p.int64("from_chat_id")]; old != nil && err.migrate != 0 {
			old.refuseAll(c) // what is left behind is copied no more
		}
		return nil, err
	}
	if ch.group() {
		if err := c.b.access(ch); err != nil {
			return nil, err
		}
	}
	return ch, nil
}

// refuseAll records that Telegram would not copy what c names.
func (ch *chat) refuseAll(c *call) {
	ids, _ := c.p.ints("message_ids") //nolint:errcheck // none is none
	for _, id := range append(ids, c.p.int64("message_id")) {
		ch.refuseCopy(id)
	}
}

func copyMessage(c *call) ([]byte, *apiError) {
	from, err := c.sourceChat()
	if err != nil {
		return nil, err
	}
	id := c.p.int64("message_id")
	c.copied(from, id)
	t, err := c.target(1)
	if err != nil {
		return nil, c.failedCopy(from, id, err)
	}
	m := from.find(id)
	if m == nil {
		return nil, c.failedCopy(from, id, badRequest("message to copy not found"))
	}
	if m.refused() || m.c.alone && t.replyTo != 0 && t.replyTo != t.thread {
		return nil, c.failedCopy(from, id, badRequest("the message can't be copied"))
	}
	content := m.c.copied()
	if _, ok := c.p.get("caption"); ok && content.captioned() {
		caption, err := c.text("caption", 1024, "", "message caption is too long")
		if err != nil {
			return nil, c.failedCopy(from, id, err)
		}
		changed := *content
		changed.Text, changed.entities = caption.Text, caption.entities
		content = &changed
	}
	out := c.copyTo(t, m, content, 0, false)
	return appendMessageID(nil, out.id), nil
}

// copyTo puts a copy of m into t; fwd keeps the author.
func (c *call) copyTo(t target, m *message, content *Content, album uint64, fwd bool) *message {
	return c.s.put(post{chat: t.chat, from: c.b.u, bot: c.b, c: content, thread: t.thread, replyTo: t.replyTo,
		src: Ref{m.chat.id, m.id}, album: album, fwd: fwd, markup: t.markup, silent: t.silent, protected: t.protect})
}

// copied tells the load that a copy of the message was asked for.
func (c *call) copied(from *chat, id int64) {
	if c.s.load != nil {
		c.s.load.copied(from, id)
	}
}

// failedCopy remembers a final refusal: the checker accepts a missing copy only
// where Telegram refused one.
func (c *call) failedCopy(from *chat, id int64, err *apiError) *apiError {
	if err.code != 429 && err.code < 500 {
		from.refuseCopy(id)
		c.s.refusedCopy(from.find(id))
	}
	return err
}

func appendMessageID(b []byte, id int64) []byte {
	return append(strconv.AppendInt(append(b, `{"message_id":`...), id, 10), '}')
}

// batch is the work of copyMessages and forwardMessages.
func (c *call) batch(fwd bool) ([]byte, *apiError) {
	ids, ok := c.p.ints("message_ids")
	if !ok {
		return nil, badRequest("can't parse message identifiers JSON array")
	}
	switch {
	case len(ids) == 0:
		return nil, badRequest("message identifiers are not specified")
	case len(ids) > 100:
		return nil, badRequest("too many message identifiers specified")
	}
	for i := 1; i < len(ids); i++ {
		if ids[i] <= ids[i-1] {
			return nil, badRequest("message identifiers must be in a strictly increasing order")
		}
	}
	from, err := c.sourceChat()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		c.copied(from, id)
	}
	t, err := c.target(len(ids))
	if err == nil {
		var out []byte
		if out, err = c.copyBatch(t, from, ids, fwd); err == nil {
			return out, nil
		}
	}
	for _, id := range ids {
		c.failedCopy(from, id, err)
	}
	return nil, err
}

func (c *call) copyBatch(t target, from *chat, ids []int64, fwd bool) ([]byte, *apiError) {
	var msgs []*message
	found := 0
	for _, id := range ids {
		m := from.find(id)
		if m == nil {
			from.refuseCopy(id)
			continue
		}
		if found++; !m.forwardable(fwd) {
			from.refuseCopy(id)
			c.s.refusedCopy(m)
			continue
		}
		msgs = append(msgs, m)
	}
	switch {
	case found == 0:
		return nil, badRequest("there are no messages to forward")
	case len(msgs) == 0:
		return nil, badRequest("messages can't be forwarded")
	}
	stop := len(msgs)
	if f := c.s.faults.partial(c); f != nil && f.Nth <= len(msgs) {
		stop = max(f.Nth, 1) - 1
	}
	out := c.copyAll(t, msgs[:stop], fwd)
	if stop < len(msgs) {
		return nil, badRequest("Failed to send message #" + strconv.Itoa(stop+1) + ` with the error message "Internal Server Error"`)
	}
	return out, nil
}

// copyAll copies msgs, with every run of one album as an album.
func (c *call) copyAll(t target, msgs []*message, fwd bool) []byte {
	b := []byte{'['}
	var album uint64
	for i, m := range msgs {
		same := func(j int) bool { return j >= 0 && j < len(msgs) && m.album != 0 && msgs[j].album == m.album }
		switch {
		case same(i - 1): // goes on
		case same(i + 1):
			album = c.s.albumID()
		default:
			album = 0
		}
		content := m.c
		if !fwd {
			if content = m.c.copied(); c.p.bool("remove_caption") && content.captioned() {
				bare := *content
				bare.Text, bare.entities = "", ""
				content = &bare
			}
		}
		out := c.copyTo(t, m, content, album, fwd)
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMessageID(b, out.id)
	}
	return append(b, ']')
}

func (m *message) forwardable(fwd bool) bool {
	if !fwd {
		return !m.refused()
	}
	return m.c.Kind != KindService && m.c.Kind != KindSelfDestruct && m.c.Kind != KindUnsupported &&
		!m.protected && !m.chat.protected
}

func copyMessages(c *call) ([]byte, *apiError)    { return c.batch(false) }
func forwardMessages(c *call) ([]byte, *apiError) { return c.batch(true) }

func forwardMessage(c *call) ([]byte, *apiError) {
	from, err := c.sourceChat()
	if err != nil {
		return nil, err
	}
	id := c.p.int64("message_id")
	c.copied(from, id)
	t, err := c.target(1)
	if err != nil {
		return nil, c.failedCopy(from, id, err)
	}
	m := from.find(id)
	switch {
	case m == nil:
		return nil, c.failedCopy(from, id, badRequest("message to forward not found"))
	case m.protected || m.chat.protected:
		return nil, c.failedCopy(from, id, badRequest("message has protected content and can't be forwarded"))
	case !m.forwardable(true):
		return nil, c.failedCopy(from, id, badRequest("the message can't be forwarded"))
	}
	return c.result(c.copyTo(t, m, m.c, 0, true)), nil
}
