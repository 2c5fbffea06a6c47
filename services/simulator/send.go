package simulator

import (
	"strings"
	"unicode/utf16"
)

// target is where a call sends: a chat, a topic of it, the message answered.
type target struct {
	chat    *chat
	thread  int64
	replyTo int64
	markup  string
	silent  bool
	protect bool
}

// target resolves and checks the destination of a sending call of n messages.
func (c *call) target(n int) (target, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return target{}, err
	}
	t := target{chat: ch, silent: c.p.bool("disable_notification"), protect: c.p.bool("protect_content")}
	if err := c.b.access(ch); err != nil {
		return t, err
	}
	if err := c.threadOf(&t); err != nil {
		return t, err
	}
	if err := c.replyOf(&t); err != nil {
		return t, err
	}
	if raw, ok := c.p.get("reply_markup"); ok && len(raw) > 0 && raw[0] == '{' {
		if m := parseObject(raw); len(m) == 1 && m[0].key == "inline_keyboard" {
			t.markup = string(raw)
		}
	}
	return t, c.s.spend(c, ch, n)
}

// threadOf resolves message_thread_id and refuses closed and vanished topics.
func (c *call) threadOf(t *target) *apiError {
	ch := t.chat
	id := c.p.int64("message_thread_id")
	mem := ch.members[c.b.u.id]
	if id == 0 {
		if ch.forum && ch.generalClosed && !mem.can(canManageTopics) {
			return badRequest("TOPIC_CLOSED")
		}
		return nil
	}
	if ch.kind == chatPrivate && c.b.topics {
		t.thread = id
		return nil
	}
	tp := ch.topics[id]
	switch {
	case tp == nil || !ch.forum:
		return badRequest(textThreadNotFound)
	case tp.deleted && c.s.cfg.DeletedTopic == TopicIgnored:
		return nil
	case tp.deleted:
		return c.s.goneTopic(tp)
	case tp.closed && !mem.can(canManageTopics) && tp.creator != c.b.u:
		return badRequest("TOPIC_CLOSED")
	}
	t.thread = id
	return nil
}

func (c *call) replyOf(t *target) *apiError {
	if m := strings.ToLower(c.method); m == "copymessages" || strings.HasPrefix(m, "forward") {
		return nil // these cannot answer anything
	}
	r := c.p.object("reply_parameters")
	id := r.int64("message_id")
	optional := r.bool("allow_sending_without_reply")
	if id == 0 {
		id = c.p.int64("reply_to_message_id")
		optional = optional || c.p.bool("allow_sending_without_reply")
	}
	if id == 0 {
		return nil
	}
	from := t.chat
	if raw, ok := r.get("chat_id"); ok && len(raw) > 0 {
		other, err := c.b.resolveChat(r, "chat_id")
		if err != nil {
			return err
		}
		from = other
	}
	switch {
	case from.find(id) == nil && !optional:
		return badRequest(textReplyNotFound)
	case from.find(id) != nil && from == t.chat:
		t.replyTo = id
	}
	return nil
}

// textLength counts as Telegram does, in UTF-16 code units.
func textLength(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func (c *call) text(key string, limit int, empty, long string) (Content, *apiError) {
	raw := c.p.str(key)
	text, entities, err := parseEntities(raw, c.p.str("parse_mode"))
	if err != nil {
		return Content{}, err
	}
	if strings.TrimSpace(text) == "" && empty != "" {
		return Content{}, badRequest(empty)
	}
	if textLength(text) > limit {
		return Content{}, badRequest(long)
	}
	if entities == "" {
		name := "entities"
		if key == "caption" {
			name = "caption_entities"
		}
		if v, ok := c.p.get(name); ok && len(v) > 2 && v[0] == '[' {
			entities = string(v)
		}
	}
	return Content{Text: text, entities: entities}, nil
}

// emit sends content to t as the bot.
func (c *call) emit(t target, content Content, src Ref, album uint64) *message {
	return c.s.put(post{chat: t.chat, from: c.b.u, bot: c.b, c: &content, thread: t.thread, replyTo: t.replyTo,
		src: src, album: album, markup: t.markup, silent: t.silent, protected: t.protect})
}

func (c *call) result(m *message) []byte {
	return m.append(make([]byte, 0, 768), c.b, true)
}

func sendMessage(c *call) ([]byte, *apiError) {
	content, err := c.text("text", 4096, "message text is empty", "message is too long")
	if err != nil {
		return nil, err
	}
	t, err := c.target(1)
	if err != nil {
		return nil, err
	}
	content.Kind = KindText
	return c.result(c.emit(t, content, Ref{}, 0)), nil
}
