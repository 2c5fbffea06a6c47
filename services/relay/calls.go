package relay

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

type replyParameters struct {
	Message int64 `json:"message_id"`
	Lenient bool  `json:"allow_sending_without_reply,omitempty"`
}

type copyMessage struct {
	Chat    int64            `json:"chat_id"`
	Thread  int64            `json:"message_thread_id,omitempty"`
	From    int64            `json:"from_chat_id"`
	Message int64            `json:"message_id"`
	Reply   *replyParameters `json:"reply_parameters,omitempty"`
}

type copyMessages struct {
	Chat     int64   `json:"chat_id"`
	Thread   int64   `json:"message_thread_id,omitempty"`
	From     int64   `json:"from_chat_id"`
	Messages []int64 `json:"message_ids"`
}

type sendMessage struct {
	Chat   int64            `json:"chat_id"`
	Thread int64            `json:"message_thread_id,omitempty"`
	Text   string           `json:"text"`
	Mode   string           `json:"parse_mode,omitempty"`
	Reply  *replyParameters `json:"reply_parameters,omitempty"`
}

type messageID struct {
	ID int64 `json:"message_id"`
}

// chatOfDialog is the private chat of a dialog's customer.
func chatOfDialog(dialog string) int64 {
	id, err := strconv.ParseInt(dialog, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// perform makes the call of a job. It runs beside the owner and touches nothing of its state.
func (o *owner) perform(ctx context.Context, j *job) result {
	ctx, cancel := context.WithTimeout(ctx, o.cfg.CallTimeout)
	defer cancel()
	switch j.kind {
	case jobCreate:
		return o.callCreate(ctx, j)
	case jobLook:
		return o.callLook(ctx, j)
	}
	first := &j.items[0]
	switch {
	case first.notice != nil:
		return o.callNotice(ctx, j, first.notice)
	case first.copy == nil:
		return o.callWelcome(ctx, j, first)
	case len(j.items) > 1:
		return o.callAlbum(ctx, j)
	}
	return o.callCopy(ctx, j, first.copy)
}

// call surrounds a call with the steps at which tests may crash it.
func (o *owner) call(ctx context.Context, method string, params, into any) result {
	o.crash("before_call")
	err := o.api.Call(ctx, method, params, into)
	o.crash("after_call")
	return resultOf(method, err)
}

// callCopy copies one message. Into a topic it names the topic's root as the message it answers: that keeps the plain
// copy path, and fails when the root is gone.
func (o *owner) callCopy(ctx context.Context, j *job, c *eventv1.Copy) result {
	params := copyMessage{Chat: j.chat, Thread: j.thread, From: c.GetSource().GetChat(), Message: c.GetSource().GetMessage()}
	if j.thread != 0 {
		params.Reply = &replyParameters{Message: j.thread}
	}
	var id messageID
	r := o.call(ctx, "copyMessage", params, &id)
	r.copies = []int64{id.ID}
	return o.whichChat(ctx, j, r)
}

// whichChat tells the two chats of a copy apart: "chat not found" does not say which one. When the destination is there,
// it is the source that cannot be reached, and the group has no fault.
func (o *owner) whichChat(ctx context.Context, j *job, r result) result {
	if r.code != http.StatusBadRequest || r.class != tg.ClassGroupGone && r.class != tg.ClassCustomerGone {
		return r
	}
	chat := struct {
		Chat int64 `json:"chat_id"`
	}{j.chat}
	if o.api.Call(ctx, "getChat", chat, nil) == nil {
		r.class = tg.ClassSourceGone
	}
	return r
}

// callAlbum copies the items of an album. The answer of fewer ids does not say which ones are missing.
func (o *owner) callAlbum(ctx context.Context, j *job) result {
	params := copyMessages{Chat: j.chat, Thread: j.thread, From: j.items[0].copy.GetSource().GetChat()}
	for _, item := range j.items {
		params.Messages = append(params.Messages, item.copy.GetSource().GetMessage())
	}
	var ids []messageID
	r := o.call(ctx, "copyMessages", params, &ids)
	for _, id := range ids {
		r.copies = append(r.copies, id.ID)
	}
	if r.class == tg.ClassOK && len(ids) != len(j.items) {
		r.class = tg.ClassPartial
		r.err = fmt.Errorf("%d of %d items were copied", len(ids), len(j.items))
	}
	return o.whichChat(ctx, j, r)
}

func (o *owner) callSend(ctx context.Context, params sendMessage) result {
	if params.Reply != nil && params.Reply.Message == 0 {
		params.Reply = nil
	}
	var id messageID
	r := o.call(ctx, "sendMessage", params, &id)
	r.copies = []int64{id.ID}
	return r
}
