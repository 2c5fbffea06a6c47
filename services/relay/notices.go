package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mymmrac/telego"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// linkWait bounds the search for the message that a notice answers.
const linkWait = 300 * time.Millisecond

// square is the mark of a status in a topic's name.
func square(status eventv1.Status) string {
	switch status {
	case eventv1.Status_STATUS_SUPPORT_ANSWERED:
		return "🟨"
	case eventv1.Status_STATUS_CLOSED:
		return "⬛"
	default:
		return "🟪"
	}
}

// title is the customer's name, or the dialog's id while it is not known.
func (o *owner) title(ctx context.Context, dialog string) string {
	profile, err := o.deps.Profiles.Get(ctx, o.id, chatOfDialog(dialog))
	if err != nil {
		return dialog
	}
	name := strings.TrimSpace(profile.GetFirstName() + " " + profile.GetLastName())
	if name == "" {
		return dialog
	}
	return name
}

// callWelcome greets with the text of the parameters that the request was decided with. Markdown that Telegram refuses
// goes out as plain text: a greeting must not be lost to a stray asterisk.
func (o *owner) callWelcome(ctx context.Context, j *job, r *request) result {
	parameters, err := o.deps.Desk.ParametersAt(ctx, r.params)
	switch {
	case errors.Is(err, es.ErrNotFound):
		parameters = o.record.Load().GetParameters() // decided before there was a commit of them
	case err != nil:
		return result{method: "sendMessage", class: tg.ClassNotSent, err: err}
	}
	if parameters.GetWelcome() == "" {
		return result{method: "sendMessage", class: tg.ClassOK, copies: []int64{0}} // switched off: nothing to say
	}
	title := o.title(ctx, j.dialog)
	text := func(title string) string { return strings.ReplaceAll(parameters.GetWelcome(), "{title}", title) }
	params := telego.SendMessageParams{
		ChatID: chatID(j.chat), MessageThreadID: int(j.thread), Text: text(escapeMarkdown(title)), ParseMode: telego.ModeMarkdown,
	}
	answer := o.callSend(ctx, params)
	if answer.class == tg.ClassRefused && answer.code == 400 {
		params.Text, params.ParseMode = text(title), ""
		return o.callSend(ctx, params)
	}
	return answer
}

// escapeMarkdown keeps a name from being read as formatting.
func escapeMarkdown(s string) string {
	return strings.NewReplacer("_", `\_`, "*", `\*`, "`", "\\`", "[", `\[`).Replace(s)
}

func (o *owner) callNotice(ctx context.Context, j *job, n *eventv1.Notice) result {
	params := telego.SendMessageParams{ChatID: chatID(j.chat), MessageThreadID: int(j.thread), Text: noticeText(n)}
	if reply := o.replyIn(ctx, j.chat, n.GetReplyTo()); reply != 0 {
		params.ReplyParameters = &telego.ReplyParameters{MessageID: int(reply), AllowSendingWithoutReply: true}
	}
	return o.callSend(ctx, params)
}

// replyIn is the message of a chat that stands for another: itself, or its counterpart there; 0 when none is known.
func (o *owner) replyIn(ctx context.Context, chat int64, ref *eventv1.MessageRef) int64 {
	if ref.GetMessage() == 0 || ref.GetChat() == chat {
		return ref.GetMessage()
	}
	if other := o.recent.find(o.id, ref, chat); other != 0 {
		return other
	}
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	return o.links.find(ctx, o.id, ref, chat)
}

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
	if n.GetLane() == eventv1.Lane_LANE_DESK {
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
	default:
		return "Everything written here goes to the customer, except:\n" +
			"/ text (slash, space) – a comment, never sent\n" +
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
