package relay

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mymmrac/telego"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// linkWait bounds the search for an old message: as long as a view may need to be there after a start.
const linkWait = 5 * time.Second

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
	if profile.GetTitle() != "" {
		return profile.GetTitle() // the team's own name for the topic
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

// callNotices says the notices of a turn, in one message. It answers the first message that one of them is about; those that
// failed carry a mark, so that each can be told.
func (o *owner) callNotices(ctx context.Context, j *job) result {
	var lines []string
	var reply int64
	for i := range j.items {
		n := j.items[i].notice
		text := o.noticeText(ctx, j, n)
		if text == "" {
			continue
		}
		lines = append(lines, text)
		if reply == 0 {
			reply = o.replyIn(ctx, j.tail, j.chat, n.GetReplyTo())
		}
	}
	if len(lines) == 0 {
		return result{method: "sendMessage", class: tg.ClassOK, none: true}
	}
	params := telego.SendMessageParams{ChatID: chatID(j.chat), MessageThreadID: int(j.thread), Text: strings.Join(lines, "\n")}
	if reply != 0 {
		params.ReplyParameters = &telego.ReplyParameters{MessageID: int(reply), AllowSendingWithoutReply: true}
	}
	r := o.callSend(ctx, params)
	if r.class == tg.ClassOK {
		for i := range j.items {
			if n := j.items[i].notice; fails(n) {
				r.pause = max(r.pause, o.decorate(ctx, n.GetReplyTo(), markFails))
			}
		}
	}
	return r
}

// fails tells whether a notice is about an operator's message that did not go out.
func fails(n *eventv1.Notice) bool {
	switch n.GetCode() {
	case eventv1.Notice_CODE_OPERATOR_UNCOPYABLE:
		return true
	case eventv1.Notice_CODE_NOT_DELIVERED:
		return n.GetLane() == eventv1.Lane_LANE_CUSTOMER && n.GetEffect() == eventv1.Effect_EFFECT_UNSPECIFIED && n.GetReplyTo() != nil
	}
	return false
}

// noticeText puts a notice into words; empty when there is nothing to say after all.
func (o *owner) noticeText(ctx context.Context, j *job, n *eventv1.Notice) string {
	switch n.GetCode() {
	case eventv1.Notice_CODE_TRACE:
		return o.traceText(ctx, j, n.GetSubject())
	case eventv1.Notice_CODE_EDIT_HELD:
		if o.replyIn(ctx, j.tail, chatOfDialog(j.dialog), n.GetReplyTo()) == 0 {
			return "" // a comment was edited: nobody expects that to go out
		}
	}
	return noticeText(n)
}

// replyIn is the message of a chat that stands for another: itself, or its counterpart there; 0 when none is known. What memory does
// not hold is looked up in the view, once that has reached the journal's end of the time of the call: just after a start it has not.
func (o *owner) replyIn(ctx context.Context, tail uint64, chat int64, ref *eventv1.MessageRef) int64 {
	if ref.GetMessage() == 0 || ref.GetChat() == chat {
		return ref.GetMessage()
	}
	if other := o.recent.find(o.id, ref, chat); other != 0 {
		return other
	}
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	if o.links.reach(ctx, tail) != nil {
		return 0
	}
	return o.links.find(ctx, o.id, ref, chat)
}
