package ingress

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// reaction reads what somebody's reaction to a message is now. In the group it does not say in which topic the message is.
func (l *lens) reaction(m object, r *reading, now time.Time) {
	chat, ok := m.object("chat")
	id, message := chat.int("id"), m.int("message_id")
	set, told := m.list("new_reaction")
	if !ok || id == 0 || message <= 0 || !told {
		return
	}
	private := chat.text("type") == "private"
	switch {
	case !l.ours(id) && !private:
		r.result = resultElsewhere
		return
	case private && !l.admits(id):
		r.result = resultFiltered
		return
	}
	actor := l.reactor(m, r)
	if actor == nil {
		return
	}
	if private {
		actor = &eventv1.Actor{Type: eventv1.Actor_TYPE_CUSTOMER, User: id}
	}
	r.at(id, 0)
	c := cause(eventv1.Cause_KIND_REACTION, id, m)
	c.Key = strconv.FormatInt(r.update, 10) // dates count seconds, and people change their minds faster
	r.fact = &eventv1.Fact{
		Cause: c, At: dateOf(m, "date", now),
		Body: &eventv1.Fact_MessageReaction{MessageReaction: &eventv1.MessageReaction{
			Chat: id, Message: message, Actor: actor, Reaction: lastReaction(set),
		}},
	}
}

// reactor says who reacted; without an actor the result says why.
func (l *lens) reactor(m object, r *reading) *eventv1.Actor {
	user, _ := m.object("user")
	sender, _ := m.object("actor_chat")
	switch id := user.int("id"); {
	case sender.int("id") != 0:
		return &eventv1.Actor{Type: eventv1.Actor_TYPE_ANONYMOUS}
	case id == 0:
		return nil
	case user.bool("is_bot") || id == l.bot:
		r.result = resultBot
		return nil
	default:
		return &eventv1.Actor{Type: eventv1.Actor_TYPE_OPERATOR, User: id}
	}
}

// lastReaction is the number of the last standard reaction, the one that was added last; 0 when there is none.
func lastReaction(set []json.RawMessage) uint32 {
	for _, raw := range slices.Backward(set) {
		reaction, ok := parseObject(raw)
		if !ok || reaction.text("type") != "emoji" {
			continue
		}
		if number := tg.ReactionNumber(reaction.text("emoji")); number != 0 {
			return number
		}
	}
	return 0
}
