package tg

import (
	"errors"
	"net/http"
	"strings"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Class says what can be done about the outcome of a call.
type Class int

// The classes.
const (
	ClassOK           Class = iota
	ClassWait               // 429: not carried out; again after Error.RetryAfter
	ClassNotSent            // never reached Telegram; again at any time
	ClassUnknown            // the answer was lost: it may have been carried out
	ClassPartial            // copyMessages delivered some of them and names none
	ClassTopicGone          // the topic does not exist (any more)
	ClassTopicClosed        // the topic is closed and the bot has no right to write there
	ClassNotModified        // it is already so
	ClassCustomerGone       // blocked the bot, deactivated, or never started it
	ClassUncopyable         // no bot may copy this message
	ClassSourceGone         // the message to act on was deleted
	ClassReplyGone          // the message named in reply_parameters was deleted; for a topic's root: the topic is gone
	ClassRights             // the bot lacks a right in the group
	ClassNoForum            // the group has no topics switched on
	ClassGroupGone          // the bot is no member of the group, or the group is gone
	ClassMigrated           // the group is a supergroup now, with the id Error.MigrateTo
	ClassBotGone            // the token is refused
	ClassConflict           // another getUpdates or a webhook is active
	ClassTooLate            // the message is too old to be deleted, or of a kind that nobody deletes
	ClassNotEditable        // the message cannot be edited (any more), or not in this way
	ClassRefused            // any other final refusal
)

var classNames = [...]string{
	"ok", "wait", "not_sent", "unknown", "partial", "topic_gone", "topic_closed", "not_modified", "customer_gone",
	"uncopyable", "source_gone", "reply_gone", "rights", "no_forum", "group_gone", "migrated", "bot_gone", "conflict",
	"too_late", "not_editable", "refused",
}

// String returns a short name, fit for a metric label.
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return "invalid"
	}
	return classNames[c]
}

// Failure is the class as events carry it; FAILURE_CLASS_UNSPECIFIED for classes that are no failure of a delivery (ok,
// wait, not sent, not modified).
func (c Class) Failure() eventv1.FailureClass {
	switch c {
	case ClassOK, ClassWait, ClassNotSent, ClassNotModified:
		return eventv1.FailureClass_FAILURE_CLASS_UNSPECIFIED
	case ClassUnknown, ClassPartial:
		return eventv1.FailureClass_FAILURE_CLASS_UNKNOWN
	case ClassTopicGone:
		return eventv1.FailureClass_FAILURE_CLASS_TOPIC_GONE
	case ClassTopicClosed, ClassRights:
		return eventv1.FailureClass_FAILURE_CLASS_RIGHTS
	case ClassCustomerGone:
		return eventv1.FailureClass_FAILURE_CLASS_CUSTOMER_GONE
	case ClassUncopyable:
		return eventv1.FailureClass_FAILURE_CLASS_UNCOPYABLE
	case ClassSourceGone:
		return eventv1.FailureClass_FAILURE_CLASS_SOURCE_GONE
	case ClassGroupGone:
		return eventv1.FailureClass_FAILURE_CLASS_GROUP_GONE
	case ClassMigrated:
		return eventv1.FailureClass_FAILURE_CLASS_MIGRATED
	case ClassBotGone:
		return eventv1.FailureClass_FAILURE_CLASS_BOT_GONE
	case ClassTooLate:
		return eventv1.FailureClass_FAILURE_CLASS_TOO_LATE
	default:
		return eventv1.FailureClass_FAILURE_CLASS_REFUSED
	}
}

// words are looked for in lower-cased descriptions of 400 and 403, the first match counts: both codes carry most of these
// texts, depending on the server's version.
var words = []struct {
	text  string
	class Class
}{
	{"failed to send message #", ClassPartial}, // quotes another text: it goes first
	{"upgraded to a supergroup", ClassMigrated},

	{"message thread not found", ClassTopicGone},
	{"topic_deleted", ClassTopicGone},
	{"topic_id_invalid", ClassTopicGone},
	{"topic not found", ClassTopicGone},
	{"topic_closed", ClassTopicClosed},
	{"not_modified", ClassNotModified},
	{"message is not modified", ClassNotModified},

	{"message to be replied not found", ClassReplyGone},
	{"replied message not found", ClassReplyGone},
	{"message to copy not found", ClassSourceGone},
	{"message to forward not found", ClassSourceGone},
	{"message to react not found", ClassSourceGone},
	{"message to edit not found", ClassSourceGone},
	{"message to delete not found", ClassSourceGone},
	{"message to pin not found", ClassSourceGone},
	{"message to unpin not found", ClassSourceGone},
	{"no messages to forward", ClassSourceGone},
	{"message_id_invalid", ClassSourceGone},
	{"can't be copied", ClassUncopyable},
	{"can't be forwarded", ClassUncopyable},
	{"chat_forwards_restricted", ClassUncopyable},

	{"message can't be deleted", ClassTooLate}, // also "… for everyone"
	{"message_delete_forbidden", ClassTooLate},
	{"message can't be edited", ClassNotEditable},
	{"in the message to edit", ClassNotEditable}, // "there is no text …", "… caption …", "… media …"
	{"message_edit_time_expired", ClassNotEditable},
	{"message_author_required", ClassNotEditable},

	{"bot was blocked", ClassCustomerGone},
	{"user_is_blocked", ClassCustomerGone},
	{"deactivated", ClassCustomerGone}, // "group chat was deactivated" is told apart by the chat
	{"can't initiate conversation", ClassCustomerGone},
	{"chat not found", ClassCustomerGone},
	{"peer_id_invalid", ClassCustomerGone},

	{"bot was kicked", ClassGroupGone},
	{"not a member of", ClassGroupGone},
	{"chat was deleted", ClassGroupGone},
	{"channel_private", ClassGroupGone},
	{"not a forum", ClassNoForum},
	{"not a supergroup forum", ClassNoForum},
	{"channel_forum_missing", ClassNoForum},
	{"not enough rights", ClassRights},
	{"no write access", ClassRights},
	{"administrator rights", ClassRights},
	{"chat_admin_required", ClassRights},
	{"chat_write_forbidden", ClassRights},
	{"no rights to", ClassRights},
}

// Classify reads the outcome of Call. What it does not know is ClassRefused when Telegram answered, and ClassUnknown
// otherwise.
func Classify(err error) Class {
	if err == nil {
		return ClassOK
	}
	if answered, ok := errors.AsType[*Error](err); ok {
		return classifyAnswer(answered)
	}
	if lost, ok := errors.AsType[*TransportError](err); ok && !lost.Sent {
		return ClassNotSent
	}
	return ClassUnknown
}

func classifyAnswer(e *Error) Class {
	text := strings.ToLower(e.Description)
	switch {
	case e.MigrateTo != 0:
		return ClassMigrated
	case e.Code >= http.StatusInternalServerError:
		return ClassUnknown
	case e.Code == http.StatusTooManyRequests:
		return ClassWait
	case e.Code == http.StatusConflict:
		return ClassConflict
	case e.Code == http.StatusUnauthorized, e.Code == http.StatusNotFound && strings.TrimSpace(text) == "not found":
		return ClassBotGone
	}
	for _, w := range words {
		if !strings.Contains(text, w.text) {
			continue
		}
		if w.class == ClassCustomerGone && (e.Chat < 0 || strings.Contains(text, "group chat")) {
			return ClassGroupGone
		}
		return w.class
	}
	return ClassRefused
}
