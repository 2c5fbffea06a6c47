package simulator

import "slices"

// own resolves the message that an editing call names.
func (c *call) own(what string) (*message, *apiError) {
	if c.p.str("inline_message_id") != "" {
		return nil, badRequest("inline message not found")
	}
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	m := ch.find(c.p.int64("message_id"))
	if m == nil {
		return nil, badRequest("message to " + what + " not found")
	}
	return m, nil
}

// edit applies change to a message of the bot.
func (c *call) edit(change func(m *message, content *Content) *apiError) ([]byte, *apiError) {
	m, err := c.own("edit")
	if err != nil {
		return nil, err
	}
	if m.from != c.b.u || m.c.Kind == KindService || m.fwd {
		return nil, badRequest("message can't be edited")
	}
	content := *m.c
	if err := change(m, &content); err != nil {
		return nil, err
	}
	markup := ""
	if raw, ok := c.p.get("reply_markup"); ok && len(raw) > 2 && string(raw) != `{"inline_keyboard":[]}` {
		markup = string(raw)
	}
	if content.same(m.c) && markup == m.markup {
		return nil, badRequest(textNotModified)
	}
	if err := c.s.spend(c, m.chat, 1); err != nil {
		return nil, err
	}
	was := m.c.Text
	m.markup = markup
	c.s.change(m, &content)
	c.s.reworded(m, was)
	c.s.overheard(m)
	c.s.emitMessage(EventMessageEdited, m, c.b.u.name())
	return c.result(m), nil
}

func editMessageText(c *call) ([]byte, *apiError) {
	text, err := c.text("text", 4096, "message text is empty", "message is too long")
	if err != nil {
		return nil, err
	}
	return c.edit(func(m *message, content *Content) *apiError {
		if m.c.Kind != KindText {
			return badRequest("there is no text in the message to edit")
		}
		content.Text, content.entities = text.Text, text.entities
		return nil
	})
}

func editMessageCaption(c *call) ([]byte, *apiError) {
	text, err := c.text("caption", 1024, "", "message caption is too long")
	if err != nil {
		return nil, err
	}
	return c.edit(func(m *message, content *Content) *apiError {
		if !m.c.captioned() {
			return badRequest("there is no caption in the message to edit")
		}
		content.Text, content.entities = text.Text, text.entities
		return nil
	})
}

func editMessageMedia(c *call) ([]byte, *apiError) {
	media := c.p.object("media")
	content, _, err := c.fileID(Kind(media.str("type")), media.str("media"))
	if err != nil {
		return nil, err
	}
	content.Text = media.str("caption")
	if v, ok := media.get("caption_entities"); ok {
		content.entities = string(v)
	}
	return c.edit(func(m *message, out *Content) *apiError {
		if !slices.Contains(append(albumKinds(m), KindText), m.c.Kind) {
			return badRequest("there is no media in the message to edit")
		}
		if !slices.Contains(albumKinds(m), content.Kind) {
			return badRequest("message can't be edited")
		}
		*out = content
		return nil
	})
}

// albumKinds are the kinds that m may have after an edit of its media: those of
// its album, if it is in one.
func albumKinds(m *message) []Kind {
	switch {
	case m.album == 0:
		return []Kind{KindAnimation, KindAudio, KindDocument, KindPhoto, KindVideo}
	case m.c.Kind == KindAudio || m.c.Kind == KindDocument:
		return []Kind{m.c.Kind}
	}
	return []Kind{KindPhoto, KindVideo}
}

const maxPast = 32 // contents that a message remembers of before its edits

// change gives m other content, and remembers what it said before.
func (s *Server) change(m *message, content *Content) {
	if !content.sameFile(m.c) {
		m.files++
	}
	if m.past = append(m.past, m.c); len(m.past) > maxPast {
		m.past = slices.Clone(m.past[1:])
	}
	m.c = content
	m.edits++
	m.editSeq = s.seq
	m.editDate = s.clock.Now().Unix()
}

func editMessageReplyMarkup(c *call) ([]byte, *apiError) {
	return c.edit(func(*message, *Content) *apiError { return nil })
}
