package ingress

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// edited reads the news that somebody changed a message.
func (l *lens) edited(m object, r *reading, now time.Time) {
	chat, ok := m.object("chat")
	if !ok || chat.int("id") == 0 || m.int("message_id") <= 0 {
		return
	}
	switch {
	case chat.int("id") == l.group:
		l.groupEdit(m, r, now)
	case chat.text("type") == "private" && !m.has("business_connection_id"):
		l.customerEdit(m, chat.int("id"), r, now)
	default:
		r.result = resultElsewhere
	}
}

func (l *lens) customerEdit(m object, customer int64, r *reading, now time.Time) {
	from, ok := m.object("from")
	if !ok || from.int("id") == 0 {
		return
	}
	kind, silent := kindOf(m)
	switch {
	case !l.admits(customer):
		r.result = resultFiltered
	case from.bool("is_bot"):
		r.result = resultBot
	case silent:
		r.result = resultService
	default:
		r.at(customer, 0)
		r.keep = true
		r.fact = &eventv1.Fact{
			Cause: editCause(customer, m, r.update), At: editDateOf(m, now),
			Body: &eventv1.Fact_CustomerEdit{CustomerEdit: &eventv1.CustomerEdit{
				Customer: customer, Message: m.int("message_id"), Kind: kind,
			}},
		}
	}
}

func (l *lens) groupEdit(m object, r *reading, now time.Time) {
	thread := m.int("message_thread_id")
	if !m.bool("is_topic_message") || thread <= generalThread {
		r.result = resultGeneral
		return
	}
	actor, ok := l.actor(m)
	kind, silent := kindOf(m)
	switch {
	case actor == nil && !ok:
		return
	case actor == nil:
		r.result = resultBot
		return
	case silent || kind == eventv1.Kind_KIND_SERVICE:
		r.result = resultService
		return
	}
	said, _ := parser{known: l.commands, username: l.username}.parse(words(m))
	r.at(l.group, thread)
	r.keep = true
	r.fact = &eventv1.Fact{
		Cause: editCause(l.group, m, r.update), At: editDateOf(m, now),
		Body: &eventv1.Fact_GroupEdit{GroupEdit: &eventv1.GroupEdit{
			Chat: l.group, Thread: thread, Message: m.int("message_id"), Actor: actor, Kind: kind, Slash: said != speechMessage,
		}},
	}
}

// editCause names an edit by its date, which counts seconds, and by the update: of two edits in one second the second is the one
// that stays.
func editCause(chat int64, m object, update int64) *eventv1.Cause {
	c := cause(eventv1.Cause_KIND_EDIT, chat, m)
	c.EditDate, c.Key = m.int("edit_date"), strconv.FormatInt(update, 10)
	return c
}

// reaction reads what somebody's reaction to a message is now. Of several the last one that bots can set counts.
func (l *lens) reaction(m object, r *reading, now time.Time) {
	chat, ok := m.object("chat")
	message := m.int("message_id")
	if !ok || chat.int("id") == 0 || message <= 0 {
		return
	}
	user, named := m.object("user")
	id := chat.int("id")
	actor := &eventv1.Actor{Type: eventv1.Actor_TYPE_OPERATOR, User: user.int("id")}
	switch {
	case user.bool("is_bot"):
		r.result = resultBot
		return
	case id == l.group && !named:
		actor = &eventv1.Actor{Type: eventv1.Actor_TYPE_ANONYMOUS}
	case id == l.group:
	case chat.text("type") != "private":
		r.result = resultElsewhere
		return
	case !l.admits(id):
		r.result = resultFiltered
		return
	default:
		actor.Type, actor.User = eventv1.Actor_TYPE_CUSTOMER, id
	}
	r.at(id, 0)
	r.fact = &eventv1.Fact{
		Cause: &eventv1.Cause{Kind: eventv1.Cause_KIND_REACTION, Chat: id, Message: message, Key: strconv.FormatInt(r.update, 10)},
		At:    dateOf(m, now),
		Body: &eventv1.Fact_MessageReaction{MessageReaction: &eventv1.MessageReaction{
			Chat: id, Message: message, Actor: actor, Reaction: lastReaction(m["new_reaction"]),
		}},
	}
}

func lastReaction(raw json.RawMessage) uint32 {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return 0
	}
	last := uint32(0)
	for _, item := range list {
		one, ok := parseObject(item)
		if n := tg.ReactionNumber(one.text("emoji")); ok && n != 0 {
			last = n
		}
	}
	return last
}
