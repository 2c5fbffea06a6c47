package ingress

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Ids that Telegram itself speaks under.
const (
	serviceNotifications = 777000
	groupAnonymousBot    = 1087968824
	channelBot           = 136817688
	repliesBot           = 1271266957
	generalThread        = 1
)

// Limits of what a profile and a fact keep, in bytes; Telegram's own are far below.
const (
	longestName  = 512
	longestAlbum = 64
)

// result says what became of an update; it is a metric's label.
type result string

const (
	resultFact      result = "fact"
	resultFiltered  result = "filtered" // the parameters do not admit the chat
	resultBot       result = "bot"      // written by a bot
	resultService   result = "service"  // a service message that says nothing to the other side
	resultGeneral   result = "general"  // outside the topics of the group
	resultElsewhere result = "other_chat"
	resultOtherBot  result = "other_bot" // a command for another bot
	resultUnknown   result = "unknown"   // a type of update that was not asked for
	resultMalformed result = "malformed"
	resultOversize  result = "oversize"
)

// Types of updates, as metric labels and as Telegram names them.
const (
	typeMessage    = "message"
	typeEdit       = "edited_message"
	typeMembership = "my_chat_member"
	typeReaction   = "message_reaction"
	typeOther      = "other"
)

// lens is what an update is read with.
type lens struct {
	connection string
	bot        int64  // id of the frontend bot
	username   string // of the frontend bot
	group      int64  // the backend group
	former     int64  // what it was before it became another, 0 when it did not: what was written there may still come
	parameters *eventv1.Parameters
	seq        uint64 // of the parameters
	commands   []string
}

// reading is what is left of an update.
type reading struct {
	update  int64 // 0 when it could not be read
	kind    string
	result  result
	fact    *eventv1.Fact
	place   string // INBOX's place of the fact
	order   string // facts of one order are published one after the other
	user    int64  // whose profile it is
	profile *eventv1.Profile
	rename  *rename         // of a topic
	holds   bool            // relay may ask what the message says
	content json.RawMessage // the message, if so
}

// read turns an update into a fact without a body, or says why there is none. It is pure; now is for messages without a
// date.
func (l *lens) read(raw []byte, now time.Time) reading {
	u, ok := parseObject(raw)
	if !ok {
		return reading{kind: typeOther, result: resultMalformed}
	}
	r := reading{update: u.int("update_id"), kind: typeOther, result: resultUnknown}
	for _, t := range [...]struct {
		name string
		read func(object, *reading, time.Time)
	}{{typeMessage, l.message}, {typeEdit, l.message}, {typeMembership, l.membership}, {typeReaction, l.reaction}} {
		if _, there := u[t.name]; !there {
			continue
		}
		r.kind, r.result = t.name, resultMalformed
		if body, ok := u.object(t.name); ok {
			t.read(body, &r, now)
		}
		if r.holds {
			r.content = u[t.name]
		}
		break
	}
	if r.fact != nil {
		r.result = resultFact
		r.fact.Connection, r.fact.ParamsSeq, r.fact.Update = l.connection, l.seq, r.update
	}
	return r
}

// message reads a message, or what it was changed to.
func (l *lens) message(m object, r *reading, now time.Time) {
	chat, ok := m.object("chat")
	if !ok || chat.int("id") == 0 || m.int("message_id") <= 0 {
		return
	}
	from, to := migration(m, chat.int("id"))
	switch kind := chat.text("type"); {
	case l.ours(from):
		l.groupMigration(m, from, to, r, now)
	case l.ours(chat.int("id")):
		l.groupMessage(m, chat.int("id"), r, now)
	case kind == "private" && !m.has("business_connection_id"):
		l.customerMessage(m, chat.int("id"), r, now)
	default:
		r.result = resultElsewhere
	}
}

// ours tells whether a chat is the backend group.
func (l *lens) ours(chat int64) bool { return chat != 0 && (chat == l.group || chat == l.former) }

