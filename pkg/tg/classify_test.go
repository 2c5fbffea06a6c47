package tg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	customer = int64(4711)
	group    = int64(-1001234567890)
)

// Every text that the Bot API is known to refuse with, and what it means to us.
var refusals = []struct {
	code int
	text string
	chat int64
	want tg.Class
}{
	{400, "Bad Request: message thread not found", group, tg.ClassTopicGone},
	{400, "Bad Request: TOPIC_DELETED", group, tg.ClassTopicGone},
	{400, "Bad Request: TOPIC_ID_INVALID", group, tg.ClassTopicGone},
	{400, "Bad Request: TOPIC_CLOSED", group, tg.ClassTopicClosed},
	{400, "Bad Request: TOPIC_NOT_MODIFIED", group, tg.ClassNotModified},
	{400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message", group, tg.ClassNotModified},
	{400, "Bad Request: not enough rights to create a topic", group, tg.ClassRights},
	{400, "Bad Request: not enough rights to edit the topic", group, tg.ClassRights},
	{400, "Bad Request: not enough rights to close or open the topic", group, tg.ClassRights},
	{400, "Bad Request: not enough rights to delete the topic", group, tg.ClassRights},
	{400, "Bad Request: have no write access to the chat", group, tg.ClassRights},
	{403, "Forbidden: have no write access to the chat", group, tg.ClassRights},
	{400, "Bad Request: not enough rights to send text messages to the chat", group, tg.ClassRights},
	{400, "Bad Request: not enough rights to send photos to the chat", group, tg.ClassRights},
	{400, "Bad Request: not enough rights to send documents to the chat", group, tg.ClassRights},
	{400, "Bad Request: not enough rights to manage pinned messages in the chat", group, tg.ClassRights},
	{400, "Bad Request: CHAT_ADMIN_REQUIRED", group, tg.ClassRights},
	{400, "Bad Request: the chat is not a forum", group, tg.ClassNoForum},
	{400, "Bad Request: the chat is not a supergroup forum", group, tg.ClassNoForum},
	{400, "Bad Request: name must be non-empty", group, tg.ClassRefused},
	{400, "Bad Request: message to copy not found", customer, tg.ClassSourceGone},
	{400, "Bad Request: message to forward not found", customer, tg.ClassSourceGone},
	{400, "Bad Request: message to react not found", customer, tg.ClassSourceGone},
	{400, "Bad Request: message to edit not found", customer, tg.ClassSourceGone},
	{400, "Bad Request: message to delete not found", customer, tg.ClassSourceGone},
	{400, "Bad Request: message to be replied not found", group, tg.ClassReplyGone},
	{400, "Bad Request: there are no messages to forward", customer, tg.ClassSourceGone},
	{400, "Bad Request: the message can't be copied", group, tg.ClassUncopyable},
	{400, "Bad Request: messages can't be forwarded", group, tg.ClassUncopyable},
	{400, "Bad Request: message has protected content and can't be forwarded", group, tg.ClassUncopyable},
	{400, "Bad Request: message identifiers must be in a strictly increasing order", group, tg.ClassRefused},
	{400, "Bad Request: too many message identifiers specified", group, tg.ClassRefused},
	{400, `Failed to send message #3 with the error message "Bad Request: the message can't be copied"`, group, tg.ClassPartial},
	{403, "Forbidden: bot was blocked by the user", customer, tg.ClassCustomerGone},
	{400, "Bad Request: USER_IS_BLOCKED", customer, tg.ClassCustomerGone},
	{403, "Forbidden: user is deactivated", customer, tg.ClassCustomerGone},
	{400, "Bad Request: INPUT_USER_DEACTIVATED", customer, tg.ClassCustomerGone},
	{403, "Forbidden: bot can't initiate conversation with a user", customer, tg.ClassCustomerGone},
	{400, "Bad Request: chat not found", customer, tg.ClassCustomerGone},
	{400, "Bad Request: chat not found", group, tg.ClassGroupGone},
	{400, "Bad Request: PEER_ID_INVALID", group, tg.ClassGroupGone},
	{403, "Forbidden: bot was kicked from the supergroup chat", group, tg.ClassGroupGone},
	{403, "Forbidden: bot was kicked from the group chat", group, tg.ClassGroupGone},
	{403, "Forbidden: bot is not a member of the supergroup chat", group, tg.ClassGroupGone},
	{403, "Forbidden: the group chat was deleted", group, tg.ClassGroupGone},
	{400, "Bad Request: group chat was deactivated", group, tg.ClassGroupGone},
	{400, "Bad Request: group chat was upgraded to a supergroup chat", group, tg.ClassMigrated},
	{400, "Bad Request: message text is empty", customer, tg.ClassRefused},
	{400, "Bad Request: message is too long", customer, tg.ClassRefused},
	{400, "Bad Request: message caption is too long", customer, tg.ClassRefused},
	{400, "Bad Request: message can't be deleted", customer, tg.ClassTooLate},
	{400, "Bad Request: message can't be deleted for everyone", customer, tg.ClassTooLate},
	{400, "Bad Request: MESSAGE_DELETE_FORBIDDEN", group, tg.ClassTooLate},
	{400, "Bad Request: message can't be edited", customer, tg.ClassNotEditable},
	{400, "Bad Request: there is no text in the message to edit", customer, tg.ClassNotEditable},
	{400, "Bad Request: there is no caption in the message to edit", customer, tg.ClassNotEditable},
	{400, "Bad Request: there is no media in the message to edit", customer, tg.ClassNotEditable},
	{400, "Bad Request: MESSAGE_EDIT_TIME_EXPIRED", customer, tg.ClassNotEditable},
	{403, "Forbidden: MESSAGE_AUTHOR_REQUIRED", group, tg.ClassNotEditable},
	{400, "Bad Request: MESSAGE_ID_INVALID", customer, tg.ClassSourceGone},
	{400, "Bad Request: message to pin not found", group, tg.ClassSourceGone},
	{400, "Bad Request: message to unpin not found", group, tg.ClassSourceGone},
	{400, "Bad Request: REACTION_INVALID", customer, tg.ClassRefused},
	{400, "Bad Request: REACTIONS_TOO_MANY", customer, tg.ClassRefused},
	{400, "Bad Request: can't parse entities: can't find end of the entity starting at byte offset 3", customer, tg.ClassRefused},
	{403, "Forbidden: bot can't send messages to bots", customer, tg.ClassRefused},
	{400, "Bad Request: query is too old and response timeout expired or query ID is invalid", 0, tg.ClassRefused},
	{429, "Too Many Requests: retry after 17", group, tg.ClassWait},
	{409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", 0, tg.ClassConflict},
	{409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first", 0, tg.ClassConflict},
	{409, "Conflict: terminated by setWebhook request", 0, tg.ClassConflict},
	{401, "Unauthorized", 0, tg.ClassBotGone},
	{401, "Unauthorized: invalid token specified", 0, tg.ClassBotGone},
	{404, "Not Found", 0, tg.ClassBotGone},
	{404, "Not Found: method not found", 0, tg.ClassRefused},
	{429, "Too Many Requests: retry after 7728", customer, tg.ClassWait},
	{500, "Internal Server Error: restart", group, tg.ClassUnknown},
	{504, "Gateway Timeout", group, tg.ClassUnknown},
	{502, "Bad Gateway", group, tg.ClassUnknown},
	{400, "Bad Request: something nobody has seen yet", group, tg.ClassRefused},
}

func TestClassify(t *testing.T) {
	for _, r := range refusals {
		_, bare, _ := strings.Cut(r.text, ": ")
		if r.code != 400 && r.code != 403 || bare == "" || strings.HasPrefix(r.text, "Failed") {
			bare = r.text
		}
		for _, text := range []string{r.text, strings.ToUpper(r.text), "[1] " + bare} {
			if strings.HasPrefix(text, "[1] ") && r.code == 404 {
				continue // a bare "Not Found" is known by being nothing else
			}
			err := fmt.Errorf("copy: %w", &tg.Error{Method: "copyMessage", Code: r.code, Description: text, Chat: r.chat})
			if got := tg.Classify(err); got != r.want {
				t.Errorf("%d %q: %v, want %v", r.code, text, got, r.want)
			}
		}
	}
}

func TestClassifyWithoutAnswer(t *testing.T) {
	for _, c := range []struct {
		err  error
		want tg.Class
	}{
		{nil, tg.ClassOK},
		{&tg.TransportError{Err: errors.New("refused")}, tg.ClassNotSent},
		{fmt.Errorf("wrapped: %w", &tg.TransportError{Sent: true, Err: context.DeadlineExceeded}), tg.ClassUnknown},
		{context.Canceled, tg.ClassUnknown},
		{&tg.Error{Code: 400, Description: "Bad Request: anything", MigrateTo: group}, tg.ClassMigrated},
	} {
		if got := tg.Classify(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestFailureClasses(t *testing.T) {
	none := map[tg.Class]bool{tg.ClassOK: true, tg.ClassWait: true, tg.ClassNotSent: true, tg.ClassNotModified: true}
	seen := map[string]bool{}
	for c := tg.ClassOK; c <= tg.ClassRefused; c++ {
		if got := c.Failure() == eventv1.FailureClass_FAILURE_CLASS_UNSPECIFIED; got != none[c] {
			t.Errorf("%v: failure class %v", c, c.Failure())
		}
		if c.String() == "invalid" || seen[c.String()] {
			t.Errorf("class %d has no name of its own: %q", int(c), c.String())
		}
		seen[c.String()] = true
	}
	for class, want := range map[tg.Class]eventv1.FailureClass{
		tg.ClassTooLate: eventv1.FailureClass_FAILURE_CLASS_TOO_LATE, tg.ClassNotEditable: eventv1.FailureClass_FAILURE_CLASS_REFUSED,
		tg.ClassSourceGone: eventv1.FailureClass_FAILURE_CLASS_SOURCE_GONE, tg.ClassRefused: eventv1.FailureClass_FAILURE_CLASS_REFUSED,
	} {
		if got := class.Failure(); got != want {
			t.Errorf("%v: failure class %v, want %v", class, got, want)
		}
	}
	if tg.Class(-1).String() != "invalid" || (tg.ClassRefused+1).String() != "invalid" {
		t.Error("unknown classes have names")
	}
}
