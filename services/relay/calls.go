package relay

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mymmrac/telego"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// chatOfDialog is the private chat of a dialog's customer.
func chatOfDialog(dialog string) int64 {
	id, err := strconv.ParseInt(dialog, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

func chatID(id int64) telego.ChatID { return telego.ChatID{ID: id} }

// perform makes the call of a job. It runs beside the owner and touches nothing of its state.
func (o *owner) perform(ctx context.Context, j *job) result {
	ctx, cancel := context.WithTimeout(ctx, o.cfg.CallTimeout)
	defer cancel()
	switch j.kind {
	case jobCreate:
		return o.callCreate(ctx, j)
	case jobLook:
		return o.callLook(ctx, j)
	case jobReact:
		return o.callReact(ctx, j)
	case jobTell:
		return o.callTell(ctx, j)
	}
	first := &j.items[0]
	switch {
	case first.notice != nil:
		return o.callNotices(ctx, j)
	case first.edit != nil:
		return o.callEdit(ctx, j, first.edit)
	case first.del != nil:
		return o.callDelete(ctx, j, first.del)
	case first.copy == nil:
		return o.callWelcome(ctx, j, first)
	}
	r, again := o.whichChat(ctx, j, o.callCopies(ctx, j))
	if again {
		r, _ = o.whichChat(ctx, j, o.callCopies(ctx, j))
	}
	return r
}

func (o *owner) callCopies(ctx context.Context, j *job) result {
	if len(j.items) > 1 {
		return o.callAlbum(ctx, j)
	}
	return o.callCopy(ctx, j, j.items[0].copy)
}

// call surrounds a call with the steps at which tests may crash it.
func (o *owner) call(ctx context.Context, method string, params, into any) result {
	o.crash("before_call")
	r := o.ask(ctx, method, params, into)
	o.crash("after_call")
	return r
}

// callCopy copies one message. Into a topic it names what it answers, or else the topic's root: that keeps the plain copy
// path, and fails when the root is gone.
func (o *owner) callCopy(ctx context.Context, j *job, c *eventv1.Copy) result {
	reply := o.answered(ctx, j, c)
	if c.GetKind() == eventv1.Kind_KIND_LIVE_LOCATION {
		if r, done := o.callLive(ctx, j, c, reply); done {
			return r
		}
	}
	params := telego.CopyMessageParams{
		ChatID: chatID(j.chat), MessageThreadID: int(j.thread),
		FromChatID: chatID(c.GetSource().GetChat()), MessageID: int(c.GetSource().GetMessage()),
	}
	if reply != nil {
		params.ReplyParameters = &telego.ReplyParameters{MessageID: int(reply.to), AllowSendingWithoutReply: reply.optional}
	}
	var id telego.MessageID
	r := o.call(ctx, "copyMessage", params, &id)
	r.copies, r.threaded = []int64{int64(id.MessageID)}, reply != nil && !reply.root
	if r.class == tg.ClassUncopyable && !r.threaded {
		return o.callResend(ctx, j, c, reply, r)
	}
	return r
}

// whichChat tells the two chats of a copy apart: "chat not found" does not say which one. While the group is what cannot be
// reached, the copy waits for it, wherever it goes. When the group is there, the copy is worth another try, for the bot may
// just have come back; if that fails the same way, the fault is with the other chat.
func (o *owner) whichChat(ctx context.Context, j *job, r result) (_ result, again bool) {
	if r.class != tg.ClassGroupGone && r.class != tg.ClassCustomerGone {
		return r, false
	}
	answer := j.chat > 0
	former := answer && j.items[0].copy.GetSource().GetChat() != j.home // written in a group that was the backend once
	switch {
	case former && (r.class == tg.ClassGroupGone || r.code == http.StatusBadRequest && o.lookAt(ctx, j.chat) == nil):
		r.class = tg.ClassSourceGone
		return r, false
	case former || r.code != http.StatusBadRequest:
		return r, false
	}
	switch group := resultOf("getChat", o.lookAt(ctx, j.home)); group.class {
	case tg.ClassOK:
		if !answer {
			r.class = tg.ClassSourceGone
		}
		return r, true
	case tg.ClassGroupGone:
		r.class = tg.ClassGroupGone
	default: // cannot be told now; nothing was carried out
		r.class, r.retry = tg.ClassWait, max(group.retry, time.Second)
	}
	return r, false
}

// lookAt tells whether the bot sees a chat.
func (o *owner) lookAt(ctx context.Context, chat int64) error {
	return o.api.Call(ctx, "getChat", telego.GetChatParams{ChatID: chatID(chat)}, nil)
}

// callAlbum copies the items of an album. The answer of fewer ids does not say which ones are missing.
func (o *owner) callAlbum(ctx context.Context, j *job) result {
	params := telego.CopyMessagesParams{
		ChatID: chatID(j.chat), MessageThreadID: int(j.thread), FromChatID: chatID(j.items[0].copy.GetSource().GetChat()),
	}
	for _, item := range j.items {
		params.MessageIDs = append(params.MessageIDs, int(item.copy.GetSource().GetMessage()))
	}
	var ids []telego.MessageID
	r := o.call(ctx, "copyMessages", params, &ids)
	for _, id := range ids {
		r.copies = append(r.copies, int64(id.MessageID))
	}
	if r.class == tg.ClassOK && len(ids) != len(j.items) {
		r.class = tg.ClassPartial
		r.err = fmt.Errorf("%d of %d items were copied", len(ids), len(j.items))
	}
	return r
}

func (o *owner) callSend(ctx context.Context, params telego.SendMessageParams) result {
	var sent struct {
		ID     int64 `json:"message_id"`
		Thread int64 `json:"message_thread_id"`
	}
	r := o.call(ctx, "sendMessage", params, &sent)
	r.copies = []int64{sent.ID}
	if r.class == tg.ClassOK && params.MessageThreadID != 0 && sent.Thread != int64(params.MessageThreadID) {
		// It landed outside the topic, which Telegram does to messages for topics that are gone.
		o.ask(ctx, "deleteMessage", telego.DeleteMessageParams{ChatID: params.ChatID, MessageID: int(sent.ID)}, nil)
		r.class = tg.ClassTopicGone
	}
	return r
}
