package relay

import (
	"context"
	"time"

	"github.com/mymmrac/telego"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	contentWait = 2 * time.Second // for ingress to hand content out
	// approval is what a command carries that was carried out.
	approval = "👌"
)

// Contents hands out what messages say now, as long as somebody has it in memory.
type Contents interface {
	// Content is a message as Telegram's JSON. An error means that it cannot be had.
	Content(ctx context.Context, connection string, message *eventv1.MessageRef) ([]byte, error)
}

// answering is the message that a copy names as the one it answers.
type answering struct {
	to       int64
	root     bool // it is the topic's root: the copy answers nothing
	optional bool // the copy goes out without it rather than not at all
}

// answered says what a copy answers on the side that it goes to; nil: nothing. In a topic that is the root at least.
func (o *owner) answered(ctx context.Context, j *job, c *eventv1.Copy) *answering {
	if reply := c.GetReplyTo(); reply != nil && !j.plain {
		if to := o.replyIn(ctx, j.tail, j.chat, reply); to != 0 {
			return &answering{to: to, optional: j.thread == 0}
		}
	}
	if j.thread != 0 {
		return &answering{to: j.thread, root: true}
	}
	return nil
}

func (a *answering) put(params map[string]any) {
	if a != nil {
		params["reply_parameters"] = telego.ReplyParameters{MessageID: int(a.to), AllowSendingWithoutReply: a.optional}
	}
}

// content asks for what a message says now; nil when nobody knows any more.
func (o *owner) content(ctx context.Context, ref *eventv1.MessageRef) body {
	if o.deps.Contents == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, contentWait)
	defer cancel()
	raw, err := o.deps.Contents.Content(ctx, o.id, ref)
	if err != nil {
		return nil // what comes instead is the same whatever the reason
	}
	return parseBody(raw)
}

// callEdit changes the copy of an edited message. What is not known any more, or cannot be changed, becomes another copy that
// answers the former one. What never went out – a comment – stays where it is.
func (o *owner) callEdit(ctx context.Context, j *job, e *eventv1.Edit) result {
	copies := o.copiesOf(ctx, j, e.GetSource())
	if len(copies) == 0 {
		return result{method: "editMessageText", class: tg.ClassOK, none: true}
	}
	method, params := o.content(ctx, e.GetSource()).edit()
	if method == "" {
		return o.callVersion(ctx, j, e)
	}
	params["chat_id"], params["message_id"] = j.chat, copies[len(copies)-1]
	r := o.call(ctx, method, params, nil)
	switch r.class {
	case tg.ClassNotModified:
		r.class = tg.ClassOK
	case tg.ClassSourceGone, tg.ClassRefused, tg.ClassNotEditable, tg.ClassUncopyable:
		return o.callVersion(ctx, j, e)
	}
	return r
}

func (o *owner) callVersion(ctx context.Context, j *job, e *eventv1.Edit) result {
	if j.taken {
		return result{method: "copyMessage", class: tg.ClassOK, none: true} // it would say what is not for the customer
	}
	return o.callCopy(ctx, j, &eventv1.Copy{Source: e.GetSource(), Kind: e.GetKind(), ReplyTo: e.GetSource(), Version: true})
}

// callLive sends a live location as one, for its copy would stand still; done is false when nobody knows where it is.
func (o *owner) callLive(ctx context.Context, j *job, c *eventv1.Copy, reply *answering) (r result, done bool) {
	params := o.content(ctx, c.GetSource()).liveLocation()
	if params == nil {
		return result{}, false
	}
	return o.callContent(ctx, j, "sendLocation", params, reply), true
}

// callResend sends the text of a message that Telegram lets no bot copy, where it has one that is still known.
func (o *owner) callResend(ctx context.Context, j *job, c *eventv1.Copy, reply *answering, refused result) result {
	params := o.content(ctx, c.GetSource()).asText()
	if params == nil {
		return refused
	}
	return o.callContent(ctx, j, "sendMessage", params, reply)
}

func (o *owner) callContent(ctx context.Context, j *job, method string, params map[string]any, reply *answering) result {
	params["chat_id"] = j.chat
	if j.thread != 0 {
		params["message_thread_id"] = j.thread
	}
	reply.put(params)
	var id telego.MessageID
	r := o.call(ctx, method, params, &id)
	r.copies, r.threaded = []int64{int64(id.MessageID)}, reply != nil && !reply.root
	return r
}

// callDelete deletes all copies of a message. What is gone already counts as deleted. The command that asked for it gets a
// mark, in the same call: after a crash in between both are done again.
func (o *owner) callDelete(ctx context.Context, j *job, d *eventv1.Delete) result {
	copies := o.copiesOf(ctx, j, d.GetSource())
	if len(copies) == 0 {
		return result{method: "deleteMessage", class: tg.ClassRefused, none: true}
	}
	var r result
	for _, id := range copies {
		r = o.call(ctx, "deleteMessage", telego.DeleteMessageParams{ChatID: chatID(j.chat), MessageID: int(id)}, nil)
		if r.class != tg.ClassOK && r.class != tg.ClassSourceGone {
			return r
		}
	}
	r.class = tg.ClassOK
	r.pause = o.decorate(ctx, d.GetCommand(), approval)
	return r
}

// decorate sets a reaction that says how something went. What cannot be decorated stays bare: the fact itself is told, or
// shows, elsewhere. It returns how long Telegram wants the group to be left alone, if it says so.
func (o *owner) decorate(ctx context.Context, ref *eventv1.MessageRef, emoji string) (pause time.Duration) {
	return o.ask(ctx, "setMessageReaction", reactionParams(ref.GetChat(), ref.GetMessage(), emoji), nil).retry
}

// copiesOf finds the copies of a message in the chat of a job, oldest first: in memory, or else in the view, once that has
// reached what the journal held when the call started.
func (o *owner) copiesOf(ctx context.Context, j *job, source *eventv1.MessageRef) []int64 {
	if found := o.recent.copies(o.id, source, j.chat); len(found) > 0 {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	if o.links.reach(ctx, j.tail) != nil {
		return nil
	}
	return o.links.copies(ctx, o.id, source, j.chat)
}
