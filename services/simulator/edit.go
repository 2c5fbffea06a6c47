package simulator

import (
	"strings"
	"time"
)

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
	same := content.Text == m.c.Text && content.entities == m.c.entities && content.Kind == m.c.Kind && content.name == m.c.name
	if same && markup == m.markup {
		return nil, badRequest(textNotModified)
	}
	if err := c.s.spend(c, m.chat, 1); err != nil {
		return nil, err
	}
	m.c, m.markup = &content, markup
	m.edits++
	m.editDate = c.s.clock.Now().Unix()
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
		if m.c.Kind == KindText {
			return badRequest("there is no media in the message to edit")
		}
		*out = content
		return nil
	})
}

func editMessageReplyMarkup(c *call) ([]byte, *apiError) {
	return c.edit(func(*message, *Content) *apiError { return nil })
}

const deletable = 48 * time.Hour

func deleteMessage(c *call) ([]byte, *apiError) {
	m, err := c.own("delete")
	if err != nil {
		return nil, err
	}
	if !c.mayDelete(m) {
		return nil, badRequest("message can't be deleted")
	}
	c.s.remove(m, c.b.u.name())
	return []byte("true"), nil
}

func (c *call) mayDelete(m *message) bool {
	if t := m.chat.topics[m.id]; t != nil {
		return false
	}
	mem := m.chat.members[c.b.u.id]
	if m.chat.kind == chatSuper && mem.can(canDelete) {
		return true
	}
	if m.from != c.b.u && m.chat.group() && !mem.can(canDelete) {
		return false
	}
	return c.s.clock.Now().Sub(time.Unix(m.date, 0)) < deletable
}

func (s *Server) remove(m *message, who string) {
	m.deleted = true
	s.emitMessage(EventMessageDeleted, m, who)
}

func deleteMessages(c *call) ([]byte, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	ids, ok := c.p.ints("message_ids")
	if !ok || len(ids) == 0 {
		return nil, badRequest("message identifiers are not specified")
	}
	if len(ids) > 100 {
		return nil, badRequest("too many message identifiers specified")
	}
	for _, id := range ids { // what cannot be found or deleted is skipped
		if m := ch.find(id); m != nil && c.mayDelete(m) {
			c.s.remove(m, c.b.u.name())
		}
	}
	return []byte("true"), nil
}

// reactions that bots may set.
const reactions = "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"

func setMessageReaction(c *call) ([]byte, *apiError) {
	m, err := c.own("react")
	if err != nil {
		return nil, err
	}
	list := c.p.array("reaction")
	if len(list) > 1 {
		return nil, badRequest("REACTIONS_TOO_MANY")
	}
	emoji := ""
	if len(list) == 1 {
		r := parseObject(list[0])
		if emoji = r.str("emoji"); r.str("type") != "emoji" || !knownReaction(emoji) {
			return nil, badRequest("REACTION_INVALID")
		}
	}
	m.reaction = emoji
	e := Event{Kind: EventReaction, Chat: m.chat.id, Topic: m.thread, ID: m.id, Text: emoji, Who: c.b.u.name()}
	c.s.emit(e)
	return []byte("true"), nil
}

func knownReaction(emoji string) bool {
	emoji = strings.TrimSuffix(emoji, "\ufe0f")
	for r := range strings.FieldsSeq(reactions) {
		if r == emoji {
			return true
		}
	}
	return false
}

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
