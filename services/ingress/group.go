package ingress

import (
	"strconv"
	"time"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func (l *lens) groupMessage(m object, chat int64, r *reading, now time.Time) {
	thread, edit := m.int("message_thread_id"), r.kind == typeEdit
	if service := topicService(m); service != eventv1.TopicService_TYPE_UNSPECIFIED && !edit {
		l.topicMessage(m, chat, thread, service, r, now)
		return
	}
	if !m.bool("is_topic_message") || thread <= generalThread {
		r.result = resultGeneral
		return
	}
	actor, ok := l.actor(m)
	kind, silent := kindOf(m)
	said, command := parser{known: l.commands, username: l.username}.parse(words(m))
	switch {
	case actor == nil && !ok:
		return
	case actor == nil:
		r.result = resultBot
		return
	case silent || kind == eventv1.Kind_KIND_SERVICE:
		r.result = resultService
		return
	case said == speechElsewhere && !edit:
		r.result = resultOtherBot
		return
	}
	r.at(chat, thread)
	if edit {
		r.edit(m, chat, now)
		// What must not be sent is not handed out either, and does not take the place of what may be.
		r.holds = said == speechMessage
		r.fact.Body = &eventv1.Fact_GroupEdit{GroupEdit: &eventv1.GroupEdit{
			Chat: chat, Thread: thread, Message: m.int("message_id"), Actor: actor, Kind: editedKind(kind), Slash: said != speechMessage,
		}}
		return
	}
	r.holds = said == speechMessage && transient(m, kind)
	r.fact = &eventv1.Fact{
		Cause: cause(eventv1.Cause_KIND_MESSAGE, chat, m), At: dateOf(m, "date", now),
		Body: &eventv1.Fact_GroupMessage{GroupMessage: &eventv1.GroupMessage{
			Chat: chat, Thread: thread, Message: m.int("message_id"), Actor: actor, Kind: kind,
			Album: m.clipped("media_group_id", longestAlbum), ReplyTo: explicitReply(m, chat),
			Comment: said == speechComment, Command: command,
		}},
	}
}

// migration says which group became which, 0 when the message does not tell of it. It comes twice: from the old group and from
// the new one.
func migration(m object, chat int64) (from, to int64) {
	if to := m.int("migrate_to_chat_id"); to != 0 {
		return chat, to
	}
	if from := m.int("migrate_from_chat_id"); from != 0 {
		return from, chat
	}
	return 0, 0
}

func (l *lens) groupMigration(m object, from, to int64, r *reading, now time.Time) {
	if to >= 0 || to == from || r.kind == typeEdit {
		return
	}
	r.at(from, 0)
	r.fact = &eventv1.Fact{
		Cause: &eventv1.Cause{Kind: eventv1.Cause_KIND_MIGRATION, Chat: from, Key: strconv.FormatInt(to, 10)},
		At:    dateOf(m, "date", now),
		Body:  &eventv1.Fact_GroupMigration{GroupMigration: &eventv1.GroupMigration{From: from, To: to}},
	}
}

// actor says who wrote in the group: nil and true for a bot, nil and false when nobody is named. Who writes in the name of
// the group or of a channel is a person without an identity.
func (l *lens) actor(m object) (*eventv1.Actor, bool) {
	from, known := m.object("from")
	id := from.int("id")
	sender, named := m.object("sender_chat")
	switch {
	case m.bool("is_automatic_forward"):
		return nil, true
	case id == groupAnonymousBot || named && sender.int("id") != 0:
		return &eventv1.Actor{Type: eventv1.Actor_TYPE_ANONYMOUS}, true
	case !known || id == 0:
		return nil, false
	case from.bool("is_bot") || id == l.bot:
		return nil, true
	}
	return &eventv1.Actor{Type: eventv1.Actor_TYPE_OPERATOR, User: id}, true
}

// explicitReply is the message of the same chat that somebody answers. It leaves out the reply to its root that every message of
// a topic carries, also of one in a private chat.
func explicitReply(m object, chat int64) int64 {
	reply, ok := m.object("reply_to_message")
	if !ok || reply.has("forum_topic_created") || m.bool("is_topic_message") && reply.int("message_id") == m.int("message_thread_id") {
		return 0
	}
	if there, named := reply.object("chat"); named && there.int("id") != chat {
		return 0
	}
	return max(0, reply.int("message_id"))
}

func topicService(m object) eventv1.TopicService_Type {
	for _, s := range [...]struct {
		field string
		kind  eventv1.TopicService_Type
	}{
		{"forum_topic_created", eventv1.TopicService_TYPE_CREATED},
		{"forum_topic_edited", eventv1.TopicService_TYPE_EDITED},
		{"forum_topic_closed", eventv1.TopicService_TYPE_CLOSED},
		{"forum_topic_reopened", eventv1.TopicService_TYPE_REOPENED},
	} {
		if m.has(s.field) {
			return s.kind
		}
	}
	return eventv1.TopicService_TYPE_UNSPECIFIED
}

func (l *lens) topicMessage(m object, chat, thread int64, service eventv1.TopicService_Type, r *reading, now time.Time) {
	if thread == 0 && service == eventv1.TopicService_TYPE_CREATED {
		thread = m.int("message_id") // a topic's id is its first message's
	}
	if thread <= generalThread {
		r.result = resultGeneral
		return
	}
	from, _ := m.object("from")
	own := from.int("id") == l.bot && l.bot != 0
	if own && service != eventv1.TopicService_TYPE_CREATED {
		r.result = resultService // relay's own renaming, closing and reopening asks nobody to decide
		return
	}
	r.at(chat, thread)
	r.rename = l.renamed(m, thread)
	r.fact = &eventv1.Fact{
		Cause: cause(eventv1.Cause_KIND_TOPIC, chat, m), At: dateOf(m, "date", now),
		Body: &eventv1.Fact_TopicService{TopicService: &eventv1.TopicService{
			Chat: chat, Thread: thread, Message: m.int("message_id"), Type: service, Own: own,
		}},
	}
}
