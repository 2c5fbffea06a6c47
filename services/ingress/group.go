package ingress

import (
	"time"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func (l *lens) groupMessage(m object, r *reading, now time.Time) {
	thread := m.int("message_thread_id")
	if service := topicService(m); service != eventv1.TopicService_TYPE_UNSPECIFIED {
		l.topicMessage(m, thread, service, r, now)
		return
	}
	if to := m.int("migrate_to_chat_id"); to != 0 {
		l.migration(m, to, r, now)
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
	case said == speechElsewhere:
		r.result = resultOtherBot
		return
	}
	r.at(l.group, thread)
	r.keep = moves(m, kind)
	r.fact = &eventv1.Fact{
		Cause: cause(eventv1.Cause_KIND_MESSAGE, l.group, m), At: dateOf(m, now),
		Body: &eventv1.Fact_GroupMessage{GroupMessage: &eventv1.GroupMessage{
			Chat: l.group, Thread: thread, Message: m.int("message_id"), Actor: actor, Kind: kind,
			Album: m.clipped("media_group_id", longestAlbum), ReplyTo: explicitReply(m, thread),
			Comment: said == speechComment, Command: command,
		}},
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

// explicitReply leaves out the reply to its root that every message of a topic carries.
func explicitReply(m object, thread int64) int64 {
	reply, ok := m.object("reply_to_message")
	if !ok || reply.int("message_id") == thread || reply.has("forum_topic_created") {
		return 0
	}
	return reply.int("message_id")
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

func (l *lens) topicMessage(m object, thread int64, service eventv1.TopicService_Type, r *reading, now time.Time) {
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
	if service == eventv1.TopicService_TYPE_EDITED {
		if r.named = namingOf(m, thread); r.named == nil {
			r.result = resultService // another icon
			return
		}
	}
	r.at(l.group, thread)
	r.fact = &eventv1.Fact{
		Cause: cause(eventv1.Cause_KIND_TOPIC, l.group, m), At: dateOf(m, now),
		Body: &eventv1.Fact_TopicService{TopicService: &eventv1.TopicService{
			Chat: l.group, Thread: thread, Message: m.int("message_id"), Type: service, Own: own, Named: r.named != nil,
		}},
	}
}
