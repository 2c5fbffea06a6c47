package simulator

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Topic is a picture of a forum topic.
type Topic struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	IconColor int    `json:"icon_color"`
	IconEmoji string `json:"icon_emoji,omitempty"`
	Closed    bool   `json:"closed,omitempty"`
	Deleted   bool   `json:"deleted,omitempty"`
	// Messages is how many were ever posted, service messages included.
	Messages int `json:"messages"`
	// Creator is the user who made it.
	Creator int64 `json:"creator"`
}

type topic struct {
	id, color int64
	name      string
	emoji     string
	closed    bool
	deleted   bool
	creator   *user
	messages  int
	root      *message
	rootJSON  []byte
	deletedAt time.Time
}

func (t *topic) view() Topic {
	return Topic{t.id, t.name, int(t.color), t.emoji, t.closed, t.deleted, t.messages, t.creator.id}
}

const maxTopicName = 128

func cleanName(name string) string {
	if utf8.RuneCountInString(name) <= maxTopicName {
		return name
	}
	return string([]rune(name)[:maxTopicName])
}

func iconColors() []int64 {
	return []int64{7322096, 16766590, 13338331, 9367192, 16749490, 16478047}
}

// created is the value of forum_topic_created.
func (t *topic) created() string {
	b := appendString([]byte(`{"name":`), t.name)
	b = appendIntField(b, "icon_color", t.color)
	if t.emoji != "" {
		b = appendField(b, "icon_custom_emoji_id", t.emoji)
	}
	return string(append(b, '}'))
}

// newTopic makes a topic of by, announced in the name of as.
func (s *Server) newTopic(c *chat, by *user, as post, name, emoji string, color int64) *topic {
	if !slices.Contains(iconColors(), color) {
		color = iconColors()[s.rng.IntN(6)]
	}
	t := &topic{name: name, emoji: emoji, color: color, creator: by}
	// the topic's id is that of the message that makes it, so the root is made
	// before it is put in its topic
	t.id = c.lastID + 1
	c.topics[t.id] = t
	c.topicOrder = append(c.topicOrder, t)
	t.root = &message{id: t.id, chat: c, from: by, thread: t.id, c: &Content{Kind: KindService}}
	content := Service("forum_topic_created", t.created())
	as.chat, as.c, as.thread = c, &content, t.id
	t.root = s.put(as)
	t.rootJSON = nil
	s.emit(Event{Kind: EventTopicCreated, Chat: c.id, Topic: t.id, TopicName: name, Text: name, Who: by.name(), ID: t.id})
	return t
}

func (s *Server) topicService(c *chat, t *topic, as post, kind EventKind, field, value string) {
	content := Service(field, value)
	as.chat, as.c, as.thread = c, &content, t.id
	m := s.put(as)
	s.emit(Event{Kind: kind, Chat: c.id, Topic: t.id, TopicName: t.name, Text: t.name, Who: as.from.name(), ID: m.id})
}

func (s *Server) setClosed(c *chat, t *topic, closed bool, as post) {
	t.closed = closed
	if closed {
		s.topicService(c, t, as, EventTopicClosed, "forum_topic_closed", "{}")
	} else {
		s.topicService(c, t, as, EventTopicReopened, "forum_topic_reopened", "{}")
	}
}

// retitle changes the name and the icon. The service message has what changed;
// it tells whether anything did.
func (s *Server) retitle(c *chat, t *topic, name, emoji string, as post) bool {
	b := []byte{'{'}
	if name != t.name {
		b = appendString(append(b, `"name":`...), name)
	}
	if emoji != t.emoji {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendString(append(b, `"icon_custom_emoji_id":`...), emoji)
	}
	if len(b) == 1 {
		return false
	}
	t.name, t.emoji = name, emoji
	s.topicService(c, t, as, EventTopicRenamed, "forum_topic_edited", string(append(b, '}')))
	return true
}

func (s *Server) removeTopic(c *chat, t *topic, by *user) {
	t.deleted, t.deletedAt = true, s.clock.Now()
	for _, m := range c.log {
		if m.thread == t.id {
			m.deleted = true
		}
	}
	t.root.deleted = true
	s.emit(Event{Kind: EventTopicDeleted, Chat: c.id, Topic: t.id, TopicName: t.name, Text: t.name, Who: by.name()})
}

