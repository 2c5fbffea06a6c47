package simulator

func pinChatMessage(c *call) ([]byte, *apiError) {
	m, err := c.pinnable()
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, badRequest("message to pin not found")
	}
	if m.pinned {
		return []byte("true"), nil
	}
	if err := c.s.spend(c, m.chat, 1); err != nil {
		return nil, err
	}
	m.pinned = true
	content := Service("pinned_message", string(m.append(nil, c.b, false)))
	c.s.put(post{chat: m.chat, from: c.b.u, bot: c.b, c: &content, thread: m.thread, replyTo: m.id})
	return []byte("true"), nil
}

func unpinChatMessage(c *call) ([]byte, *apiError) {
	m, err := c.pinnable()
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, badRequest("message to unpin not found")
	}
	m.pinned = false
	return []byte("true"), nil
}

func (c *call) pinnable() (*message, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	if ch.group() && !ch.members[c.b.u.id].can(canPin) {
		return nil, badRequest("not enough rights to manage pinned messages in the chat")
	}
	return ch.find(c.p.int64("message_id")), nil
}