func (l *lens) customerMessage(m object, customer int64, r *reading, now time.Time) {
	from, ok := m.object("from")
	if !ok || from.int("id") == 0 {
		return
	}
	kind, silent := kindOf(m)
	switch {
	case !l.admits(customer):
		r.result = resultFiltered
		return
	case from.bool("is_bot"):
		r.result = resultBot
		return
	case silent:
		r.result = resultService
		return
	}
	r.at(customer, 0)
	if r.kind == typeEdit {
		r.edit(m, customer, now)
		r.fact.Body = &eventv1.Fact_CustomerEdit{CustomerEdit: &eventv1.CustomerEdit{
			Customer: customer, Message: m.int("message_id"), Kind: editedKind(kind),
		}}
		return
	}
	r.holds = transient(m, kind)
	r.user, r.profile = customer, profileOf(from, m)
	r.fact = &eventv1.Fact{
		Cause: cause(eventv1.Cause_KIND_MESSAGE, customer, m), At: dateOf(m, "date", now),
		Body: &eventv1.Fact_CustomerMessage{CustomerMessage: &eventv1.CustomerMessage{
			Customer: customer, Message: m.int("message_id"), Kind: kind, Album: m.clipped("media_group_id", longestAlbum),
			ReplyTo: explicitReply(m, customer),
		}},
	}
}

// admits applies IGNORE_CHATS and WHITE_LIST.
func (l *lens) admits(chat int64) bool {
	switch chat {
	case serviceNotifications, groupAnonymousBot, channelBot, repliesBot:
		return false
	}
	if white := l.parameters.GetWhiteList(); len(white) > 0 && !slices.Contains(white, chat) {
		return false
	}
	return !slices.Contains(l.parameters.GetIgnoreChats(), chat)
}

// membership reads the news that a customer blocked or unblocked the bot.
func (l *lens) membership(m object, r *reading, now time.Time) {
	chat, ok := m.object("chat")
	member, told := m.object("new_chat_member")
	customer := chat.int("id")
	if !ok || !told || customer == 0 || !member.has("status") {
		return
	}
	switch {
	case chat.text("type") != "private":
		r.result = resultElsewhere
		return
	case !l.admits(customer):
		r.result = resultFiltered
		return
	}
	status := member.text("status")
	blocked := status == "kicked" || status == "left"
	r.at(customer, 0)
	r.fact = &eventv1.Fact{
		Cause: &eventv1.Cause{
			Kind: eventv1.Cause_KIND_MEMBERSHIP, Chat: customer,
			Key: strconv.FormatInt(m.int("date"), 10) + "/" + strconv.FormatBool(blocked),
		},
		At: dateOf(m, "date", now),
		Body: &eventv1.Fact_CustomerMembership{CustomerMembership: &eventv1.CustomerMembership{
			Customer: customer, Blocked: blocked,
		}},
	}
}

// at says where the fact belongs. Inside the group only the order within a topic matters.
func (r *reading) at(chat, thread int64) {
	r.place = strconv.FormatInt(chat, 10)
	r.order = r.place + "/" + strconv.FormatInt(thread, 10)
}

func cause(kind eventv1.Cause_Kind, chat int64, m object) *eventv1.Cause {
	return &eventv1.Cause{Kind: kind, Chat: chat, Message: m.int("message_id")}
}

func dateOf(m object, field string, now time.Time) *timestamppb.Timestamp {
	if date := m.int(field); date > 0 && date < 1<<33 {
		return &timestamppb.Timestamp{Seconds: date}
	}
	return timestamppb.New(now)
}

// profileOf reads who a customer is; the phone only when the customer shared it.
func profileOf(from, m object) *eventv1.Profile {
	p := &eventv1.Profile{
		FirstName: from.clipped("first_name", longestName), LastName: from.clipped("last_name", longestName),
		Username: from.clipped("username", longestName), Language: from.clipped("language_code", longestName),
	}
	if contact, ok := m.object("contact"); ok && contact.int("user_id") == from.int("id") {
		p.Phone = strings.TrimSpace(contact.clipped("phone_number", longestName))
	}
	return p
}
