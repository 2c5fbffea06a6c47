package simulator

import (
	"strconv"
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

// sendMedia serves the send… methods whose media are in the argument of the
// kind's name.
func sendMedia(kind Kind) handler {
	return func(c *call) ([]byte, *apiError) {
		caption, err := c.text("caption", 1024, "", "message caption is too long")
		if err != nil {
			return nil, err
		}
		content, src, err := c.media(kind, string(kind), c.p)
		if err != nil {
			return nil, err
		}
		content.Text, content.entities = caption.Text, caption.entities
		t, err := c.target(1)
		if err != nil {
			return nil, err
		}
		return c.result(c.emit(t, content, src, 0)), nil
	}
}

// media makes the content of an uploaded file, a URL or a file id. A file id
// leads back to the message it came with.
func (c *call) media(kind Kind, key string, p params) (Content, Ref, *apiError) {
	for i := range p {
		if p[i].key != key {
			continue
		}
		if p[i].file != "" {
			return Content{Kind: kind, name: p[i].file}, Ref{}, nil
		}
		return c.fileID(kind, string(p[i].val))
	}
	return Content{}, Ref{}, badRequest("there is no " + string(kind) + " in the request")
}

func (c *call) fileID(kind Kind, val string) (Content, Ref, *apiError) {
	if strings.HasPrefix(val, "http://") || strings.HasPrefix(val, "https://") {
		return Content{Kind: kind, name: val[strings.LastIndexByte(val, '/')+1:]}, Ref{}, nil
	}
	if strings.HasPrefix(val, "attach://") {
		return Content{Kind: kind, name: strings.TrimPrefix(val, "attach://")}, Ref{}, nil
	}
	got, key, ok := decodeFileID(val)
	if !ok || key.bot != c.b.u.id {
		return Content{}, Ref{}, badRequest("wrong file identifier/HTTP URL specified")
	}
	if got != kind {
		return Content{}, Ref{}, badRequest("type of file mismatch")
	}
	content := Content{Kind: kind}
	src := Ref{key.chat, key.id}
	if m := c.s.lookupFor(c.b, src); m != nil {
		content.name = m.c.name
	}
	return content, src, nil
}

// lookupFor finds a message that b can see.
func (s *Server) lookupFor(b *Bot, r Ref) *message {
	if c := b.chats[r.Chat]; c != nil {
		return c.find(r.ID)
	}
	if c := s.chats[r.Chat]; c != nil {
		return c.find(r.ID)
	}
	return nil
}

func sendMediaGroup(c *call) ([]byte, *apiError) {
	items := c.p.array("media")
	if len(items) < 2 || len(items) > 10 {
		return nil, badRequest("wrong number of media in the album: expected 2-10")
	}
	t, err := c.target(len(items))
	if err != nil {
		return nil, err
	}
	type part struct {
		content Content
		src     Ref
	}
	var parts []part
	for _, raw := range items {
		p := parseObject(raw)
		content, src, err := c.fileID(Kind(p.str("type")), p.str("media"))
		if err != nil {
			return nil, err
		}
		content.Text = p.str("caption")
		parts = append(parts, part{content, src})
	}
	album, b := c.s.albumID(), []byte{'['}
	for i, p := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c.result(c.emit(t, p.content, p.src, album))...)
	}
	return append(b, ']'), nil
}

func (s *Server) albumID() uint64 {
	s.album++
	return 13_500_000_000_000_000 + s.album
}

// sendOther serves the kinds whose arguments are plain values.
func sendOther(kind Kind) handler {
	return func(c *call) ([]byte, *apiError) {
		content, err := c.plain(kind)
		if err != nil {
			return nil, err
		}
		t, err := c.target(1)
		if err != nil {
			return nil, err
		}
		return c.result(c.emit(t, content, Ref{}, 0)), nil
	}
}

func (c *call) plain(kind Kind) (Content, *apiError) {
	lat, _ := strconv.ParseFloat(c.p.str("latitude"), 64)
	lon, _ := strconv.ParseFloat(c.p.str("longitude"), 64)
	content := Content{Kind: kind, lat: lat, lon: lon}
	switch kind {
	case KindContact:
		content.extra, content.name = c.p.str("phone_number"), c.p.str("first_name")
		if content.extra == "" {
			return content, badRequest("phone number must be non-empty")
		}
	case KindVenue:
		content.name, content.extra = c.p.str("title"), c.p.str("address")
	case KindDice:
		if content.name = c.p.str("emoji"); content.name == "" {
			content.name = "🎲"
		}
	case KindPoll:
		content.name = c.p.str("question")
		for _, raw := range c.p.array("options") {
			if raw[0] == '"' {
				content.options = append(content.options, string(scalar(raw)))
			} else {
				content.options = append(content.options, parseObject(raw).str("text"))
			}
		}
		if len(content.options) == 0 {
			return content, badRequest("poll must have at least 1 option")
		}
	case KindGame:
		content.name = c.p.str("game_short_name")
	case KindInvoice, KindChecklist:
		content.name = c.p.str("title")
	case KindLocation:
		if c.p.int64("live_period") > 0 {
			content.Kind = KindLiveLocation
		}
	}
	return content, nil
}

func sendChatAction(c *call) ([]byte, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	// a vanished topic goes unnoticed here, as at Telegram
	if err := c.s.limits.typing(c, ch, c.s.clock.Now()); err != nil {
		return nil, err
	}
	return []byte("true"), nil
}
