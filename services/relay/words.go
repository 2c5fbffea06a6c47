package relay

import (
	"fmt"
	"strings"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// noticeText says what happened and what to do about it.
func noticeText(n *eventv1.Notice) string {
	switch n.GetCode() {
	case eventv1.Notice_CODE_UNCOPYABLE:
		return "⚠️ The customer sent " + kindName(n.GetKind()) + ". Telegram lets no bot copy that: ask for it in another form."
	case eventv1.Notice_CODE_OPERATOR_UNCOPYABLE:
		return "⚠️ Not sent: this is " + kindName(n.GetKind()) + ", and Telegram lets no bot copy that. Send it in another form."
	case eventv1.Notice_CODE_UNKNOWN_COMMAND:
		if n.GetCommand() != "" {
			return "⚠️ Not sent: there is no such command. Did you mean /" + n.GetCommand() + "? For a comment, put a space after the slash."
		}
		return "⚠️ Not sent: there is no such command. /help lists them. For a comment, put a space after the slash."
	case eventv1.Notice_CODE_ANONYMOUS_COMMAND:
		return "⚠️ Commands need a name: you write anonymously, so nobody can tell who gave it. Switch off \"remain anonymous\" in your administrator rights."
	case eventv1.Notice_CODE_ANONYMOUS_WARNING:
		return "ℹ️ You write anonymously: your answers are sent, but without an author in the statistics, and commands are refused."
	case eventv1.Notice_CODE_NOT_DELIVERED:
		return notDelivered(n)
	case eventv1.Notice_CODE_MAYBE_DELIVERED:
		if n.GetLane() == eventv1.Lane_LANE_DESK {
			return "↻ Telegram's answer was lost: a message of the customer may be missing here or be there twice. If in doubt, ask again."
		}
		return "↻ Telegram's answer was lost: this may have reached the customer, or not. If it matters, send it again."
	case eventv1.Notice_CODE_REPEATED:
		return repeated(n)
	case eventv1.Notice_CODE_CUSTOMER_BLOCKED:
		return "⛔ The customer blocked the bot: nothing can be delivered until they unblock it."
	case eventv1.Notice_CODE_CUSTOMER_UNBLOCKED:
		return "✅ The customer unblocked the bot: messages can be delivered again."
	case eventv1.Notice_CODE_POLL_VOTES:
		return "ℹ️ Polls are copied, votes are not: each side sees only the votes of its own copy."
	case eventv1.Notice_CODE_EDIT_HELD:
		return "⚠️ This edit was not sent, for it begins with a slash: the customer still has the former version. /del as a reply deletes it there."
	case eventv1.Notice_CODE_COMMAND_HELP:
		return commandHelp(n.GetCommand())
	case eventv1.Notice_CODE_ALREADY:
		return "ℹ️ Nothing to do: the dialog is already " + statusName(n.GetStatus()) + "."
	default:
		return "⚠️ Something happened that this version of Hotline has no words for. Update Hotline."
	}
}

// repeated has a mark for every copy too many that there may be.
func repeated(n *eventv1.Notice) string {
	times := max(n.GetTimes(), 2)
	often := "twice"
	if times > 2 {
		often = fmt.Sprintf("up to %d times", times)
	}
	mark := strings.Repeat("↻", int(times-1))
	if n.GetLane() == eventv1.Lane_LANE_CUSTOMER {
		return mark + " The customer may have received this " + often + ": Telegram's answer was lost."
	}
	return mark + " This may be here " + often + ": Telegram's answer was lost."
}

func notDelivered(n *eventv1.Notice) string {
	what := "⚠️ Not delivered: "
	switch n.GetEffect() {
	case eventv1.Effect_EFFECT_DELETE:
		what = "⚠️ Not deleted: "
	case eventv1.Effect_EFFECT_EDIT, eventv1.Effect_EFFECT_VERSION:
		what = "⚠️ The edit did not arrive: "
	}
	if n.GetEffect() == eventv1.Effect_EFFECT_UNSPECIFIED && n.GetLane() == eventv1.Lane_LANE_DESK {
		what = "⚠️ A message of the customer could not be shown here: "
	}
	switch n.GetFailure() {
	case eventv1.FailureClass_FAILURE_CLASS_UNCOPYABLE:
		return what + "Telegram lets no bot copy this message. Another form of it is needed."
	case eventv1.FailureClass_FAILURE_CLASS_SOURCE_GONE:
		return what + "it was deleted before it could be copied."
	case eventv1.FailureClass_FAILURE_CLASS_CUSTOMER_GONE:
		return what + "the customer blocked the bot, deleted the account, or never started the bot. They have to write first."
	case eventv1.FailureClass_FAILURE_CLASS_TOPIC_GONE:
		return what + "the topic does not exist any more."
	case eventv1.FailureClass_FAILURE_CLASS_RIGHTS:
		return what + "the bot lacks a right there."
	case eventv1.FailureClass_FAILURE_CLASS_TOO_LATE:
		return what + "Telegram lets a bot delete a message for 48 hours only. It stays with the customer."
	case eventv1.FailureClass_FAILURE_CLASS_NO_COPY:
		return what + "nothing of this message is with the customer. Give the command as a reply to an answer that went out."
	case eventv1.FailureClass_FAILURE_CLASS_UNKNOWN:
		return what + "Telegram's answer was lost, so it may have arrived or not."
	default:
		return what + "Telegram refused it. Try another form of it."
	}
}

func commandHelp(command string) string {
	switch command {
	case "hold":
		return "/hold – keep the dialog 🟪, needing attention, whatever is answered."
	case "wait":
		return "/wait – mark the dialog 🟨, waiting for the customer."
	case "close":
		return "/close – close the dialog ⬛ and its topic. A new message of the customer reopens it."
	case "open":
		return "/open – reopen a closed dialog."
	case "del":
		return "/del, as a reply to an answer – deletes it at the customer too, for 48 hours after it was sent."
	case "trace":
		return "/trace, as a reply to a message – shows when it was accepted, sent and delivered, or why not."
	default:
		return "Everything written here goes to the customer, except:\n" +
			"/ text (slash, space) – a comment, never sent\n" +
			"/del – as a reply: delete that answer at the customer\n/trace – as a reply: what became of that message\n" +
			"/hold – needs attention 🟪\n/wait – waits for the customer 🟨\n/close – closed ⬛\n/open – reopen\n/help – this text"
	}
}

func statusName(s eventv1.Status) string {
	switch s {
	case eventv1.Status_STATUS_CLOSED:
		return "closed ⬛"
	case eventv1.Status_STATUS_SUPPORT_ANSWERED:
		return "waiting for the customer 🟨"
	default:
		return "open 🟪"
	}
}

func kindName(k eventv1.Kind) string {
	switch k {
	case eventv1.Kind_KIND_QUIZ:
		return "a quiz"
	case eventv1.Kind_KIND_PAID_MEDIA:
		return "paid media"
	case eventv1.Kind_KIND_GIVEAWAY:
		return "a giveaway"
	case eventv1.Kind_KIND_INVOICE:
		return "an invoice"
	case eventv1.Kind_KIND_SERVICE:
		return "a service message"
	case eventv1.Kind_KIND_UNSPECIFIED:
		return "a message of an unknown kind"
	default:
		return "a " + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k.String(), "KIND_")), "_", " ") + " message"
	}
}