// forumChat resolves the chat of a topic method and checks the bot's right.
func (c *call) forumChat(right func(Rights) bool, refusal string) (*chat, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if ch.kind == chatPrivate || !ch.forum {
		return nil, badRequest("the chat is not a forum")
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	if right != nil && !ch.members[c.b.u.id].can(right) {
		return nil, badRequest(refusal)
	}
	return ch, c.s.spend(c, ch, 1)
}

// forumTopic is forumChat with the topic; its creator may do without the right.
func (c *call) forumTopic(right func(Rights) bool, refusal string) (*chat, *topic, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, nil, err
	}
	if ch.kind == chatPrivate {
		return nil, nil, badRequest("the chat is not a supergroup forum")
	}
	if !ch.forum {
		return nil, nil, badRequest("the chat is not a forum")
	}
	if err := c.b.access(ch); err != nil {
		return nil, nil, err
	}
	t := ch.topics[c.p.int64("message_thread_id")]
	if t == nil || t.deleted {
		return nil, nil, c.s.goneTopic(t)
	}
	if !ch.members[c.b.u.id].can(right) && (t.creator != c.b.u || refusal == "not enough rights to delete the topic") {
		return nil, nil, badRequest(refusal)
	}
	return ch, t, c.s.spend(c, ch, 1)
}

func (s *Server) goneTopic(t *topic) *apiError {
	if t != nil && s.cfg.DeletedTopic == TopicDeleted {
		return badRequest("TOPIC_DELETED")
	}
	return badRequest(textThreadNotFound)
}

// as is a post in the bot's name.
func (c *call) as() post { return post{from: c.b.u, bot: c.b} }

func createForumTopic(c *call) ([]byte, *apiError) {
	ch, err := c.forumChat(canManageTopics, "not enough rights to create a topic")
	if err != nil {
		return nil, err
	}
	name := cleanName(c.p.str("name"))
	if name == "" {
		return nil, badRequest("name must be non-empty")
	}
	t := c.s.newTopic(ch, c.b.u, c.as(), name, c.p.str("icon_custom_emoji_id"), c.p.int64("icon_color"))
	b := strconv.AppendInt([]byte(`{"message_thread_id":`), t.id, 10)
	return append(append(append(b, ','), t.created()[1:]...), ""...), nil
}

func editForumTopic(c *call) ([]byte, *apiError) {
	ch, t, err := c.forumTopic(canManageTopics, "not enough rights to edit the topic")
	if err != nil {
		return nil, err
	}
	name, emoji := cleanName(c.p.str("name")), t.emoji
	if name == "" {
		name = t.name
	}
	if v, ok := c.p.get("icon_custom_emoji_id"); ok {
		emoji = string(v)
	}
	if !c.s.retitle(ch, t, name, emoji, c.as()) {
		return nil, badRequest("TOPIC_NOT_MODIFIED")
	}
	return []byte("true"), nil
}

func closeForumTopic(c *call) ([]byte, *apiError)  { return toggleTopic(c, true) }
func reopenForumTopic(c *call) ([]byte, *apiError) { return toggleTopic(c, false) }

func toggleTopic(c *call, closed bool) ([]byte, *apiError) {
	ch, t, err := c.forumTopic(canManageTopics, "not enough rights to close or open the topic")
	if err != nil {
		return nil, err
	}
	if t.closed == closed {
		return nil, badRequest("TOPIC_NOT_MODIFIED")
	}
	c.s.setClosed(ch, t, closed, c.as())
	return []byte("true"), nil
}

func deleteForumTopic(c *call) ([]byte, *apiError) {
	ch, t, err := c.forumTopic(canDelete, "not enough rights to delete the topic")
	if err != nil {
		return nil, err
	}
	c.s.removeTopic(ch, t, c.b.u)
	return []byte("true"), nil
}

func closeGeneralForumTopic(c *call) ([]byte, *apiError)  { return toggleGeneral(c, true) }
func reopenGeneralForumTopic(c *call) ([]byte, *apiError) { return toggleGeneral(c, false) }

func toggleGeneral(c *call, closed bool) ([]byte, *apiError) {
	ch, err := c.forumChat(canManageTopics, "not enough rights to close or open the topic")
	if err != nil {
		return nil, err
	}
	if ch.generalClosed == closed {
		return nil, badRequest("TOPIC_NOT_MODIFIED")
	}
	ch.generalClosed = closed
	return []byte("true"), nil
}

func getForumTopicIconStickers(*call) ([]byte, *apiError) {
	b := []byte{'['}
	for i, e := range []string{"📰", "💡", "⚡️", "🎙", "🔝", "🗣", "🆒", "❗️", "📝", "❓"} {
		if i > 0 {
			b = append(b, ',')
		}
		id := strconv.Itoa(5312536423851630001 + i)
		b = appendString(append(b, `{"file_id":`...), "CAAC"+id)
		b = appendField(appendField(b, "file_unique_id", "AgADs"+id), "type", "custom_emoji")
		b = append(b, `,"width":100,"height":100,"is_animated":true,"is_video":false,"needs_repainting":false`...)
		b = append(appendField(appendField(b, "emoji", e), "custom_emoji_id", id), '}')
	}
	return append(b, ']'), nil
}
